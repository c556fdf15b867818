"""Scores of tokens: the log-probability of a chosen one, and a soft bound."""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.maths.softmax.terms import label_terms, mask_of_rows
from jaxloss._floor.reduction import hide, promote
from jaxloss._floor.typing import Array, ArrayLike, Scalar

__all__ = ["selective_log_softmax", "soft_cap_logits"]


def selective_log_softmax(logits: ArrayLike, labels: ArrayLike, *, where: ArrayLike | None = None) -> Array:
    r"""Log-probability of one chosen class per row, without storing the log-probabilities of the others.

    .. math:: \log p_y = z_y - \log \sum_k e^{z_k}

    Summed over the tokens of a response, these are the sequence log-probabilities that preference and policy losses
    take. For the logits of a linear layer, the negative of `jaxloss.linear_softmax_cross_entropy` with
    ``reduction="none"`` has the same values and does not store the logits either.

    Args:
        logits: Shape ``[..., K]``, floating, unnormalised. A class of logit -inf has probability 0.
        labels: Shape ``[...]``, integer class indices in ``[0, K)``. An unmasked one outside gives NaN in value and
            gradient.
        where: Shape ``[...]``, boolean; a masked entry is 0 with zero gradient.

    Returns:
        Shape ``[...]``, <= 0, in nats; float32, or float64 for float64 logits.

    Raises:
        TypeError: If ``logits`` are not floating, ``labels`` not integer or ``where`` not boolean.
        ValueError: If ``labels.shape != logits.shape[:-1]``, or the class axis is empty.

    Example:
        >>> jaxloss.tokens.selective_log_softmax(jnp.array([[2.0, 0.0, 0.0], [0.0, 0.0, 0.0]]), jnp.array([0, 2]))
        Array([-0.23954476, -1.0986123 ], dtype=float32)

    Reference:
        Rafailov et al. (2023), Direct Preference Optimization: Your Language Model is Secretly a Reward Model.
        https://arxiv.org/abs/2305.18290
    """
    logits, labels = checks.scores_and_labels(logits=logits, labels=labels)
    keep, labels = mask_of_rows(where, logits), hide(where, labels)
    value_checks.ensure_labels(labels, logits.shape[-1])
    inside = jnp.clip(labels, 0, logits.shape[-1] - 1)
    return hide(where, numerics.poison(-label_terms(logits, inside, keep)[0], inside == labels))


def soft_cap_logits(logits: ArrayLike, *, soft_cap: Scalar) -> Array:
    r"""Soft cap of logits (Gemma 2): scores squashed smoothly into ``[-soft_cap, soft_cap]`` by a hyperbolic tangent.

    .. math:: z' = \kappa \tanh(z / \kappa)

    `jaxloss.linear_softmax_cross_entropy` with ``soft_cap`` is the cross-entropy of the capped scores of a linear
    layer, without storing them.

    Args:
        logits: Any shape, floating. A logit of -inf becomes ``-soft_cap``: cap first, then mask classes.
        soft_cap: Bound :math:`\kappa` > 0.

    Returns:
        The shape of ``logits``; float32, or float64 for float64 logits.

    Raises:
        TypeError: If ``logits`` are not floating.
        ValueError: If ``soft_cap`` is not positive.

    Example:
        >>> jaxloss.tokens.soft_cap_logits(jnp.array([0.0, 30.0, 1000.0]), soft_cap=30.0)
        Array([ 0.     , 22.84783, 30.     ], dtype=float32)

    Reference:
        Gemma Team (2024), Gemma 2: Improving Open Language Models at a Practical Size.
        https://arxiv.org/abs/2408.00118
    """
    (logits,) = promote(*checks.floating(logits=logits))
    soft_cap = checks.scalar("soft_cap", soft_cap, logits.dtype, above=0)
    return soft_cap * jnp.tanh(logits / soft_cap)
