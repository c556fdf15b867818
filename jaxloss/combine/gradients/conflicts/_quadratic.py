"""Minimisation of a convex function over non-negative vectors, inside jit: tiny problems, one per training step."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from jaxloss._floor.maths.numerics import positive_part, scale_of
from jaxloss._floor.typing import Array
from jaxloss.combine.gradients._gram import dot

__all__ = ["interior_point", "nonneg_qp"]

EXACT = 6
"""Up to this size, every set of positive entries is tried: 64 systems of 6 equations, in one batched call."""

PIVOTS, STEPS = 20, 60
HALVES = 0.5 ** np.arange(6)


def nonneg_qp(matrix: Array, linear: Array) -> Array:
    r"""``argmin z'Az/2 + b'z`` over ``z >= 0``, for a positive definite ``A`` of shape ``[m, m]``.

    The accuracy does not depend on the units of the variables or of the objective. Up to six variables, the answer is
    exact up to the rounding of one linear system. For more variables, active-set steps are tried first, which converge
    after about five systems; if they cycle, an interior-point method brings them near the solution. With ``jax.vmap``
    over ``b`` alone, the systems of the small case are factored once.
    """
    root = jnp.sqrt(jnp.diagonal(matrix))
    unit = jnp.where(root > 0, root, jnp.ones_like(root))
    scaled = matrix / unit[:, None] / unit[None, :] + jnp.diag((root == 0).astype(matrix.dtype))
    slope = linear / unit
    size = scale_of(slope)
    solve = _every_set if len(matrix) <= EXACT else _pivot_then_interior
    return solve(scaled, slope / size) * size / unit


def _on(free: Array, matrix: Array) -> Array:
    """The matrix on the free variables, the identity elsewhere."""
    both = free[..., :, None] & free[..., None, :]
    return jnp.where(both, matrix, jnp.eye(matrix.shape[-1], dtype=matrix.dtype))


def _every_set(matrix: Array, linear: Array) -> Array:
    size = len(matrix)
    free = jnp.asarray(np.array(list(itertools.product((False, True), repeat=size))))
    systems = _on(free, jnp.broadcast_to(matrix, (len(free), size, size)))
    right = jnp.where(free, -linear[None, :], jnp.zeros_like(linear)[None, :])
    points = jnp.linalg.solve(systems, right[..., None])[..., 0]
    slopes = dot(points, matrix) + linear[None, :]
    gaps = jnp.max(jnp.where(free, jnp.maximum(-points, jnp.abs(slopes)), -slopes), axis=1)
    best = jnp.argmin(jnp.where(jnp.isnan(gaps), jnp.inf, jnp.maximum(gaps, 0)))
    return positive_part(points[best])


def _gap(matrix: Array, linear: Array, point: Array) -> Array:
    """The largest violation of the optimality conditions; infinite for a NaN."""
    slope = dot(matrix, point) + linear
    broken = jnp.max(jnp.stack([-point, -slope, jnp.abs(point * slope)]))
    return jnp.where(jnp.isnan(broken), jnp.inf, broken)


def _pivot_then_interior(matrix: Array, linear: Array) -> Array:
    settled, first = _pivot(matrix, linear, jnp.ones(linear.shape, bool), jnp.asarray(True))
    start = jnp.full_like(linear, 2)
    inner, slack = interior_point(lambda z: dot(matrix, z) + linear, lambda _: matrix, start, ~settled)
    _, second = _pivot(matrix, linear, inner > slack, ~settled)
    points = positive_part(jnp.stack([first, second, inner]))
    gaps = jnp.stack([_gap(matrix, linear, point) for point in points])
    return jnp.where(settled, points[0], points[jnp.argmin(gaps)])


def _pivot(matrix: Array, linear: Array, free: Array, wanted: Array) -> tuple[Array, Array]:
    """Active-set steps from the set ``free`` until it does not change: whether they converged, and the point."""

    def goes_on(carry: tuple[Array, ...]) -> Array:
        count, settled, *_ = carry
        return wanted & ~settled & (count < PIVOTS)

    def step(carry: tuple[Array, ...]) -> tuple[Array, ...]:
        count, _, free, _ = carry
        right = jnp.where(free, -linear, jnp.zeros_like(linear))
        point = jnp.linalg.solve(_on(free, matrix), right)
        slack = jnp.where(free, jnp.zeros_like(linear), dot(matrix, point) + linear)
        after = point > slack
        return count + 1, jnp.all(after == free), after, point

    start = (jnp.zeros((), jnp.int32), jnp.asarray(False), free, jnp.zeros_like(linear))
    _, settled, _, point = jax.lax.while_loop(goes_on, step, start)
    return settled, point


def interior_point(
    gradient: Callable[[Array], Array], hessian: Callable[[Array], Array], start: Array, wanted: Array
) -> tuple[Array, Array]:
    """Mehrotra's predictor-corrector steps for ``min f(z)`` over ``z >= 0``: the point and its gradient, both > 0.

    Args:
        gradient: The gradient of a convex function whose scale near the solution is about 1.
        hessian: Its Hessian.
        start: First point and first gradient, > 0.
        wanted: Whether to iterate at all.
    """
    eps = float(jnp.finfo(start.dtype).eps)

    def furthest(x: Array, direction: Array) -> Array:
        falls = direction < 0
        ratio = jnp.where(falls, -x / jnp.where(falls, direction, -jnp.ones_like(x)), jnp.inf)
        return jnp.minimum(0.99 * jnp.min(ratio), 1)

    def error(z: Array, s: Array) -> Array:
        broken = jnp.linalg.norm(gradient(z) - s) + dot(z, s)
        return jnp.where(jnp.isnan(broken), jnp.inf, broken)

    def goes_on(carry: tuple[Array, ...]) -> Array:
        count, alive, z, s = carry
        far = (dot(z, s) > 10 * eps * z.size * eps) | (jnp.max(jnp.abs(gradient(z) - s)) > 100 * eps)
        return wanted & alive & far & (count < STEPS)

    def step(carry: tuple[Array, ...]) -> tuple[Array, ...]:
        count, _, z, s = carry
        residual = gradient(z) - s
        factor = jax.scipy.linalg.cho_factor(hessian(z) + jnp.diag(s / z))

        def towards(complement: Array) -> tuple[Array, Array]:
            dz = jax.scipy.linalg.cho_solve(factor, complement / z - residual)
            return dz, (complement - s * dz) / z

        dz, ds = towards(-z * s)
        now = dot(z, s)
        guess = dot(z + furthest(z, dz) * dz, s + furthest(s, ds) * ds)
        aim = (guess / now) ** 3 * now / z.size
        dz, ds = towards(aim - z * s - dz * ds)
        alive = jnp.all(jnp.isfinite(dz) & jnp.isfinite(ds))
        # A full step may go too far if the function is not quadratic; the best of several shorter ones is taken.
        lengths = jnp.minimum(furthest(z, dz), furthest(s, ds)) * jnp.asarray(HALVES, z.dtype)
        z_after, s_after = (
            x[None, :] + lengths[:, None] * jnp.where(alive, d, 0)[None, :] for x, d in ((z, dz), (s, ds))
        )
        best = jnp.argmin(jax.vmap(error)(z_after, s_after))
        return count + 1, alive, jnp.where(alive, z_after[best], z), jnp.where(alive, s_after[best], s)

    *_, z, s = jax.lax.while_loop(goes_on, step, (jnp.zeros((), jnp.int32), jnp.asarray(True), start, start))
    return z, s
