"""Regularity of deformations: penalties on the derivatives of a displacement field, for registration and flow."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from jaxloss._floor import checks
from jaxloss._floor.maths.numerics import difference, poison
from jaxloss._floor.reduction import blank, plain_mean, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar
from jaxloss.vision._pools import flat
from jaxloss.vision._steps import steps

__all__ = ["bending_energy_penalty", "displacement_gradient_penalty"]

Spacing = Scalar | ArrayLike | Sequence[float]


def _field(where: ArrayLike | None, displacements: ArrayLike, spacing: Spacing) -> tuple[Array, Array]:
    """A field of as many axes as it has components, blanked, and the distance of its points along each."""
    (displacements,) = checks.floating(displacements=displacements)
    checks.with_axes("components", displacements=displacements)
    ndim = displacements.shape[-1]
    sizes = displacements.shape[-1 - ndim : -1]
    if len(sizes) < ndim or min(sizes) < 3:
        raise ValueError(
            f"displacements must have the shape [..., *points, components], with as many axes of points as components "
            f"and at least 3 points along each; found shape {displacements.shape}, which has {ndim} components. "
            f"Components are last: jnp.moveaxis(displacements, 1, -1)."
        )
    (displacements,) = blank(where, displacements, event_ndim=ndim + 1)
    return displacements, _distances(spacing, ndim, displacements.dtype)


def _distances(spacing: Spacing, ndim: int, dtype: np.dtype) -> Array:
    (array,) = checks.numeric(spacing=spacing)
    if array.shape not in ((), (ndim,)):
        raise ValueError(f"spacing must be one number, or one per axis, shape ({ndim},); found shape {array.shape}.")
    traced = any(isinstance(number, Tracer) for number in jax.tree.leaves(spacing))
    if not traced and not np.all(np.asarray(spacing) > 0):
        raise ValueError(f"spacing must be > 0; found {spacing}.")
    return jnp.broadcast_to(array.astype(dtype), (ndim,))


def _along(x: Array, axis: int, start: int, stop: int) -> Array:
    return jax.lax.slice_in_dim(x, start, x.shape[axis] + stop, axis=axis)


def _slope(x: Array, axis: int, distance: Array) -> Array:
    """The central difference quotient at inner points."""
    return 0.5 * difference(_along(x, axis, 2, 0), _along(x, axis, 0, -2)) / distance


def _curvature(x: Array, axis: int, distance: Array) -> Array:
    """The second difference quotient at inner points."""
    return steps(steps(x, axis) / distance, axis) / distance


def _inner(x: Array, axes: Sequence[int]) -> Array:
    for axis in axes:
        x = _along(x, axis, 1, -1)
    return x


def _mean(squares: Array, ndim: int) -> Array:
    """The mean over points and components."""
    return plain_mean(flat(squares, ndim + 1), -1)


def displacement_gradient_penalty(
    displacements: ArrayLike,
    *,
    spacing: Spacing = 1.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Diffusion regularizer of a deformation: the squared gradient of a displacement field.

    .. math:: \ell = \operatorname{mean}_{x, i} \sum_j \left( \frac{\partial u_i}{\partial x_j} \right)^2

    Central differences at the inner points, as in MONAI's ``DiffusionLoss``, which is not a loss of diffusion models.
    They do not see displacements that alternate from point to point, which `jaxloss.bending_energy_penalty` does.
    VoxelMorph's code takes differences of neighbours and divides by the number of axes. MONAI's ``normalize=True`` is
    ``spacing=1 / sizes`` of ``displacements / sizes``, with the numbers of points along the axes.

    Args:
        displacements: Shape ``[..., *points, D]``, floating, with as many axes of points as there are components ``D``:
            ``[..., H, W, 2]`` or ``[..., D, H, W, 3]``; at least 3 points along each. Component i is along axis i.
        spacing: Distance of neighbouring points: one number, or one per axis, shape ``[D]``; > 0. In units of
            ``displacements`` the loss has none.
        where, weights: One per field, shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0; 0 exactly for a translation, with zero gradient there.

    Raises:
        TypeError: If ``displacements`` is not floating.
        ValueError: If there are fewer axes of points than components, or fewer than 3 points along one; or if
            ``spacing`` is not positive or has another shape.

    Example:
        >>> x, y = jnp.meshgrid(jnp.arange(4.0), jnp.arange(4.0), indexing="ij")
        >>> jaxloss.displacement_gradient_penalty(jnp.stack([0.5 * x, 0.5 * x], axis=-1))
        Array(0.25, dtype=float32)

    Reference:
        Balakrishnan, Zhao, Sabuncu, Guttag and Dalca (2019), VoxelMorph: A Learning Framework for Deformable Medical
        Image Registration. https://arxiv.org/abs/1809.05231
    """
    displacements, distances = _field(where, displacements, spacing)
    ndim = displacements.shape[-1]
    axes = range(displacements.ndim - 1 - ndim, displacements.ndim - 1)
    squares = [
        jnp.square(_slope(_inner(displacements, [a for a in axes if a != axis]), axis, distances[k]))
        for k, axis in enumerate(axes)
    ]
    # Points at the corners are in no central difference, but a NaN there is not to be missed.
    known = jnp.logical_not(jnp.any(jnp.isnan(displacements), axis=(*axes, -1)))
    values = poison(_mean(sum(squares[1:], squares[0]), ndim), known)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def bending_energy_penalty(
    displacements: ArrayLike,
    *,
    spacing: Spacing = 1.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Bending energy of a deformation: the squared second derivatives of a displacement field.

    .. math:: \ell = \operatorname{mean}_{x, i} \sum_{j, k}
              \left( \frac{\partial^2 u_i}{\partial x_j \partial x_k} \right)^2

    The energy of a thin sheet of metal. Affine deformations are free, unlike in
    `jaxloss.displacement_gradient_penalty`. Second differences of three points, and mixed ones of the four diagonal
    neighbours, at the inner points, as in MONAI's ``BendingEnergyLoss``; its ``normalize=True`` is
    ``spacing=1 / sizes`` of ``displacements / sizes``, with the numbers of points along the axes.

    Args:
        displacements, spacing: See `jaxloss.displacement_gradient_penalty`.
        where, weights: One per field, shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0; 0 for an affine deformation, up to rounding, and exactly for a translation, with zero gradient
        there.

    Raises:
        TypeError: If ``displacements`` is not floating.
        ValueError: If there are fewer axes of points than components, or fewer than 3 points along one; or if
            ``spacing`` is not positive or has another shape.

    Example:
        >>> x, y = jnp.meshgrid(jnp.arange(4.0), jnp.arange(4.0), indexing="ij")
        >>> jaxloss.bending_energy_penalty(jnp.stack([x**2, x - y], axis=-1))
        Array(2., dtype=float32)

    Reference:
        Rueckert, Sonoda, Hayes, Hill, Leach and Hawkes (1999), Nonrigid Registration Using Free-Form Deformations:
        Application to Breast MR Images. https://doi.org/10.1109/42.796284
    """
    displacements, distances = _field(where, displacements, spacing)
    ndim = displacements.shape[-1]
    axes = range(displacements.ndim - 1 - ndim, displacements.ndim - 1)
    squares = []
    for k, axis in enumerate(axes):
        beside = _inner(displacements, [a for a in axes if a != axis])
        squares.append(jnp.square(_curvature(beside, axis, distances[k])))
        for other in range(k + 1, ndim):
            rest = _inner(displacements, [a for a in axes if a not in (axis, axes[other])])
            twist = _slope(_slope(rest, axis, distances[k]), axes[other], distances[other])
            squares.append(2 * jnp.square(twist))
    values = _mean(sum(squares[1:], squares[0]), ndim)
    return reduce(values, where=where, weights=weights, reduction=reduction)
