"""Gradient sign dropout: GradDrop."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths.numerics import divide, magnitude
from jaxloss._floor.reduction import promote
from jaxloss._floor.typing import Array, Scalar
from jaxloss.combine.gradients._rows import Key, as_key, present_rows
from jaxloss.combine.gradients.aggregator import Aggregator

__all__ = ["graddrop"]


def keep_one_sign(rows: Array, uniform: Array, leak: Scalar = 0.0) -> Array:
    """The sum of the rows without entries of the dropped sign: the positive one if its share is below ``uniform``."""
    total, weight = jnp.sum(rows, axis=0), jnp.sum(magnitude(rows), axis=0)
    purity = 0.5 * (1 + divide(total, weight))
    wins = jnp.where(rows > 0, (purity > uniform)[None], (purity < uniform)[None]) & (rows != 0)
    return jnp.sum(rows * jnp.where(wins, jnp.ones((), rows.dtype), jnp.asarray(leak, rows.dtype)), axis=0)


def graddrop(key: Key = 0, *, leak: Scalar = 0.0) -> Aggregator:
    r"""GradDrop: in every entry, only the gradients of one sign are kept, drawn with probability equal to its share.

    .. math:: P = \tfrac12 \Big(1 + \frac{\sum_i g_i}{\sum_i |g_i|}\Big), \qquad
              d = \sum_i g_i \, \big[\operatorname{sign}(g_i) = \operatorname{sign}(P - u)\big], \quad u \sim U(0, 1)

    It acts on single entries instead of the Gram matrix, so there are no weights. Inside ``jax.shard_map``, all shards
    of a leaf use the same draws.

    Args:
        key: A random key or a seed; its successor is the state.
        leak: Share in [0, 1] of the entries of the dropped sign that is kept; 1 gives the sum.

    Returns:
        An `Aggregator`.

    Raises:
        ValueError: If ``leak`` is out of range.

    Example:
        >>> from jaxloss import combine
        >>> aggregator = combine.graddrop(key=0)
        >>> more = {"values": jnp.ones(2), "present": jnp.array([True, True]), "step": jnp.int32(0)}
        >>> rows = jnp.array([[1.0, 2.0], [3.0, -2.0]])
        >>> grads, state = aggregator.update(rows, aggregator.init(jnp.zeros(2), ("a", "b")), **more)
        >>> float(grads[0]), abs(float(grads[1]))
        (4.0, 2.0)

    Reference:
        Chen et al. (2020), Just Pick a Sign: Optimizing Deep Multitask Models with Gradient Sign Dropout.
        https://arxiv.org/abs/2010.06808
    """
    leak = checks.scalar("leak", leak, jnp.float32, at_least=0, at_most=1)

    def update(rows: Any, state: Array, /, *, present: Array, **_: Any) -> tuple[Any, Array]:
        leaves, structure = jax.tree.flatten(present_rows(rows, present))
        state, now = jax.random.split(state)
        keys = jax.random.split(now, len(leaves))

        def one(leaf: Array, own: Array) -> Array:
            (wide,) = promote(leaf)
            return keep_one_sign(wide, jax.random.uniform(own, leaf.shape[1:], wide.dtype), leak).astype(leaf.dtype)

        return jax.tree.unflatten(structure, [one(x, k) for x, k in zip(leaves, keys, strict=True)]), state

    return Aggregator(lambda params, names, /: as_key(key), update)
