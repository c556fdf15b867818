"""Scores of a linear map over a large vocabulary, a tile at a time: a block of tokens by a chunk of classes."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxloss._floor.mesh import vary_over, varying_axes
from jaxloss._floor.typing import Array, AxisName

__all__ = [
    "Head",
    "Options",
    "Plan",
    "Tile",
    "dot",
    "operand",
    "present_in",
    "rows_of",
    "slice_of",
    "steps",
    "tile",
    "zeros",
]


class Plan(NamedTuple):
    """What sets the structure of the program.

    Attributes:
        chunk: The classes of a tile.
        smooth: Whether the loss has smoothing.
        penalize: Whether it has the squared log-normaliser.
        axis_name: The mesh axis that the classes are spread over.
        groups: Runs of tokens, from each of which a tile has some.
        rows: The tokens of a tile from each group; None if a tile has all tokens.
    """

    chunk: int
    smooth: bool
    penalize: bool
    axis_name: AxisName | None = None
    groups: int = 1
    rows: int | None = None


class Options(NamedTuple):
    """Hyperparameters in the working dtype; None where absent."""

    smoothing: Array
    z_factor: Array
    soft_cap: Array | None
    class_weights: Array | None


class Head(NamedTuple):
    """The linear map; its kernel ``[features, classes]`` may be as narrow as it came."""

    hidden: Array
    kernel: Array
    bias: Array | None


class Tile(NamedTuple):
    """A part of the kernel, its scores, -inf where the chunk before had the class, and their slope in the raw ones.

    With it come how far a class is from the label, whether it is the label, its weight, and a 0 of run time.
    """

    columns: Array
    scores: Array
    slope: Array | None
    distance: Array
    is_label: Array
    weights: Array | None
    zero: Array


def dot(a: Array, b: Array, axes: tuple[int, int], dtype: Any) -> Array:
    """The product over one axis of each, from the end, accumulated in float32 at least."""
    return jax.lax.dot_general(
        a, b, (((a.ndim + axes[0],), (b.ndim + axes[1],)), ((), ())), preferred_element_type=dtype
    )


def operand(head: Head) -> tuple[Any, Any]:
    """The dtype of the factors of the products, and that of everything else."""
    work = jnp.float64 if jnp.float64 in (head.hidden.dtype, head.kernel.dtype) else jnp.float32
    return (jnp.bfloat16 if head.hidden.dtype == head.kernel.dtype == jnp.bfloat16 else work), work


def steps(plan: Plan, head: Head) -> Array:
    """The numbers of the chunks."""
    return jnp.arange(-(-head.kernel.shape[-1] // plan.chunk), dtype=jnp.int32)


def zeros(labels: Array, dtype: Any) -> Array:
    """Zeros for a loop to start from; inside ``jax.shard_map`` of the type that its results have."""
    return vary_over(jnp.zeros(labels.shape, dtype), varying_axes(labels))


def rows_of(plan: Plan, hidden: Array, block: Array | None) -> Array:
    """The hidden states of a block of tokens, ``plan.rows`` of each group."""
    if block is None or plan.rows is None:
        return hidden
    return jax.lax.dynamic_slice_in_dim(hidden, block * plan.rows, plan.rows, axis=1)


def slice_of(x: Array, index: Array, chunk: int) -> Array:
    """The entries of a chunk of classes, which are the last axis."""
    return jax.lax.dynamic_slice_in_dim(x, _start(index, chunk, x.shape[-1]), chunk, axis=-1)


def _start(index: Array, chunk: int, classes: int) -> Array:
    """Where a chunk starts: the last one overlaps the one before it if the chunks do not divide the classes."""
    start = index * chunk
    return start if classes % chunk == 0 else jnp.minimum(start, classes - chunk)


def tile(plan: Plan, head: Head, labels: Array, options: Options, index: Array) -> Tile:
    """The scores of the tokens of ``head`` for a chunk of its classes, from which the ``labels`` are counted too."""
    factor, work = operand(head)
    classes = head.kernel.shape[-1]
    # 0, but only at run time: what it meets is neither computed for the whole kernel nor stored before the loop.
    zero = jnp.where(index < 0, jnp.ones((), work), jnp.zeros((), work))
    columns = slice_of(head.kernel, index, plan.chunk)
    if factor == jnp.float32:
        # A TPU multiplies in bfloat16, and would keep such a copy of the kernel.
        columns = jax.lax.optimization_barrier(columns.astype(factor) + zero)
    columns = columns.astype(factor)
    scores, slope = dot(head.hidden.astype(factor), columns, (-1, -2), work), None
    if head.bias is not None:
        scores = scores + jnp.expand_dims(slice_of(head.bias, index, plan.chunk), range(labels.ndim)).astype(work)
    if options.soft_cap is not None:
        bent = jnp.tanh(scores / options.soft_cap)
        scores, slope = options.soft_cap * bent, (1 - bent) * (1 + bent)
    start = _start(index, plan.chunk, classes)
    number = jnp.expand_dims(jnp.arange(plan.chunk, dtype=jnp.int32), range(labels.ndim))
    place = (labels - start)[..., None]
    distance, is_label = number.astype(work) - place.astype(work), number == place
    if classes % plan.chunk:
        fresh = number >= index * plan.chunk - start
        # A sum with one number per class: XLA on CPU would store the result of a select.
        scores = scores + jnp.where(fresh, jnp.zeros((), work), -jnp.inf)
        is_label = is_label & fresh
    weights = options.class_weights
    if weights is not None:
        weights = jnp.expand_dims(slice_of(weights, index, plan.chunk), range(labels.ndim))
    return Tile(columns, scores, slope, distance, is_label, weights, zero)


def present_in(some: Tile) -> tuple[Array, Array]:
    """The weight of every class in the smoothing, and whether it counts there: not if it is absent."""
    present = jnp.logical_not(jnp.isneginf(some.scores))
    ones = present.astype(some.scores.dtype)
    return (ones if some.weights is None else ones * some.weights), present
