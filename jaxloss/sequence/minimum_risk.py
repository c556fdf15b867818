"""Minimum risk training: the expected error of a list of candidate sequences."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths.softmax.terms import below_peak
from jaxloss._floor.reduction import blank, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar

__all__ = ["minimum_risk_loss"]


def minimum_risk_loss(
    logps: ArrayLike,
    risks: ArrayLike,
    *,
    temperature: Scalar = 1.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Minimum risk training (MRT, MWER): the expected risk, such as word errors, over N candidate sequences.

    .. math:: \ell = \sum_n q_n R_n, \qquad q_n = \frac{\pi(y_n)^{1 / \tau}}{\sum_m \pi(y_m)^{1 / \tau}}

    The gradient depends on differences of the risks within a list only: subtracting their mean does not change it.

    Args:
        logps: Log-probabilities of the candidates, shape ``[..., N]``, floating. A candidate of -inf is absent, so
            lists may be padded with it.
        risks: Risk of each candidate, shape ``[..., N]``, the same; floating or integer, finite.
        temperature: Temperature :math:`\tau` > 0 of the probabilities: the inverse of the exponent of the first paper.
        where, weights: Shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar between the smallest and the largest risk, in units of the risks.

    Raises:
        TypeError: If ``logps`` are not floating.
        ValueError: If the shapes differ, the axis of candidates is empty, or ``temperature`` is not positive.

    Example:
        >>> jaxloss.minimum_risk_loss(jnp.log(jnp.array([0.3, 0.1])), jnp.array([0, 2]))
        Array(0.49999997, dtype=float32)

    Reference:
        Shen et al. (2016), Minimum Risk Training for Neural Machine Translation. https://arxiv.org/abs/1512.02433
        Prabhavalkar et al. (2018), Minimum Word Error Rate Training for Attention-Based Sequence-to-Sequence Models.
        https://arxiv.org/abs/1712.01818
    """
    logps, risks = checks.values(logps=logps, risks=risks)
    checks.with_axes("candidates", logps=logps)
    logps, risks = blank(where, logps, risks, event_ndim=1)
    temperature = checks.scalar("temperature", temperature, logps.dtype, above=0)
    values = jnp.sum(jax.nn.softmax(below_peak(logps)[0] / temperature, axis=-1) * risks, axis=-1)
    return reduce(values, where=where, weights=weights, reduction=reduction)
