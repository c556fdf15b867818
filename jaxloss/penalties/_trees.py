"""The leaves of a pytree of parameters that a penalty counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxloss._floor.reduction import promote
from jaxloss._floor.typing import Array

__all__ = ["Mask", "counted_leaves", "counted_pairs", "total"]

Mask = Any | Callable[[tuple[Any, ...], Any], bool]
"""A pytree of booleans that is a prefix of the parameters, or ``(path, leaf) -> bool``."""


def _chosen(params: Any, mask: Mask | None) -> list[bool]:
    """For each leaf of ``params``, whether ``mask`` keeps it."""
    leaves = jax.tree_util.tree_flatten_with_path(params)[0]
    if mask is None:
        return [True] * len(leaves)
    if callable(mask):
        flags = [mask(path, leaf) for path, leaf in leaves]
    else:
        try:
            flags = jax.tree.leaves(jax.tree.broadcast(mask, params))
        except ValueError as error:
            raise ValueError(
                f"mask must have the structure of params, or be a prefix of it; found {jax.tree.structure(mask)} "
                f"for {jax.tree.structure(params)}."
            ) from error
    for (path, _), flag in zip(leaves, flags, strict=True):
        if not isinstance(flag, bool | np.bool_):
            raise TypeError(
                f"mask must say True or False for each leaf of params; found {type(flag).__name__} at "
                f"'{jax.tree_util.keystr(path)}'. A mask chooses whole leaves and is not traced."
            )
    return [bool(flag) for flag in flags]


def _floating_leaf(path: tuple[Any, ...], leaf: Any) -> Array | None:
    """The leaf as an array; None for integers, booleans and random keys, which are not trained."""
    try:
        dtype = jnp.result_type(leaf)
    except TypeError as error:
        raise TypeError(
            f"params must hold arrays; found {type(leaf).__name__} at '{jax.tree_util.keystr(path)}'."
        ) from error
    if jnp.issubdtype(dtype, jnp.complexfloating):
        raise TypeError(
            f"params must be real; found {dtype} at '{jax.tree_util.keystr(path)}'. "
            "Give the real and the imaginary part as two leaves."
        )
    return jnp.asarray(leaf) if jnp.issubdtype(dtype, jnp.floating) else None


def counted_leaves(params: Any, mask: Mask | None) -> tuple[Array, ...]:
    """The floating leaves that count, all as float64 if one of them is, else as float32."""
    leaves = jax.tree_util.tree_flatten_with_path(params)[0]
    counted = [_floating_leaf(*item) for item, keep in zip(leaves, _chosen(params, mask), strict=True) if keep]
    return promote(*(leaf for leaf in counted if leaf is not None))


def counted_pairs(params: Any, other: Any, name: str, mask: Mask | None) -> list[tuple[Array, Array]]:
    """The leaves of `counted_leaves`, each with its leaf of ``other``, called ``name``, of the same structure."""
    expected, structure = jax.tree.structure(params), jax.tree.structure(other)
    if structure != expected:
        raise ValueError(f"{name} must have the structure of params, {expected}; found {structure}.")
    pairs = []
    found = zip(jax.tree_util.tree_flatten_with_path(params)[0], jax.tree.leaves(other), strict=True)
    for ((path, leaf), partner), keep in zip(found, _chosen(params, mask), strict=True):
        one = _floating_leaf(path, leaf) if keep else None
        two = _floating_leaf(path, partner) if keep else None
        if one is None or two is None:
            continue
        if one.shape != two.shape:
            raise ValueError(
                f"{name} must have the shapes of params; found {two.shape} for {one.shape} at "
                f"'{jax.tree_util.keystr(path)}'."
            )
        pairs.append((one, two))
    flat = promote(*(leaf for pair in pairs for leaf in pair))
    return list(zip(flat[::2], flat[1::2], strict=True))


def total(parts: list[Array]) -> Array:
    """The sum of scalars, 0 of none."""
    return jnp.sum(jnp.stack(parts)) if parts else jnp.zeros((), jnp.float32)
