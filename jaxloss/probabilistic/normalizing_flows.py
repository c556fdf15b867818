"""Likelihoods of normalizing flows, by change of variables."""

from __future__ import annotations

from jaxloss._floor import checks
from jaxloss._floor.reduction import blank, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction

__all__ = ["normalizing_flow_nll"]


def normalizing_flow_nll(
    base_log_probs: ArrayLike,
    log_det_jacobians: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Negative log-likelihood under a normalizing flow, from base log-densities and log-determinants.

    .. math:: \ell = -\left( \log p_Z(f(x)) + \log \left| \det \frac{\partial f(x)}{\partial x} \right| \right)

    The Jacobian is that of the normalizing direction :math:`f`, from data to latent. Where a package gives
    that of the sampling direction, from latent to data (``forward_log_det_jacobian`` of a bijector whose
    ``forward`` samples), pass its negative.

    Args:
        base_log_probs: Shape ``[...]``, floating, :math:`\log p_Z` at the latent of each example, summed over
            its dimensions.
        log_det_jacobians: Shape ``[...]``, the same; the log-determinants, data to latent, summed over layers.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar in nats, of either sign. Over ``D * log(2)`` it is the number of bits per dimension, for data
        on a continuous scale.

    Raises:
        TypeError: If ``base_log_probs`` are not floating.
        ValueError: If the shapes differ.

    Example:
        >>> jaxloss.normalizing_flow_nll(jnp.array([-1.0, -2.0]), jnp.array([0.5, 0.0]), reduction="none")
        Array([0.5, 2. ], dtype=float32)

    Reference:
        Rezende and Mohamed (2015), Variational Inference with Normalizing Flows. https://arxiv.org/abs/1505.05770
    """
    base_log_probs, log_det_jacobians = checks.values(
        base_log_probs=base_log_probs, log_det_jacobians=log_det_jacobians
    )
    base_log_probs, log_det_jacobians = blank(where, base_log_probs, log_det_jacobians)
    return reduce(-(base_log_probs + log_det_jacobians), where=where, weights=weights, reduction=reduction)
