"""Updates of minimal norm (MGDA), and near the mean gradient (CAGrad)."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths.numerics import divide, sqrt
from jaxloss._floor.typing import Array, Scalar
from jaxloss.combine.gradients._gram import cosines, dot, over_present, resolution, reveal, without
from jaxloss.combine.gradients.aggregator import Aggregator, from_gramian
from jaxloss.combine.gradients.conflicts._quadratic import nonneg_qp

__all__ = ["cagrad", "cagrad_weights", "mgda", "mgda_weights"]

STEPS = 60


def mgda_weights(gram: Array, *, present: Array | None = None) -> Array:
    r"""Weights of MGDA: the shortest convex combination of the gradients.

    .. math:: w = \arg\min_{w \ge 0, \, \sum_i w_i = 1} w^\top G w

    If it is not 0, it decreases every term, and equally those with a positive weight. It depends on the scales: the
    term with the shortest gradient gets the largest weight.

    Args:
        gram: Inner products of the gradients, shape ``[m, m]``.
        present: Boolean, shape ``[m]``; a term where it is False is deleted. None means that all are present.

    Returns:
        Weights >= 0 that sum to 1, shape ``[m]``; 0 where absent. A term whose gradient is 0 gets all the weight,
        because no update decreases every term. Lengths are resolved to about 1e-3 of the gradients in float32.

    Raises:
        ValueError: If ``gram`` is not square.

    Example:
        >>> from jaxloss import combine
        >>> combine.mgda_weights(jnp.diag(jnp.array([1.0, 4.0])))
        Array([0.8, 0.2], dtype=float32)

    Reference:
        Desideri (2012), Multiple-Gradient Descent Algorithm (MGDA) for Multiobjective Optimization.
        https://doi.org/10.1016/j.crma.2012.03.014
    """
    gram, present = without(gram, present)
    angles, lengths = cosines(gram)
    eye = jnp.eye(len(gram), dtype=gram.dtype)
    # Minimum of z'Gz / 2 - sum(z) over z >= 0, in units of the lengths; w is z over its sum.
    shortest = jnp.min(jnp.where(lengths > 0, lengths, jnp.inf))
    linear = -divide(jnp.where(lengths > 0, shortest, jnp.zeros_like(lengths)), lengths)
    along = nonneg_qp(angles + 0.1 * resolution(gram) * eye, linear) * -linear
    still = (present & (lengths == 0)).astype(gram.dtype)
    weights = jnp.where(jnp.any(still > 0), still, along)
    return reveal(divide(weights, jnp.broadcast_to(jnp.sum(weights), weights.shape)), gram, present)


def cagrad_weights(gram: Array, *, caution: Scalar = 0.5, present: Array | None = None) -> Array:
    r"""Weights of CAGrad: the update near the mean gradient that improves the worst term most.

    .. math:: d = \arg\max_{\|d - g_0\| \le c \|g_0\|} \min_i \langle g_i, d \rangle, \qquad
              g_0 = \frac1m \sum_i g_i

    The original code has options to divide the update by :math:`1 + c` or :math:`1 + c^2`; here it is not divided.

    Args:
        gram: Inner products of the gradients, shape ``[m, m]``.
        caution: The radius :math:`c` >= 0 in units of the mean gradient; 0 gives the mean gradient, and below 1 the
            method converges to a minimum of the mean of the losses.
        present: Boolean, shape ``[m]``; a term where it is False is deleted. None means that all are present.

    Returns:
        Weights >= 0, shape ``[m]``; 0 where absent. They are all 0 if a convex combination of the gradients vanishes,
        up to about 1e-3 of their lengths in float32: no update then improves every term.

    Raises:
        ValueError: If ``gram`` is not square, or ``caution`` is negative.

    Example:
        >>> from jaxloss import combine
        >>> combine.cagrad_weights(jnp.diag(jnp.array([1.0, 4.0])), caution=0.5).round(3)
        Array([1.059, 0.5  ], dtype=float32)

    Reference:
        Liu, Liu, Jin, Stone and Liu (2021), Conflict-Averse Gradient Descent for Multi-task Learning.
        https://arxiv.org/abs/2110.14048
    """
    gram, present = without(gram, present)
    caution = checks.scalar("caution", caution, gram.dtype, at_least=0)
    angles, lengths = cosines(gram)
    moves = lengths > 0
    longest = jnp.broadcast_to(jnp.max(lengths, initial=0), lengths.shape)
    shares = over_present(None, present, gram.dtype) * divide(lengths, longest)
    size = sqrt(jnp.maximum(dot(shares, dot(angles, shares)), 0))
    along = divide(dot(angles, shares), jnp.broadcast_to(size, shares.shape))
    shortest = jnp.min(jnp.where(moves, lengths, jnp.inf), initial=jnp.inf)
    needs = divide(jnp.where(moves, shortest, jnp.zeros_like(lengths)), lengths)
    ridged = angles + 0.1 * resolution(gram) * jnp.eye(len(gram), dtype=gram.dtype)

    # With unit gradients u_i and all lengths in units of |g_0|, the update is g_0 plus the shortest vector y such that
    # <u_i, g_0 + y> >= worst * needs_i, for the number ``worst`` at which |y| is ``caution``. It is y = sum_i z_i u_i
    # with the z of a quadratic program. |y| is a convex and increasing function of ``worst``, so that Newton's method
    # finds the solution, between bounds because of rounding. No y of this length lowers a product by more than its
    # length: higher limits are cut.
    def shift(worst: Array) -> tuple[Array, Array, Array]:
        gaps = along - worst * needs
        far = gaps > 2 * caution
        z = nonneg_qp(ridged, jnp.where(far | ~moves, 2 * caution, gaps))
        return z, sqrt(jnp.maximum(dot(z, dot(ridged, z)), 0)), dot(z, jnp.where(far, jnp.zeros_like(needs), needs))

    def goes_on(carry: tuple[Array, ...]) -> Array:
        count, done, *_ = carry
        return ~done & (count < STEPS)

    def step(carry: tuple[Array, ...]) -> tuple[Array, ...]:
        count, _, worst, below, above = carry
        _, length, slope = shift(worst)
        below, above = jnp.where(length < caution, worst, below), jnp.where(length < caution, above, worst)
        after = worst - divide((length - caution) * length, slope)
        done = (slope > 0) & (jnp.abs(after - worst) <= resolution(gram) * (1 + jnp.abs(worst)))
        inside = (slope > 0) & (below < after) & (after < above)
        return count + 1, done, jnp.where(done, worst, jnp.where(inside, after, (below + above) / 2)), below, above

    # Where gradients cancel, |y| jumps from below ``caution`` to infinity: the side above shows it.
    least = jnp.min(jnp.where(moves, divide(along, needs), jnp.inf), initial=jnp.inf)
    top = jnp.asarray(1 + caution, gram.dtype)
    start = (jnp.zeros((), jnp.int32), ~jnp.any(moves), top, least, top)
    _, done, worst, _, above = jax.lax.while_loop(goes_on, step, start)
    worst = jnp.where(done, worst, above)
    z, _, _ = shift(worst)
    square = jnp.maximum(dot(z, dot(angles, z)), 0)
    z = divide(caution * z, jnp.broadcast_to(sqrt(square), z.shape))
    # If the gradients cancel, the remaining squared length is rounding error.
    cancel = square <= resolution(gram) * jnp.square(jnp.sum(z))
    still = jnp.any(present & ~moves) & (worst > 0)
    weights = over_present(None, present, gram.dtype) + z * size * divide(longest, lengths)
    return reveal(jnp.where((cancel | still) & (caution > 0) & (size > 0), jnp.zeros_like(z), weights), gram, present)


def mgda() -> Aggregator:
    """MGDA: the shortest convex combination of the gradients; see `mgda_weights`.

    Returns:
        An `Aggregator` with a `GramianState`.

    Example:
        >>> from jaxloss import combine
        >>> combine.mgda().init(jnp.zeros(3), ("ce", "kl")).weights
        Array([0., 0.], dtype=float32)
    """
    return from_gramian(mgda_weights)


def cagrad(*, caution: Scalar = 0.5) -> Aggregator:
    """CAGrad: the update near the mean gradient that improves the worst term most; see `cagrad_weights`.

    Args:
        caution: As for `cagrad_weights`.

    Returns:
        An `Aggregator` with a `GramianState`.

    Raises:
        ValueError: If ``caution`` is negative.

    Example:
        >>> from jaxloss import combine
        >>> combine.cagrad(caution=-1.0)
        Traceback (most recent call last):
            ...
        ValueError: caution must be >= 0.0; found -1.0.
    """
    caution = checks.scalar("caution", caution, jnp.float32, at_least=0.0)
    return from_gramian(lambda gram, present: cagrad_weights(gram, caution=caution, present=present))
