"""Gathers the terms of the whole batch from devices and micro-batches, and splits cotangents back to them."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp

from jaxloss._floor.mesh import vary_over
from jaxloss._floor.reduction import plain_mean
from jaxloss._floor.typing import Array
from jaxloss.combine.structure.terms import ModelTerm, Notes, Terms
from jaxloss.reductions import Term

__all__ = ["exchange"]

Cotangents = dict[str, Array]


def exchange(
    terms: Terms, notes: Notes, axes: tuple[str, ...], microbatches: int
) -> tuple[Terms, Notes, Callable[[Cotangents], Cotangents]]:
    """Terms and notes of the whole batch in its order, and the function that splits cotangents of values again.

    Args:
        terms: This device's terms; with ``microbatches`` > 1 stacked along a new leading axis.
        notes: This device's annotations, likewise.
        axes: The mesh axes that the batch is split over, the slowest first.
        microbatches: Into how many parts each device splits its share.
    """
    devices, here = (jax.lax.axis_size(axes), jax.lax.axis_index(axes)) if axes else (1, 0)
    parts = devices * microbatches
    stacked = microbatches > 1
    if parts == 1:
        plain = {name: Term(term.values, term.weights) for name, term in terms.items()}
        return plain, notes, lambda cotangents: cotangents

    def gather(part: Array) -> Array:
        # A sum over devices instead of an all-gather: only its result is typed as equal on every device.
        whole = jnp.zeros((devices, *part.shape), part.dtype).at[here].set(part)
        if axes:
            whole = jax.lax.psum(vary_over(whole, axes), axes).astype(part.dtype)
        return jnp.reshape(whole, (-1, *whole.shape[2 + stacked :]))

    def noted(part: Array) -> Array:
        whole = gather(part)
        return plain_mean(whole) if part.ndim == stacked and jnp.issubdtype(part.dtype, jnp.floating) else whole

    def gathered(term: Term) -> Term:
        share = parts if isinstance(term, ModelTerm) else 1
        return Term(gather(term.values), gather(term.weights / share))

    def scatter(cotangents: Cotangents) -> Cotangents:
        shape = {name: (devices, *terms[name].values.shape) for name in cotangents}
        return {name: jnp.reshape(value, shape[name])[here] for name, value in cotangents.items()}

    return {name: gathered(term) for name, term in terms.items()}, jax.tree.map(noted, notes), scatter
