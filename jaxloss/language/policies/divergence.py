"""Estimates of the divergence of a policy from a reference, token by token, from samples of the policy."""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor import numerics
from jaxloss._floor.reduction import reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction
from jaxloss.language._inputs import of_one_shape

__all__ = ["kl_estimate_k1", "kl_estimate_k2", "kl_estimate_k3"]


def kl_estimate_k1(
    log_probs: ArrayLike,
    reference_log_probs: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""The log-ratio: the plain estimate of KL(policy || reference), for rewards and for monitoring.

    .. math:: k_1 = \log \pi(y_t) - \log \pi_{\mathrm{ref}}(y_t), \qquad y_t \sim \pi

    Unbiased, of either sign. As a term of a loss it does nothing: on samples of the policy itself its gradient
    has expectation 0. To penalise the divergence use `jaxloss.kl_estimate_k2`, or put k1 into the reward.

    Args:
        log_probs: Log-probabilities of the sampled tokens under the policy, shape ``[...]``, floating.
        reference_log_probs: Those under the reference policy, shape ``[...]``, the same; never broadcast.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar, in nats; 0 exactly where the two agree.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ.

    Example:
        >>> jaxloss.kl_estimate_k1(jnp.array([-1.0, -2.0]), jnp.array([-2.0, -2.5]), reduction="none")
        Array([1. , 0.5], dtype=float32)

    Reference:
        Schulman (2020), Approximating KL Divergence. https://joschu.net/blog/kl-approx.html
    """
    policy, reference = of_one_shape(where, log_probs=log_probs, reference_log_probs=reference_log_probs)
    return reduce(policy - reference, where=where, weights=weights, reduction=reduction)


def kl_estimate_k2(
    log_probs: ArrayLike,
    reference_log_probs: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Half the squared log-ratio: on samples of the policy its gradient is that of KL(policy || reference).

    .. math:: k_2 = \tfrac12 \left( \log \pi(y_t) - \log \pi_{\mathrm{ref}}(y_t) \right)^2, \qquad y_t \sim \pi

    The value is a biased estimate of the divergence, close where the two policies are; the gradient is not biased.

    Args:
        log_probs: Log-probabilities of the sampled tokens under the policy, shape ``[...]``, floating.
        reference_log_probs: Those under the reference policy, shape ``[...]``, the same; never broadcast.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0; 0 exactly where the two agree.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ.

    Example:
        >>> jaxloss.kl_estimate_k2(jnp.array([-1.0, -2.0]), jnp.array([-2.0, -2.5]), reduction="none")
        Array([0.5  , 0.125], dtype=float32)

    Reference:
        Schulman (2020), Approximating KL Divergence. https://joschu.net/blog/kl-approx.html
    """
    policy, reference = of_one_shape(where, log_probs=log_probs, reference_log_probs=reference_log_probs)
    values = 0.5 * jnp.square(policy - reference)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def kl_estimate_k3(
    log_probs: ArrayLike,
    reference_log_probs: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""The log-ratio with a control variate: never negative, the divergence term of GRPO.

    .. math:: k_3 = \frac{\pi_{\mathrm{ref}}(y_t)}{\pi(y_t)} - 1 - \log \frac{\pi_{\mathrm{ref}}(y_t)}{\pi(y_t)},
              \qquad y_t \sim \pi

    The value is an unbiased estimate of KL(policy || reference) of small variance. Its gradient on samples of the
    policy is that of KL(reference || policy); `jaxloss.kl_estimate_k2` has that of KL(policy || reference).

    Args:
        log_probs: Log-probabilities of the sampled tokens under the policy, shape ``[...]``, floating.
        reference_log_probs: Those under the reference policy, shape ``[...]``, the same; never broadcast.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in nats; 0 exactly where the two agree, and accurate near it.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ.

    Example:
        >>> jaxloss.kl_estimate_k3(jnp.array([-1.0, -2.0]), jnp.array([-2.0, -2.5]), reduction="none")
        Array([0.36787948, 0.10653067], dtype=float32)

    Reference:
        Schulman (2020), Approximating KL Divergence. https://joschu.net/blog/kl-approx.html
    """
    policy, reference = of_one_shape(where, log_probs=log_probs, reference_log_probs=reference_log_probs)
    values = numerics.exp_excess(reference - policy)
    return reduce(values, where=where, weights=weights, reduction=reduction)
