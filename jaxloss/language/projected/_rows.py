"""What is known of a token after the pass over its scores, and the loss and the slopes that follow from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxloss._floor.maths import numerics
from jaxloss._floor.maths.softmax.sharded_classes import added, first_class, highest, of_label, typed_axes
from jaxloss._floor.mesh import vary_over, varying_axes
from jaxloss._floor.typing import Array
from jaxloss.language.projected._tiles import Head, Options, Plan, Tile, present_in

__all__ = ["Row", "counted_here", "finished", "known_to_pull", "pull", "typed", "values_of"]


class Row(NamedTuple):
    """What is known of a token after the pass: the terms of the dense core, and those of the smoothing.

    Attributes:
        nll: Minus the log-probability of the label.
        spread: The logarithm of the sum of exponentials relative to the peak.
        peak: The largest score, through which no gradient flows.
        uniform: The cross-entropy with the even distribution, 0 without smoothing.
        mass: The weight of all classes together in it.
        each: The weight of a class of weight 1 in it.
        shares: How much the loss and the logarithm of the normaliser count in the slope; None for the loss alone.
    """

    nll: Array
    spread: Array
    peak: Array
    uniform: Array
    mass: Array
    each: Array
    shares: tuple[Array, Array] | None = None


def typed(plan: Plan, head: Head, labels: Array, options: Options) -> tuple[Head, Array, Options]:
    """The same, typed as differing over the devices that any of them differs over.

    Inside `jax.shard_map` a gradient is summed over devices where its input begins to differ between them: here, once,
    and not chunk by chunk. What is known of a token in the end is the same for all slices of the classes.
    """
    sliced = typed_axes(plan.axis_name)
    axes = {axis: None for x in jax.tree.leaves((head, labels, options)) for axis in varying_axes(x)}
    shared = tuple(axis for axis in axes if axis not in sliced)
    head = vary_over(head, (*shared, *sliced))
    per_class = vary_over(options.class_weights, (*shared, *sliced))
    labels, options = vary_over((labels, options._replace(class_weights=None)), shared)
    return head, labels, options._replace(class_weights=per_class)


def counted_here(plan: Plan, head: Head, labels: Array, some: Any) -> tuple[Array, Any]:
    """Labels counted from the first class here, and ``some`` numbers for all devices, typed as the classes here are."""
    axes = typed_axes(plan.axis_name)
    first = first_class(plan.axis_name, head.kernel.shape[-1])
    return vary_over(labels, axes) - first, vary_over(some, axes)


def finished(plan: Plan, kept: tuple[Array, ...], labels: Array, options: Options) -> Row:
    """The same from what the pass over the classes here has kept."""
    lower, total, own, *even = kept
    top = highest(plan.axis_name, lower)
    total, own = added(plan.axis_name, (total * jnp.exp(lower - top), own))
    peak = jax.lax.stop_gradient(jnp.maximum(top, own))
    gap = own - peak
    spread = jnp.log1p(total * jnp.exp(top - peak) + jnp.expm1(gap))
    nll = spread - gap
    if not plan.smooth:
        none = jnp.zeros_like(nll)
        return Row(nll, spread, peak, none, none, none)
    lean, mass, count = even
    lean, mass, count = added(plan.axis_name, (lean + (top - lower) * mass, mass, count))
    one = jnp.ones_like(nll)
    weight = one if options.class_weights is None else of_label(plan.axis_name, options.class_weights, labels)
    each = numerics.divide(one, count.astype(nll.dtype) * weight)
    uniform = lean + ((peak - top) + spread) * mass + weight * nll
    return Row(nll, spread, peak, uniform * each, (mass + weight) * each, each)


def values_of(plan: Plan, row: Row, options: Options) -> Array:
    values = row.nll
    if plan.smooth:
        values = (1 - options.smoothing) * row.nll + options.smoothing * row.uniform
    if plan.penalize:
        values = values + options.z_factor * jnp.square(row.peak + row.spread)
    return values


def known_to_pull(row: Row) -> tuple[Array, ...]:
    """What `pull` asks for: the probability of the label less 1, and numbers of the row."""
    return jnp.expm1(-row.nll), row.spread, row.peak, row.mass, row.each, *(row.shares or ())


def pull(plan: Plan, here: Tile, columns: Sequence[Array], options: Options) -> Array:
    """The slope of the loss in every raw score of a chunk; ``columns`` ``[..., 1]`` are those of `known_to_pull`."""
    own, spread, peak, mass, each, *shares = columns
    share = jnp.exp((here.scores - peak) - spread)
    slope = jnp.where(here.is_label, own, share)
    if plan.smooth:
        slope = (1 - options.smoothing) * slope + options.smoothing * (mass * share - each * present_in(here)[0])
    if plan.penalize:
        slope = slope + 2 * options.z_factor * (peak + spread) * share
    if shares:
        slope = shares[0] * slope + shares[1] * share
    return slope if here.slope is None else slope * here.slope
