"""Scale-invariant errors of the logarithm of depth: a wrong scale of a whole depth map costs less than its shape."""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths.log_ratios import log_ratio
from jaxloss._floor.maths.numerics import sqrt
from jaxloss._floor.reduction import blank, hide, reduce
from jaxloss._floor.spread import mean_over, require_whole
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction, Scalar
from jaxloss.vision._pools import check_pixel_ndim, flat, flat_mask, pixel_mass

__all__ = ["root_scale_invariant_log_error", "scale_invariant_log_error"]


def _scale_invariant_error(
    predictions: ArrayLike,
    targets: ArrayLike,
    pixel_ndim: int,
    variance_focus: Scalar,
    axis_name: AxisName | None,
    where: ArrayLike | None,
    weights: ArrayLike | None,
) -> tuple[Array, Array | None]:
    """The error of every depth map ``[...]``, and which of them have a pixel."""
    predictions, targets = checks.values(predictions=predictions, targets=targets)
    check_pixel_ndim(pixel_ndim, predictions.shape, "predictions")
    shape, where = predictions.shape, flat_mask(where, predictions.shape, pixel_ndim)
    predictions, targets = blank(where, flat(predictions, pixel_ndim), flat(targets, pixel_ndim), fill=1)
    require_whole(axis_name, predictions.shape, predictions, targets)
    variance_focus = checks.scalar("variance_focus", variance_focus, predictions.dtype, at_least=0, at_most=1)
    residual = value_checks.within_domain(
        log_ratio(predictions, targets),
        (predictions > 0) & (targets > 0),
        "predictions and targets must be positive depths; mask pixels without a depth with where=targets > 0",
    )
    mass, present = pixel_mass(axis_name, where, weights, shape, pixel_ndim, residual)
    mean = mean_over(axis_name, residual, mass)
    # The variance, not a difference of squares: it neither cancels nor becomes negative.
    variance = mean_over(axis_name, hide(where, jnp.square(residual - mean[..., None])), mass)
    return variance + (1 - variance_focus) * jnp.square(mean), present


def scale_invariant_log_error(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    pixel_ndim: int,
    variance_focus: Scalar = 0.5,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Scale-invariant logarithmic error of depth maps (SILog), in its squared form.

    With the logarithmic residuals :math:`g = \log \hat d - \log d` of the pixels of a map:

    .. math:: \ell = \overline{g^2} - \lambda\, \overline{g}^2

    A wrong scale of a whole map moves :math:`\overline g` only: at :math:`\lambda = 1` it costs nothing and the error
    is the variance of :math:`g`; at 0 it is the mean squared logarithmic error.

    Args:
        predictions: Depths, shape ``[..., *pixels]``, floating, > 0. For logarithms of depths pass their exponential.
        targets: Shape ``[..., *pixels]``, the same; floating or integer, > 0.
        pixel_ndim: Number of pixel axes that make one map; an integer >= 1, static; 2 for images ``[..., H, W]``.
        variance_focus: The factor :math:`\lambda`, in [0, 1]; 0.5 in the paper.
        axis_name: Mesh axes inside ``jax.shard_map`` over which the pixels are spread; see
            `jaxloss.vision.segmentation`.
        where, weights: Shape ``[..., *pixels]``; sensors leave pixels without a depth: ``where=targets > 0``. A map
            without a pixel is absent. See `jaxloss.reduce`.
        reduction: Over the maps ``[...]``; see `jaxloss.reduce`.

    Returns:
        A scalar >= 0; 0 exactly at a perfect fit, with zero gradient there.

    Raises:
        TypeError: If ``predictions`` is not floating.
        ValueError: If the shapes differ, there are fewer than ``pixel_ndim`` axes, or a hyperparameter is out of range;
            or if the last axis has size 1, as that of a channel has.

    Example:
        >>> targets = jnp.array([[1.0, 2.0], [3.0, 4.0]])
        >>> jaxloss.scale_invariant_log_error(2.0 * targets, targets, pixel_ndim=2, variance_focus=1.0)
        Array(0., dtype=float32)
        >>> jaxloss.scale_invariant_log_error(2.0 * targets, targets, pixel_ndim=2)
        Array(0.24022652, dtype=float32)

    Reference:
        Eigen, Puhrsch and Fergus (2014), Depth Map Prediction from a Single Image using a Multi-Scale Deep Network.
        https://arxiv.org/abs/1406.2283
    """
    values, present = _scale_invariant_error(
        predictions, targets, pixel_ndim, variance_focus, axis_name, where, weights
    )
    return reduce(values, where=present, reduction=reduction)


def root_scale_invariant_log_error(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    pixel_ndim: int,
    variance_focus: Scalar = 0.85,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Scale-invariant logarithmic error of depth maps (SILog) with a root, as depth networks are trained today.

    With the logarithmic residuals :math:`g = \log \hat d - \log d` of the pixels of a map:

    .. math:: \ell = \sqrt{\overline{g^2} - \lambda\, \overline{g}^2}

    The root of `jaxloss.scale_invariant_log_error`, with another default of :math:`\lambda`. BTS, AdaBins and others
    multiply it by 10, and pool all pixels of a batch: raise ``pixel_ndim`` by 1 for that. Here the gradient is 0 at a
    perfect fit, where a bare root has an infinite slope.

    Args:
        predictions: Depths, shape ``[..., *pixels]``, floating, > 0. For logarithms of depths pass their exponential.
        targets: Shape ``[..., *pixels]``, the same; floating or integer, > 0.
        pixel_ndim: Number of pixel axes that make one map; an integer >= 1, static; 2 for images ``[..., H, W]``.
        variance_focus: The factor :math:`\lambda`, in [0, 1].
        axis_name, where, weights, reduction: See `jaxloss.scale_invariant_log_error`.

    Returns:
        A scalar >= 0; 0 exactly at a perfect fit, with zero gradient there.

    Raises:
        TypeError: If ``predictions`` is not floating.
        ValueError: If the shapes differ, there are fewer than ``pixel_ndim`` axes, or a hyperparameter is out of range;
            or if the last axis has size 1, as that of a channel has.

    Example:
        >>> targets = jnp.array([[1.0, 2.0], [3.0, 4.0]])
        >>> jaxloss.root_scale_invariant_log_error(2.0 * targets, targets, pixel_ndim=2)
        Array(0.26845476, dtype=float32)

    Reference:
        Lee, Han, Ko and Suh (2019), From Big to Small: Multi-Scale Local Planar Guidance for Monocular Depth
        Estimation. https://arxiv.org/abs/1907.10326
    """
    values, present = _scale_invariant_error(
        predictions, targets, pixel_ndim, variance_focus, axis_name, where, weights
    )
    return reduce(sqrt(values), where=present, reduction=reduction)
