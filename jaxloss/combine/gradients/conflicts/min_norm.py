"""Updates of minimal norm (MGDA), and near the mean gradient (CAGrad)."""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths.numerics import divide, sqrt
from jaxloss._floor.typing import Array, Scalar
from jaxloss.combine.gradients._gram import cosines, dot, over_present, resolution, reveal, trace_scaled, without
from jaxloss.combine.gradients.aggregator import Aggregator, from_gramian
from jaxloss.combine.gradients.conflicts._quadratic import interior_point, nonneg_qp

__all__ = ["cagrad", "cagrad_weights", "mgda", "mgda_weights"]


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
    matrix = trace_scaled(gram, 0.0)
    mean = over_present(None, present, gram.dtype)
    radius = caution * sqrt(dot(mean, dot(matrix, mean)))
    unit = 2 * (1 + caution)
    floor = resolution(gram)
    absent = 2 * (1 - present.astype(gram.dtype))

    # The dual is the minimum over the simplex of F(w) = g_0'g_w + radius |g_w|. As F(tw) = t F(w) and F < 1 in these
    # units, it is the direction of the minimum over z >= 0 of F(z) + (sum(z) - 1)^2 / 2. The norm is not smooth at 0:
    # it is written as the minimum of (z'Gz / tau + tau) / 2 over a further variable tau >= 0.
    def parts(x: Array) -> tuple[Array, Array, Array]:
        z, tau = x[:-1], x[-1]
        return z, tau, dot(matrix, z) / tau

    def gradient(x: Array) -> Array:
        z, tau, along = parts(x)
        by_z = (dot(matrix, mean) + radius * along) / unit + (jnp.sum(z) - 1) + absent
        return jnp.append(by_z, radius / unit / 2 * (1 - dot(z, along) / tau))

    def hessian(x: Array) -> Array:
        z, tau, along = parts(x)
        mixed = -along[:, None]
        square = jnp.block([[matrix, mixed], [mixed.T, jnp.reshape(dot(z, along) / tau, (1, 1))]])
        return radius / unit / tau * square + jnp.pad(jnp.ones_like(matrix), (0, 1))

    start = jnp.full(len(gram) + 1, 1 / len(gram), gram.dtype)
    w = interior_point(gradient, hessian, start, jnp.asarray(True))[0][:-1]
    w = jnp.where(present, w, jnp.zeros_like(w))
    w = divide(w, jnp.broadcast_to(jnp.sum(w), w.shape))
    square = jnp.maximum(dot(w, dot(matrix, w)), 0)
    # If the gradients cancel, the remaining squared length is rounding error.
    balanced = (square <= floor * jnp.square(dot(w, sqrt(jnp.diagonal(matrix))))) & (radius > 0)
    weights = mean + divide(radius * w, jnp.broadcast_to(sqrt(square), w.shape))
    return reveal(jnp.where(balanced, jnp.zeros_like(w), weights), gram, present)


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
