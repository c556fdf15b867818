"""Formulas of losses whose examples are independent."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

__all__ = ["DENSE", "Array", "Formula", "as_float", "binary", "integer_labels", "unit"]

Array = jax.Array
Formula = Callable[..., Any]
"""Gives the values of the examples, or these and their weights in the mean."""


def as_float(*arrays: Array) -> tuple[Array, ...]:
    return tuple(x.astype(jnp.float32) for x in arrays)


def _of_residual(formula: Formula) -> Formula:
    """Of the difference in float32."""

    @functools.wraps(formula)  # its hyperparameters are those of the loss
    def loss(predictions: Array, targets: Array, **hypers: Any) -> Array:
        p, t = as_float(predictions, targets)
        return formula(p - t, **hypers)

    return loss


def _huber(r: Array, delta: float = 1.0) -> Array:
    distance = jnp.abs(r)
    return jnp.where(distance <= delta, 0.5 * jnp.square(r), delta * (distance - 0.5 * delta))


def _quantile(r: Array, quantile: float = 0.5) -> Array:
    return jnp.maximum(-quantile * r, (1 - quantile) * r)


def _log_cosh(r: Array) -> Array:
    return jnp.logaddexp(r, -r) - jnp.log(2.0)


def binary(logits: Array, targets: Array, label_smoothing: float = 0.0, pos_weight: float | None = None) -> Array:
    x, y = as_float(logits, targets)
    y = y * (1 - label_smoothing) + 0.5 * label_smoothing
    if pos_weight is None:
        return jnp.maximum(x, 0) - x * y + jnp.log1p(jnp.exp(-jnp.abs(x)))
    return -pos_weight * y * jax.nn.log_sigmoid(x) - (1 - y) * jax.nn.log_sigmoid(-x)


def _sigmoid_focal(logits: Array, targets: Array, gamma: float = 2.0, alpha: float | None = None) -> Array:
    x, y = as_float(logits, targets)
    chance = jax.nn.sigmoid(x)
    right = chance * y + (1 - chance) * (1 - y)
    values = binary(x, y) * (1 - right) ** gamma
    return values if alpha is None else values * (alpha * y + (1 - alpha) * (1 - y))


def integer_labels(logits: Array, labels: Array, label_smoothing: float = 0.0, z_loss: float = 0.0) -> Array:
    (x,) = as_float(logits)
    log_z = jax.nn.logsumexp(x, axis=-1)
    values = log_z - jnp.take_along_axis(x, labels[..., None], axis=-1)[..., 0]
    if label_smoothing:
        values = (1 - label_smoothing) * values + label_smoothing * (log_z - x.mean(-1))
    return values + z_loss * jnp.square(log_z) if z_loss else values


def _with_class_weights(
    logits: Array,
    labels: Array,
    label_smoothing: float = 0.0,
    z_loss: float = 0.0,
    class_weights: Array | None = None,
) -> Any:
    values = integer_labels(logits, labels, label_smoothing, z_loss)
    return values if class_weights is None else (values, class_weights[labels])


def _soft_targets(logits: Array, targets: Array, label_smoothing: float = 0.0) -> Array:
    x, y = as_float(logits, targets)
    y = y * (1 - label_smoothing) + label_smoothing / x.shape[-1]
    return -jnp.sum(y * jax.nn.log_softmax(x), axis=-1)


def _softmax_focal(logits: Array, labels: Array, gamma: float = 2.0) -> Array:
    values = integer_labels(logits, labels)
    return (1 - jnp.exp(-values)) ** gamma * values


def _linear(hidden: Array, kernel: Array, labels: Array, label_smoothing: float = 0.0, z_loss: float = 0.0) -> Array:
    """All scores at once."""
    logits = jnp.dot(hidden, kernel, preferred_element_type=jnp.float32)
    return integer_labels(logits, labels, label_smoothing, z_loss)


def _kl(log_predictions: Array, targets: Array) -> Array:
    q, p = as_float(log_predictions, targets)
    return jnp.sum(jax.scipy.special.xlogy(p, p) - p * q, axis=-1)


def _kl_from_logits(logits: Array, target_logits: Array) -> Array:
    q, p = (jax.nn.log_softmax(x) for x in as_float(logits, target_logits))
    return jnp.sum(jnp.exp(p) * (p - q), axis=-1)


def unit(x: Array) -> Array:
    (x,) = as_float(x)
    return x / jnp.linalg.norm(x, axis=-1, keepdims=True)


def _cosine(predictions: Array, targets: Array) -> Array:
    return 1 - jnp.sum(unit(predictions) * unit(targets), axis=-1)


def _overlaps(predictions: Array, targets: Array) -> tuple[Array, Array, Array]:
    """Intersection over union, the union, and width and height of the smallest box around both."""
    a, b = as_float(predictions, targets)
    area = lambda sides: sides[..., 0] * sides[..., 1]
    low, high = jnp.maximum(a[..., :2], b[..., :2]), jnp.minimum(a[..., 2:], b[..., 2:])
    both = area(jnp.maximum(high - low, 0))
    union = area(a[..., 2:] - a[..., :2]) + area(b[..., 2:] - b[..., :2]) - both
    hull = jnp.maximum(a[..., 2:], b[..., 2:]) - jnp.minimum(a[..., :2], b[..., :2])
    return both / union, union, hull


def _giou(predictions: Array, targets: Array) -> Array:
    overlap, union, hull = _overlaps(predictions, targets)
    around = hull[..., 0] * hull[..., 1]
    return 1 - overlap + (around - union) / around


def _ciou(predictions: Array, targets: Array) -> Array:
    overlap, _, hull = _overlaps(predictions, targets)
    a, b = as_float(predictions, targets)
    centre, sides = (lambda x: (x[..., :2] + x[..., 2:]) / 2), (lambda x: x[..., 2:] - x[..., :2])
    apart = jnp.sum(jnp.square(centre(a) - centre(b)), -1) / jnp.sum(jnp.square(hull), -1)
    angle = lambda x: jnp.arctan2(sides(x)[..., 0], sides(x)[..., 1])
    aspect = 4 / jnp.pi**2 * jnp.square(angle(a) - angle(b))
    share = jax.lax.stop_gradient(aspect / (1 - overlap + aspect))
    return 1 - overlap + apart + share * aspect


DENSE: dict[str, Formula] = {
    "absolute_error": _of_residual(jnp.abs),
    "ciou_loss": _ciou,
    "cosine_distance": _cosine,
    "giou_loss": _giou,
    "half_squared_error": _of_residual(lambda r: 0.5 * jnp.square(r)),
    "hinge_loss": lambda scores, targets: jnp.maximum(1 - scores.astype(jnp.float32) * targets.astype(jnp.float32), 0),
    "huber_loss": _of_residual(_huber),
    "kl_divergence": _kl,
    "kl_divergence_from_logits": _kl_from_logits,
    "linear_softmax_cross_entropy": _linear,
    "log_cosh": _of_residual(_log_cosh),
    "quantile_loss": _of_residual(_quantile),
    "sigmoid_binary_cross_entropy": binary,
    "sigmoid_focal_loss": _sigmoid_focal,
    "softmax_cross_entropy": _soft_targets,
    "softmax_cross_entropy_with_integer_labels": _with_class_weights,
    "softmax_focal_loss": _softmax_focal,
    "squared_error": _of_residual(jnp.square),
}
"""Loss to its formula, at the defaults of ours and with those of its hyperparameters that users write by hand."""
