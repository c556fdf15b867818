"""Weights that make gradients comparable in size: equal norms, and learning-rate annealing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths.numerics import divide, magnitude
from jaxloss._floor.typing import Array, Scalar
from jaxloss.combine.gradients._gram import cosines, mean_over_present, reveal, without
from jaxloss.combine.gradients._rows import (
    Axes,
    combine_rows,
    max_over_devices,
    present_rows,
    row_leaves,
    shard_axes,
    sum_over_devices,
)
from jaxloss.combine.gradients.aggregator import Aggregator, GramianState, from_gramian
from jaxloss.combine.structure._observe import running, working_dtype
from jaxloss.combine.structure.terms import known_names

__all__ = [
    "equal_norms",
    "equal_norms_weights",
    "learning_rate_annealing",
    "learning_rate_annealing_weights",
]


def equal_norms_weights(gram: Array, *, present: Array | None = None) -> Array:
    r"""Weights that make all gradients equally long: mean norm over own norm.

    .. math:: w_i = \frac{\frac1m \sum_j \|g_j\|}{\|g_i\|}

    Args:
        gram: Inner products of the gradients, shape ``[m, m]``; only the diagonal counts.
        present: Boolean, shape ``[m]``; a term where it is False is deleted. None means that all are present.

    Returns:
        Weights, shape ``[m]``; 0 where absent or where the gradient is 0.

    Raises:
        ValueError: If ``gram`` is not square.

    Example:
        >>> from jaxloss import combine
        >>> combine.equal_norms_weights(jnp.diag(jnp.array([1.0, 9.0])))
        Array([2.       , 0.6666667], dtype=float32)

    Reference:
        Wang, Sankaran, Wang and Perdikaris (2023), An Expert's Guide to Training Physics-informed Neural Networks.
        https://arxiv.org/abs/2308.08468
    """
    gram, present = without(gram, present)
    lengths = cosines(gram)[1]
    return reveal(divide(mean_over_present(lengths, present), lengths), gram, present)


def equal_norms(*, momentum: Scalar = 0.9) -> Aggregator:
    """Gradient-norm balancing: a running mean of weights for equally long gradients; see `equal_norms_weights`.

    Args:
        momentum: Share of the old weights in the running mean, in [0, 1); 0 means no memory.

    Returns:
        An `Aggregator` with a `GramianState`, whose ``inner`` is the running mean, which starts at 1.

    Raises:
        ValueError: If ``momentum`` is out of range.

    Example:
        >>> from jaxloss import combine
        >>> combine.equal_norms(momentum=1.0)
        Traceback (most recent call last):
            ...
        ValueError: momentum must be >= 0 and < 1; found 1.0.
    """
    momentum = checks.scalar("momentum", momentum, jnp.float32, at_least=0, below=1)

    def weights(gram: Array, state: Array, *, present: Array, **_: Any) -> tuple[Array, Array]:
        new = equal_norms_weights(gram, present=present)
        state = running(momentum, state, new, present & (new != 0))
        return state, state

    return from_gramian(weights, lambda names, dtype: jnp.ones(len(names), dtype))


def learning_rate_annealing_weights(
    rows: Any, reference: int | Array, *, present: Array | None = None, sharded: Sequence[Axes] | None = None
) -> Array:
    r"""Weights of learning-rate annealing: mean gradient entries become as large as the largest one of a reference.

    .. math:: w_i = \frac{\max_\theta |\partial_\theta L_r|}{\operatorname{mean}_\theta |\partial_\theta L_i|},
              \qquad w_r = 1

    Args:
        rows: A pytree like the parameters with a leading axis of ``m`` gradients; None leaves are skipped.
        reference: Index r of the reference term; in a physics-informed network, the residual of the equation.
        present: Boolean, shape ``[m]``; a term where it is False is deleted. None means that all are present.
        sharded: For each leaf the mesh axes that it is sharded over; None takes them from the types of the leaves.

    Returns:
        Weights, shape ``[m]``; 0 where absent or where the gradient is 0; 0 for all other terms if the reference is
        absent or its gradient is 0. NaN where a gradient has a NaN.

    Raises:
        ValueError: If the leaves differ in the number of rows.

    Example:
        >>> from jaxloss import combine
        >>> combine.learning_rate_annealing_weights(jnp.array([[4.0, -8.0], [1.0, 3.0]]), 0)
        Array([1., 4.], dtype=float32)

    Reference:
        Wang, Teng and Perdikaris (2021), Understanding and Mitigating Gradient Flow Pathologies in Physics-Informed
        Neural Networks. https://arxiv.org/abs/2001.04536
    """
    leaves = row_leaves(rows)
    size = len(leaves[0])
    present = jnp.ones(size, bool) if present is None else checks.mask(present, (size,))
    entries = [magnitude(leaf) for leaf in row_leaves(present_rows(leaves, present))]
    shared = shard_axes(leaves, sharded)
    flat = [jnp.reshape(leaf, (size, -1)) for leaf in entries]
    peaks = [max_over_devices(jnp.max(x, axis=1, initial=0), own) for x, own in zip(flat, shared, strict=True)]
    sums = [sum_over_devices(jnp.sum(x, axis=1), own) for x, own in zip(flat, shared, strict=True)]
    counts = [sum_over_devices(jnp.asarray(x[0].size, x.dtype), own) for x, own in zip(flat, shared, strict=True)]
    typical = jnp.sum(jnp.stack(sums), axis=0) / jnp.sum(jnp.stack(counts))
    peak = jnp.max(jnp.stack(peaks), axis=0)[reference]
    weights = divide(jnp.broadcast_to(peak, typical.shape), typical)
    weights = jnp.where(jnp.arange(size) == reference, jnp.ones_like(weights), weights)
    return jnp.where(present, weights, jnp.zeros_like(weights))


def learning_rate_annealing(*, reference: str, momentum: Scalar = 0.9) -> Aggregator:
    """Learning-rate annealing (Wang): a running mean of `learning_rate_annealing_weights`.

    Args:
        reference: Name of the reference term, whose weight is 1.
        momentum: Share of the old weights in the running mean, in [0, 1).

    Returns:
        An `Aggregator` with a `GramianState`, whose ``inner`` is the index of the reference and the running mean, which
        starts at 1. Its ``init`` raises a KeyError if the term does not exist.

    Raises:
        ValueError: If ``momentum`` is out of range.

    Example:
        >>> from jaxloss import combine
        >>> combine.learning_rate_annealing(reference="pde").init(jnp.zeros(3), ("data", "wall"))
        Traceback (most recent call last):
            ...
        KeyError: "learning_rate_annealing: unknown term(s) ['pde']; the terms are ['data', 'wall']"
    """
    momentum = checks.scalar("momentum", momentum, jnp.float32, at_least=0, below=1)

    def init(params: Any, names: Sequence[str], /) -> GramianState:
        known_names("learning_rate_annealing", [reference], dict.fromkeys(names))
        ones = jnp.ones(len(names), working_dtype(params))
        return GramianState(jnp.zeros_like(ones), (jnp.asarray(sorted(names).index(reference), jnp.int32), ones))

    def update(
        rows: Any, state: GramianState, /, *, present: Array, sharded: Sequence[Axes] | None = None, **_: Any
    ) -> tuple[Any, GramianState]:
        index, old = state.inner
        new = learning_rate_annealing_weights(rows, index, present=present, sharded=sharded)
        mean = running(momentum, old, new, present & (new != 0))
        weights = jnp.where(present, mean, jnp.zeros_like(mean))
        return combine_rows(weights, present_rows(rows, present)), GramianState(weights, (index, mean))

    return Aggregator(init, update)
