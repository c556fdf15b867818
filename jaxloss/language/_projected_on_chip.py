"""The cross-entropy of a linear map by kernels where a TPU compiles it, and by chunks everywhere else."""

from __future__ import annotations

import functools
from typing import Any

import jax

from jaxloss._floor.mesh import vary_over, varying_axes
from jaxloss._floor.typing import Array
from jaxloss.language._projected_blocks import apply_to
from jaxloss.language._projected_kernels import running, slopes
from jaxloss.language._projected_rows import Row, counted_here, finished, typed, values_of
from jaxloss.language._projected_softmax import over_classes, projected_cross_entropy, push, rows_after
from jaxloss.language._projected_tiles import Head, Options, Plan

__all__ = ["cross_entropy_on_chip"]


@functools.partial(jax.jit, static_argnames="plan")
def cross_entropy_on_chip(plan: Plan, head: Head, labels: Array, options: Options) -> Array:
    """As `projected_cross_entropy`, which it is where the kernels do not apply; else without forward mode."""
    if not apply_to(head, labels):
        return projected_cross_entropy(plan, head, labels, options)
    flat = Head(head.hidden.reshape(labels.size, -1), head.kernel, head.bias)
    values: Any = _cross_entropy(plan._replace(groups=1, rows=None), *typed(plan, flat, labels.reshape(-1), options))
    return values.reshape(labels.shape)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _cross_entropy(plan: Plan, head: Head, labels: Array, options: Options) -> Array:
    return values_of(plan, _row(plan, head, labels, options), options)


def _row(plan: Plan, head: Head, labels: Array, options: Options) -> Row:
    places, here = counted_here(plan, head, labels, options)
    by_kernel, by_chunks = (functools.partial(form, plan) for form in (running, over_classes))
    kept = jax.lax.platform_dependent(head, places, here, tpu=by_kernel, default=by_chunks)
    return finished(plan, kept, labels, options)


def _forward(plan: Plan, *primals: Any) -> tuple[Array, Any]:
    head, labels, options = jax.tree.map(lambda x: x.value, primals)
    row = _row(plan, head, labels, options)
    nudged = any(x.perturbed for x in jax.tree.leaves(primals[2]))
    return values_of(plan, row, options), (head, labels, options, row, options if nudged else None)


def _backward(plan: Plan, known: Any, cotangent: Array) -> tuple[Head, None, Options | None]:
    head, labels, options, row, nudged = known
    axes = varying_axes(head.hidden)

    def by_kernel(head: Head, row: Row, cotangent: Array) -> Head:
        places, (here, row, cotangent) = counted_here(plan, head, labels, (options, row, cotangent))
        slope = slopes(plan, head, places, here, row, cotangent)
        return vary_over(slope, axes)

    def by_chunks(head: Head, row: Row, cotangent: Array) -> Head:
        along = lambda moved: push(plan, head, labels, options, row, moved)
        return vary_over(jax.vjp(along, head)[1](cotangent)[0], axes)

    found = jax.lax.platform_dependent(head, row, cotangent, tpu=by_kernel, default=by_chunks)
    if nudged is None:
        return found, None, None
    plain = lambda some: values_of(plan, rows_after(plan, head, labels, some), some)
    return found, None, jax.vjp(plain, options)[1](cotangent)[0]


_cross_entropy.defvjp(_forward, _backward, symbolic_zeros=True)
