"""The Itakura-Saito divergence of positive spectra."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor import checks, numerics
from jaxloss._floor.reduction import blank, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction

__all__ = ["itakura_saito_divergence"]


@jax.custom_jvp
def _log_ratio(x: Array, y: Array) -> Array:
    """``log(x / y)``, where the ratio may be too small for the dtype, with slopes over the whole range."""
    ratio = numerics.quotient(x, y)
    normal = ratio >= jnp.finfo(ratio.dtype).tiny
    logs = jnp.log(x) - jnp.log(y)
    return jnp.where(normal, jnp.log(jnp.where(normal, ratio, jnp.ones((), ratio.dtype))), logs)


@_log_ratio.defjvp
def _log_ratio_jvp(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Array, Array]:
    (x, y), (x_dot, y_dot) = primals, tangents
    return _log_ratio(x, y), numerics.quotient(x_dot, x) - numerics.quotient(y_dot, y)


def itakura_saito_divergence(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Divergence of positive spectra that does not see their scale, elementwise.

    .. math:: \ell = \frac{p}{q} - \log \frac{p}{q} - 1

    The quiet parts of a power spectrum count like the loud ones. Not symmetric, and not convex in the prediction.

    Args:
        predictions: Predicted powers :math:`q > 0`, shape ``[...]``, floating; NaN otherwise.
        targets: Powers :math:`p \ge 0`, shape ``[...]``, the same; floating or integer; never broadcast. 0 gives +inf.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0; 0 exactly where the two are equal, with zero gradient, and accurate near it.

    Raises:
        TypeError: If ``predictions`` are not floating.
        ValueError: If the shapes differ.

    Example:
        >>> jaxloss.itakura_saito_divergence(jnp.array([1.0, 1e-6]), jnp.array([2.0, 2e-6]), reduction="none")
        Array([0.30685282, 0.30685282], dtype=float32)

    Reference:
        Fevotte, Bertin and Durrieu (2009), Nonnegative Matrix Factorization with the Itakura-Saito Divergence.
        https://doi.org/10.1162/neco.2008.04-08-771
    """
    predictions, targets = checks.values(predictions=predictions, targets=targets)
    predictions, targets = blank(where, predictions, targets, fill=1)
    valid = (predictions > 0) & (targets >= 0)
    excess = numerics.quotient(targets - predictions, predictions)
    near = jnp.abs(excess) < 0.5
    close = numerics.exp_excess(jnp.log1p(jnp.where(near, excess, jnp.zeros((), excess.dtype))))
    values = jnp.where(near, close, excess - _log_ratio(targets, predictions))
    return reduce(numerics.poison(values, valid), where=where, weights=weights, reduction=reduction)
