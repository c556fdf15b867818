"""Cross-entropy of a softmax over a linear map, tile by tile of its scores.

One pass over the tiles keeps a few running numbers per token. The slope has a rule of its own: it makes the scores of
a tile again, turns them in place into the pull of every score on the loss, and multiplies these by the kernel and
the tangents. A tile of it is rematerialised, so that JAX can transpose the pass without keeping a tile: reverse
mode is a pass as well, and forward mode and higher derivatives work.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.custom_derivatives import SymbolicZero

from jaxloss._floor.maths.softmax.sharded_classes import added
from jaxloss._floor.typing import Array
from jaxloss.language.projected._rows import Row, counted_here, finished, known_to_pull, pull, typed, values_of
from jaxloss.language.projected._tiles import (
    Head,
    Options,
    Plan,
    dot,
    operand,
    present_in,
    rows_of,
    slice_of,
    steps,
    tile,
    zeros,
)

__all__ = ["in_blocks", "over_classes", "projected_cross_entropy", "push", "rows_after"]


class Moved(NamedTuple):
    """Tangents of a tile, None where an argument does not move."""

    hidden: Array | None
    kernel: Array | None
    bias: Array | None


def over_classes(plan: Plan, head: Head, places: Array, local: Options) -> tuple[Array, ...]:
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
        # 0 at the label and 1 elsewhere: XLA on CPU fuses this into the sum, and would store the result of a select.
        others = jnp.exp(here.scores - peak[..., None]) * jnp.minimum(jnp.abs(here.distance), 1)
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


def rows_after(plan: Plan, head: Head, labels: Array, options: Options) -> Row:
    """What is known of every token after the pass, over the classes of all devices."""
    places, here = counted_here(plan, head, labels, options)
    if plan.rows is None:
        return finished(plan, over_classes(plan, head, places, here), labels, options)
    block = lambda some: over_classes(plan, head._replace(hidden=rows_of(plan, head.hidden, some[0])), some[1], here)
    return finished(plan, jax.lax.map(block, (jnp.arange(len(places)), places)), labels, options)


def push(plan: Plan, head: Head, labels: Array, options: Options, row: Row, moved: Head) -> Array:
    """The slope of the loss along tangents of the linear map, any of which may be `SymbolicZero` or None."""
    factor, work = operand(head)
    labels, (options, row) = counted_here(plan, head, labels, (options, row))
    hidden, kernel, bias = (None if isinstance(x, SymbolicZero) else x for x in moved)
    hidden = None if hidden is None else hidden.astype(work)

    # Without this the pulls of all tiles, which do not depend on the tangents, would be kept for the transpose.
    @functools.partial(jax.checkpoint, prevent_cse=False)
    def slope(tangents: Moved, labels: Array, row: Row, block: Array | None, index: Array) -> Array:
        some = head._replace(hidden=rows_of(plan, head.hidden, block))
        here = tile(plan, some, labels, options, index)
        pulled = pull(plan, here, [x[..., None] for x in known_to_pull(row)], options)
        total = zeros(labels, work)
        if tangents.hidden is not None:
            # The product with the kernel comes first: its transpose then accumulates in the working dtype.
            turned = dot(pulled.astype(factor), here.columns, (-1, -1), work)
            total = total + jnp.sum(tangents.hidden * turned, axis=-1)
        if tangents.kernel is not None:
            # With the same factor as above, so that the transpose rounds the pulls once for both products.
            turned = dot(pulled.astype(factor), tangents.kernel.astype(factor), (-1, -1), factor)
            total = total + jnp.sum(some.hidden.astype(work) * turned.astype(work), axis=-1)
        if tangents.bias is not None:
            total = total + jnp.sum(pulled * jnp.expand_dims(tangents.bias, range(labels.ndim)), axis=-1)
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


def in_blocks(form: Callable[..., Any], plan: Plan, head: Head, labels: Array, options: Options) -> Any:
    """The results of ``form`` for every token, which it takes in the blocks of the plan."""
    head, labels, options = typed(plan, head, labels, options)
    if plan.rows is None:
        return form(plan, head, labels, options)
    # A block has a few tokens of each group, so that it has some of every device that a `jax.jit` spreads them over.
    hidden = head.hidden.reshape(plan.groups, -1, head.hidden.shape[-1])
    blocks = jnp.moveaxis(labels.reshape(plan.groups, -1, plan.rows), 1, 0)
    found = form(plan, head._replace(hidden=hidden), blocks, options)
    return jax.tree.map(lambda x: jnp.moveaxis(x, 0, 1).reshape(labels.shape), found)


@functools.partial(jax.jit, static_argnames="plan")
def projected_cross_entropy(plan: Plan, head: Head, labels: Array, options: Options) -> Array:
    """The loss of every token; ``labels`` lie in the range of the classes, of those on all devices."""
    return in_blocks(_cross_entropy, plan, head, labels, options)


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _cross_entropy(plan: Plan, head: Head, labels: Array, options: Options) -> Array:
    return values_of(plan, rows_after(plan, head, labels, options), options)


@functools.partial(_cross_entropy.defjvp, symbolic_zeros=True)
def _cross_entropy_jvp(plan: Plan, primals: Any, tangents: Any) -> tuple[Array, Array]:
    head, labels, options = primals
    moved, _, nudged = tangents
    row = rows_after(plan, head, labels, options)
    value = values_of(plan, row, options)
    slope = push(plan, head, labels, options, row, moved)
    if all(isinstance(x, SymbolicZero) for x in jax.tree.leaves(nudged)):
        return value, slope
    nudges = jax.tree.map(lambda t, x: jnp.zeros_like(x) if isinstance(t, SymbolicZero) else t, nudged, options)
    plain = lambda some: values_of(plan, rows_after(plan, head, labels, some), some)
    return value, slope + jax.jvp(plain, (options,), (nudges,))[1]
