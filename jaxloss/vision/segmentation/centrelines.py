"""Overlap of the centrelines of tubular masks, such as vessels and roads."""

from __future__ import annotations

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths.rules import with_rule
from jaxloss._floor.maths.sigmoids import in_unit_interval
from jaxloss._floor.mesh import vary_over, varying_axes
from jaxloss._floor.reduction import blank, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar
from jaxloss.vision._pools import check_pixel_ndim

__all__ = ["soft_cldice_loss"]

Pair = tuple[Array, Array]


def soft_cldice_loss(
    probs: ArrayLike,
    targets: ArrayLike,
    *,
    pixel_ndim: int,
    num_iterations: int = 3,
    smoothing: Scalar = 1.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Soft centreline Dice loss (clDice): whether tubes are connected, rather than how thick they are.

    .. math:: \ell = 1 - \frac{2 P S}{P + S}, \qquad
              P = \frac{\sum S(p) \, y + s}{\sum S(p) + s}, \qquad S = \frac{\sum S(y) \, p + s}{\sum S(y) + s}

    with the soft skeleton :math:`S(m)`: what openings of the mask lose, after every one of the erosions. Precision
    :math:`P` asks whether the predicted skeleton lies in the mask, sensitivity :math:`S` whether the true one lies in
    the prediction. The paper adds it to a Dice loss: ``0.5 * soft_cldice_loss(...) + 0.5 * dice_loss(...)``. Take
    ``jax.nn.sigmoid`` or ``softmax`` of logits beforehand.

    Args:
        probs: Probabilities of the mask, shape ``[..., *pixels]``, floating, in [0, 1]; outside gives NaN.
        targets: Membership of the mask, shape ``[..., *pixels]``, boolean, integer or floating, in [0, 1]; outside
            gives NaN.
        pixel_ndim: Number of axes of pixels, 2 for images and 3 for volumes, static.
        num_iterations: Number of erosions, static, >= 0: at least the radius of the thickest tube, in pixels.
        smoothing: The number :math:`s`, in pixels, that keeps empty skeletons from counting as wrong; > 0.
        where, weights: One per mask, shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar in [0, 1]; 0 exactly for equal masks of zeros and ones. Its gradient is not 0 there: it asks for
        certain pixels.

    Raises:
        TypeError: If ``probs`` is not floating.
        ValueError: If the shapes differ, there are fewer than ``pixel_ndim`` axes, or a hyperparameter is out of range;
            or if the last axis of pixels has size 1, as that of a channel has.

    Example:
        >>> line = jnp.zeros((5, 5)).at[2].set(1.0)
        >>> thick, cut = line.at[1].set(1.0).at[3].set(1.0), line.at[:, 2].set(0.0)
        >>> scores = [jaxloss.soft_cldice_loss(mask, line, pixel_ndim=2) for mask in (thick, cut)]
        >>> print([f"{score:.3f}" for score in scores])
        ['0.000', '0.091']

    Reference:
        Shit et al. (2021), clDice - A Novel Topology-Preserving Loss Function for Tubular Structure Segmentation.
        https://arxiv.org/abs/2003.07311
    """
    probs, targets = checks.values(probs=probs, targets=checks.marks(targets))
    check_pixel_ndim(pixel_ndim, probs.shape, "probs")
    checks.whole("num_iterations", num_iterations, at_least=0)
    probs, targets = blank(where, probs, targets, event_ndim=pixel_ndim)
    value_checks.ensure_probabilities(probs=probs, targets=targets)
    smoothing = checks.scalar("smoothing", smoothing, probs.dtype, above=0)
    probs, targets = in_unit_interval(probs), in_unit_interval(targets)
    axes = tuple(range(probs.ndim - pixel_ndim, probs.ndim))

    def share(skeleton: Array, mask: Array) -> Array:
        return (jnp.sum(skeleton * mask, axes) + smoothing) / (jnp.sum(skeleton, axes) + smoothing)

    precision = share(_skeleton(probs, axes=axes, num_iterations=num_iterations), targets)
    sensitivity = share(_skeleton(targets, axes=axes, num_iterations=num_iterations), probs)
    # One minus their harmonic mean, without a difference of nearly equal numbers.
    lack = precision * (1 - sensitivity) + sensitivity * (1 - precision)
    return reduce(lack / (precision + sensitivity), where=where, weights=weights, reduction=reduction)


@functools.partial(jax.jit, static_argnames=("axes", "num_iterations"))
def _skeleton(masks: Array, *, axes: tuple[int, ...], num_iterations: int) -> Array:
    # A loop keeps the programs of the steps apart: in one piece XLA computes each erosion once more wherever it is
    # used. The gradient keeps two arrays of every step and computes the others again.
    @functools.partial(jax.checkpoint, prevent_cse=False)
    def step(carry: Pair, _: None) -> tuple[Pair, None]:
        masks, skeleton = carry
        eroded = _eroded(masks, axes)
        lost = jnp.maximum(masks - _dilated(eroded, axes), 0)
        return (eroded, skeleton + lost - skeleton * lost), None

    start = masks, vary_over(jnp.zeros_like(masks), varying_axes(masks))
    return jax.lax.scan(step, start, length=num_iterations + 1)[0][1]


def _neighbours(masks: Array, axis: int, fill: float) -> tuple[Array, Array]:
    """The pixels before and after each one along an axis, ``fill`` beyond the edge."""
    size = masks.shape[axis]
    pad = [(1, 1) if a == axis else (0, 0) for a in range(masks.ndim)]
    padded = jnp.pad(masks, pad, constant_values=fill)
    at = lambda start: tuple(slice(start, start + size) if a == axis else slice(None) for a in range(masks.ndim))
    return padded[at(0)], padded[at(2)]


def _chosen_jvp(choose: Callable[[Array, Array], Array], primals: Pair, tangents: Pair) -> Pair:
    """The derivative of the smaller or the larger of two, the mean of both where they are equal."""
    (x, y), chosen = primals, choose(*primals)
    is_x, is_y = x == chosen, y == chosen
    zero, one = jnp.zeros((), x.dtype), jnp.ones((), x.dtype)
    both = jnp.where(is_x, tangents[0], zero) + jnp.where(is_y, tangents[1], zero)
    # A quotient, since XLA on CPU stores quotients: a product of shares is computed again for every neighbour.
    return chosen, both / jnp.where(is_x & is_y, 2 * one, one)


@with_rule(functools.partial(_chosen_jvp, jnp.minimum))
def _smaller(x: Array, y: Array) -> Array:
    return jnp.minimum(x, y)


@with_rule(functools.partial(_chosen_jvp, jnp.maximum))
def _larger(x: Array, y: Array) -> Array:
    return jnp.maximum(x, y)


def _eroded(masks: Array, axes: tuple[int, ...]) -> Array:
    """The least of each pixel and its neighbours along the axes."""
    beside = (pixels for axis in axes for pixels in _neighbours(masks, axis, 1.0))
    return functools.reduce(_smaller, beside, masks)


def _dilated(masks: Array, axes: tuple[int, ...]) -> Array:
    """The largest of each pixel and all around it, those at the corners too."""
    for axis in axes:
        masks = functools.reduce(_larger, _neighbours(masks, axis, 0.0), masks)
    return masks
