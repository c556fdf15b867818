"""Cross-entropy of a softmax over a linear map, class chunk by class chunk.

One pass over the chunks keeps a few running numbers per token. The slope has a rule of its own: it makes the scores of
a chunk again, turns them in place into the pull of every score on the loss, and multiplies these by the kernel and
the tangents. A chunk of it is rematerialised, so that JAX can transpose the pass without keeping a chunk: reverse
mode is a pass as well, and forward mode and higher derivatives work.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.custom_derivatives import SymbolicZero

from jaxloss._floor.maths import numerics
from jaxloss._floor.maths.sharded_classes import added, first_class, highest, of_label, typed_axes
from jaxloss._floor.mesh import vary_over, varying_axes
from jaxloss._floor.typing import Array, AxisName

__all__ = ["Head", "Options", "Plan", "projected_cross_entropy"]


class Plan(NamedTuple):
    """What sets the structure of the program; with an axis name the classes are spread over its devices."""

    chunk: int
    smooth: bool
    penalize: bool
    axis_name: AxisName | None = None


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
    """A part of the kernel, its scores, -inf where the chunk before had the class, and their slope in the raw ones."""

    columns: Array
    scores: Array
    slope: Array | None
    is_label: Array
    weights: Array | None


class Row(NamedTuple):
    """What is known of a token after the pass: the terms of the dense core, and those of the smoothing.

    Attributes:
        nll: Minus the log-probability of the label.
        spread: The logarithm of the sum of exponentials relative to the peak.
        peak: The largest score, through which no gradient flows.
        uniform: The cross-entropy with the even distribution, 0 without smoothing.
        mass: The weight of all classes together in it.
        each: The weight of a class of weight 1 in it.
    """

    nll: Array
    spread: Array
    peak: Array
    uniform: Array
    mass: Array
    each: Array


def _dot(a: Array, b: Array, axes: tuple[int, int], dtype: Any) -> Array:
    """The product over one axis of each, from the end, accumulated in float32 at least."""
    return jax.lax.dot_general(
        a, b, (((a.ndim + axes[0],), (b.ndim + axes[1],)), ((), ())), preferred_element_type=dtype
    )


def _slice(x: Array, index: Array, chunk: int) -> Array:
    return jax.lax.dynamic_slice_in_dim(x, _start(index, chunk, x.shape[-1]), chunk, axis=-1)


def _start(index: Array, chunk: int, classes: int) -> Array:
    """Where a chunk starts: the last one overlaps the one before it if the chunks do not divide the classes."""
    start = index * chunk
    return start if classes % chunk == 0 else jnp.minimum(start, classes - chunk)


def _steps(plan: Plan, head: Head) -> Array:
    return jnp.arange(-(-head.kernel.shape[-1] // plan.chunk), dtype=jnp.int32)


def _zero(labels: Array, dtype: Any) -> Array:
    """Zeros for a loop to start from; inside ``jax.shard_map`` of the type that its results have."""
    return vary_over(jnp.zeros(labels.shape, dtype), varying_axes(labels))


def _operand(head: Head) -> tuple[Any, Any]:
    """The dtype of the factors of the products, and that of everything else."""
    work = jnp.float64 if jnp.float64 in (head.hidden.dtype, head.kernel.dtype) else jnp.float32
    return (jnp.bfloat16 if head.hidden.dtype == head.kernel.dtype == jnp.bfloat16 else work), work


def _tile(plan: Plan, head: Head, labels: Array, options: Options, index: Array) -> Tile:
    factor, work = _operand(head)
    classes = head.kernel.shape[-1]
    columns = _slice(head.kernel, index, plan.chunk).astype(factor)
    scores, slope = _dot(head.hidden.astype(factor), columns, (-1, -2), work), None
    if head.bias is not None:
        scores = scores + jnp.expand_dims(_slice(head.bias, index, plan.chunk), range(labels.ndim)).astype(work)
    if options.soft_cap is not None:
        bent = jnp.tanh(scores / options.soft_cap)
        scores, slope = options.soft_cap * bent, (1 - bent) * (1 + bent)
    number = _start(index, plan.chunk, classes) + jax.lax.broadcasted_iota(jnp.int32, scores.shape, scores.ndim - 1)
    is_label = number == labels[..., None]
    if classes % plan.chunk:
        fresh = number >= index * plan.chunk
        scores, is_label = jnp.where(fresh, scores, -jnp.inf), is_label & fresh
    weights = options.class_weights
    if weights is not None:
        weights = jnp.expand_dims(_slice(weights, index, plan.chunk), range(labels.ndim))
    return Tile(columns, scores, slope, is_label, weights)


def _present(tile: Tile) -> tuple[Array, Array]:
    """The weight of every class in the smoothing, and whether it counts there: not if it is absent."""
    present = jnp.logical_not(jnp.isneginf(tile.scores))
    ones = present.astype(tile.scores.dtype)
    return (ones if tile.weights is None else ones * tile.weights), present


def _local(plan: Plan, head: Head, labels: Array, some: Any) -> tuple[Array, Any]:
    """Labels counted from the first class here, and ``some`` numbers for all devices, typed as the classes here are."""
    axes = typed_axes(plan.axis_name)
    first = first_class(plan.axis_name, head.kernel.shape[-1])
    return vary_over(labels, axes) - first, vary_over(some, axes)


def _rows(plan: Plan, head: Head, labels: Array, options: Options) -> Row:
    """The pass over the classes. The label is kept apart from the others, for its relative accuracy."""
    _, work = _operand(head)
    places, local = _local(plan, head, labels, options)
    zero = _zero(places, work)
    # The largest score so far; finite from the start, so that differences are numbers.
    start = zero + float(jnp.finfo(work).min) / 4

    @functools.partial(jax.checkpoint, prevent_cse=False)
    def step(carry: tuple[Array, ...], index: Array) -> tuple[tuple[Array, ...], None]:
        top, total, own, lean, mass, count = carry
        tile = _tile(plan, head, places, local, index)
        others = jnp.where(tile.is_label, -jnp.inf, tile.scores)
        peak = jnp.maximum(top, jax.lax.stop_gradient(jnp.max(others, axis=-1)))
        total = total * jnp.exp(top - peak) + jnp.sum(jnp.exp(others - peak[..., None]), axis=-1)
        own = own + jnp.sum(jnp.where(tile.is_label, tile.scores, jnp.zeros((), work)), axis=-1)
        if plan.smooth:
            weights, present = _present(tile)
            rest = jnp.logical_not(tile.is_label) & present
            below = jnp.where(rest, peak[..., None] - others, jnp.zeros((), work))
            lean = lean + (peak - top) * mass + jnp.sum(weights * below, axis=-1)
            mass = mass + jnp.sum(jnp.where(rest, weights, jnp.zeros((), work)), axis=-1)
            count = count + jnp.sum(present, axis=-1, dtype=jnp.int32)
        return (peak, total, own, lean, mass, count), None

    first = (start, zero, zero, zero, zero, _zero(places, jnp.int32))
    (top, total, own, *even), _ = jax.lax.scan(step, first, _steps(plan, head))
    # On all devices: a few numbers for each token travel.
    peak, lower = highest(plan.axis_name, top), top
    total, own = added(plan.axis_name, (total * jnp.exp(lower - peak), own))
    top, peak = peak, jax.lax.stop_gradient(jnp.maximum(peak, own))
    gap = own - peak
    spread = jnp.log1p(total * jnp.exp(top - peak) + jnp.expm1(gap))
    nll = spread - gap
    if not plan.smooth:
        return Row(nll, spread, peak, *(3 * [jnp.zeros_like(nll)]))
    lean, mass, count = even
    lean, mass, count = added(plan.axis_name, (lean + (top - lower) * mass, mass, count))
    one = jnp.ones_like(nll)
    weight = one if options.class_weights is None else of_label(plan.axis_name, options.class_weights, labels)
    each = numerics.divide(one, count.astype(work) * weight)
    uniform = lean + ((peak - top) + spread) * mass + weight * nll
    return Row(nll, spread, peak, uniform * each, (mass + weight) * each, each)


def _values(plan: Plan, row: Row, options: Options) -> Array:
    values = row.nll
    if plan.smooth:
        values = (1 - options.smoothing) * row.nll + options.smoothing * row.uniform
    if plan.penalize:
        values = values + options.z_factor * jnp.square(row.peak + row.spread)
    return values


def _pull(plan: Plan, tile: Tile, row: Row, options: Options) -> Array:
    """The slope of the loss in every raw score of a chunk."""
    nll, spread, peak, _, mass, each = (x[..., None] for x in row)
    share = jnp.exp((tile.scores - peak) - spread)
    pull = jnp.where(tile.is_label, jnp.expm1(-nll), share)
    if plan.smooth:
        pull = (1 - options.smoothing) * pull + options.smoothing * (mass * share - each * _present(tile)[0])
    if plan.penalize:
        pull = pull + 2 * options.z_factor * (peak + spread) * share
    return pull if tile.slope is None else pull * tile.slope


def _push(plan: Plan, head: Head, labels: Array, options: Options, row: Row, moved: Head) -> Array:
    """The slope of the loss along tangents of the linear map, any of which may be `SymbolicZero` or None."""
    factor, work = _operand(head)
    labels, (options, row) = _local(plan, head, labels, (options, row))
    hidden, kernel, bias = (None if isinstance(x, SymbolicZero) else x for x in moved)
    hidden = None if hidden is None else hidden.astype(work)

    # Without this the pulls of all chunks, which do not depend on the tangents, would be kept for the transpose.
    @functools.partial(jax.checkpoint, prevent_cse=False)
    def slope(hidden: Array | None, columns: Array | None, bias: Array | None, index: Array) -> Array:
        tile = _tile(plan, head, labels, options, index)
        pull = _pull(plan, tile, row, options)
        total = _zero(labels, work)
        if hidden is not None:
            # The product with the kernel comes first: its transpose then accumulates in the working dtype.
            total = total + jnp.sum(hidden * _dot(pull.astype(factor), tile.columns, (-1, -1), work), axis=-1)
        if columns is not None:
            # With the same factor as above, so that the transpose rounds the pulls once for both products.
            turned = _dot(pull.astype(factor), columns.astype(factor), (-1, -1), factor)
            total = total + jnp.sum(head.hidden.astype(work) * turned.astype(work), axis=-1)
        if bias is not None:
            total = total + jnp.sum(pull * jnp.expand_dims(bias, range(labels.ndim)), axis=-1)
        return total

    def step(total: Array, index: Array) -> tuple[Array, None]:
        columns = None if kernel is None else _slice(kernel, index, plan.chunk)
        shift = None if bias is None else _slice(bias, index, plan.chunk).astype(work)
        return total + slope(hidden, columns, shift, index), None

    return added(plan.axis_name, jax.lax.scan(step, _zero(labels, work), _steps(plan, head))[0])


def projected_cross_entropy(plan: Plan, head: Head, labels: Array, options: Options) -> Array:
    """The loss of every token; ``labels`` lie in the range of the classes, of those on all devices."""
    # Inside `jax.shard_map` a gradient is summed over devices where its input begins to differ between them: here,
    # once, and not chunk by chunk. What is known of a token in the end is the same for all slices of the classes.
    sliced = typed_axes(plan.axis_name)
    axes = {axis: None for x in jax.tree.leaves((head, labels, options)) for axis in varying_axes(x)}
    shared = tuple(axis for axis in axes if axis not in sliced)
    head = vary_over(head, (*shared, *sliced))
    per_class = vary_over(options.class_weights, (*shared, *sliced))
    labels, options = vary_over((labels, options._replace(class_weights=None)), shared)
    return _projected_cross_entropy(plan, head, labels, options._replace(class_weights=per_class))


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _projected_cross_entropy(plan: Plan, head: Head, labels: Array, options: Options) -> Array:
    return _values(plan, _rows(plan, head, labels, options), options)


@functools.partial(_projected_cross_entropy.defjvp, symbolic_zeros=True)
def _projected_cross_entropy_jvp(plan: Plan, primals: Any, tangents: Any) -> tuple[Array, Array]:
    head, labels, options = primals
    moved, _, nudged = tangents
    row = _rows(plan, head, labels, options)
    value = _values(plan, row, options)
    slope = _push(plan, head, labels, options, row, moved)
    if all(isinstance(x, SymbolicZero) for x in jax.tree.leaves(nudged)):
        return value, slope
    nudges = jax.tree.map(lambda t, x: jnp.zeros_like(x) if isinstance(t, SymbolicZero) else t, nudged, options)
    plain = lambda some: _values(plan, _rows(plan, head, labels, some), some)
    return value, slope + jax.jvp(plain, (options,), (nudges,))[1]
