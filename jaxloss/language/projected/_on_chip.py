"""The cross-entropy of a linear map by kernels where a TPU compiles it, and by chunks everywhere else."""

from __future__ import annotations

import functools

import jax

from jaxloss._floor.mesh import vary_over, varying_axes
from jaxloss._floor.typing import Array
from jaxloss.language.projected._blocks import apply_to
from jaxloss.language.projected._kernels import running, slopes
from jaxloss.language.projected._parts import Parts, Passes, parts_by, projected_parts, slopes_by_chunks
from jaxloss.language.projected._rows import Row, counted_here, finished, typed
from jaxloss.language.projected._softmax import over_classes, projected_cross_entropy
from jaxloss.language.projected._tiles import Head, Options, Plan

__all__ = ["cross_entropy_on_chip", "parts_on_chip"]


@functools.partial(jax.jit, static_argnames="plan")
def cross_entropy_on_chip(plan: Plan, head: Head, labels: Array, options: Options) -> Array:
    """As `projected_cross_entropy`, which it is where the kernels do not apply; else without forward mode."""
    if not apply_to(head, labels):
        return projected_cross_entropy(plan, head, labels, options)
    return _by_kernels(plan, head, labels, options)[0]


@functools.partial(jax.jit, static_argnames="plan")
def parts_on_chip(plan: Plan, head: Head, labels: Array, options: Options) -> Parts:
    """As `projected_parts`."""
    form = _by_kernels if apply_to(head, labels) else projected_parts
    return form(plan, head, labels, options)


def _by_kernels(plan: Plan, head: Head, labels: Array, options: Options) -> Parts:
    flat = Head(head.hidden.reshape(labels.size, -1), head.kernel, head.bias)
    found = parts_by(ON_CHIP, plan._replace(groups=1, rows=None), *typed(plan, flat, labels.reshape(-1), options))
    return jax.tree.map(lambda x: x.reshape(labels.shape), found)


def _rows(plan: Plan, head: Head, labels: Array, options: Options) -> Row:
    places, here = counted_here(plan, head, labels, options)
    by_kernel, by_chunks = (functools.partial(form, plan) for form in (running, over_classes))
    kept = jax.lax.platform_dependent(head, places, here, tpu=by_kernel, default=by_chunks)
    return finished(plan, kept, labels, options)


def _slopes(plan: Plan, head: Head, labels: Array, options: Options, row: Row, cotangent: Array) -> Head:
    axes = varying_axes(head.hidden)

    def by_kernel(head: Head, row: Row, cotangent: Array) -> Head:
        places, (here, row, cotangent) = counted_here(plan, head, labels, (options, row, cotangent))
        return vary_over(slopes(plan, head, places, here, row, cotangent), axes)

    def by_chunks(head: Head, row: Row, cotangent: Array) -> Head:
        return vary_over(slopes_by_chunks(plan, head, labels, options, row, cotangent), axes)

    return jax.lax.platform_dependent(head, row, cotangent, tpu=by_kernel, default=by_chunks)


ON_CHIP = Passes(_rows, _slopes)
