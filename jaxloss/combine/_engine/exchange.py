"""Gathers the terms of the whole batch from devices and micro-batches, and splits cotangents back to them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxloss._floor.mesh import vary_over
from jaxloss._floor.reduction import plain_mean
from jaxloss._floor.typing import Array
from jaxloss.combine._engine.leaves import leaves_of
from jaxloss.combine.structure.terms import ModelTerm, Notes, Parts, Terms, WholeBatch, evaluated
from jaxloss.reductions import Term

__all__ = ["Pulled", "exchange", "slopes_of"]

Cotangents = dict[str, Array]
Pulled = dict[str, list[Array]]
"""By term the cotangents, in one part of the batch, of its values or of the arrays that `whole_batch` got."""


def slopes_of(term: Term | WholeBatch) -> list[Any]:
    """The arrays of a term through which its derivative goes."""
    if isinstance(term, Term):
        return [term.values]
    return [leaf for leaf in jax.tree.leaves(term) if jnp.issubdtype(leaf.dtype, jnp.floating)]


def exchange(
    terms: Parts, notes: Notes, axes: tuple[str, ...], microbatches: int
) -> tuple[Terms, Notes, Callable[[Cotangents], Pulled]]:
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

    def gather(part: Array) -> Array:
        # A sum over devices instead of an all-gather: only its result is typed as equal on every device.
        whole = jnp.zeros((devices, *part.shape), part.dtype).at[here].set(part)
        if axes:
            whole = jax.lax.psum(vary_over(whole, axes), axes).astype(part.dtype)
        return jnp.reshape(whole, (-1, *whole.shape[2 + stacked :])) if parts > 1 else part

    def joined(part: Array) -> Array:
        """The examples of all parts; of a number that every part has, the mean."""
        whole = gather(part)
        if part.ndim > stacked or parts == 1:
            return whole
        return plain_mean(whole) if jnp.issubdtype(part.dtype, jnp.floating) else whole[0]

    def own(cotangent: Array, part: Array) -> Array:
        return jnp.reshape(cotangent, (devices, *part.shape))[here] if parts > 1 else cotangent

    def own_of_joined(cotangent: Array, part: Array) -> Array:
        return own(cotangent, part) if part.ndim > stacked else jnp.broadcast_to(cotangent / parts, part.shape)

    found: Terms = {}
    pulls: dict[str, Callable[[Array], list[Array]]] = {}
    for name, term in terms.items():
        if isinstance(term, WholeBatch):
            found[name], pull = _pullable(name, jax.tree.map(joined, term))
            pulls[name] = lambda c, pull=pull, term=term: list(map(own_of_joined, pull(c), slopes_of(term)))
        else:
            share = parts if isinstance(term, ModelTerm) else 1
            found[name] = Term(gather(term.values), gather(term.weights / share))
            pulls[name] = lambda c, term=term: [own(c, term.values)]

    def scatter(cotangents: Cotangents) -> Pulled:
        return {name: pulls[name](value) for name, value in cotangents.items()}

    return found, jax.tree.map(joined, notes), scatter


def _pullable(name: str, whole: WholeBatch) -> tuple[Term, Callable[[Array], list[Array]]]:
    """The term that a function of the whole batch gives, and its pullback to the floating arrays of the batch."""
    leaves = leaves_of(whole)

    def values(floating: list[Array]) -> tuple[Array, Array]:
        term = evaluated(name, leaves.rebuild(floating))
        return term.values, term.weights

    value, pull, weights = jax.vjp(values, leaves.floating, has_aux=True)
    return Term(value, weights), lambda cotangent: pull(cotangent)[0]
