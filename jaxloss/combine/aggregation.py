"""Aggregators: what turns the gradients of several terms into one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxloss._typing import Array
from jaxloss.combine._mesh import varying_axes

__all__ = ["Aggregator", "gramian"]


class Aggregator(NamedTuple):
    """What turns the gradients of several terms into one."""

    init: Callable[..., Any]
    update: Callable[..., Any]
    groups: Callable[..., Any] = lambda names: {n: (n,) for n in names}


def gramian(rows: Any) -> Array:
    """Inner products of the rows."""

    def one(row: Array) -> Array:
        flat = row.reshape(row.shape[0], -1)
        gram, axes = jnp.matmul(flat, flat.T, precision="highest"), varying_axes(row)
        return jax.lax.psum(gram, axes) if axes else gram

    return sum(map(one, jax.tree.leaves(rows)))
