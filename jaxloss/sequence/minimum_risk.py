"""Training on what sequences are judged by: the expected risk over a list of candidates."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.reduction import blank, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar

__all__ = ["minimum_risk_loss"]


def minimum_risk_loss(
    logps: ArrayLike,
    risks: ArrayLike,
    *,
    sharpness: Scalar = 1.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Expected risk of N candidates, such as their word errors, under the model restricted to them (MRT, MWER).

    .. math:: \ell = \sum_n q_n R_n, \qquad q = \mathrm{softmax}(\alpha \log \pi(y_1), \ldots, \alpha \log \pi(y_N))

    Only differences of the risks within a list matter to the gradient: subtracting their mean changes nothing.

    Args:
        logps: Log-probabilities of the candidates, shape ``[..., N]``, floating. One of -inf is absent, so that
            lists may be padded.
        risks: Risk of each candidate, shape ``[..., N]``, the same; floating or integer, finite.
        sharpness: The exponent :math:`\alpha` of the probabilities; > 0.
        where, weights: Shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar between the smallest and the largest risk, in units of the risks.

    Raises:
        TypeError: If ``logps`` are not floating.
        ValueError: If the shapes differ, there is no candidate, or ``sharpness`` is out of range.

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
    sharpness = checks.scalar("sharpness", sharpness, logps.dtype, above=0)
    values = jnp.sum(jax.nn.softmax(sharpness * logps, axis=-1) * risks, axis=-1)
    return reduce(values, where=where, weights=weights, reduction=reduction)
