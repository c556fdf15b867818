"""Depth without a known scale and shift: predictions are aligned with their targets before they are compared."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths.numerics import binary_scale_of, difference, divide
from jaxloss._floor.reduction import blank, hide, reduce
from jaxloss._floor.spread import mean_over, require_whole
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction
from jaxloss.vision._pools import Mass, check_pixel_ndim, flat, flat_mask, pixel_mass

__all__ = ["align_scale_and_shift", "scale_and_shift_invariant_loss"]


def _centred(axis_name: AxisName | None, x: Array, mass: Mass, where: Array | None) -> tuple[Array, Array]:
    """``x`` less its mean, 0 where masked, and the mean. Twice: the first mean of large numbers is rounded."""
    about = mean_over(axis_name, jax.lax.stop_gradient(x), mass)[..., None]
    near = hide(where, x - about)
    rest = mean_over(axis_name, near, mass)[..., None]
    return hide(where, near - rest), about + rest


def _unit_of(axis_name: AxisName | None, x: Array) -> Array:
    unit = binary_scale_of(x)
    return jax.lax.pmax(unit, axis_name) if axis_name else unit


def _maps(
    predictions: ArrayLike,
    targets: ArrayLike,
    pixel_ndim: int,
    axis_name: AxisName | None,
    where: ArrayLike | None,
    weights: ArrayLike | None,
) -> tuple[Array, Array, Mass, Array | None, Array | None]:
    """Predictions and targets ``[..., N]``, the mass of their pixels, which maps have any, and the flat mask."""
    predictions, targets = checks.values(predictions=predictions, targets=targets)
    check_pixel_ndim(pixel_ndim, predictions.shape, "predictions")
    shape, where = predictions.shape, flat_mask(where, predictions.shape, pixel_ndim)
    predictions, targets = blank(where, flat(predictions, pixel_ndim), flat(targets, pixel_ndim))
    require_whole(axis_name, predictions.shape, predictions, targets)
    mass, present = pixel_mass(axis_name, where, weights, shape, pixel_ndim, predictions)
    return predictions, targets, mass, present, where


def _fit(
    axis_name: AxisName | None, predictions: Array, targets: Array, mass: Mass, where: Array | None
) -> tuple[Array, Array, Array, Array]:
    """The aligned predictions and the targets ``[..., N]``, in a unit about the mean of the targets; both of these."""
    moved, _ = _centred(axis_name, predictions, mass, where)
    aim, mean = _centred(axis_name, targets, mass, where)
    unit, aim_unit = _unit_of(axis_name, moved), _unit_of(axis_name, aim)
    # What rounding leaves of a constant map has no scale.
    constant = unit <= 8 * float(jnp.finfo(moved.dtype).eps) * _unit_of(axis_name, predictions)
    moved = jnp.where(constant, jnp.zeros((), moved.dtype), moved) / unit
    aim = aim / aim_unit
    scale = divide(*(mean_over(axis_name, moved * x, mass)[..., None] for x in (aim, moved)))
    return scale * moved, aim, mean, aim_unit


def align_scale_and_shift(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    pixel_ndim: int,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
) -> Array:
    r"""Depth maps scaled and shifted to fit their targets in the least-squares sense, for a loss of aligned maps.

    .. math:: s \hat d + t, \qquad (s, t) = \arg\min_{s, t} \sum_i w_i (s \hat d_i + t - d_i)^2

    It is differentiated, scale and shift too: a loss of the result does not depend on the scale and shift of
    ``predictions``. A constant map has no scale; it is aligned with the mean of the targets.

    Args:
        predictions, targets, pixel_ndim, axis_name: See `jaxloss.scale_and_shift_invariant_loss`.
        where, weights: The pixels that are fitted, shape ``[..., *pixels]``, and their weights.

    Returns:
        Shape ``[..., *pixels]``, in units of ``targets``; 0 for pixels that ``where`` leaves out.

    Raises:
        TypeError: If ``predictions`` is not floating.
        ValueError: If the shapes differ, or there are fewer than ``pixel_ndim`` axes; or if the last axis has size 1,
            as that of a channel has.

    Example:
        >>> targets = jnp.array([1.0, 2.0, 3.0])
        >>> jaxloss.align_scale_and_shift(7.0 - 2.0 * targets, targets, pixel_ndim=1)
        Array([1., 2., 3.], dtype=float32)

    Reference:
        Ranftl, Lasinger, Hafner, Schindler and Koltun (2020), Towards Robust Monocular Depth Estimation: Mixing
        Datasets for Zero-shot Cross-dataset Transfer. https://arxiv.org/abs/1907.01341
    """
    (maps,) = checks.floating(predictions=predictions)
    predictions, targets, mass, _, where = _maps(maps, targets, pixel_ndim, axis_name, where, weights)
    aligned, _, mean, unit = _fit(axis_name, predictions, targets, mass, where)
    return jnp.reshape(hide(where, unit * aligned + mean), maps.shape)


def scale_and_shift_invariant_loss(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    pixel_ndim: int,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Scale- and shift-invariant loss of depth maps (MiDaS): half the squared error after a least-squares alignment.

    .. math:: \ell = \min_{s, t} \frac{1}{2}\, \overline{(s \hat d + t - d)^2}

    Predictions of depth or disparity up to an unknown scale and shift are compared with targets that have both. Half
    the variance of the targets times one minus the squared correlation: a map that is wrong by a factor and a constant
    has no loss, also where the factor is negative. A constant map has half the variance of the targets, and no
    gradient. The paper adds half of `jaxloss.depth_gradient_matching_loss` of the maps that
    `jaxloss.align_scale_and_shift` aligns; its second form is the absolute error of maps that are shifted by their
    medians. Every map counts alike, as in the paper; MiDaS's code divides by the pixels of the whole batch by default.

    Args:
        predictions: Depths or disparities, shape ``[..., *pixels]``, floating.
        targets: Shape ``[..., *pixels]``, the same; floating or integer.
        pixel_ndim: Number of pixel axes that make one map; an integer >= 1, static; 2 for images ``[..., H, W]``.
        axis_name: Mesh axes inside ``jax.shard_map`` over which the pixels are spread; see
            `jaxloss.vision.segmentation`.
        where, weights: Shape ``[..., *pixels]``; they belong to the pixels, in the alignment too. A map without a pixel
            is absent. See `jaxloss.reduce`.
        reduction: Over the maps ``[...]``; see `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in squared units of ``targets``; 0 exactly at a perfect fit, with zero gradient there.

    Raises:
        TypeError: If ``predictions`` is not floating.
        ValueError: If the shapes differ, or there are fewer than ``pixel_ndim`` axes; or if the last axis has size 1,
            as that of a channel has.

    Example:
        >>> targets = jnp.array([[1.0, 2.0], [3.0, 4.0]])
        >>> jaxloss.scale_and_shift_invariant_loss(7.0 - 2.0 * targets, targets, pixel_ndim=2)
        Array(0., dtype=float32)
        >>> jaxloss.scale_and_shift_invariant_loss(jnp.ones((2, 2)), targets, pixel_ndim=2)
        Array(0.625, dtype=float32)

    Reference:
        Ranftl, Lasinger, Hafner, Schindler and Koltun (2020), Towards Robust Monocular Depth Estimation: Mixing
        Datasets for Zero-shot Cross-dataset Transfer. https://arxiv.org/abs/1907.01341
    """
    predictions, targets, mass, present, where = _maps(predictions, targets, pixel_ndim, axis_name, where, weights)
    aligned, aim, _, unit = _fit(axis_name, predictions, targets, mass, where)
    unit = unit[..., 0]
    values = 0.5 * unit * (unit * mean_over(axis_name, jnp.square(difference(aligned, aim)), mass))
    return reduce(values, where=present, reduction=reduction)
