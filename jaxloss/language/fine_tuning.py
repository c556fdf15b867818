"""Supervised fine-tuning with weights of its own: tokens that the model finds impossible do not dominate."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.maths.softmax.terms import label_terms, mask_of_rows
from jaxloss._floor.reduction import hide, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction

__all__ = ["dynamic_fine_tuning_loss"]


def dynamic_fine_tuning_loss(
    logits: ArrayLike,
    labels: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Dynamic fine-tuning (DFT): cross-entropy of each token times the probability that the model gives it.

    .. math:: \ell = -\mathrm{sg}(p_y) \log p_y, \qquad p = \operatorname{softmax}(z)

    Supervised fine-tuning is a policy gradient whose reward is the inverse of the probability of the token; the weight
    takes that out. Its gradient is that of :math:`-p_y`: a token with a tiny probability hardly counts. From
    log-probabilities of tokens it is ``reinforce_loss(token_logps, jnp.exp(token_logps))``. Pair it with
    `jaxloss.tokens.next_tokens`; it does not shift labels.

    Args:
        logits: Scores of all tokens, shape ``[..., K]``, floating, unnormalised; -inf for a token that is absent.
        labels: The tokens, shape ``[...]``, integer in ``[0, K)``. An unmasked one outside gives NaN in value and
            gradient.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar in [0, 1/e], in nats. It is 0 both for certain and for impossible tokens: only its gradient says which
        way to go.

    Raises:
        TypeError: If ``logits`` are not floating or ``labels`` not integer.
        ValueError: If ``labels.shape != logits.shape[:-1]``, or the class axis is empty.

    Example:
        >>> jaxloss.dynamic_fine_tuning_loss(jnp.log(jnp.array([[0.5, 0.25, 0.25]])), jnp.array([0]))
        Array(0.3465736, dtype=float32)

    Reference:
        Wu et al. (2025), On the Generalization of SFT: A Reinforcement Learning Perspective with Reward Rectification.
        https://arxiv.org/abs/2508.05629
    """
    logits, labels = checks.scores_and_labels(logits=logits, labels=labels)
    keep, labels = mask_of_rows(where, logits), hide(where, labels)
    value_checks.ensure_labels(labels, logits.shape[-1])
    inside = jnp.clip(labels, 0, logits.shape[-1] - 1)
    surprise = label_terms(logits, inside, keep)[0]
    # The weight of an impossible token is 0, and 0 times its infinite surprise would be NaN.
    finite = jnp.where(jnp.isposinf(surprise), jnp.zeros((), surprise.dtype), surprise)
    values = jax.lax.stop_gradient(jnp.exp(-surprise)) * finite
    return reduce(numerics.poison(values, inside == labels), where=where, weights=weights, reduction=reduction)
