"""Aggregators that ignore the values of the gradients: sum, mean, constant and random weights."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from jaxloss._floor.maths.numerics import divide
from jaxloss._floor.typing import Array, Scalar
from jaxloss.combine.gradients._gram import named_vector, over_present
from jaxloss.combine.gradients._rows import Key, as_key
from jaxloss.combine.gradients.aggregator import Aggregator, from_gramian

__all__ = ["constant_weighting", "mean_of_gradients", "random_weighting", "sum_of_gradients"]


def sum_of_gradients() -> Aggregator:
    """Sum of the gradients, as without an aggregator, but with one gradient per term.

    Returns:
        An `Aggregator` with a `GramianState`.

    Example:
        >>> from jaxloss import combine
        >>> aggregator = combine.sum_of_gradients()
        >>> more = {"values": jnp.ones(2), "present": jnp.array([True, True]), "step": jnp.int32(0)}
        >>> aggregator.update(jnp.array([[1.0], [2.0]]), aggregator.init(jnp.zeros(1), ("a", "b")), **more)[0]
        Array([3.], dtype=float32)
    """
    return from_gramian(lambda gram, present: present.astype(gram.dtype), degree=None)


def mean_of_gradients() -> Aggregator:
    """Mean of the gradients over the present terms.

    Returns:
        An `Aggregator` with a `GramianState`.

    Example:
        >>> from jaxloss import combine
        >>> aggregator = combine.mean_of_gradients()
        >>> more = {"values": jnp.ones(2), "present": jnp.array([True, False]), "step": jnp.int32(0)}
        >>> aggregator.update(jnp.array([[1.0], [9.0]]), aggregator.init(jnp.zeros(1), ("a", "b")), **more)[0]
        Array([1.], dtype=float32)
    """
    return from_gramian(lambda gram, present: over_present(None, present, gram.dtype), degree=None)


def constant_weighting(**weights: Scalar) -> Aggregator:
    """Weighted sum of the gradients with given weights.

    Args:
        **weights: Name of every term to its weight, of any sign.

    Returns:
        An `Aggregator` with a `GramianState`; its ``init`` raises a KeyError for unknown and for missing names.

    Example:
        >>> from jaxloss import combine
        >>> combine.constant_weighting(ce=1.0, kl=0.1).init(jnp.zeros(3), ("ce", "kl")).inner
        Array([1. , 0.1], dtype=float32)
    """
    return from_gramian(
        lambda gram, state, **_: (state, state),
        lambda names, dtype: named_vector("constant_weighting", weights, names, dtype),
        degree=None,
    )


def random_weighting(key: Key = 0) -> Aggregator:
    """Random gradient weighting (RGW): new weights at every step, the softmax of standard normal numbers.

    Args:
        key: A random key or a seed; its successor is in the state.

    Returns:
        An `Aggregator` with a `GramianState`; the weights of present terms are > 0 and sum to 1.

    Example:
        >>> from jaxloss import combine
        >>> aggregator = combine.random_weighting(key=0)
        >>> more = {"values": jnp.ones(2), "present": jnp.array([True, True]), "step": jnp.int32(0)}
        >>> state = aggregator.init(jnp.zeros(1), ("a", "b"))
        >>> float(aggregator.update(jnp.ones((2, 1)), state, **more)[0][0])
        1.0

    Reference:
        Lin, Ye, Zhang and Tsang (2022), Reasonable Effectiveness of Random Weighting: A Litmus Test for Multi-Task
        Learning. https://arxiv.org/abs/2111.10603
    """

    def weights(gram: Array, state: Array, *, present: Array, **_: Any) -> tuple[Array, Array]:
        state, now = jax.random.split(state)
        heights = jnp.where(present, jnp.exp(jax.random.normal(now, present.shape, gram.dtype)), 0)
        return divide(heights, jnp.broadcast_to(jnp.sum(heights), heights.shape)), state

    return from_gramian(weights, lambda names, dtype: as_key(key), degree=None)
