"""Preference optimisation from single answers that are labelled good or bad."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss import reductions
from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.reduction import hide, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar
from jaxloss.language._inputs import of_one_shape

__all__ = ["kto_loss", "kto_reference_point"]


def kto_loss(
    logps: ArrayLike,
    reference_logps: ArrayLike,
    labels: ArrayLike,
    *,
    beta: Scalar = 0.1,
    desirable_weight: Scalar = 1.0,
    undesirable_weight: Scalar = 1.0,
    reference_point: Scalar = 0.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Kahneman-Tversky optimisation (KTO): a saturating utility of single answers labelled good or bad.

    With :math:`\Delta = \log \pi(y) - \log \pi_{\mathrm{ref}}(y)` and the reference point :math:`z_0`:

    .. math:: \ell = \begin{cases} \lambda_w \left( 1 - \sigma(\beta (\Delta - z_0)) \right) & y \text{ desirable} \\
              \lambda_l \left( 1 - \sigma(\beta (z_0 - \Delta)) \right) & y \text{ undesirable} \end{cases}

    `jaxloss.kto_reference_point` estimates :math:`z_0` from a batch. The two weights multiply the losses; they do not
    enter the denominator of the mean.

    Args:
        logps: Log-probabilities of the answers under the policy, `jaxloss.tokens.sequence_logps`; shape ``[...]``,
            floating.
        reference_logps: Those under the frozen reference policy, shape ``[...]``, the same.
        labels: Shape ``[...]``, integer: 1 desirable, 0 undesirable. An unmasked other value gives NaN in value and
            gradient.
        beta: Strength :math:`\beta` of the pull towards the reference, in reward per nat; > 0.
        desirable_weight: Factor :math:`\lambda_w` of desirable answers; >= 0.
        undesirable_weight: Factor :math:`\lambda_l` of undesirable answers; >= 0.
        reference_point: The divergence :math:`z_0` of the policy from the reference, in nats; >= 0.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar between 0 and the larger weight; half the weight if policy and reference agree and :math:`z_0` is 0.

    Raises:
        TypeError: If log-probabilities are not floating or ``labels`` not integer.
        ValueError: If the shapes differ or a hyperparameter is out of range.

    Example:
        >>> logps, reference_logps = jnp.array([-10.0, -10.0]), jnp.array([-10.0, -30.0])
        >>> jaxloss.kto_loss(logps, reference_logps, jnp.array([1, 0]), reduction="none")
        Array([0.5      , 0.8807971], dtype=float32)

    Reference:
        Ethayarajh et al. (2024), KTO: Model Alignment as Prospect Theoretic Optimization.
        https://arxiv.org/abs/2402.01306
    """
    (labels,) = checks.integer(labels=labels)
    policy, reference = of_one_shape(where, logps=logps, reference_logps=reference_logps)
    checks.same_shape(logps=policy, labels=labels)
    labels = hide(where, checks.as_int32(labels))
    value_checks.ensure_labels(labels, 2)
    beta = checks.scalar("beta", beta, policy.dtype, above=0)
    gain = checks.scalar("desirable_weight", desirable_weight, policy.dtype, at_least=0)
    loss = checks.scalar("undesirable_weight", undesirable_weight, policy.dtype, at_least=0)
    reference_point = checks.scalar("reference_point", reference_point, policy.dtype, at_least=0)
    reward = beta * (policy - reference - reference_point)
    values = jnp.where(labels == 1, gain * jax.nn.sigmoid(-reward), loss * jax.nn.sigmoid(reward))
    values = numerics.poison(values, (labels == 0) | (labels == 1))
    return reduce(values, where=where, weights=weights, reduction=reduction)


def kto_reference_point(
    logps: ArrayLike,
    reference_logps: ArrayLike,
    *,
    where: ArrayLike | None = None,
    axis_name: str | tuple[str, ...] | None = None,
) -> Array:
    r"""Reference point of KTO: an estimate of KL(policy || reference) from answers to other prompts.

    .. math:: z_0 = \max\left( 0, \frac{1}{n} \sum_i \log \frac{\pi(y_j \mid x_i)}{\pi_{\mathrm{ref}}(y_j \mid x_i)}
              \right), \qquad j \ne i

    Args:
        logps: Log-probabilities of mismatched answers, such as those of the next example of the batch, under the
            policy; shape ``[...]``, floating.
        reference_logps: Those under the frozen reference policy, shape ``[...]``, the same.
        where: Shape ``[...]``, boolean: False excludes an answer.
        axis_name: Mapped axes over which the mean is taken too, so that all devices share one reference point.

    Returns:
        A scalar >= 0, in nats, through which no gradient flows; 0 if ``where`` excludes everything.

    Raises:
        TypeError: If an input is not floating or ``where`` not boolean.
        ValueError: If the shapes differ.

    Example:
        >>> jaxloss.kto_reference_point(jnp.array([-10.0, -12.0]), jnp.array([-11.0, -14.0]))
        Array(1.5, dtype=float32)

    Reference:
        Ethayarajh et al. (2024), KTO: Model Alignment as Prospect Theoretic Optimization.
        https://arxiv.org/abs/2402.01306
    """
    policy, reference = of_one_shape(where, logps=logps, reference_logps=reference_logps)
    divergence = reduce(policy - reference, where=where, reduction=reductions.mean(axis_name=axis_name))
    return jax.lax.stop_gradient(numerics.positive_part(divergence))
