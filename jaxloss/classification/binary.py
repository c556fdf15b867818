"""Binary cross-entropy, from logits and from probabilities."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.maths.logarithms import log1p_near
from jaxloss._floor.maths.sigmoids import in_unit_interval, weighted_negative_log_sigmoids
from jaxloss._floor.reduction import blank, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar

__all__ = ["binary_cross_entropy", "sigmoid_binary_cross_entropy"]


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
    values = weighted_negative_log_sigmoids(logits, *_shares(targets, smoothing, pos_weight))
    return reduce(values, where=where, weights=weights, reduction=reduction)


@functools.partial(jax.jit, inline=True)
def _shares(targets: Array, smoothing: Scalar, pos_weight: Scalar | Array) -> tuple[Array, Array]:
    """Of the positive and the negative side, as one program where it is called eagerly."""
    smooth = (1 - smoothing) * in_unit_interval(targets) + 0.5 * smoothing
    return pos_weight * smooth, 1 - smooth


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
    values = _weighted_surprises(probs, in_unit_interval(targets), floor)
    return reduce(values, where=where, weights=weights, reduction=reduction)


@functools.partial(jax.custom_jvp, nondiff_argnums=(2,))
def _weighted_surprises(probs: Array, targets: Array, floor: float) -> Array:
    """``-t log p - (1 - t) log(1 - p)``, to full relative accuracy at both ends of p; NaN for p outside [0, 1].

    The likelier of the two sides needs no logarithm but a short series. A selection is the last step: XLA on CPU
    computes what is in front of it in one loop, in less time than inside of a sum.
    """
    up, small = _unlikely(probs)
    likely_share = jnp.where(up, targets, 1 - targets)
    unlikely_share = jnp.where(up, 1 - targets, targets)
    value = -likely_share * log1p_near(-small) - unlikely_share * _log_with_tangent(small, floor)
    return jnp.where((probs >= 0) & (probs <= 1), value, jnp.nan)


@_weighted_surprises.defjvp
def _weighted_surprises_jvp(
    floor: float, primals: tuple[Array, Array], tangents: tuple[Array, Array]
) -> tuple[Array, Array]:
    probs, targets = primals
    rest = _rest(probs)
    at_least = lambda x: jnp.where(x < floor, jnp.asarray(floor, x.dtype), x)
    slope = (1 - targets) / at_least(rest) - targets / at_least(probs)
    slope = numerics.poison(slope, (probs >= 0) & (probs <= 1))
    up, small = _unlikely(probs)
    odds = log1p_near(-small) - _log_with_tangent(small, floor)
    return _weighted_surprises(probs, targets, floor), slope * tangents[0] + jnp.where(up, -odds, odds) * tangents[1]


def _rest(probs: Array) -> Array:
    """``1 - p``, exactly 0 at 1 even where a product is fused into it."""
    return numerics.difference(jnp.ones_like(probs), probs)


def _unlikely(probs: Array) -> tuple[Array, Array]:
    """Whether ``p > 1/2``, and the smaller one of ``p`` and ``1 - p``, which has no rounding error."""
    up = probs > 0.5
    return up, jnp.where(up, _rest(probs), probs)


def _log_with_tangent(x: Array, floor: float) -> Array:
    """`numerics.guarded_log` for ``0 <= x <= 1`` and a power of two, without a selection or a division."""
    return jnp.log(jnp.maximum(x, floor)) + jnp.minimum(x * (1 / floor) - 1, 0)
