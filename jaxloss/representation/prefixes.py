"""Embeddings whose prefixes are embeddings (Matryoshka representation learning)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.typing import Array, ArrayLike, Scalar

__all__ = ["matryoshka_loss"]


def matryoshka_loss(
    loss: Callable[..., Array],
    *embeddings: ArrayLike,
    sizes: Sequence[int],
    size_weights: Sequence[Scalar] | None = None,
) -> Array:
    r"""Matryoshka loss: weighted sum of a loss of embeddings that are cut to each of several sizes.

    .. math:: \ell = \sum_d c_d \, L(x_{:d}, \ldots)

    The first entries of an embedding are then an embedding by themselves. Losses of cosines normalise each prefix by
    its own length. Labels, masks and hyperparameters belong into ``loss``.

    Args:
        loss: ``loss(*prefixes)`` gives an array, a scalar for most. It is called once for each size.
        *embeddings: Arrays of shape ``[..., D]``, floating, all of which are cut, of equal or different D.
        sizes: The sizes d of the prefixes, integers in [1, D], static.
        size_weights: One number :math:`c_d` >= 0 per size; None counts each once. They are not scaled to sum to 1.

    Returns:
        What ``loss`` returns, weighted and summed over the sizes.

    Raises:
        TypeError: If an embedding is not floating.
        ValueError: If embeddings or sizes are missing, a size is not an integer in [1, D], or the numbers of weights
            and sizes differ.

    Example:
        >>> queries, keys = jnp.array([[1.0, 0.0], [1.0, 2.0]]), jnp.array([[1.0, 0.0], [1.0, 2.0]])
        >>> print(f"{jaxloss.matryoshka_loss(jaxloss.infonce_loss, queries, keys, sizes=(1, 2)):.4f}")
        0.6935

    Reference:
        Kusupati et al. (2022), Matryoshka Representation Learning. https://arxiv.org/abs/2205.13147
    """
    named: dict[str, Any] = {f"embeddings[{place}]": x for place, x in enumerate(embeddings)}
    arrays = checks.floating(**named)
    named = dict(zip(named, arrays, strict=True))
    checks.with_axes("features", **named)
    least = min((array.shape[-1] for array in arrays), default=0)
    cuts = [checks.whole("sizes", size) for size in sizes]
    if not cuts or max(cuts) > least:
        raise ValueError(f"sizes must be some whole numbers of at most {least}, the size of embeddings; found {cuts}.")
    factors = [1.0] * len(cuts) if size_weights is None else list(size_weights)
    if len(factors) != len(cuts):
        raise ValueError(f"size_weights must be as many as sizes, {len(cuts)}; found {len(factors)}.")

    def term(size: int, factor: Any) -> Array:
        value = loss(*(array[..., :size] for array in arrays))
        return jnp.asarray(checks.scalar("size_weights", factor, value.dtype, at_least=0), value.dtype) * value

    return jax.tree.reduce(jnp.add, [term(size, factor) for size, factor in zip(cuts, factors, strict=True)])
