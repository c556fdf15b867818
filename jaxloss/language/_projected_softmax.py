"""Cross-entropy of a softmax over a linear map, tile by tile of its scores.

One pass over the tiles keeps a few running numbers per token. The slope has a rule of its own: it makes the scores of
a tile again, turns them in place into the pull of every score on the loss, and multiplies these by the kernel and
the tangents. A tile of it is rematerialised, so that JAX can transpose the pass without keeping a tile: reverse
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
from jaxloss._floor.typing import Array
from jaxloss.language._projected_tiles import (
    Head,
    Options,
    Plan,
    Tile,
    dot,
    operand,
    present_in,
    rows_of,
    slice_of,
    steps,
    tile,
    zeros,
)

__all__ = ["projected_cross_entropy"]


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


class Moved(NamedTuple):
    """Tangents of a tile, None where an argument does not move."""

    hidden: Array | None
    kernel: Array | None
    bias: Array | None


def _local(plan: Plan, head: Head, labels: Array, some: Any) -> tuple[Array, Any]:
    """Labels counted from the first class here, and ``some`` numbers for all devices, typed as the classes here are."""
    axes = typed_axes(plan.axis_name)
    first = first_class(plan.axis_name, head.kernel.shape[-1])
    return vary_over(labels, axes) - first, vary_over(some, axes)


def _pass(plan: Plan, head: Head, places: Array, local: Options) -> tuple[Array, ...]:
    """The running numbers of tokens after all chunks of the classes here.

    The largest score, the sum of the exponentials of the others than the label relative to it, the score of the label,
    and for the smoothing the weighted sum of what the others lie below the largest, their weight, and the number of
    present classes. The label is kept apart from the others, for its relative accuracy.
    """
    _, work = operand(head)
    zero = zeros(places, work)
    # Finite from the start, so that differences are numbers.
    start = zero + float(jnp.finfo(work).min) / 4

    @functools.partial(jax.checkpoint, prevent_cse=False)
    def step(carry: tuple[Array, ...], index: Array) -> tuple[tuple[Array, ...], None]:
        top, total, own, lean, mass, count = carry
        here = tile(plan, head, places, local, index)
        peak = jnp.maximum(top, jax.lax.stop_gradient(jnp.max(here.scores, axis=-1)))
        # The exponential is at most 1, and the square at least 1 but at the label. XLA on CPU fuses this into the sum,
        # would store the result of a select, and would lose a NaN in the smaller of the two.
        size = jnp.exp(here.scores - peak[..., None])
        others = size - jnp.maximum(size - 2 * jnp.square(here.distance), 0)
        total = total * jnp.exp(top - peak) + jnp.sum(others, axis=-1)
        own = own + jnp.sum(jnp.where(here.is_label, here.scores, here.zero), axis=-1)
        if plan.smooth:
            weights, present = present_in(here)
            rest = jnp.logical_not(here.is_label) & present
            below = jnp.where(rest, peak[..., None] - here.scores, here.zero)
            lean = lean + (peak - top) * mass + jnp.sum(weights * below, axis=-1)
            mass = mass + jnp.sum(jnp.where(rest, weights, here.zero), axis=-1)
            count = count + jnp.sum(present, axis=-1, dtype=jnp.int32)
        return (peak, total, own, lean, mass, count), None

    first = (start, zero, zero, zero, zero, zeros(places, jnp.int32))
    # The chunks seem to depend on the tokens, or JAX would cut the kernel for all blocks of tokens beforehand.
    order, _ = jax.lax.optimization_barrier((steps(plan, head), places))
    return jax.lax.scan(step, first, order)[0]


def _rows(plan: Plan, head: Head, labels: Array, options: Options) -> Row:
    """What is known of every token after the pass, over the classes of all devices."""
    places, local = _local(plan, head, labels, options)
    if plan.rows is None:
        lower, total, own, *even = _pass(plan, head, places, local)
    else:
        block = lambda some: _pass(plan, head._replace(hidden=rows_of(plan, head.hidden, some[0])), some[1], local)
        lower, total, own, *even = jax.lax.map(block, (jnp.arange(len(places)), places))
    top = highest(plan.axis_name, lower)
    total, own = added(plan.axis_name, (total * jnp.exp(lower - top), own))
    peak = jax.lax.stop_gradient(jnp.maximum(top, own))
    gap = own - peak
    spread = jnp.log1p(total * jnp.exp(top - peak) + jnp.expm1(gap))
    nll = spread - gap
    if not plan.smooth:
        return Row(nll, spread, peak, *(3 * [jnp.zeros_like(nll)]))
    lean, mass, count = even
    lean, mass, count = added(plan.axis_name, (lean + (top - lower) * mass, mass, count))
    one = jnp.ones_like(nll)
    weight = one if options.class_weights is None else of_label(plan.axis_name, options.class_weights, labels)
    each = numerics.divide(one, count.astype(nll.dtype) * weight)
    uniform = lean + ((peak - top) + spread) * mass + weight * nll
    return Row(nll, spread, peak, uniform * each, (mass + weight) * each, each)


def _values(plan: Plan, row: Row, options: Options) -> Array:
    values = row.nll
    if plan.smooth:
        values = (1 - options.smoothing) * row.nll + options.smoothing * row.uniform
    if plan.penalize:
        values = values + options.z_factor * jnp.square(row.peak + row.spread)
    return values


def _pull(plan: Plan, here: Tile, row: Row, options: Options) -> Array:
    """The slope of the loss in every raw score of a chunk."""
    nll, spread, peak, _, mass, each = (x[..., None] for x in row)
    share = jnp.exp((here.scores - peak) - spread)
    pull = jnp.where(here.is_label, jnp.expm1(-nll), share)
    if plan.smooth:
        pull = (1 - options.smoothing) * pull + options.smoothing * (mass * share - each * present_in(here)[0])
    if plan.penalize:
        pull = pull + 2 * options.z_factor * (peak + spread) * share
    return pull if here.slope is None else pull * here.slope


def _push(plan: Plan, head: Head, labels: Array, options: Options, row: Row, moved: Head) -> Array:
    """The slope of the loss along tangents of the linear map, any of which may be `SymbolicZero` or None."""
    factor, work = operand(head)
    labels, (options, row) = _local(plan, head, labels, (options, row))
    hidden, kernel, bias = (None if isinstance(x, SymbolicZero) else x for x in moved)
    hidden = None if hidden is None else hidden.astype(work)

    # Without this the pulls of all tiles, which do not depend on the tangents, would be kept for the transpose.
    @functools.partial(jax.checkpoint, prevent_cse=False)
    def slope(tangents: Moved, labels: Array, row: Row, block: Array | None, index: Array) -> Array:
        some = head._replace(hidden=rows_of(plan, head.hidden, block))
        here = tile(plan, some, labels, options, index)
        pull = _pull(plan, here, row, options)
        total = zeros(labels, work)
        if tangents.hidden is not None:
            # The product with the kernel comes first: its transpose then accumulates in the working dtype.
            turned = dot(pull.astype(factor), here.columns, (-1, -1), work)
            total = total + jnp.sum(tangents.hidden * turned, axis=-1)
        if tangents.kernel is not None:
            # With the same factor as above, so that the transpose rounds the pulls once for both products.
            turned = dot(pull.astype(factor), tangents.kernel.astype(factor), (-1, -1), factor)
            total = total + jnp.sum(some.hidden.astype(work) * turned.astype(work), axis=-1)
        if tangents.bias is not None:
            total = total + jnp.sum(pull * jnp.expand_dims(tangents.bias, range(labels.ndim)), axis=-1)
        return total

    def step(carry: tuple[Array, Array | None], index: Array) -> tuple[tuple[Array, Array | None], None]:
        total, hidden = carry
        columns = None if kernel is None else slice_of(kernel, index, plan.chunk)
        shift = None if bias is None else slice_of(bias, index, plan.chunk).astype(work)
        if plan.rows is None:
            return (total + slope(Moved(hidden, columns, shift), labels, row, None, index), hidden), None
        # What several blocks of tokens add to the gradient is added in the working dtype.
        columns = None if columns is None else columns.astype(work)

        def inner(hidden: Array | None, some: Any) -> tuple[Array | None, Array]:
            block, *rest = some
            rows = None if hidden is None else rows_of(plan, hidden, block)
            # A carry that nothing happens to would become a constant, whose gradient is summed apart for every chunk.
            return jax.lax.optimization_barrier(hidden), slope(Moved(rows, columns, shift), *rest, block, index)

        hidden, more = jax.lax.scan(inner, hidden, (jnp.arange(len(labels)), labels, row))
        return (total + more, hidden), None

    (total, _), _ = jax.lax.scan(step, (zeros(labels, work), hidden), steps(plan, head))
    return added(plan.axis_name, total)


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
    options = options._replace(class_weights=per_class)
    if plan.rows is None:
        return _projected_cross_entropy(plan, head, labels, options)
    # A block has a few tokens of each group, so that it has some of every device that a `jax.jit` spreads them over.
    hidden = head.hidden.reshape(plan.groups, -1, head.hidden.shape[-1])
    blocks = jnp.moveaxis(labels.reshape(plan.groups, -1, plan.rows), 1, 0)
    values = _projected_cross_entropy(plan, head._replace(hidden=hidden), blocks, options)
    return jnp.moveaxis(values, 0, 1).reshape(labels.shape)


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
