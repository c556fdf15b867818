"""z-loss: the squared logarithm of the softmax normaliser, which keeps scores from drifting."""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths.softmax.terms import label_terms, mask_of_rows
from jaxloss._floor.reduction import reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction

__all__ = ["softmax_z_loss"]


def softmax_z_loss(
    logits: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""z-loss of PaLM: the squared logarithm of the softmax normaliser; of a router it is `jaxloss.router_z_loss`.

    .. math:: \ell = \log^2 \sum_k e^{z_k}

    Added to a cross-entropy with a small factor, such as 1e-4, it keeps the scores from drifting. Where both are
    needed, the argument ``z_loss`` of `jaxloss.softmax_cross_entropy_with_integer_labels` reads the logits once.

    Args:
        logits: Shape ``[..., K]``, floating. A class of logit -inf is absent, and its gradient is 0.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0; 0 exactly where the exponentials sum to 1 exactly.

    Raises:
        TypeError: If ``logits`` are not floating.
        ValueError: If ``logits`` has no class axis or it is empty.

    Example:
        >>> print(f"{jaxloss.softmax_z_loss(jnp.zeros((2, 3))):.6f}")
        1.206949

    Reference:
        Chowdhery et al. (2022), PaLM: Scaling Language Modeling with Pathways.
        https://arxiv.org/abs/2204.02311
    """
    (logits,) = checks.floating(logits=logits)
    checks.with_axes("classes", logits=logits)
    _, spread, peak = label_terms(logits, jnp.zeros(logits.shape[:-1], jnp.int32), mask_of_rows(where, logits))
    return reduce(jnp.square(peak + spread), where=where, weights=weights, reduction=reduction)
