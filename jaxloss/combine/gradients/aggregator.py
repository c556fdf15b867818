"""Aggregators, which make one gradient from one gradient per term, and ways to build them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import jax.numpy as jnp

from jaxloss._floor.typing import Array, Scalar
from jaxloss.combine.gradients._gram import named_vector
from jaxloss.combine.gradients._rows import (
    Axes,
    combine_rows,
    present_rows,
    products,
    row_leaves,
    scaling_exponent,
    shard_axes,
)
from jaxloss.combine.structure._observe import working_dtype

__all__ = ["Aggregator", "GramianState", "from_gramian", "gramian"]


class InitFn(Protocol):
    """``init(params, names) -> state``; ``names`` are the terms, sorted."""

    def __call__(self, params: Any, names: Sequence[str], /) -> Any: ...


class UpdateFn(Protocol):
    """``update(rows, state, *, values, present, step, **extra) -> (grads, state)``."""

    def __call__(
        self, rows: Any, state: Any, /, *, values: Array, present: Array, step: Array, **extra: Any
    ) -> tuple[Any, Any]: ...


def one_row_per_term(names: Sequence[str]) -> Mapping[str, Sequence[str]]:
    """The default grouping: each term is its own group, in the order of the names."""
    return {name: (name,) for name in sorted(names)}


@dataclasses.dataclass(frozen=True)
class Aggregator:
    """What turns the gradients of several terms into the one gradient that the optimiser receives.

    Attributes:
        init: ``init(params, names) -> state``, a pytree of arrays.
        update: ``update(rows, state, *, values, present, step, **extra) -> (grads, state)``. ``rows`` is like
            ``params`` with a leading axis of groups, and None for leaves that are not differentiated; ``values[m]`` are
            the losses; ``present[m]`` is False for a group without a valid example, which is then treated as if it did
            not exist. An extra argument ``sharded`` holds the mesh axes that each leaf is sharded over. The state keeps
            its structure and dtypes; if it has ``weights``, they are reported.
        groups: From the names of the terms to the groups, in sorted order: the terms that are summed into each row.
    """

    init: InitFn
    update: UpdateFn
    groups: Callable[[Sequence[str]], Mapping[str, Sequence[str]]] = one_row_per_term


class GramianState(NamedTuple):
    """The state of an aggregator whose gradient is a weighted sum of the rows.

    Attributes:
        weights: The weights of the last step, shape ``[m]`` in the order of the sorted names; 0 at first.
        inner: What the method itself carries.
    """

    weights: Array
    inner: Any


def gramian(rows: Any) -> Array:
    """Gram matrix of gradients: inner products over all leaves, and over all devices inside ``jax.shard_map``.

    Args:
        rows: A pytree whose leaves have one leading axis of ``m`` gradients; None leaves are skipped. A leaf that
            varies over mesh axes is treated as one shard of a larger leaf.

    Returns:
        Shape ``[m, m]``, symmetric, float32, or float64 if a leaf is. In float32, squares of entries above 1e19
        overflow and of entries below 1e-19 underflow; aggregators therefore first divide by a power of two.

    Raises:
        TypeError: If a leaf is not floating.
        ValueError: If the leaves differ in the number of rows, or there are no leaves.

    Example:
        >>> from jaxloss import combine
        >>> combine.gramian({"w": jnp.array([[1.0, 2.0], [0.0, 1.0]]), "b": jnp.array([1.0, -1.0])})
        Array([[6., 1.],
               [1., 2.]], dtype=float32)
    """
    leaves = row_leaves(rows)
    return products(leaves, shard_axes(leaves, None))


def from_gramian(
    fn: Callable[..., Any],
    init: Callable[[Sequence[str], Any], Any] | None = None,
    *,
    degree: Scalar | None = 0.0,
) -> Aggregator:
    """Make an aggregator from a pure function of the Gram matrix of the gradients.

    The gradient is the sum of the rows times the weights. To keep squares inside the range of the dtype, all rows are
    first divided by a power of two if their largest entry is above 2^40 or below 2^-30; ``degree`` says how this
    changes the weights. Rows may differ from each other by a factor of 1e30.

    Args:
        fn: Without ``init``: ``fn(gram, present=present) -> weights``, such as `upgrad_weights`. With ``init``:
            ``fn(gram, state, present=, values=, step=, **extra) -> (weights, state)``. The Gram matrix is 0 in the rows
            and columns of absent terms, whose weights are ignored.
        init: ``init(names, dtype) -> state``, a pytree of arrays that keeps its structure and dtypes.
        degree: The power of ``c`` by which the weights change when all rows are multiplied by ``c``. None if there is
            no such power: the rows are then never rescaled.

    Returns:
        An `Aggregator` with a `GramianState`.

    Example:
        >>> from jaxloss import combine
        >>> def shorter(gram, present):
        ...     return jnp.where(present, 1 / jnp.sqrt(jnp.diagonal(gram)), 0.0)
        >>> aggregator = combine.from_gramian(shorter, degree=-1)
        >>> state = aggregator.init(jnp.zeros(2), ("a", "b"))
        >>> rows = jnp.array([[3.0, 4.0], [0.0, 2.0]])
        >>> more = {"values": jnp.ones(2), "present": jnp.array([True, True]), "step": jnp.int32(0)}
        >>> grads, state = aggregator.update(rows, state, **more)
        >>> grads, state.weights
        (Array([0.6, 1.8], dtype=float32), Array([0.2, 0.5], dtype=float32))
    """
    if not callable(fn):
        raise TypeError(f"from_gramian needs a function of the Gram matrix; found {type(fn).__name__}.")
    remembers = fn if init is not None else lambda gram, state, *, present, **_: (fn(gram, present=present), state)

    def start(params: Any, names: Sequence[str], /) -> GramianState:
        dtype = working_dtype(params)
        return GramianState(jnp.zeros(len(names), dtype), () if init is None else init(sorted(names), dtype))

    def update(
        rows: Any,
        state: GramianState,
        /,
        *,
        values: Array,
        present: Array,
        step: Array,
        sharded: Sequence[Axes] | None = None,
        **extra: Any,
    ) -> tuple[Any, GramianState]:
        rows = present_rows(rows, present)
        leaves = row_leaves(rows)
        axes = shard_axes(leaves, sharded)
        exponent = jnp.zeros((), jnp.int32) if degree is None else scaling_exponent(leaves, axes)
        gram = products([leaf * jnp.ldexp(jnp.ones((), leaf.dtype), -exponent) for leaf in leaves], axes)
        weights, inner = remembers(gram, state.inner, present=present, values=values, step=step, **extra)
        if degree is not None:
            power = jnp.asarray(degree, gram.dtype) * exponent.astype(gram.dtype)
            weights = weights * jnp.where(exponent == 0, jnp.ones_like(power), jnp.exp2(power))
        weights = jnp.where(present, weights, jnp.zeros((), weights.dtype)).astype(state.weights.dtype)
        return combine_rows(weights, rows), GramianState(weights, inner)

    return Aggregator(start, update)


def by_preference(who: str, fn: Callable[..., Array], preference: Mapping[str, Scalar] | None) -> Aggregator:
    """The aggregator of ``fn(gram, preference, present=present)``; a preference by name is kept in the state."""
    if preference is None:
        return from_gramian(lambda gram, present: fn(gram, None, present=present))
    if not isinstance(preference, Mapping):
        raise TypeError(
            f"{who}: preference must map each term to a number, such as {{'ce': 1.0, 'l2': 0.1}}; found "
            f"{type(preference).__name__}."
        )
    return from_gramian(
        lambda gram, state, *, present, **_: (fn(gram, state, present=present), state),
        lambda names, dtype: named_vector(f"{who}: preference", preference, names, dtype, at_least=0),
    )
