"""Costs of every predicted mask against every target mask, for matching: matrix products over the pixels."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax.core import max_dim

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths.numerics import divide
from jaxloss._floor.maths.rows.products import precision
from jaxloss._floor.maths.sigmoids import negative_log_sigmoids, sigmoid_sides
from jaxloss._floor.reduction import blank, divide_sums, hide, promote
from jaxloss._floor.typing import Array, ArrayLike, Scalar
from jaxloss.vision._pools import check_pixel_ndim, flat

__all__ = ["pairwise_sigmoid_binary_cross_entropy", "pairwise_sigmoid_dice_loss"]


def pairwise_sigmoid_dice_loss(
    logits: ArrayLike,
    targets: ArrayLike,
    *,
    pixel_ndim: int,
    smoothing: Scalar = 1e-5,
    where: ArrayLike | None = None,
) -> Array:
    r"""Soft Dice loss of every predicted mask against every target mask: `jaxloss.sigmoid_dice_loss` of the pairs.

    .. math:: C_{nm} = 1 - \frac{|p_n \cap y_m| + s}{\tfrac12 (|p_n| + |y_m|) + s}, \qquad p_n = \sigma(z_n)

    with shares of the pixels, as in `jaxloss.sigmoid_dice_loss`. For targets of 0 and 1 the intersection is a product,
    so the table takes two matrix products and no array of all pairs and pixels. A cost for
    `jaxloss.hungarian_matching`; the matched pairs then go to the loss of one pair.

    Args:
        logits: Scores of the predicted masks, shape ``[..., N, *pixels]``, floating, unnormalised.
        targets: Target masks, shape ``[..., M, *pixels]``, floating, integer or boolean, each pixel 0 or 1; another
            value gives NaN in the column of its mask.
        pixel_ndim: Number of pixel axes; an integer >= 1.
        smoothing: Agreement :math:`s` added to the numerator and the denominator, as a share of the pixels; >= 0.
        where: Pixels that count, shape ``[..., *pixels]``, boolean; the same for all pairs. None: all.

    Returns:
        Costs ``[..., N, M]``, in [0, 1]; float32, or float64 if an input is. 0 exactly for a certain prediction of its
        target, and for all pairs if no pixel counts.

    Raises:
        TypeError: If ``logits`` is not floating or ``where`` is not boolean.
        ValueError: If the leading or pixel axes differ, the mask axis is missing, or ``smoothing`` is negative.

    Example:
        >>> logits = jnp.array([[9.0, 9.0, -9.0], [-9.0, -9.0, 9.0]])
        >>> jaxloss.pairwise_sigmoid_dice_loss(logits, jnp.array([[1, 1, 0]]), pixel_ndim=1).round(3)
        Array([[0.],
               [1.]], dtype=float32)

    Reference:
        Cheng et al. (2022), Masked-attention Mask Transformer for Universal Image Segmentation.
        https://arxiv.org/abs/2112.01527
        Milletari, Navab and Ahmadi (2016), V-Net: Fully Convolutional Neural Networks for Volumetric Medical Image
        Segmentation. https://arxiv.org/abs/1606.04797
    """
    logits, targets, count = _masks(logits, targets, pixel_ndim, where)
    smoothing = checks.scalar("smoothing", smoothing, logits.dtype, at_least=0)
    targets = jnp.where((targets == 0) | (targets == 1), targets, jnp.nan)
    probs, rest = sigmoid_sides(logits)
    wrong = _products(probs, 1 - targets) + _products(rest, targets)
    sizes = jnp.sum(probs, axis=-1)[..., :, None] + jnp.sum(targets, axis=-1)[..., None, :]
    sizes = sizes + jax.lax.stop_gradient(jnp.maximum(wrong - sizes, 0))  # rounding takes no cost above 1
    half = divide_sums(0.5 * wrong, count)
    return divide(half, divide_sums(0.5 * sizes, count) + smoothing)


def pairwise_sigmoid_binary_cross_entropy(
    logits: ArrayLike, targets: ArrayLike, *, pixel_ndim: int, where: ArrayLike | None = None
) -> Array:
    r"""Binary cross-entropy of every predicted mask against every target mask, a mean over the pixels.

    .. math:: C_{nm} = \frac1{|I|} \sum_{i \in I} -y_{mi} \log \sigma(z_{ni}) - (1 - y_{mi}) \log \sigma(-z_{ni})

    `jaxloss.sigmoid_binary_cross_entropy` of the pairs over the pixels :math:`I` that count. It is linear in the
    targets, so the table takes two matrix products and no array of all pairs and pixels. A cost for
    `jaxloss.hungarian_matching`; the matched pairs then go to the loss of one pair.

    Args:
        logits: Scores of the predicted masks, shape ``[..., N, *pixels]``, floating, unnormalised. An infinite logit
            counts as the largest finite one, without a slope.
        targets: Target masks, shape ``[..., M, *pixels]``, floating, integer or boolean, in [0, 1]; a value outside
            gives NaN in the column of its mask.
        pixel_ndim: Number of pixel axes; an integer >= 1.
        where: Pixels that count, shape ``[..., *pixels]``, boolean; the same for all pairs. None: all.

    Returns:
        Costs ``[..., N, M]``, >= 0, in nats; float32, or float64 if an input is. 0 if no pixel counts.

    Raises:
        TypeError: If ``logits`` is not floating or ``where`` is not boolean.
        ValueError: If the leading or pixel axes differ, or the mask axis is missing.

    Example:
        >>> logits = jnp.array([[2.0, 2.0, -2.0], [0.0, 0.0, 0.0]])
        >>> jaxloss.pairwise_sigmoid_binary_cross_entropy(logits, jnp.array([[1, 1, 0], [0, 0, 0]]), pixel_ndim=1)
        Array([[0.126928 , 1.4602613],
               [0.6931472, 0.6931472]], dtype=float32)

    Reference:
        Cheng et al. (2022), Masked-attention Mask Transformer for Universal Image Segmentation.
        https://arxiv.org/abs/2112.01527
    """
    logits, targets, count = _masks(logits, targets, pixel_ndim, where)
    targets = jnp.where((targets >= 0) & (targets <= 1), targets, jnp.nan)
    largest = float(jnp.finfo(logits.dtype).max)  # infinity times an absent target would be NaN
    missed, extra = negative_log_sigmoids(jnp.clip(logits, -largest, largest))
    return divide_sums(_products(missed, targets) + _products(extra, 1 - targets), count)


def _products(x: Array, y: Array) -> Array:
    return jnp.einsum("...np,...mp->...nm", x, y, precision=precision())


def _masks(
    logits: ArrayLike, targets: ArrayLike, pixel_ndim: int, where: ArrayLike | None
) -> tuple[Array, Array, Array]:
    """Masks ``[..., N, P]`` and ``[..., M, P]`` with nothing predicted and no target where masked, and the count."""
    (logits,), (targets,) = checks.floating(logits=logits), checks.numeric(targets=checks.marks(targets))
    value_checks.ensure_logits("logits", logits)
    for name, array in (("logits", logits), ("targets", targets)):
        check_pixel_ndim(pixel_ndim, array.shape, name)
        checks.with_axes("masks" + " pixels" * pixel_ndim, allow_empty=True, **{name: array})
    lead, pixels = logits.shape[: -pixel_ndim - 1], logits.shape[-pixel_ndim:]
    fits = (*lead, targets.shape[-pixel_ndim - 1], *pixels)
    checks.has_shape(fits, "masks of the pixels of the logits", targets=targets)
    logits, targets = promote(flat(logits, pixel_ndim), flat(targets, pixel_ndim))
    value_checks.ensure_probabilities(targets=targets)
    if where is None:
        size = max_dim(logits.shape[-1], 1)
        return logits, targets, jnp.full((1,) * logits.ndim, size, logits.dtype)
    keep = flat(checks.mask(where, (*lead, *pixels)), pixel_ndim)[..., None, :]
    (targets,) = blank(keep, targets)
    count = jnp.sum(keep, axis=-1, keepdims=True, dtype=jnp.int32).astype(logits.dtype)
    return hide(keep, logits, fill=-jnp.inf), targets, count
