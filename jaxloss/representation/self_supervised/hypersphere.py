"""Embeddings on the unit sphere: views that agree, and examples that spread evenly (alignment, uniformity, KoLeo)."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.maths.rows.directions import half_squared_chord
from jaxloss._floor.maths.scales import at_unit_scale
from jaxloss._floor.reduction import hide, pool_mass, reduce
from jaxloss._floor.spread import over, whole_pool
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction, Scalar
from jaxloss.regression.correlations import cosine_distance
from jaxloss.representation._groups import gathered, some, unit
from jaxloss.representation._others import against_others, chosen_rows, unlabelled
from jaxloss.representation.metric_learning._largest import largest_of

__all__ = ["alignment_loss", "koleo_loss", "uniformity_loss"]


def alignment_loss(
    first: ArrayLike,
    second: ArrayLike,
    *,
    exponent: Scalar = 2.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Alignment on the unit sphere: a power of the distance between the directions of two views of an example.

    .. math:: \ell = \left\| \frac{x}{\|x\|} - \frac{y}{\|y\|} \right\|^\alpha
              = \left( 2 - 2 \cos(x, y) \right)^{\alpha / 2}

    Together with a multiple of `jaxloss.uniformity_loss` it is contrastive learning on the hypersphere.

    Args:
        first: Embeddings of one view, shape ``[..., D]``, floating; need not be normalised, a zero vector is orthogonal
            to all.
        second: Embeddings of the other view, shape ``[..., D]``, the same; never broadcast.
        exponent: :math:`\alpha` >= 1.
        where, weights: Shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar in :math:`[0, 2^\alpha]`, up to rounding; 0 exactly for equal vectors, with zero gradient there.

    Raises:
        TypeError: If ``first`` is not floating.
        ValueError: If the shapes differ or the feature axis is empty, or ``exponent`` is below 1.

    Example:
        >>> first, second = jnp.array([[3.0, 4.0], [0.0, 1.0]]), jnp.array([[6.0, 8.0], [2.0, 0.0]])
        >>> jaxloss.alignment_loss(first, second, reduction="none")
        Array([0., 2.], dtype=float32)

    Reference:
        Wang and Isola (2020), Understanding Contrastive Representation Learning through Alignment and Uniformity on
        the Hypersphere. https://arxiv.org/abs/2005.10242
    """
    first, second = checks.values(first=first, second=second)
    squares = 2 * cosine_distance(first, second, where=where, reduction="none")
    exponent = checks.scalar("exponent", exponent, squares.dtype, at_least=1)
    values = numerics.power(squares, exponent / 2)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def uniformity_loss(
    embeddings: ArrayLike,
    *,
    temperature: Scalar = 0.5,
    chunk_size: int | None = None,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Uniformity on the unit sphere: logarithm of the mean Gaussian potential of all pairs of examples.

    .. math:: \ell = \log \frac{\sum_{i \ne j} w_i w_j e^{-\| u_i - u_j \|^2 / \tau}}{\sum_{i \ne j} w_i w_j}, \qquad
              u_i = \frac{x_i}{\|x_i\|}

    The examples are pooled, so ``where`` and ``weights`` belong to them. The paper has the inverse temperature
    :math:`t = 1 / \tau = 2`.

    Args:
        embeddings: Shape ``[..., N, D]``, floating; need not be normalised, a zero vector is orthogonal to all others.
        temperature: :math:`\tau` > 0, in squared units of the distance on the sphere.
        chunk_size, axis_name: See `jaxloss.representation`.
        where, weights: Shape ``[..., N]``; a set of fewer than two examples is absent. See `jaxloss.reduce`.
        reduction: Over the sets ``[...]``; see `jaxloss.reduce`.

    Returns:
        A scalar in :math:`[-4 / \tau, 0]`, up to rounding; 0 if all directions are equal.

    Raises:
        TypeError: If ``embeddings`` is not floating.
        ValueError: If the feature axis is empty, ``temperature`` is not positive, or every pool has one entry, as in
            ``[N, 1, D]``.

    Example:
        >>> jaxloss.uniformity_loss(jnp.array([[1.0, 0.0], [0.0, 2.0]]), temperature=0.5)
        Array(-4., dtype=float32)

    Reference:
        Wang and Isola (2020), Understanding Contrastive Representation Learning through Alignment and Uniformity on
        the Hypersphere. https://arxiv.org/abs/2005.10242
    """
    x, crowd = unlabelled(where, axis_name, chunk_size, embeddings)
    checks.with_pool("examples features", embeddings=x)
    tau = checks.scalar("temperature", temperature, x.dtype, above=0)
    x = unit(x)
    mass, _ = pool_mass(where, weights, x[..., 0])
    # Only the ratios of weights matter: their logarithms are those of numbers near 1. Absentees have none.
    size = jnp.zeros_like(x[..., 0])
    if mass is not None:
        kept, mass = mass.astype(bool), at_unit_scale(mass, -1, axis_name)
        size = jnp.where(kept, jnp.log(hide(kept, mass, fill=1).astype(x.dtype)), -jnp.inf)
    theirs = jnp.swapaxes(crowd.everybody(size[..., None]), -1, -2)

    def of_rows(cosines: Array, others: Array) -> tuple[Array, Array]:
        sizes = jnp.broadcast_to(theirs, cosines.shape)
        return gathered(2 * (cosines - 1) / tau + sizes, others), gathered(sizes, others)

    rows = [size + total for total in against_others(of_rows, x, crowd)]
    _, _, *rows = whole_pool(axis_name, None, None, *rows)
    present = jnp.any(~jnp.isneginf(rows[1]), axis=-1)
    potential, pairs = (jnp.where(present, gathered(row, ~jnp.isneginf(row)), jnp.zeros((), x.dtype)) for row in rows)
    return reduce(potential - pairs, where=present, reduction=reduction)


def koleo_loss(
    embeddings: ArrayLike,
    *,
    epsilon: Scalar = 1e-8,
    chunk_size: int | None = None,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""KoLeo loss: minus the logarithm of the distance to the nearest other example, which spreads the examples.

    .. math:: \ell_i = -\log\left( \min_{j \ne i} \| u_i - u_j \| + \epsilon \right), \qquad u_i = \frac{x_i}{\|x_i\|}

    It is, up to constants, the Kozachenko-Leonenko estimator of the differential entropy, negated. The nearest example
    is chosen by inner products, which are not differentiated. Equal directions have no direction to part in, and zero
    gradient.

    Args:
        embeddings: Shape ``[..., N, D]``, floating; need not be normalised, a zero vector is orthogonal to all others.
        epsilon: Added to the distance, so that equal directions have a finite loss; > 0.
        chunk_size, axis_name, where, weights: See `jaxloss.representation`.
        reduction: Over the examples ``[..., N]``; see `jaxloss.reduce`. An example without others is absent.

    Returns:
        A scalar, in nats, in :math:`[-\log(2 + \epsilon), -\log \epsilon]`.

    Raises:
        TypeError: If ``embeddings`` is not floating.
        ValueError: If the feature axis is empty, or ``epsilon`` is not positive.

    Example:
        >>> embeddings = jnp.array([[1.0, 0.0], [0.0, 2.0], [0.0, -1.0]])
        >>> jaxloss.koleo_loss(embeddings)
        Array(-0.34657356, dtype=float32)

    Reference:
        Sablayrolles et al. (2019), Spreading Vectors for Similarity Search. https://arxiv.org/abs/1806.03198
        Oquab et al. (2024), DINOv2: Learning Robust Visual Features without Supervision (in self-supervision).
        https://arxiv.org/abs/2304.07193
    """
    x, crowd = unlabelled(where, axis_name, chunk_size, embeddings)
    epsilon = checks.scalar("epsilon", epsilon, x.dtype, above=0)
    directions = jax.lax.stop_gradient(unit(x))
    nearest, accompanied = against_others(_nearest, directions, crowd)
    distances = numerics.sqrt(2 * half_squared_chord(x, chosen_rows(x, crowd, nearest)))
    values = -jnp.log(distances + epsilon)
    return reduce(values, where=some(where, accompanied), weights=weights, reduction=over(axis_name, reduction))


def _nearest(products: Array, others: Array) -> tuple[Array, Array]:
    """The place of the largest product of each row with others, and whether it has any."""
    if not products.shape[-1]:
        return jnp.zeros(products.shape[:-1], jnp.int32), jnp.zeros(products.shape[:-1], bool)
    return largest_of(products, others)
