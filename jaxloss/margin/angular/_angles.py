"""Embeddings and the centres of classes as directions: their cosines, and the cosine of a widened angle."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.maths.rows.products import precision
from jaxloss._floor.reduction import hide, promote
from jaxloss._floor.typing import Array, ArrayLike, Scalar
from jaxloss.classification.softmax import softmax_cross_entropy_with_integer_labels

__all__ = ["Directions", "cross_entropy", "directions", "sine_and_cosine", "widened"]


class Directions(NamedTuple):
    """What angular losses know of a batch.

    Attributes:
        embeddings: In the working dtype, 0 where masked, ``[..., D]``.
        units: The same of length 1.
        centres: Unit vectors ``[D, K]``, or ``[D, K, centres]`` with several for each class.
        cosines: Of all embeddings and centres, ``[..., K]`` or ``[..., centres, K]``.
        labels: Of int32, 0 where masked, ``[...]``.
    """

    embeddings: Array
    units: Array
    centres: Array
    cosines: Array
    labels: Array

    def true(self) -> Array:
        """Which class is the true one, ``[..., K]``."""
        return jax.nn.one_hot(self.labels, self.centres.shape[1], dtype=jnp.bool_)

    def largest_cosines(self) -> Array:
        """Of each embedding and the nearest of several centres of each class, ``[..., K]``; NaN if one of them is.

        XLA on CPU loses the NaN of a maximum. The vectors have fewer entries to look for it than the cosines.
        """
        units, centres = jax.lax.stop_gradient((self.units, self.centres))
        nearest, of_class = jnp.max(self.cosines, axis=-2), jnp.sum(centres, axis=(0, 2))
        return nearest + 0 * jnp.sum(units, axis=-1, keepdims=True) + jnp.broadcast_to(0 * of_class, nearest.shape)

    def own_centre(self) -> Array:
        """The centre of the true class, ``[..., D]``, or its centres ``[..., centres, D]``."""
        own = jnp.take(self.centres, self.labels, axis=1, mode="clip")
        return jnp.moveaxis(own, 0, -1)


def directions(
    where: ArrayLike | None, embeddings: ArrayLike, labels: ArrayLike, kernel: ArrayLike, *, several: bool = False
) -> Directions:
    """The embeddings, labels and kernel of a loss, checked. With ``several`` a class has more than one centre.

    The product is taken in full precision: accelerators' default would be multiplied by the scale.
    """
    embeddings, kernel = checks.floating(embeddings=embeddings, kernel=kernel)
    (labels,) = checks.integer(labels=labels)
    checks.with_axes("features", embeddings=embeddings)
    checks.has_shape(embeddings.shape[:-1], "embeddings.shape[:-1], the feature axis is last", labels=labels)
    features = embeddings.shape[-1]
    if several:
        checks.with_axes("features classes centres", kernel=kernel)
        checks.has_shape((features, *kernel.shape[-2:]), "features, classes, centres", kernel=kernel)
    else:
        checks.with_axes("features classes", kernel=kernel)
        checks.kernel(features, kernel)
    embeddings, kernel = promote(hide(where, embeddings, event_ndim=1), kernel)
    units, centres = numerics.normalize(embeddings), numerics.normalize(kernel, axis=0)
    # The longer axis is last: XLA on CPU does not vectorise the maximum over a last axis of a few centres.
    columns = jnp.swapaxes(centres, 1, 2) if several else centres
    cosines = jnp.matmul(units, columns.reshape(features, -1), precision=precision())
    cosines = cosines.reshape(*units.shape[:-1], *columns.shape[1:])
    return Directions(embeddings, units, centres, cosines, hide(where, checks.as_int32(labels)))


def cross_entropy(logits: Array, labels: Array) -> Array:
    """Softmax cross-entropy per example; NaN for a label out of range."""
    return softmax_cross_entropy_with_integer_labels(logits, labels, reduction="none")


def sine_and_cosine(units: Array, centre: Array) -> tuple[Array, Array]:
    """Of the angle between unit vectors, from their sum and difference: exact near 0 and pi, with bounded slopes."""
    apart, along = numerics.norm(units - centre), numerics.norm(units + centre)
    whole = jnp.square(apart) + jnp.square(along)
    return numerics.divide(2 * apart * along, whole), numerics.divide((along - apart) * (along + apart), whole)


def widened(units: Array, centre: Array, margin: Scalar) -> Array:
    """The cosine of the angle between unit vectors, widened by ``margin``; it decreases up to an angle of pi."""
    sine, cosine = sine_and_cosine(units, centre)
    turned = cosine * jnp.cos(margin) - sine * jnp.sin(margin)
    return jnp.where(cosine >= -jnp.cos(margin), turned, cosine - margin * jnp.sin(margin))
