"""Closed-form weights: equal projections (IMTL-G), equal angles (ConFIG), equal singular values (Aligned-MTL)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

import jax.numpy as jnp

from jaxloss._floor.maths.numerics import divide, sqrt
from jaxloss._floor.typing import Array, Scalar
from jaxloss.combine.gradients._gram import (
    cosines,
    dot,
    graded_eigh,
    over_present,
    pseudo_inverse,
    resolution,
    reveal,
    without,
)
from jaxloss.combine.gradients.aggregator import Aggregator, by_preference, from_gramian

__all__ = ["aligned_mtl", "aligned_mtl_weights", "conflict_free", "conflict_free_weights", "imtl_g", "imtl_g_weights"]

Spread = Literal["min", "median", "rmse"]


def imtl_g_weights(gram: Array, *, present: Array | None = None) -> Array:
    r"""Weights of IMTL-G: the update has equally long projections onto all gradients; the weights sum to 1.

    .. math:: \langle g_w, g_i / \|g_i\| \rangle = \text{const}, \qquad \sum_i w_i = 1

    The direction does not depend on the scales of the terms. Weights may be negative, and large if gradients oppose
    each other. If gradients are linearly dependent, the projections are matched in the least-squares sense.

    Args:
        gram: Inner products of the gradients, shape ``[m, m]``.
        present: Boolean, shape ``[m]``; a term where it is False is deleted. None means that all are present.

    Returns:
        Weights that sum to 1, shape ``[m]``; 0 where absent or where the gradient is 0, and all 0 if their sum cannot
        be distinguished from 0.

    Raises:
        ValueError: If ``gram`` is not square.

    Example:
        >>> from jaxloss import combine
        >>> combine.imtl_g_weights(jnp.diag(jnp.array([1.0, 9.0])))
        Array([0.75, 0.25], dtype=float32)

    Reference:
        Liu et al. (2021), Towards Impartial Multi-task Learning. https://openreview.net/forum?id=IMPnRXEWpvr
    """
    gram, present = without(gram, present)
    angles, lengths = cosines(gram)
    shortest = jnp.min(jnp.where(lengths > 0, lengths, jnp.inf), initial=jnp.inf)
    inverse = divide(jnp.where(lengths > 0, shortest, jnp.zeros_like(lengths)), lengths)
    weights = inverse * dot(pseudo_inverse(angles), (lengths > 0).astype(gram.dtype))
    total = jnp.sum(weights)
    told = jnp.abs(total) > resolution(gram) * jnp.sum(jnp.abs(weights))
    total = jnp.where(told, total, jnp.zeros_like(total))
    return reveal(divide(weights, jnp.broadcast_to(total, weights.shape)), gram, present)


def conflict_free_weights(gram: Array, preference: Array | None = None, *, present: Array | None = None) -> Array:
    r"""Weights of ConFIG: the update has equal angles to all gradients and the sum of their projections as its length.

    .. math:: d = \Big(\sum_i \langle g_i, u \rangle\Big) u, \qquad u \propto U^+ p, \quad
              U = \big(g_i / \|g_i\|\big)_i

    Args:
        gram: Inner products of the gradients, shape ``[m, m]``.
        preference: Shape ``[m]``, >= 0; the cosines with the update, up to a factor. None means that all are equal.
        present: Boolean, shape ``[m]``; a term where it is False is deleted. None means that all are present.

    Returns:
        Weights, shape ``[m]``; 0 where absent or where the gradient is 0, and all 0 if no such direction exists.
        Weights may be negative.

    Raises:
        ValueError: If the shapes do not match.

    Example:
        >>> from jaxloss import combine
        >>> combine.conflict_free_weights(jnp.diag(jnp.array([1.0, 9.0])))
        Array([2.       , 0.6666667], dtype=float32)

    Reference:
        Liu, Chu and Thuerey (2025), ConFIG: Towards Conflict-free Training of Physics Informed Neural Networks.
        https://arxiv.org/abs/2408.11104
    """
    gram, present = without(gram, present)
    angles, lengths = cosines(gram)
    target = over_present(preference, present, gram.dtype, total=None)
    along = dot(pseudo_inverse(angles), jnp.where(lengths > 0, target, jnp.zeros_like(target)))
    square = dot(along, dot(angles, along))
    square = jnp.where(square > resolution(gram) ** 2 * dot(along, along), square, jnp.zeros_like(square))
    unit = divide(along, jnp.broadcast_to(sqrt(square), along.shape))
    largest = jnp.max(lengths, initial=0)
    length = jnp.sum(divide(lengths, jnp.broadcast_to(largest, lengths.shape)) * dot(angles, unit))
    return reveal(length * unit * divide(jnp.broadcast_to(largest, lengths.shape), lengths), gram, present)


def aligned_mtl_weights(
    gram: Array, preference: Array | None = None, *, spread: Spread = "min", present: Array | None = None
) -> Array:
    r"""Weights of Aligned-MTL: the mean of the gradients after their singular values are made equal.

    .. math:: w = \sqrt{s} \, V \Lambda^{-1/2} V^\top p, \qquad G = V \Lambda V^\top

    Args:
        gram: Inner products of the gradients, shape ``[m, m]``.
        preference: Shape ``[m]``, >= 0; None is the mean, 1 over the number of present terms. (The original code uses
            the sum.)
        spread: The value that all squared singular values are set to: the smallest (``"min"``), the median
            (``"median"``, the lower one of two) or the mean (``"rmse"``) of those that are not rounding errors: it is
            the angles between gradients that decide, not their lengths.
        present: Boolean, shape ``[m]``; a term where it is False is deleted. None means that all are present.

    Returns:
        Weights, shape ``[m]``; 0 where absent; equal to the preference if all gradients are 0. Weights may be negative.

    Raises:
        ValueError: If the shapes do not match, or ``spread`` is unknown.

    Example:
        >>> from jaxloss import combine
        >>> combine.aligned_mtl_weights(jnp.diag(jnp.array([1.0, 4.0])))
        Array([0.5 , 0.25], dtype=float32)

    Reference:
        Senushkin et al. (2023), Independent Component Alignment for Multi-Task Learning.
        https://arxiv.org/abs/2305.19000
    """
    _known_spread(spread)
    gram, present = without(gram, present)
    wanted = over_present(preference, present, gram.dtype)
    values, vectors = graded_eigh(gram)
    # A relative error in every row changes an eigenvalue by the squared length of that combination without signs.
    noise = resolution(gram) * jnp.square(dot(sqrt(jnp.diagonal(gram)), jnp.abs(vectors)))
    kept = values > noise
    rank = jnp.sum(kept)
    if spread == "rmse":
        target = divide(jnp.sum(jnp.where(kept, values, jnp.zeros_like(values))), rank.astype(values.dtype))
    else:
        above = jnp.zeros_like(rank) if spread == "min" else jnp.maximum(rank - 1, 0) // 2
        target = jnp.sort(jnp.where(kept, values, jnp.inf))[above]
        target = jnp.where(rank > 0, target, jnp.zeros_like(target))
    roots = jnp.sqrt(jnp.where(kept, values, jnp.zeros_like(values)))
    shrink = divide(jnp.broadcast_to(jnp.sqrt(target), roots.shape), roots)
    weights = dot(vectors, shrink * dot(vectors.T, wanted))
    return reveal(jnp.where(rank > 0, weights, wanted), gram, present)


def _known_spread(spread: str) -> None:
    if spread not in get_args(Spread):
        raise ValueError(f"spread must be one of {', '.join(map(repr, get_args(Spread)))}; found {spread!r}.")


def imtl_g() -> Aggregator:
    """IMTL-G: an update with equally long projections onto all gradients; see `imtl_g_weights`.

    Returns:
        An `Aggregator` with a `GramianState`.

    Example:
        >>> from jaxloss import combine
        >>> combine.imtl_g().init(jnp.zeros(3), ("ce", "kl")).weights
        Array([0., 0.], dtype=float32)
    """
    return from_gramian(imtl_g_weights)


def conflict_free(*, preference: Mapping[str, Scalar] | None = None) -> Aggregator:
    """ConFIG: a conflict-free update with equal angles to all gradients; see `conflict_free_weights`.

    Args:
        preference: Name of every term to its number >= 0. None means that all are equal.

    Returns:
        An `Aggregator` with a `GramianState`.

    Example:
        >>> from jaxloss import combine
        >>> combine.conflict_free(preference={"ce": 1.0}).init(jnp.zeros(3), ("ce", "kl"))
        Traceback (most recent call last):
            ...
        KeyError: "conflict_free: preference: no number for the term(s) ['kl']; the terms are ['ce', 'kl']"
    """
    return by_preference("conflict_free", conflict_free_weights, preference)


def aligned_mtl(*, preference: Mapping[str, Scalar] | None = None, spread: Spread = "min") -> Aggregator:
    """Aligned-MTL: the mean of gradients with equal singular values; see `aligned_mtl_weights`.

    Args:
        preference: Name of every term to its number >= 0. None is the mean.
        spread: As for `aligned_mtl_weights`.

    Returns:
        An `Aggregator` with a `GramianState`.

    Raises:
        ValueError: If ``spread`` is unknown.

    Example:
        >>> from jaxloss import combine
        >>> combine.aligned_mtl(spread="median").init(jnp.zeros(3), ("ce", "kl")).weights
        Array([0., 0.], dtype=float32)
    """
    _known_spread(spread)
    return by_preference(
        "aligned_mtl",
        lambda gram, p, *, present: aligned_mtl_weights(gram, p, spread=spread, present=present),
        preference,
    )
