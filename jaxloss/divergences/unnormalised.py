"""Divergences of positive numbers that need not sum to one: counts, intensities, power spectra."""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths.entropies import rows_of_probs
from jaxloss._floor.maths.log_ratios import gap
from jaxloss._floor.maths.softmax.terms import mask_of_rows
from jaxloss._floor.reduction import blank, hide, promote, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction
from jaxloss.divergences._distributions import raised_if_whole

__all__ = ["generalized_kl_divergence", "itakura_saito_divergence"]


def generalized_kl_divergence(
    log_predictions: ArrayLike,
    targets: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Generalized Kullback-Leibler divergence of masses that need not sum to one (I-divergence).

    .. math:: \ell = \sum_k p_k (\log p_k - \log q_k) - p_k + q_k

    The Bregman divergence of :math:`x \log x`; for equal sums it is `kl_divergence`. A wrong total is punished too,
    and it is convex in ``log_predictions`` without a softmax.

    Args:
        log_predictions: Logarithms :math:`\log q` of the predicted masses, shape ``[..., K]``, floating; -inf is
            allowed.
        targets: Masses :math:`p \ge 0`, shape ``[..., K]``, the same; floating or integer; never broadcast. The
            gradient in a target of 0 is 0, where the exact slope is -inf.
        where, weights: Shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0; 0 where the masses are equal, up to the rounding of their logarithms; +inf if
        :math:`q_k = 0` where :math:`p_k > 0`. A negative target gives NaN.

    Raises:
        TypeError: If ``log_predictions`` are not floating.
        ValueError: If the shapes differ, or the last axis is missing or empty.

    Example:
        >>> jaxloss.generalized_kl_divergence(jnp.zeros(3), jnp.array([1.0, 2.0, 0.0]))
        Array(1.3862944, dtype=float32)

    Reference:
        Bregman (1967), The Relaxation Method of Finding the Common Point of Convex Sets.
        https://doi.org/10.1016/0041-5553(67)90040-7
    """
    log_q, p = checks.scores_and_targets(log_predictions=log_predictions, targets=targets)
    keep, p = mask_of_rows(where, log_q), raised_if_whole(p, log_q)
    value_checks.ensure(lambda: hide(keep, p, event_ndim=1) >= 0, "targets must be >= 0")
    values = rows_of_probs(log_q, p, float(jnp.finfo(promote(log_q, p)[0].dtype).max), keep)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def itakura_saito_divergence(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Itakura-Saito divergence of power spectra, elementwise: invariant to their scale.

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
    value_checks.ensure(lambda: predictions > 0, "predictions must be positive")
    value_checks.ensure(lambda: targets >= 0, "targets must be >= 0")
    values = gap(targets, predictions, targets - predictions)
    return reduce(values, where=where, weights=weights, reduction=reduction)
