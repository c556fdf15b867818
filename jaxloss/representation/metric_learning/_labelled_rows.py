"""Labelled batches, a chunk of anchors at a time: their distances to everybody, and who is on which side."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxloss._floor.chunks import by_rows
from jaxloss._floor.maths import numerics
from jaxloss._floor.spread import mean_over
from jaxloss._floor.typing import Array
from jaxloss.representation._groups import Crowd, Group, sides_of, similarities

__all__ = ["Sides", "by_anchors"]

_CLOSE = 1e-3
"""Part of the squared lengths of two rows below which a squared distance may be the rounding of 0."""


class Sides(NamedTuple):
    """Some anchors against everybody, each ``[..., rows, M]``."""

    distances: Array
    positives: Array
    """Which share the label of the anchor, itself apart."""
    negatives: Array
    """Which have another label. A masked example is in neither, on either side."""


def by_anchors(of_anchors: Callable[[Sides], Any], x: Array, group: Group) -> Any:
    """``of_anchors(sides)``, a pytree of ``[..., N]``, a chunk of anchors at a time.

    Args:
        of_anchors: Works on every anchor by itself.
        x: Embeddings ``[..., N, D]``, 0 where masked.
        group: Their labels and their crowd.
    """
    *batch, size, _ = x.shape
    if size == 0:
        nobody = jnp.zeros((*batch, 0, 1), x.dtype)
        return of_anchors(Sides(nobody, nobody != 0, nobody != 0))
    crowd, theirs, they_keep = group.crowd, group.everybody(), group.crowd.everybody_kept()
    here, there, scale = _points(x, crowd)

    def block(rows: Any, start: Array) -> Any:
        points, mine, keep = rows
        distances = scale * numerics.sqrt(_squares(points, there))
        return of_anchors(Sides(distances, *sides_of(mine, theirs, keep, they_keep, crowd.first + start)))

    chunk = crowd.chunk(x, there.rows)
    return by_rows(block, chunk, (here, group.labels, crowd.keep), len(batch))


class _Points(NamedTuple):
    """Rows ``[..., N, D]`` near the origin, their squared lengths, and a whole number that equal rows share."""

    rows: Array
    lengths: Array
    fingerprints: Array


def _points(x: Array, crowd: Crowd) -> tuple[_Points, _Points, Array]:
    """The rows that are here and those of everybody after a common shift, in units of a scale that comes with them.

    The shift moves the mean of the kept rows to the origin and changes no distance. The scale, a constant of
    differentiation, keeps the squares from overflowing.
    """
    everybody = crowd.everybody(x)
    scale = numerics.binary_scale_of(everybody, (-2, -1))
    mass = None if crowd.keep is None else jnp.broadcast_to(crowd.keep[..., None], x.shape)
    centre = jnp.expand_dims(jax.lax.stop_gradient(mean_over(crowd.axis_name, x / scale, mass, -2)), -2)

    def near_origin(x: Array) -> _Points:
        rows = x / scale - centre
        return _Points(rows, jnp.sum(jnp.square(rows), axis=-1), _fingerprints(x))

    return near_origin(x), near_origin(everybody), scale


def _squares(rows: _Points, everybody: _Points) -> Array:
    """Squared distances ``[..., rows, M]`` from inner products; exactly 0 for equal rows, where these would round."""
    products = similarities(rows.rows, everybody.rows)
    own, theirs = rows.lengths[..., :, None], everybody.lengths[..., None, :]
    squares = numerics.positive_part((own - products) + (theirs - products))
    equal = rows.fingerprints[..., :, None] == everybody.fingerprints[..., None, :]
    # Different rows that share a fingerprint are told apart by their distance.
    return jnp.where(equal & (squares < _CLOSE * (own + theirs)), jnp.zeros((), squares.dtype), squares)


def _fingerprints(x: Array) -> Array:
    """A whole number for each row: the bits of its entries, mixed and added up, which no order of addition rounds."""
    bits = jax.lax.bitcast_convert_type(jnp.where(x == 0, jnp.zeros((), x.dtype), x), jnp.uint32)
    bits = bits.reshape(*x.shape[:-1], math.prod(bits.shape[x.ndim - 1 :]))
    odd = 2 * jax.lax.broadcasted_iota(jnp.uint32, bits.shape, bits.ndim - 1) + 1
    for factor in (0x9E3779B1, 0x85EBCA6B):
        bits = (bits ^ (bits >> 16)) * (odd * jnp.uint32(factor))
    return jnp.sum(bits ^ (bits >> 15), axis=-1, dtype=jnp.uint32)
