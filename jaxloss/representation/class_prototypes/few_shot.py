"""Few-shot classification by the means of a support set (prototypical networks)."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.maths.scales import at_unit_scale
from jaxloss._floor.reduction import blank, hide, promote, reduce, weighted_mean
from jaxloss._floor.typing import Array, ArrayLike, Reduction
from jaxloss.classification.softmax import softmax_cross_entropy_with_integer_labels
from jaxloss.representation._groups import similarities

__all__ = ["prototypical_loss"]


def prototypical_loss(
    queries: ArrayLike,
    labels: ArrayLike,
    support: ArrayLike,
    support_labels: ArrayLike,
    *,
    num_classes: int,
    support_weights: ArrayLike | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Prototypical loss: softmax cross-entropy of minus the squared distances to the class means of a support set.

    .. math:: \ell = -\log \frac{e^{-\| q - c_y \|^2}}{\sum_k e^{-\| q - c_k \|^2}}, \qquad
              c_k = \frac{\sum_{n: y_n = k} w_n s_n}{\sum_{n: y_n = k} w_n}

    Gradients flow to queries and support. A class without support is absent. One call is one episode: ``jax.vmap`` has
    several, each with its own support. A temperature divides the squared distances: divide the embeddings by its root.

    Args:
        queries: Embeddings to classify, shape ``[..., D]``, floating.
        labels: Their classes, shape ``[...]``, integer in ``[0, num_classes)``; outside gives NaN, and so does a class
            without support.
        support: Embeddings of the support set, shape ``[S, D]``, floating, the same for all queries.
        support_labels: Their classes, shape ``[S]``, integer in ``[0, num_classes)``; outside gives NaN.
        num_classes: The number of classes C, an integer >= 1, static.
        support_weights: Numbers >= 0 in the class means, shape ``[S]``, such as 0 for padding: an example of weight 0
            is absent, even if it is NaN. None gives all examples equal weights.
        where, weights: Shape ``[...]``, of the queries; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in nats.

    Raises:
        TypeError: If ``queries`` or ``support`` are not floating, or labels are not integer.
        ValueError: If the shapes do not match, the support is empty, or ``num_classes`` is not an integer >= 1.

    Example:
        >>> support, classes = jnp.array([[0.0], [2.0], [3.0]]), jnp.array([0, 0, 1])
        >>> jaxloss.prototypical_loss(jnp.array([[2.0]]), jnp.array([1]), support, classes, num_classes=2)
        Array(0.6931472, dtype=float32)

    Reference:
        Snell, Swersky and Zemel (2017), Prototypical Networks for Few-shot Learning.
        https://arxiv.org/abs/1703.05175
    """
    queries, support = checks.floating(queries=queries, support=support)
    labels, support_labels = map(checks.as_int32, checks.integer(labels=labels, support_labels=support_labels))
    checks.with_axes("features", queries=queries)
    checks.has_shape(queries.shape[:-1], "queries.shape[:-1], the feature axis is last", labels=labels)
    checks.with_axes("support features", support=support)
    checks.has_shape((support.shape[0], queries.shape[-1]), "support, features", support=support)
    checks.has_shape(support.shape[:-1], "one label per support example", support_labels=support_labels)
    num_classes = checks.whole("num_classes", num_classes)
    queries, support = promote(*blank(where, queries, event_ndim=1), support)
    mass = jnp.ones(support_labels.shape, support.dtype)
    if support_weights is not None:
        (given,) = checks.numeric(support_weights=support_weights)
        checks.has_shape(support_labels.shape, "one number per support example", support_weights=given)
        mass = at_unit_scale(given.astype(support.dtype))
    support = hide(mass.astype(bool), support, event_ndim=1)
    # Squared distances do not change where both are moved, and small vectors keep more digits.
    centre = jax.lax.stop_gradient(weighted_mean(support, jnp.broadcast_to(mass[:, None], support.shape), 0))
    queries, support = queries - jnp.expand_dims(centre, tuple(range(queries.ndim - 1))), support - centre[None, :]
    means, present = _class_means(support, support_labels, mass, num_classes)
    logits = 2 * similarities(queries.reshape(-1, queries.shape[-1]), means) - jnp.sum(jnp.square(means), axis=-1)[None]
    logits = logits.reshape(*labels.shape, num_classes)
    labels = hide(where, labels)
    value_checks.ensure_labels(labels, num_classes)
    inside = jnp.clip(labels, 0, num_classes - 1)
    keep = jnp.ones(labels.shape, bool) if where is None else checks.mask(where, labels.shape)
    able = present[inside] & (labels == inside)
    # Where the label has no support, finite logits carry the NaN to the gradient.
    absent = (able & keep)[..., None] & ~jnp.expand_dims(present, tuple(range(labels.ndim)))
    values = softmax_cross_entropy_with_integer_labels(jnp.where(absent, -jnp.inf, logits), inside, reduction="none")
    values = value_checks.within_domain(values, able | ~keep, "labels must be of classes that are in the support")
    return reduce(values, where=where, weights=weights, reduction=reduction)


def _class_means(support: Array, labels: Array, mass: Array, num_classes: int) -> tuple[Array, Array]:
    """The weighted mean of each class, ``[C, D]``, and which classes have any example; NaN for a label out of range."""
    labels = hide(mass.astype(bool), labels)
    value_checks.ensure_labels(labels, num_classes, "support_labels")
    inside = jnp.clip(labels, 0, num_classes - 1)
    pulls = jnp.concatenate([mass[:, None] * support, mass[:, None]], axis=-1)
    sums = jax.ops.segment_sum(pulls, inside, num_segments=num_classes)
    total = jnp.broadcast_to(sums[:, -1:], (num_classes, support.shape[-1]))
    return numerics.poison(numerics.divide(sums[:, :-1], total), jnp.all(inside == labels)), sums[:, -1] > 0
