"""Binary cross-entropy, from logits and from probabilities."""

from __future__ import annotations

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.maths.sigmoids import weighted_negative_log_sigmoids
from jaxloss._floor.reduction import blank, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar

__all__ = ["binary_cross_entropy", "sigmoid_binary_cross_entropy"]


@jax.custom_jvp
def _inside_unit_interval(targets: Array) -> Array:
    """NaN outside [0, 1]: targets in {-1, 1} would otherwise train, with a negative loss."""
    return targets + 0 * jnp.sqrt(jax.lax.stop_gradient(targets * (1 - targets)))


_inside_unit_interval.defjvps(lambda tangent, _, targets: numerics.poison(tangent, (targets >= 0) & (targets <= 1)))


def sigmoid_binary_cross_entropy(
    logits: ArrayLike,
    targets: ArrayLike,
    *,
    label_smoothing: Scalar = 0.0,
    pos_weight: Scalar | ArrayLike = 1.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Binary cross-entropy between targets and the sigmoid of logits, elementwise.

    .. math:: \ell = -w_+ t \log \sigma(z) - (1 - t) \log \sigma(-z),
              \qquad t = (1 - \varepsilon) y + \varepsilon / 2

    Args:
        logits: Shape ``[...]``, floating, unnormalised. An infinite logit is certain: its loss is 0 with slope 0 where
            it is right, and infinite with the slope of its sigmoid elsewhere.
        targets: Shape ``[...]``, the same; probabilities of the positive class, floating or integer, in [0, 1].
            A target outside gives NaN.
        label_smoothing: Share :math:`\varepsilon` of every target that is moved to 1/2; in [0, 1].
        pos_weight: Factor :math:`w_+` of the positive part, to trade recall for precision; >= 0. One number, or one per
            class: shape ``[K]``, where the last axis of ``logits`` are K classes.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in nats; keeps full relative accuracy for small values.

    Raises:
        TypeError: If ``logits`` are not floating.
        ValueError: If the shapes differ or a hyperparameter is out of range.

    Example:
        >>> jaxloss.sigmoid_binary_cross_entropy(jnp.array([0.0, -20.0]), jnp.array([1, 0]), reduction="none")
        Array([6.9314718e-01, 2.0611537e-09], dtype=float32)

    Reference:
        Cox (1958), The Regression Analysis of Binary Sequences.
        https://doi.org/10.1111/j.2517-6161.1958.tb00292.x
    """
    logits, targets = checks.values(logits=logits, targets=checks.marks(targets))
    logits, targets = blank(where, logits, targets)
    value_checks.ensure_probabilities(targets=targets)
    smoothing = checks.scalar("label_smoothing", label_smoothing, logits.dtype, at_least=0, at_most=1)
    pos_weight = _positive_factor(pos_weight, logits)
    smooth = (1 - smoothing) * _inside_unit_interval(targets) + 0.5 * smoothing
    values = weighted_negative_log_sigmoids(logits, pos_weight * smooth, 1 - smooth)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def _positive_factor(pos_weight: Scalar | ArrayLike, logits: Array) -> Scalar | Array:
    if np.ndim(pos_weight) == 0 or logits.ndim == 0:
        return checks.scalar("pos_weight", pos_weight, logits.dtype, at_least=0)
    (per_class,) = checks.class_vector(logits.shape[-1], logits.dtype, pos_weight=pos_weight)
    return jnp.broadcast_to(per_class, logits.shape)


def binary_cross_entropy(
    probs: ArrayLike,
    targets: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Binary cross-entropy between targets and predicted probabilities, elementwise.

    .. math:: \ell = -y \log p - (1 - y) \log (1 - p)

    Below the smallest normal number of the dtype of ``probs`` the logarithm continues along its tangent: a
    certain and wrong prediction has a large finite loss and a large finite gradient, neither infinite nor zero.
    From logits, `jaxloss.sigmoid_binary_cross_entropy` is faster and more accurate.

    Args:
        probs: Shape ``[...]``, floating, in [0, 1]; outside gives NaN.
        targets: Shape ``[...]``, the same; floating or integer, in [0, 1]; outside gives NaN.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in nats; 0 exactly for certain and right predictions.

    Raises:
        TypeError: If ``probs`` are not floating.
        ValueError: If the shapes differ.

    Example:
        >>> jaxloss.binary_cross_entropy(jnp.array([0.5, 1.0]), jnp.array([1, 1]), reduction="none")
        Array([0.6931472, 0.       ], dtype=float32)

    Reference:
        Good (1952), Rational Decisions. https://doi.org/10.1111/j.2517-6161.1952.tb00104.x
    """
    probs, targets = checks.values(probs=probs, targets=checks.marks(targets))
    floor = float(jnp.finfo(probs.dtype).tiny)
    probs, targets = blank(where, probs, targets, fill=1)
    value_checks.ensure_probabilities(probs=probs, targets=targets)
    targets = _inside_unit_interval(targets)
    values = targets * -numerics.guarded_log(probs, floor) - (1 - targets) * _log_complement(probs, floor)
    values = numerics.poison(values, (probs >= 0) & (probs <= 1))
    return reduce(values, where=where, weights=weights, reduction=reduction)


@functools.partial(jax.custom_jvp, nondiff_argnums=(1,))
def _log_complement(probs: Array, floor: float) -> Array:
    """``log(1 - p)`` to full relative accuracy near 0; at 1 the tangent of `guarded_log`; NaN above.

    At 1 value and slope are constants: ``1 - p`` need not be 0 there, if a product is fused into it.
    """
    certain = probs == 1
    logarithm = jnp.log1p(-jnp.where(certain, jnp.zeros((), probs.dtype), probs))
    return jnp.where(certain, jnp.asarray(math.log(floor) - 1, probs.dtype), logarithm)


@_log_complement.defjvp
def _log_complement_jvp(floor: float, primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    (probs,) = primals
    certain = probs == 1
    slope = -1 / jnp.where(certain, jnp.ones((), probs.dtype), 1 - probs)
    slope = jnp.where(certain, jnp.asarray(-1 / floor, probs.dtype), slope)
    return _log_complement(probs, floor), slope * tangents[0]
