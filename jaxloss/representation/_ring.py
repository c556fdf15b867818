"""Rows that are here against rows of all devices, one device's share at a time, handed on around a ring.

A gather holds the rows of all devices and the products with all of them. Here a device holds one remote share at a
time, forward and backward: the derivative by a share travels with it and comes home complete.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxloss._floor.mesh import vary_over
from jaxloss._floor.typing import Array, AxisName

__all__ = ["around"]

Block = Callable[[Any, Any, Array], Array]


def around(block: Block, axis_name: AxisName, rows: Any, share: Any) -> Array:
    """``block(rows, share, first)`` ``[..., N]`` for the share of every device, stacked ``[..., N, devices]``.

    Args:
        block: ``first`` is the place of the first row here, counted from the first row of the share. What is
            differentiated has to be in its arguments. There is no forward mode.
        axis_name: The axes of the ring.
        rows: Pytree of what stays here; floating arrays.
        share: Pytree of what is handed on: a pair of a floating array and anything that is not differentiated.
    """
    axes = (axis_name,) if isinstance(axis_name, str) else axis_name
    rows, share = (jax.tree.map(lambda leaf: vary_over(leaf, axes), tree) for tree in (rows, share))
    return _around(block, axis_name, rows, *share)


def _hand_on(axis_name: AxisName, tree: Any) -> Any:
    size = jax.lax.axis_size(axis_name)
    return jax.tree.map(
        lambda leaf: jax.lax.ppermute(leaf, axis_name, [(i, (i + 1) % size) for i in range(size)]), tree
    )


def _steps(axis_name: AxisName, size: int) -> Array:
    """Where the rows here start, counted from the share that arrives in each step."""
    devices, here = jax.lax.axis_size(axis_name), jax.lax.axis_index(axis_name)
    return (here - (here - jnp.arange(devices)) % devices) * size


@functools.partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _around(block: Block, axis_name: AxisName, rows: Any, moved: Array, fixed: Any) -> Array:
    def step(share: Any, first: Array) -> tuple[Any, Array]:
        return _hand_on(axis_name, share), block(rows, share, first)

    found = jax.lax.scan(step, (moved, fixed), _steps(axis_name, moved.shape[-2]))[1]
    return jnp.moveaxis(found, 0, -1)


def _forward(block: Block, axis_name: AxisName, rows: Any, moved: Array, fixed: Any) -> tuple[Array, Any]:
    return _around(block, axis_name, rows, moved, fixed), (rows, moved, fixed)


def _backward(block: Block, axis_name: AxisName, residuals: Any, cotangent: Array) -> tuple[Any, Array, None]:
    rows, moved, fixed = residuals

    def step(carry: Any, xs: Any) -> tuple[Any, None]:
        (share, slope), total = carry
        own, first = xs
        _, pull = jax.vjp(lambda rows, moved: block(rows, (moved, share[1]), first), rows, share[0])
        here, there = pull(own)
        return (_hand_on(axis_name, (share, slope + there)), jax.tree.map(jnp.add, total, here)), None

    start = ((moved, fixed), jnp.zeros_like(moved)), jax.tree.map(jnp.zeros_like, rows)
    xs = jnp.moveaxis(cotangent, -1, 0), _steps(axis_name, moved.shape[-2])
    ((_, slope), total), _ = jax.lax.scan(step, start, xs)
    return total, slope, None


_around.defvjp(_forward, _backward)
