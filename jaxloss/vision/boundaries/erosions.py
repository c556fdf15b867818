"""Errors of pixels weighted by how many erosions they survive."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths.numerics import difference, divide, positive_part, power
from jaxloss._floor.maths.sigmoids import in_unit_interval
from jaxloss._floor.reduction import hide, pool_mean, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar
from jaxloss.vision._pools import flat
from jaxloss.vision.boundaries._pixels import mask_pair

__all__ = ["hausdorff_erosion_loss"]


def hausdorff_erosion_loss(
    probs: ArrayLike,
    targets: ArrayLike,
    *,
    pixel_ndim: int,
    num_erosions: int = 10,
    alpha: Scalar = 2.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Hausdorff loss by erosions: squared errors of pixels are eroded repeatedly, so that thick errors count most.

    .. math:: \ell = \overline{\sum_{k=1}^{K} k^\alpha e_k}, \qquad
              e_k = \nu\left(\left[B * e_{k-1} - \tfrac{1}{2}\right]_+\right), \qquad e_0 = (p - y)^2

    with B the mean over a pixel and its neighbours along the axes, and :math:`\nu` the map of the image onto [0, 1], by
    its minimum and maximum, of a map that is not constant. Without distance transforms the gradient flows through all
    of it. An error thinner than three pixels does not survive the first erosion and costs nothing, so the loss is added
    to an overlap loss; its value has no unit. It jumps where the largest of a map falls below 1/2. Kornia's
    ``HausdorffERLoss`` takes the mean of this over all classes, the background too.

    Args:
        probs: Probabilities of the mask, shape ``[..., *pixels]``, floating, in [0, 1]; outside gives NaN.
        targets: Membership of the mask, shape ``[..., *pixels]``, boolean, integer or floating, in [0, 1]; outside
            gives NaN.
        pixel_ndim: Number of axes of pixels, 2 for images and 3 for volumes, static.
        num_erosions: Number of erosions K, static, >= 1: about half of the thickness of the largest error, in pixels.
        alpha: Exponent of the weight of an erosion; > 0.
        where, weights: One per pixel, shape ``[..., *pixels]``. A pixel that is masked or has weight 0 has no error, as
            beyond the edge of the image; an image without pixels is absent. See `jaxloss.reduce`.
        reduction: Over the images ``[...]``; see `jaxloss.reduce`.

    Returns:
        A scalar in ``[0, 1 + 2**alpha + ... + num_erosions**alpha]``; 0 exactly at a perfect fit and near it, with zero
        gradient.

    Raises:
        TypeError: If ``probs`` is not floating.
        ValueError: If the shapes differ, there are fewer than ``pixel_ndim`` axes, or a hyperparameter is out of range;
            or if the last axis of pixels has size 1, as that of a channel has.

    Example:
        >>> target = jnp.zeros((7, 7))
        >>> thin, thick = target.at[3, 1:6].set(1.0), target.at[2:5, 2:5].set(1.0)
        >>> masks, targets = jnp.stack([thin, thick]), jnp.stack([target, target])
        >>> print(jaxloss.hausdorff_erosion_loss(masks, targets, pixel_ndim=2, reduction="none"))
        [0.14285713 0.16734692]

    Reference:
        Karimi and Salcudean (2020), Reducing the Hausdorff Distance in Medical Image Segmentation with Convolutional
        Neural Networks. https://arxiv.org/abs/1904.10030
    """
    probs, targets, mass, present = mask_pair(probs, targets, pixel_ndim, where, weights)
    checks.whole("num_erosions", num_erosions)
    alpha = checks.scalar("alpha", alpha, probs.dtype, above=0)
    exists = None if mass is None else mass.astype(bool)
    axes = tuple(range(probs.ndim - pixel_ndim, probs.ndim))
    error = hide(exists, jnp.square(difference(in_unit_interval(probs), in_unit_interval(targets))))
    total = jnp.zeros((), probs.dtype)
    for k in range(num_erosions):
        error = _eroded(error, exists, axes)
        total = total + error * power(jnp.asarray(k + 1.0, probs.dtype), alpha)
    values = pool_mean(flat(total, pixel_ndim), None if mass is None else flat(mass, pixel_ndim))
    return reduce(values, where=present, reduction=reduction)


def _eroded(error: Array, exists: Array | None, axes: tuple[int, ...]) -> Array:
    """By how much means over neighbours exceed one half, scaled to [0, 1] per image; 0 at missing pixels."""
    padded = jnp.pad(error, [(1, 1) if axis in axes else (0, 0) for axis in range(error.ndim)])
    at = lambda moved, start: tuple(
        slice(start if axis == moved else 1, (start if axis == moved else 1) + error.shape[axis])
        if axis in axes
        else slice(None)
        for axis in range(error.ndim)
    )
    around = sum((padded[at(axis, start)] for axis in axes for start in (0, 2)), error)
    count = 2 * len(axes) + 1
    rest = hide(exists, positive_part(around - 0.5 * count) / count)
    high = _highest(rest, axes)
    low = -_highest(-rest if exists is None else jnp.where(exists, -rest, -high), axes)
    above, span = hide(exists, rest - low), jnp.broadcast_to(high - low, rest.shape)
    return jnp.where(span == 0, rest, divide(above, span))


@functools.partial(jax.custom_jvp, nondiff_argnums=(1,))
def _highest(x: Array, axes: tuple[int, ...]) -> Array:
    """The maximum over ``axes``, kept; all entries within rounding of it share its slope.

    JAX looks for entries equal to the maximum. Where a compiler computes them again, with another rounding, it finds
    none, and divides by their number.
    """
    return jnp.max(x, axes, keepdims=True, initial=-1)


@_highest.defjvp
def _highest_jvp(axes: tuple[int, ...], primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    (x,), (tangent,) = primals, tangents
    high = _highest(x, axes)
    near = (x >= high - 8 * float(jnp.finfo(x.dtype).eps)).astype(x.dtype)
    share = near / jnp.maximum(jnp.sum(near, axes, keepdims=True), 1)
    return high, jnp.sum(share * tangent, axes, keepdims=True)
