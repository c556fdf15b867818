"""Estimators of the divergence of a policy from a reference, per token, from samples of the policy."""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor.maths import numerics
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
    r"""k1: the plain log-ratio estimator of KL(policy || reference), for rewards and for monitoring.

    .. math:: k_1 = \log \pi(y_t) - \log \pi_{\mathrm{ref}}(y_t), \qquad y_t \sim \pi

    It is unbiased and of either sign. As a term of a loss it has no effect: on samples of the policy its gradient has
    expectation 0. To penalise the divergence use `jaxloss.kl_estimate_k2`, or subtract k1 from the reward.

    Args:
        log_probs: Log-probabilities of the sampled tokens under the policy, shape ``[...]``, floating.
        reference_log_probs: Those under the reference policy, shape ``[...]``, the same.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar of either sign, in nats; exactly 0 if the policies agree.

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
    r"""k2: half the squared log-ratio, whose gradient on samples of the policy is that of KL(policy || reference).

    .. math:: k_2 = \tfrac12 \left( \log \pi(y_t) - \log \pi_{\mathrm{ref}}(y_t) \right)^2, \qquad y_t \sim \pi

    The value is a biased estimate of the divergence, with small bias if the policies are close. The gradient is
    unbiased.

    Args:
        log_probs, reference_log_probs: See `jaxloss.kl_estimate_k1`.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in squared nats; exactly 0 if the policies agree.

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
    r"""k3: the log-ratio with a control variate, a non-negative estimator of KL(policy || reference), as in GRPO.

    .. math:: k_3 = \frac{\pi_{\mathrm{ref}}(y_t)}{\pi(y_t)} - 1 - \log \frac{\pi_{\mathrm{ref}}(y_t)}{\pi(y_t)},
              \qquad y_t \sim \pi

    The value is an unbiased estimate of KL(policy || reference) with small variance. Its gradient on samples of the
    policy is that of KL(reference || policy); for that of KL(policy || reference) use `jaxloss.kl_estimate_k2`.

    Args:
        log_probs, reference_log_probs: See `jaxloss.kl_estimate_k1`.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in nats; exactly 0 if the policies agree, with full relative accuracy near 0.

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
