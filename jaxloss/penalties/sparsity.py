"""Sparse representations: few entries of a vector are not 0, and few vectors use any one entry."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.reduction import blank, reduce
from jaxloss._floor.spread import mean_over, pools_of_rows
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction

__all__ = ["flops_penalty", "hoyer_penalty"]


def flops_penalty(
    activations: ArrayLike,
    *,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""FLOPS penalty (SPLADE): sum over entries of the squared mean absolute activation.

    .. math:: \ell = \sum_j \bar a_j^2, \qquad \bar a_j = \frac{\sum_i w_i |a_{ij}|}{\sum_i w_i}

    The expected number of multiplications of an inverted index: unlike `jaxloss.activity_l1_penalty` it presses most on
    entries that many vectors use, so that the lists of the index become short and equally long. SPLADE has one such
    term for the queries and one for the documents. The N vectors of the last batch axis are pooled, so ``where`` and
    ``weights`` belong to them.

    Args:
        activations: Sparse vectors, such as ``jnp.log1p(jax.nn.relu(logits))`` over a vocabulary, shape
            ``[..., N, D]``, floating.
        axis_name: Mesh axes inside ``jax.shard_map`` over which the vectors are spread, for the loss over all of them;
            None if all are here, ``()`` to take those of each device on purpose.
        where, weights: Shape ``[..., N]``. A pool without a vector is absent. See `jaxloss.reduce`.
        reduction: Over the pools ``[...]``; see `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in squared units of the activations; 0 exactly, with zero gradient, where all are 0.

    Raises:
        TypeError: If ``activations`` are not floating.
        ValueError: If an axis is missing, the axis of entries is empty, or every pool has one vector, as in
            ``[N, 1, D]``.

    Example:
        >>> jaxloss.flops_penalty(jnp.array([[1.0, 0.0], [0.0, 2.0]]))
        Array(1.25, dtype=float32)

    Reference:
        Paria et al. (2020), Minimizing FLOPs to Learn Efficient Sparse Representations.
        https://arxiv.org/abs/2004.05665
        Formal, Piwowarski and Clinchant (2021), SPLADE: Sparse Lexical and Expansion Model for First Stage Ranking.
        https://arxiv.org/abs/2107.05720
    """
    activations, mass, present = pools_of_rows(axis_name, where, weights, "vectors entries", activations=activations)
    sizes = jnp.swapaxes(numerics.magnitude(activations), -1, -2)
    mass = None if mass is None else jnp.broadcast_to(mass[..., None, :], sizes.shape)
    values = jnp.sum(jnp.square(mean_over(axis_name, sizes, mass)), axis=-1)
    return reduce(values, where=present, reduction=reduction)


def hoyer_penalty(
    activations: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Hoyer penalty: ratio of the L1 to the L2 norm, scaled to one minus Hoyer's sparseness.

    .. math:: \ell = \frac{\lVert h \rVert_1 / \lVert h \rVert_2 - 1}{\sqrt D - 1}

    It does not depend on the scale of the vector, so it asks for zeros and not for small numbers. The bare ratio is
    :math:`1 + (\sqrt D - 1) \ell`, and its square the Hoyer-Square of DeepHoyer. Of parameters, take the sum over the
    leaves, each flattened: ``hoyer_penalty(jnp.ravel(kernel))``.

    Args:
        activations: Shape ``[..., D]``, floating, D at least 2. A zero vector is sparse: its loss is 0 and flat.
        where, weights: Shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar in ``[0, 1]``, up to rounding at 1; 0 exactly, with zero gradient, where at most one entry is not 0,
        and accurate near it; 1 where all entries have the same size.

    Raises:
        TypeError: If ``activations`` are not floating.
        ValueError: If there are fewer than two entries.

    Example:
        >>> jaxloss.hoyer_penalty(jnp.array([[0.0, 3.0, 0.0, 0.0], [1.0, -1.0, 1.0, 1.0]]), reduction="none")
        Array([0., 1.], dtype=float32)

    Reference:
        Hoyer (2004), Non-negative Matrix Factorization with Sparseness Constraints.
        https://arxiv.org/abs/cs/0408058
        Yang, Wen and Li (2020), DeepHoyer: Learning Sparser Neural Network with Differentiable Scale-Invariant Sparsity
        Measures. https://arxiv.org/abs/1908.09979
    """
    (activations,) = checks.floating(activations=activations)
    checks.with_axes("entries", activations=activations)
    size = activations.shape[-1]
    if size < 2:
        raise ValueError(f"activations must have at least two entries in the last axis; found {activations.shape}.")
    (activations,) = blank(where, activations, event_ndim=1)
    sizes = numerics.magnitude(activations / numerics.binary_scale_of(activations))
    # With the largest entry apart, no norm is subtracted from another one that is nearly equal.
    index = jnp.argmax(sizes, axis=-1, keepdims=True)
    largest = jnp.take_along_axis(sizes, index, axis=-1, mode="promise_in_bounds")[..., 0]
    is_largest = jax.lax.broadcasted_iota(index.dtype, sizes.shape, sizes.ndim - 1) == index
    others = jnp.where(is_largest, jnp.zeros((), sizes.dtype), sizes)
    rest, square = jnp.sum(others, axis=-1), jnp.sum(jnp.square(others), axis=-1)
    length = numerics.sqrt(jnp.square(largest) + square)
    excess = numerics.divide(2 * largest * rest + (jnp.square(rest) - square), largest + rest + length)
    values = numerics.divide(excess, length) / (size**0.5 - 1)
    return reduce(values, where=where, weights=weights, reduction=reduction)
