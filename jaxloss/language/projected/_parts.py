"""The cross-entropy and the log-normaliser of every token, with one pass for the gradient of any sum of both.

In reverse mode alone: a rule for forward mode has a slope for each, and JAX would transpose them one by one, with twice
the products.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.custom_derivatives import SymbolicZero

from jaxloss._floor.typing import Array
from jaxloss.language.projected._rows import Row, values_of
from jaxloss.language.projected._softmax import in_blocks, push, rows_after
from jaxloss.language.projected._tiles import Head, Options, Plan, zeros

__all__ = ["Passes", "parts_by", "projected_parts", "slopes_by_chunks"]

Parts = tuple[Array, Array]


class Passes(NamedTuple):
    """The two passes over the classes.

    Attributes:
        rows: What is known of every token, from the linear map, labels and hyperparameters.
        slopes: The gradient of the linear map, from these, the rows and a cotangent of every token.
    """

    rows: Callable[[Plan, Head, Array, Options], Row]
    slopes: Callable[[Plan, Head, Array, Options, Row, Array], Head]


def slopes_by_chunks(plan: Plan, head: Head, labels: Array, options: Options, row: Row, cotangent: Array) -> Head:
    """The gradient of the linear map, by the pass of the cross-entropy alone."""
    along = lambda moved: push(plan, head, labels, options, row, moved)
    return jax.vjp(along, head)[1](cotangent)[0]


BY_CHUNKS = Passes(rows_after, slopes_by_chunks)


@functools.partial(jax.jit, static_argnames="plan")
def projected_parts(plan: Plan, head: Head, labels: Array, options: Options) -> Parts:
    """The loss and the log-normaliser of every token; ``labels`` lie in the range of the classes of all devices."""
    return in_blocks(functools.partial(parts_by, BY_CHUNKS), plan, head, labels, options)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def parts_by(passes: Passes, plan: Plan, head: Head, labels: Array, options: Options) -> Parts:
    """The same of labels in blocks, or of all labels."""
    return _parts_of(plan, passes.rows(plan, head, labels, options), options)


def _parts_of(plan: Plan, row: Row, options: Options) -> Parts:
    return values_of(plan, row, options), row.peak + row.spread


def _forward(passes: Passes, plan: Plan, *primals: Any) -> tuple[Parts, Any]:
    head, labels, options = jax.tree.map(lambda x: x.value, primals)
    row = passes.rows(plan, head, labels, options)
    nudged = any(x.perturbed for x in jax.tree.leaves(primals[2]))
    return _parts_of(plan, row, options), (head, labels, options, row, options if nudged else None)


def _backward(passes: Passes, plan: Plan, known: Any, cotangents: Any) -> tuple[Head, None, Options | None]:
    head, labels, options, row, nudged = known
    own, normalizer = (zeros(row.nll, row.nll.dtype) if isinstance(x, SymbolicZero) else x for x in cotangents)
    if isinstance(cotangents[1], SymbolicZero):
        found = passes.slopes(plan, head, labels, options, row, own)
    else:
        found = passes.slopes(plan, head, labels, options, row._replace(shares=(own, normalizer)), jnp.ones_like(own))
    if nudged is None:
        return found, None, None
    plain = lambda some: _parts_of(plan, rows_after(plan, head, labels, some), some)
    return found, None, jax.vjp(plain, options)[1]((own, normalizer))[0]


parts_by.defvjp(_forward, _backward, symbolic_zeros=True)
