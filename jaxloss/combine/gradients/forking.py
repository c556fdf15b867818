"""Gradient surgery where terms share a representation: fork and gradient reversal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.typing import Array, Scalar
from jaxloss.combine.gradients.aggregator import gramian

__all__ = ["fork", "reverse_gradient"]


def fork(x: Any, n: int, weights_fn: Callable[[Array], Array]) -> tuple[Any, ...]:
    r"""Pass one representation to ``n`` heads, and aggregate their gradients instead of adding them.

    The gradients :math:`g_i` of the heads with respect to ``x`` are combined into :math:`\sum_i w_i g_i`, with weights
    :math:`w` from their Gram matrix :math:`G_{ij} = \langle g_i, g_j \rangle`. The encoder needs one backward pass, and
    no gradient of its parameters is stored per term: a cheap form of ``aggregate=``.

    Args:
        x: A representation, a pytree of floating arrays; or the parameters themselves.
        n: Number of heads, >= 1.
        weights_fn: A function of the Gram matrix ``[n, n]`` that returns weights ``[n]``, such as `upgrad_weights`. A
            head without a gradient has a row of zeros.

    Returns:
        ``n`` copies of ``x``. Reverse mode only. With micro-batches, each part has its own Gram matrix; inside
        `jax.shard_map` the Gram matrix is summed over the devices that ``x`` varies over (with ``check_vma=True``).

    Raises:
        ValueError: If ``n < 1``.

    Example:
        >>> from jaxloss import combine
        >>> def loss(x):
        ...     a, b = combine.fork(x, 2, lambda gram: 1 / jnp.diag(gram))
        ...     return jnp.sum(2.0 * a) + jnp.sum(-4.0 * b)
        >>> jax.grad(loss)(jnp.ones(4))
        Array([0.0625, 0.0625, 0.0625, 0.0625], dtype=float32)

    Reference:
        Sener and Koltun (2018), Multi-Task Learning as Multi-Objective Optimization.
        https://arxiv.org/abs/1810.04650
    """
    if n < 1:
        raise ValueError(f"fork: n must be at least 1; found {n}.")

    @jax.custom_vjp
    def copies(x: Any) -> tuple[Any, ...]:
        return (x,) * n

    def backward(_: None, cotangents: tuple[Any, ...]) -> tuple[Any]:
        rows = jax.tree.map(lambda *leaves: jnp.stack(leaves), *cotangents)
        weights = weights_fn(gramian(rows))
        return (jax.tree.map(lambda row: jnp.tensordot(weights.astype(row.dtype), row, 1), rows),)

    copies.defvjp(lambda x: (copies(x), None), backward)
    return copies(x)


def reverse_gradient(x: Any, scale: Scalar = 1.0) -> Any:
    """Gradient reversal: the identity, with the gradient multiplied by ``-scale``, for minimax games in one pass.

    Args:
        x: A pytree of floating arrays.
        scale: A number >= 0, traced or not.

    Returns:
        ``x``. Forward mode works as well.

    Raises:
        ValueError: If ``scale`` is negative.

    Example:
        >>> from jaxloss import combine
        >>> float(jax.grad(lambda x: combine.reverse_gradient(x, 0.5) ** 2)(3.0))
        -3.0

    Reference:
        Ganin and Lempitsky (2015), Unsupervised Domain Adaptation by Backpropagation.
        https://arxiv.org/abs/1409.7495
    """

    def one(leaf: Any) -> Array:
        leaf = jnp.asarray(leaf)
        return _reversed(leaf, jnp.asarray(checks.scalar("scale", scale, leaf.dtype, at_least=0), leaf.dtype))

    return jax.tree.map(one, x)


@jax.custom_jvp
def _reversed(x: Array, scale: Array) -> Array:
    del scale
    return x


@_reversed.defjvp
def _reversed_jvp(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Array, Array]:
    (x, scale), (along, _) = primals, tangents
    return x, -scale * along
