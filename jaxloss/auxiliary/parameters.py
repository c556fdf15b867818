"""Penalties on parameters: any pytree, with a mask for the leaves that stay free."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxloss._reduce import promote
from jaxloss._typing import Array

__all__ = ["l2_penalty"]

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


def l2_penalty(params: Any, *, mask: Mask | None = None) -> Array:
    r"""Sum of the squares of all parameters: ridge regression, weight decay as a term of the loss.

    .. math:: \ell = \sum_{i} \theta_i^2

    There is no factor 1/2 and no mean: the gradient is :math:`2\theta`, and PyTorch's ``weight_decay=d`` in SGD is
    this penalty times ``d / 2``. Under Adam a penalty in the loss is not decoupled weight decay (AdamW). The result
    is one number per model, not per example, so there is no ``where``, ``weights`` or ``reduction``.

    Args:
        params: Any pytree of arrays. Integer and boolean leaves and random keys are ignored; an empty tree gives 0.
        mask: The leaves that count: a pytree of booleans with the structure of ``params`` or a prefix of it, or a
            function ``(path, leaf) -> bool``, where ``path`` is the tuple of JAX key entries of the leaf
            (``jax.tree_util.keystr`` writes it out). None counts all.

    Returns:
        A scalar >= 0, 0 exactly at 0; float32, or float64 if a leaf is, whatever the other dtypes: leaves of 16
        bits are raised before they are squared, and their gradients come back in 16 bits.

    Raises:
        TypeError: If a leaf is not a real array, or ``mask`` says something else than True or False.
        ValueError: If ``mask`` does not fit ``params``.

    Example:
        >>> params = {"dense": {"kernel": jnp.array([[1.0, 2.0]]), "bias": jnp.array([3.0])}}
        >>> jaxloss.l2_penalty(params)
        Array(14., dtype=float32)
        >>> jaxloss.l2_penalty(params, mask=lambda path, leaf: leaf.ndim > 1)
        Array(5., dtype=float32)

    Reference:
        Hoerl and Kennard (1970), Ridge Regression: Biased Estimation for Nonorthogonal Problems.
        https://doi.org/10.1080/00401706.1970.10488634
    """
    leaves = jax.tree_util.tree_flatten_with_path(params)[0]
    counted = [_floating_leaf(*item) for item, keep in zip(leaves, _chosen(params, mask), strict=True) if keep]
    squares = [jnp.sum(jnp.square(leaf)) for leaf in promote(*(leaf for leaf in counted if leaf is not None))]
    return jnp.sum(jnp.stack(squares)) if squares else jnp.zeros((), jnp.float32)
