"""Unlikelihood: lower the probability of tokens that should not follow, such as repetitions."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.maths.sigmoids import unless_absent
from jaxloss._floor.maths.softmax.terms import below_largest
from jaxloss._floor.reduction import blank, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction

__all__ = ["unlikelihood_loss"]


def _surprise_without(logits: Array) -> Array:
    """``-log(1 - p)`` of every class, to full relative accuracy; inf for the only class there is.

    For the largest class it is the softplus of how far it leads all others together; the others have at most 1/2.
    """
    below, largest = below_largest(logits)
    others = numerics.log_sum_exp(jnp.where(largest, -jnp.inf, below))
    total = jnp.sum(jnp.where(largest, jnp.zeros((), below.dtype), jnp.exp(below)), axis=-1, keepdims=True)
    small = jnp.where(largest, jnp.zeros((), below.dtype), jnp.exp(below) / (1 + total))
    return jnp.where(largest, numerics.softplus(-others)[..., None], -jnp.log1p(-small))


def unlikelihood_loss(
    logits: ArrayLike,
    candidates: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Unlikelihood of tokens: minus the log-probability that none of the negative candidates follows.

    .. math:: \ell = -\sum_k c_k \log(1 - p_k), \qquad p = \operatorname{softmax}(z)

    Added to the cross-entropy of the label, with a factor, it keeps a language model from repeating itself. The
    candidates are then the tokens that have occurred before, `jaxloss.tokens.previous_tokens`. fairseq's
    implementation clamps :math:`1 - p` at 1e-5, so that a certain repetition has no gradient; here it has its full one.

    Args:
        logits: Scores of all tokens, shape ``[..., K]``, floating, unnormalised; -inf for a token that is absent.
        candidates: Which tokens should not follow, shape ``[..., K]``, boolean; or how much each counts, >= 0. A
            negative one gives NaN in value and gradient. No gradient flows through them.
        where, weights: Shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in nats; 0 without candidates; it keeps full relative accuracy for small values.

    Raises:
        TypeError: If ``logits`` are not floating.
        ValueError: If the shapes differ, or the class axis is missing or empty.

    Example:
        >>> logits, candidates = jnp.log(jnp.array([[0.5, 0.25, 0.25]])), jnp.array([[False, True, True]])
        >>> jaxloss.unlikelihood_loss(logits, candidates)
        Array(0.5753642, dtype=float32)

    Reference:
        Welleck, Kulikov, Roller, Dinan, Cho and Weston (2020), Neural Text Generation with Unlikelihood Training.
        https://arxiv.org/abs/1908.04319
    """
    logits, candidates = checks.scores_and_targets(logits=logits, candidates=checks.marks(candidates))
    logits, shares = blank(where, logits, jax.lax.stop_gradient(candidates), event_ndim=1)
    shares = value_checks.within_domain(shares, shares >= 0, "candidates must be >= 0")
    values = jnp.sum(shares * unless_absent(_surprise_without(logits), shares == 0), axis=-1)
    return reduce(values, where=where, weights=weights, reduction=reduction)
