"""Two views of unlabelled examples: the prediction of the weak one, and what the strong one makes of its class."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.maths.softmax.terms import below_largest, label_terms
from jaxloss._floor.reduction import hide, promote
from jaxloss._floor.typing import Array, ArrayLike, Scalar

__all__ = ["labelled_views", "where_confident"]


def labelled_views(
    where: ArrayLike | None, logits: ArrayLike, weak_logits: ArrayLike
) -> tuple[Array, Array, Array, Array]:
    """``(surprise, confidence, labels, weak)`` of a strong and a weak view, both ``[..., K]``.

    That is the cross-entropy of the strong view with the label of the weak one, the largest probability of the weak
    one, its class, and its logits as constants of differentiation, 0 where masked.
    """
    logits, weak_logits = checks.floating(logits=logits, weak_logits=weak_logits)
    checks.with_axes("classes", logits=logits)
    checks.same_shape(logits=logits, weak_logits=weak_logits)
    strong, weak = promote(*(hide(where, x, event_ndim=1) for x in (logits, jax.lax.stop_gradient(weak_logits))))
    below, largest = below_largest(weak)
    confidence = 1 / jnp.sum(jnp.exp(below), axis=-1)
    labels = jnp.argmax(largest, axis=-1).astype(jnp.int32)
    surprise, *_ = label_terms(strong, labels)
    return surprise, confidence, labels, weak


def where_confident(confidence: Array, threshold: Array | Scalar, values: Array) -> Array:
    """``values``, and 0 where the confidence is below the threshold; what is not confident shows its NaN as well."""
    kept = jnp.where(confidence < threshold, jnp.zeros((), values.dtype), values)
    return numerics.poison(kept, jnp.logical_not(jnp.isnan(confidence) | jnp.isnan(threshold) | jnp.isnan(values)))
