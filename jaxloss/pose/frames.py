"""Points seen from many rigid frames, such as the residues of a protein."""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths.numerics import difference, norm
from jaxloss._floor.reduction import blank, promote, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar

__all__ = ["frame_aligned_point_error", "points_in_frames"]


def points_in_frames(points: ArrayLike, rotations: ArrayLike, translations: ArrayLike) -> Array:
    r"""The coordinates of every point in every rigid frame.

    .. math:: x_{ij} = R_i^\top (x_j - t_i)

    They do not change if points and frames are moved together. `jaxloss.frame_aligned_point_error` compares them.

    Args:
        points: Points :math:`x_j`, shape ``[..., P, 3]``, floating.
        rotations: Axes :math:`R_i` of the frames as columns, shape ``[..., F, 3, 3]``, floating. They are taken for
            rotations, whose inverse is the transpose.
        translations: Origins :math:`t_i` of the frames, shape ``[..., F, 3]``, floating. Pad frames and points by
            finite numbers.

    Returns:
        Coordinates, shape ``[..., F, P, 3]``; float32, or float64 if an argument is.

    Raises:
        TypeError: If an argument is not floating.
        ValueError: If the shapes do not match.

    Example:
        >>> quarter_turn = jnp.array([[[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]])
        >>> jaxloss.points_in_frames(jnp.array([[1.0, 2.0, 3.0]]), quarter_turn, jnp.array([[1.0, 0.0, 0.0]]))
        Array([[[2., 0., 3.]]], dtype=float32)

    Reference:
        Jumper et al. (2021), Highly accurate protein structure prediction with AlphaFold, supplementary algorithm 28.
        https://doi.org/10.1038/s41586-021-03819-2
    """
    arrays = {"points": points, "rotations": rotations, "translations": translations}
    points, rotations, translations = checks.floating(**arrays)
    checks.with_axes("points coordinates", allow_empty=True, points=points)
    checks.with_axes("frames coordinates", allow_empty=True, translations=translations)
    batch, frames = points.shape[:-2], translations.shape[-2]
    checks.has_shape((*points.shape[:-1], 3), "three coordinates per point", points=points)
    checks.has_shape((*batch, frames, 3), "one origin per frame, in the batch of points", translations=translations)
    checks.has_shape((*batch, frames, 3, 3), "one rotation per frame", rotations=rotations)
    points, rotations, translations = promote(points, rotations, translations)
    apart = points[..., None, :, :] - translations[..., :, None, :]
    # Sums of three products each, which an accelerator would round in a product of matrices.
    return jnp.sum(rotations[..., :, None, :, :] * apart[..., None], axis=-2)


def frame_aligned_point_error(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    max_distance: Scalar = 10.0,
    length_scale: Scalar = 10.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Frame-aligned point error (FAPE): clamped distance between points in the coordinates of their frames.

    .. math:: \ell = \frac1Z \min\left( d_{\max}, \lVert \hat x_{ij} - x_{ij} \rVert_2 \right)

    With ``points_in_frames(points, rotations, translations)`` of the prediction and of the truth, the mean is over all
    pairs of a frame and a point, as in AlphaFold, and unlike an error after one alignment it tells a structure from its
    mirror image. AlphaFold adds 1e-4 under the root, so that its least value is 0.001; here it is 0. A tenth of its
    batches are not clamped: ``max_distance=jnp.inf``.

    Args:
        predictions: Coordinates :math:`\hat x` in the predicted frames, shape ``[..., 3]``, floating; of other sizes
            than 3 as well.
        targets: Coordinates :math:`x` in the true frames, shape ``[..., 3]``, the same.
        max_distance: Distance :math:`d_{\max}` from which on the error is constant and has no gradient; > 0. The
            default is in ångströms.
        length_scale: Unit :math:`Z` of the distance; > 0.
        where, weights: One per pair of a frame and a point, shape ``[...]``, such as ``frame_mask[..., :, None] &
            point_mask[..., None, :]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar in :math:`[0, d_{\max} / Z]`; 0 exactly at a perfect fit, with zero gradient there.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ or the coordinate axis is missing or empty, or a hyperparameter is not
            positive.

    Example:
        >>> points, axes, origins = jnp.array([[3.0, 4.0, 0.0]]), jnp.eye(3)[None], jnp.zeros((1, 3))
        >>> truth = jaxloss.points_in_frames(0 * points, axes, origins)
        >>> jaxloss.frame_aligned_point_error(jaxloss.points_in_frames(points, axes, origins), truth)
        Array(0.5, dtype=float32)

    Reference:
        Jumper et al. (2021), Highly accurate protein structure prediction with AlphaFold, supplementary algorithm 28.
        https://doi.org/10.1038/s41586-021-03819-2
    """
    predictions, targets = checks.values(predictions=predictions, targets=targets)
    checks.with_axes("coordinates", predictions=predictions)
    predictions, targets = blank(where, predictions, targets, event_ndim=1)
    most = checks.scalar("max_distance", max_distance, predictions.dtype, above=0)
    unit = checks.scalar("length_scale", length_scale, predictions.dtype, above=0)
    distance = norm(difference(predictions, targets))
    # A selection and no minimum, whose NaN XLA on CPU loses in front of a sum.
    clamped = jnp.where(distance >= most, most, distance)
    return reduce(clamped / unit, where=where, weights=weights, reduction=reduction)
