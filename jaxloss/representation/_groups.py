"""Batches whose examples meet: who is whose positive and negative, and similarities of all pairs."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.reduction import hide, promote
from jaxloss._floor.typing import Array, ArrayLike

__all__ = ["both", "diagonal", "gathered", "grouped", "matched", "per_pair", "present", "similarities", "some", "unit"]


def both(where: ArrayLike | None, shape: tuple[int, ...]) -> Array | None:
    """Which pairs ``[..., N, N]`` consist of kept examples; None if all are kept."""
    if where is None:
        return None
    keep = checks.mask(where, shape)
    return keep[..., :, None] & keep[..., None, :]


def diagonal(shape: tuple[int, ...]) -> Array:
    """True where the last two indices are equal; never stored as a constant."""
    rows, columns = (jax.lax.broadcasted_iota(jnp.int32, shape, len(shape) - axis) for axis in (2, 1))
    return rows == columns


def _examples(name: str, array: Array) -> None:
    """The last two axes exist; there may be no example, but not no feature."""
    named: dict[str, Any] = {name: array}
    checks.with_axes("examples features", allow_empty=True, **named)
    checks.with_axes("features", **named)


def grouped(where: ArrayLike | None, embeddings: Any, labels: Any) -> tuple[Array, Array, Array]:
    """``(embeddings [..., N, D], positives [..., N, N], negatives [..., N, N])``, checked and blanked.

    Row i says which examples share the label of i, itself apart, and which have another. A masked example is in
    neither, on either side.
    """
    (embeddings,) = checks.floating(embeddings=embeddings)
    (labels,) = checks.integer(labels=labels)
    _examples("embeddings", embeddings)
    checks.has_shape(embeddings.shape[:-1], "embeddings.shape[:-1], the feature axis is last", labels=labels)
    pairs = both(where, labels.shape)
    same = labels[..., :, None] == labels[..., None, :]
    positives, negatives = same & ~diagonal(same.shape), ~same
    if pairs is not None:
        positives, negatives = positives & pairs, negatives & pairs
    (embeddings,) = promote(hide(where, embeddings, event_ndim=1))
    return embeddings, positives, negatives


def matched(where: ArrayLike | None, **arrays: Any) -> tuple[Array, Array, Array | None]:
    """``(first [..., N, D], second [..., N, D], pairs of kept examples)``; row i of the one belongs to row i."""
    (first_name, first), (second_name, second) = arrays.items()
    first, second = checks.floating(**arrays)
    _examples(first_name, first)
    checks.same_shape(**{first_name: first, second_name: second})
    pairs = both(where, first.shape[:-1])
    first, second = promote(*(hide(where, x, event_ndim=1) for x in (first, second)))
    return first, second, pairs


def present(logits: Array, pairs: Array | None) -> Array:
    """``logits``, -inf for pairs that are not to meet."""
    return logits if pairs is None else jnp.where(pairs, logits, -jnp.inf)


def gathered(terms: Array, members: Array) -> Array:
    """``log(sum(exp(terms)))`` over the members of each row; -inf with zero derivatives where there is none."""
    some_member = jnp.any(members, axis=-1)
    counted = members | ~some_member[..., None]
    total = numerics.log_sum_exp(jnp.where(counted, terms, -jnp.inf))
    return jnp.where(some_member, total, -jnp.inf)


def unit(x: Array) -> Array:
    """Rows of length 1; a zero row stays 0, orthogonal to all."""
    return numerics.normalize(x)


def similarities(x: Array, y: Array) -> Array:
    """Inner products ``[..., N, M]`` of all rows, in full precision: a temperature multiplies their errors."""
    return jnp.matmul(x, jnp.swapaxes(y, -1, -2), precision=jax.lax.Precision.HIGHEST)


def some(where: ArrayLike | None, able: Array) -> Array:
    """Anchors that are kept and have what they need."""
    return able if where is None else able & checks.mask(where, able.shape)


def per_pair(counts: Array, weights: ArrayLike | None, dtype: Any) -> Array:
    """The weights of anchors that count once for each of their pairs."""
    counts = counts.astype(dtype)
    return counts if weights is None else counts * checks.example_weights(weights, counts.shape, dtype)
