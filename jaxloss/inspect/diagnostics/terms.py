"""Objectives of several terms: whose gradient drives training, and which terms pull against each other.

The Gram matrix of the gradients of the terms says both. `recorded` makes any aggregator keep it, in one line of a
`jaxloss.combine.objective`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxloss import combine
from jaxloss._floor import checks
from jaxloss._floor.maths.numerics import divide, scale_of, sqrt
from jaxloss._floor.mesh import varying_axes
from jaxloss._floor.typing import Array, ArrayLike
from jaxloss.inspect.diagnostics._entries import add, ratio

__all__ = ["Recorded", "Terms", "cosines", "init", "read", "recorded", "shares", "update"]


class Terms(NamedTuple):
    """Sums over steps.

    Attributes:
        gram: Sum of the Gram matrices of the gradients, shape ``[terms, terms]``.
        cosines: Sum of the cosines between the gradients, shape ``[terms, terms]``.
        counts: In how many steps both terms of a pair had a gradient, shape ``[terms, terms]``.
    """

    gram: Array
    cosines: Array
    counts: Array


class Recorded(NamedTuple):
    """The state of an aggregator that is wrapped in `recorded`.

    Attributes:
        weights: What the aggregator reports as its weights, shape ``[terms]``; ones if it reports none.
        inner: The state of the aggregator.
        terms: The recorded Gram matrices, in the order of the sorted names of the terms.
    """

    weights: Array
    inner: Any
    terms: Terms


def init(terms: int) -> Terms:
    """No steps yet.

    Args:
        terms: Number of terms.

    Returns:
        A `Terms` of zeros.

    Raises:
        ValueError: If ``terms`` is not a whole number >= 1.

    Example:
        >>> diagnostics.terms.init(3).gram.shape
        (3, 3)
    """
    terms = checks.whole("terms", terms)
    square = lambda: jnp.zeros((terms, terms))
    return Terms(square(), square(), square())


def update(state: Terms, gram: ArrayLike) -> Terms:
    r"""Add the Gram matrix of one step.

    .. math:: M_{kl} = \langle g_k, g_l \rangle

    Args:
        state: The sums so far.
        gram: Shape ``[terms, terms]``, floating: of the whole batch, from `jaxloss.combine.gramian` of one gradient per
            term. The matrices of parts of a batch do not add up to it.

    Returns:
        The sums with the step added.

    Raises:
        TypeError: If ``gram`` is not floating.
        ValueError: If its shape is not that of `init`.

    Example:
        >>> rows = jnp.array([[1.0, 0.0], [-1.0, 1.0]])  # one gradient per term
        >>> state = diagnostics.terms.update(diagnostics.terms.init(2), jaxloss.combine.gramian(rows))
        >>> diagnostics.terms.cosines(state).round(3)
        Array([[ 1.   , -0.707],
               [-0.707,  1.   ]], dtype=float32)
    """
    (gram,) = checks.floating(gram=gram)
    checks.has_shape(state.gram.shape, "one row and one column per term", gram=gram)
    gram = jax.lax.stop_gradient(gram).astype(state.gram.dtype)
    lengths = sqrt(jnp.diagonal(gram))
    # One division after the other: the product of two small lengths may underflow where their quotients do not.
    angles = divide(divide(gram, jnp.broadcast_to(lengths[:, None], gram.shape)), jnp.broadcast_to(lengths, gram.shape))
    some = (lengths[:, None] != 0) & (lengths[None, :] != 0)
    return add(state, gram, jnp.clip(angles, -1, 1), some)


def shares(state: Terms) -> Array:
    r"""Signed share of every term in the summed gradient.

    .. math:: s_k = \frac{\langle g_k, g \rangle}{\langle g, g \rangle}, \qquad g = \sum_k g_k

    Args:
        state: The sums; the inner products are averaged over the steps before the division.

    Returns:
        Shape ``[terms]``; they sum to 1, and a term that pulls against the sum has a share below 0. NaN if the
        gradients cancel.

    Example:
        >>> state = diagnostics.terms.update(diagnostics.terms.init(2), jnp.array([[9.0, 0.0], [0.0, 1.0]]))
        >>> diagnostics.terms.shares(state)
        Array([0.9, 0.1], dtype=float32)
    """
    scaled = state.gram / scale_of(state.gram, (0, 1))
    return ratio(jnp.sum(scaled, axis=1), jnp.sum(scaled))


def cosines(state: Terms) -> Array:
    """Cosines between the gradients of the terms, averaged over the steps in which both had one.

    Args:
        state: The sums.

    Returns:
        Shape ``[terms, terms]``, in [-1, 1]; NaN for a pair that never met.

    Example:
        >>> state = diagnostics.terms.update(diagnostics.terms.init(2), jnp.array([[4.0, -2.0], [-2.0, 1.0]]))
        >>> diagnostics.terms.cosines(state)
        Array([[ 1., -1.],
               [-1.,  1.]], dtype=float32)

    Reference:
        Yu, Kumar, Gupta, Levine, Hausman and Finn (2020), Gradient Surgery for Multi-Task Learning.
        https://arxiv.org/abs/2001.06782
    """
    return ratio(state.cosines, state.counts)


def read(state: Terms) -> dict[str, Array]:
    """All numbers of the terms.

    Args:
        state: The sums.

    Returns:
        ``share`` and ``norm`` (the root mean squared norm of the gradients over the steps) per term; ``cosines``;
        ``worst_cosine``, the smallest cosine between two terms, NaN if no two have met.

    Example:
        >>> state = diagnostics.terms.update(diagnostics.terms.init(2), jnp.array([[9.0, 0.0], [0.0, 1.0]]))
        >>> diagnostics.terms.read(state)["norm"]
        Array([3., 1.], dtype=float32)
    """
    angles = cosines(state)
    met = (state.counts != 0) & ~jnp.eye(len(angles), dtype=bool)
    worst = jnp.min(jnp.where(met, angles, jnp.inf))
    return {
        "share": shares(state),
        "norm": jnp.sqrt(ratio(jnp.diagonal(state.gram), jnp.diagonal(state.counts))),
        "cosines": angles,
        "worst_cosine": jnp.where(jnp.any(met), worst, jnp.nan),
    }


def recorded(aggregator: combine.Aggregator | None = None, *, every: int = 1) -> combine.Aggregator:
    """Make an aggregator that also records the Gram matrix of the gradients of the terms.

    The one line in an objective is ``aggregate=diagnostics.terms.recorded()``; the record is
    ``aux.state.aggregator.terms``, in the order of the sorted names of the terms. It is that of the whole batch, over
    devices and micro-batches. An aggregator takes one backward pass and the memory of one gradient per term. Where it
    groups terms, such as by players, the record has one row per group.

    The record grows until it is replaced: ``aggregator = state.aggregator``, then
    ``state._replace(aggregator=aggregator._replace(terms=diagnostics.restart(aggregator.terms)))``.

    Args:
        aggregator: What makes one gradient of those of the terms, such as ``combine.upgrad()``; None adds them, which
            leaves training as it is without an aggregator.
        every: Record at every so many steps; the products are left out in between, the backward passes are not.

    Returns:
        An aggregator with a `Recorded` state.

    Raises:
        TypeError: If ``aggregator`` is not an `Aggregator`.
        ValueError: If ``every`` is not a whole number >= 1.

    Example:
        >>> from jaxloss import combine
        >>> def losses(params):
        ...     return {"fit": params["w"] ** 2, "size": -2.0 * params["w"]}
        >>> objective = combine.objective(losses, aggregate=diagnostics.terms.recorded())
        >>> params = {"w": jnp.array(2.0)}
        >>> (loss, aux), _ = jax.value_and_grad(objective, has_aux=True)(params, objective.init(params))
        >>> diagnostics.terms.shares(aux.state.aggregator.terms)
        Array([ 2., -1.], dtype=float32)
    """
    if not isinstance(aggregator, combine.Aggregator | None):
        raise TypeError(
            "recorded needs an aggregator, such as combine.upgrad(), or nothing to add the gradients; found "
            f"{type(aggregator).__name__}."
        )
    inner = combine.sum_of_gradients() if aggregator is None else aggregator
    every = checks.whole("every", every)

    def start(params: Any, names: Sequence[str], /) -> Recorded:
        state, groups = inner.init(params, names), len(inner.groups(names))
        return Recorded(_weights(state, groups), state, init(groups))

    def step_of(
        rows: Any,
        state: Recorded,
        /,
        *,
        values: Array,
        present: Array,
        step: Array,
        sharded: Sequence[tuple[str, ...]] | None = None,
        **extra: Any,
    ) -> tuple[Any, Recorded]:
        known = {"values": values, "present": present, "step": step, "sharded": sharded, **extra}
        grads, own = inner.update(rows, state.inner, **known)
        here = [_masked(leaf, present) for leaf in jax.tree.leaves(rows)]
        terms = jax.lax.cond(step % every == 0, lambda: update(state.terms, _gram(here, sharded)), lambda: state.terms)
        return grads, Recorded(_weights(own, len(values)), own, terms)

    return combine.Aggregator(start, step_of, inner.groups)


def _weights(state: Any, terms: int) -> Array:
    return state.weights if hasattr(state, "weights") else jnp.ones(terms)


def _masked(leaf: Array, present: Array) -> Array:
    """Gradients, 0 for a term that takes no part in the step, whatever they hold."""
    return jnp.where(jnp.reshape(present, (-1, *([1] * (leaf.ndim - 1)))), leaf, 0)


def _gram(leaves: Sequence[Array], sharded: Sequence[tuple[str, ...]] | None) -> Array:
    """The Gram matrix over all leaves; also over mesh axes that only the PartitionSpecs of the parameters tell."""
    grams = []
    for leaf, axes in zip(leaves, sharded or [()] * len(leaves), strict=True):
        untold = tuple(axis for axis in axes if axis not in varying_axes(leaf))
        gram = combine.gramian(leaf).astype(jnp.float32)
        grams.append(jax.lax.psum(gram, untold) if untold else gram)
    return jnp.sum(jnp.stack(grams), axis=0)
