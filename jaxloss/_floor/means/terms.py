"""Losses that are not yet averaged, and how such means merge."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp

from jaxloss._floor.reduction import weighted_mean
from jaxloss._floor.typing import Array

__all__ = ["Term", "merge", "summarize", "term"]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Term:
    """Per-example losses and their weights, not yet averaged: a pytree.

    Its mean is ``sum(weights * values) / sum(weights)``. A term whose fields are scalars is such a mean with
    its total weight; terms of that kind `merge` exactly, over micro-batches, devices and steps.

    Example:
        >>> a = jaxloss.absolute_error(jnp.array([3.0]), jnp.zeros(1), reduction=jaxloss.reductions.term)
        >>> b = jaxloss.absolute_error(jnp.ones(2), jnp.zeros(2), reduction=jaxloss.reductions.term)
        >>> both = jaxloss.reductions.merge(jaxloss.reductions.summarize(a), jaxloss.reductions.summarize(b))
        >>> print(f"{both.values:.4f} over {both.weights:.0f} examples")
        1.6667 over 3 examples
    """

    values: Array
    weights: Array


def term(values: Array | None = None, weights: Array | None = None) -> Term:
    """Keep the losses per example, as a `Term`: for the combinator layer, or to accumulate a mean exactly.

    Pass it as it is, ``reduction=reductions.term``: it has no arguments of its own.
    """
    if values is None or weights is None:
        raise TypeError("term has no arguments: write reduction=reductions.term, without parentheses.")
    return Term(values, weights)


def summarize(term: Term) -> Term:
    """The 0-d term: the mean of ``term`` and its total weight."""
    return Term(weighted_mean(term.values, term.weights), jnp.sum(term.weights))


def merge(first: Term, second: Term) -> Term:
    """The 0-d term of two 0-d terms together: exact, commutative, with weight 0 as its unit."""
    values, weights = jnp.stack([first.values, second.values]), jnp.stack([first.weights, second.weights])
    return Term(weighted_mean(values, weights, 0), jnp.sum(weights, 0))
