"""Perceptual losses: images compared by the feature maps that a network makes of them.

The network is the user's: any pure function from images to feature maps serves, `jaxloss.nn.VGG` among others.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths.numerics import divide, norm, normalize, poison, scale_of
from jaxloss._floor.maths.rows.products import precision
from jaxloss._floor.reduction import hide, plain_mean, promote, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar
from jaxloss.vision import _images

__all__ = ["content_loss", "lpips_loss", "style_loss"]


def _named_leaves(name: str, tree: Any) -> dict[str, Any]:
    return {name + jax.tree_util.keystr(path): leaf for path, leaf in jax.tree_util.tree_leaves_with_path(tree)}


def _layers(where: ArrayLike | None, predictions: Any, targets: Any) -> list[tuple[Array, Array]]:
    """The two feature maps of every layer, promoted, those of masked examples blanked."""
    ours, theirs = _named_leaves("predictions", predictions), _named_leaves("targets", targets)
    found, expected = jax.tree.structure(targets), jax.tree.structure(predictions)
    if found != expected or not ours:
        raise ValueError(
            "predictions and targets must be feature maps of one shape and structure: an array, or a list or dict of "
            f"arrays, one per layer; found {expected} and {found}."
        )
    both = zip(ours.items(), theirs.items(), strict=True)
    pairs = [checks.values(**{name: x, other: y}) for (name, x), (other, y) in both]
    for name, (x, _) in zip(ours, pairs, strict=True):
        checks.with_axes("height width channels", allow_empty=False, **{name: x})
        if x.shape[:-3] != pairs[0][0].shape[:-3]:
            raise ValueError(
                f"all layers must have the same batch axes, those before [height, width, channels]; found shape "
                f"{x.shape} for {name} and {pairs[0][0].shape} for the first."
            )
    flat = promote(*(hide(where, x, event_ndim=3) for pair in pairs for x in pair))
    return list(zip(flat[::2], flat[1::2], strict=True))


def _factors(layer_weights: Scalar | Any, predictions: Any, dtype: Any) -> list[Scalar]:
    """One factor per layer: of a pytree like ``predictions``, or the same for all."""
    expected, found = jax.tree.structure(predictions), jax.tree.structure(layer_weights)
    given = jax.tree.leaves(layer_weights)
    if jax.tree_util.treedef_is_leaf(found):
        given = given * expected.num_leaves
    elif found != expected:
        raise ValueError(
            f"layer_weights must be one number, or have the structure of the feature maps, {expected}; found {found}."
        )
    return [checks.scalar("layer_weights", factor, dtype, at_least=0) for factor in given]


def _total(values: list[Array], layer_weights: Scalar | Any, predictions: Any) -> Array:
    """The weighted sum over the layers of values ``[...]``."""
    factors = _factors(layer_weights, predictions, values[0].dtype)
    return jnp.asarray(sum(factor * value for factor, value in zip(factors, values, strict=True)))


def _pixel_mean(values: Array) -> Array:
    """The mean over ``[H, W, C]``."""
    *batch, height, width, channels = values.shape
    return plain_mean(jnp.reshape(values, (*batch, height * width * channels)), -1)


def _flat(features: Array) -> Array:
    """``[..., H, W, C]`` as ``[..., H * W, C]``."""
    *batch, height, width, channels = features.shape
    return jnp.reshape(features, (*batch, height * width, channels))


def content_loss(
    predictions: Any,
    targets: Any,
    *,
    layer_weights: Scalar | Any = 1.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Perceptual loss (content, feature reconstruction loss): squared error of feature maps, summed over layers.

    .. math:: \ell = \sum_l \lambda_l \operatorname{mean}_{h, w, c} \left( \phi_l(\hat y) - \phi_l(y) \right)^2

    Both arguments are what a network makes of images: an array for one layer, or a list, a dict or another pytree of
    arrays. The network decides the range and normalisation of the images; a wrong range is the most frequent reason for
    poor results. (piq sums over the channels instead of averaging.)

    Args:
        predictions: Feature maps, each of shape ``[..., H, W, C]``, floating; the batch axes ``[...]`` are those of
            all layers, the others may differ between them.
        targets: Feature maps of the same structure and shapes.
        layer_weights: Factors :math:`\lambda_l` >= 0: one number for all layers, or a pytree like ``predictions``.
        where, weights: One per image, shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in squared units of the features; 0 exactly for equal features.

    Raises:
        TypeError: If ``predictions`` is not floating.
        ValueError: If structures, shapes or batch axes differ, or a weight is negative.

    Example:
        >>> one = {"relu1_2": jnp.ones((4, 4, 2)), "relu2_2": jnp.ones((2, 2, 3))}
        >>> other = jax.tree.map(jnp.zeros_like, one)
        >>> jaxloss.content_loss(one, other, layer_weights={"relu1_2": 1.0, "relu2_2": 0.5})
        Array(1.5, dtype=float32)

    Reference:
        Johnson, Alahi and Fei-Fei (2016), Perceptual Losses for Real-Time Style Transfer and Super-Resolution.
        https://arxiv.org/abs/1603.08155
    """
    layers = _layers(where, predictions, targets)
    each = [_pixel_mean(jnp.square(x - y)) for x, y in layers]
    return reduce(_total(each, layer_weights, predictions), where=where, weights=weights, reduction=reduction)


def style_loss(
    predictions: Any,
    targets: Any,
    *,
    layer_weights: Scalar | Any = 1.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Style loss: squared distance of the Gram matrices of feature maps, which compares textures, not positions.

    .. math:: \ell = \sum_l \lambda_l \left\| G(\phi_l(\hat y)) - G(\phi_l(y)) \right\|_F^2, \qquad
              G(\phi)_{c d} = \frac{1}{H W C} \sum_{h, w} \phi_{h w c} \phi_{h w d}

    The normaliser :math:`HWC` and the sum over the entries are those of Johnson et al. Others divide by less, or
    average over the :math:`C^2` entries (piq: neither divides the Gram matrix nor sums; PyTorch's example divides and
    averages). This only rescales every layer: choose ``layer_weights`` to follow any of them.

    Args:
        predictions, targets: Feature maps of one structure; see `jaxloss.content_loss`.
        layer_weights, where, weights, reduction: See `jaxloss.content_loss`.

    Returns:
        A scalar >= 0; 0 exactly for equal features, and accurate near it.

    Raises:
        TypeError: If ``predictions`` is not floating.
        ValueError: If structures, shapes or batch axes differ, or a weight is negative.

    Example:
        >>> jaxloss.style_loss(jnp.ones((4, 4, 2)), jnp.zeros((4, 4, 2)))
        Array(1., dtype=float32)

    Reference:
        Gatys, Ecker and Bethge (2015), A Neural Algorithm of Artistic Style.
        https://arxiv.org/abs/1508.06576
        Johnson, Alahi and Fei-Fei (2016), Perceptual Losses for Real-Time Style Transfer and Super-Resolution.
        https://arxiv.org/abs/1603.08155
    """
    layers = _layers(where, predictions, targets)
    each = [_gram_distance(_flat(x), _flat(y)) for x, y in layers]
    return reduce(_total(each, layer_weights, predictions), where=where, weights=weights, reduction=reduction)


def _gram_distance(x: Array, y: Array) -> Array:
    """The squared distance of the Gram matrices of ``[..., N, C]``.

    With ``p = x + y`` and ``q = x - y`` the difference of the matrices is the symmetric part of ``p' q``: one product
    instead of two, and nothing cancels where the features are nearly equal.
    """
    *_, positions, channels = x.shape
    size = positions * channels
    product = jnp.einsum("...nc,...nd->...cd", (x + y) / size, x - y, precision=precision())
    return jnp.sum(jnp.square(0.5 * (product + jnp.swapaxes(product, -1, -2))), axis=(-2, -1))


def lpips_loss(
    predictions: Any,
    targets: Any,
    heads: Any,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Learned perceptual image patch similarity (LPIPS): weighted squared distance of unit feature vectors.

    .. math:: \ell = \sum_l \operatorname{mean}_{h, w} \sum_c a_{l c}
              \left( \frac{\phi_l(\hat y)_{h w c}}{\|\phi_l(\hat y)_{h w}\|}
              - \frac{\phi_l(y)_{h w c}}{\|\phi_l(y)_{h w}\|} \right)^2

    A zero feature vector stays zero, with zero gradient (published code adds 1e-10 to the norm). The published
    networks are read by ``jaxloss.nn.load_vgg``, the published heads :math:`a` by ``jaxloss.nn.load_lpips_heads``;
    with heads of ones this is the distance of the paper's untrained baseline.

    Args:
        predictions, targets: Feature maps of one structure; see `jaxloss.content_loss`.
        heads: Weights of the channels, a vector ``[C]`` per layer, in the structure of ``predictions``; each >= 0, a
            negative one gives NaN.
        where, weights, reduction: One entry per image; see `jaxloss.reduce`.

    Returns:
        A scalar >= 0, without unit; 0 exactly for equal features, and accurate near it.

    Raises:
        TypeError: If ``predictions`` is not floating.
        ValueError: If structures, shapes or batch axes differ.

    Example:
        >>> ours, theirs = jnp.array([[[3.0, 0.0]]]), jnp.array([[[0.0, 5.0]]])
        >>> jaxloss.lpips_loss(ours, theirs, jnp.array([0.5, 0.25]))
        Array(0.75, dtype=float32)

    Reference:
        Zhang, Isola, Efros, Shechtman and Wang (2018), The Unreasonable Effectiveness of Deep Features as a Perceptual
        Metric. https://arxiv.org/abs/1801.03924
    """
    layers = _layers(where, predictions, targets)
    each = [_unit_distance(x, y, head) for (x, y), head in zip(layers, _heads(heads, predictions, layers), strict=True)]
    return reduce(jnp.asarray(sum(each)), where=where, weights=weights, reduction=reduction)


def _heads(heads: Any, predictions: Any, layers: list[tuple[Array, Array]]) -> list[Array]:
    """The vector of every layer, NaN where negative."""
    if jax.tree.structure(heads) != jax.tree.structure(predictions):
        raise ValueError(
            f"heads must have the structure of the feature maps, {jax.tree.structure(predictions)}, one vector per "
            f"layer; found {jax.tree.structure(heads)}."
        )
    vectors = []
    for (name, head), (x, _) in zip(_named_leaves("heads", heads).items(), layers, strict=True):
        (vector,) = checks.class_vector(x.shape[-1], x.dtype, **{name: head})
        value_checks.ensure(lambda vector=vector: vector >= 0, "heads must be >= 0")
        vectors.append(poison(vector, vector >= 0))
    return vectors


def _unit_distance(x: Array, y: Array, head: Array) -> Array:
    """The mean over the positions of the weighted squared distance of unit vectors."""
    gap = _unit_difference(_flat(x), _flat(y))
    return plain_mean(jnp.sum(jnp.square(gap) * jnp.reshape(head, (1,) * (gap.ndim - 1) + head.shape), axis=-1), -1)


def _unit_difference(x: Array, y: Array) -> Array:
    """``x / |x| - y / |y|`` up to sign, accurate where the two are nearly equal; ``v / |v|`` is 0 where v is.

    With x the longer: ``(x - y - (|x| - |y|) y / |y|) / |x|`` and ``|x| - |y| = (x - y) . (x + y) / (|x| + |y|)``.
    """
    longer = norm(x, keepdims=True) >= norm(y, keepdims=True)
    x, y = jnp.where(longer, x, y), jnp.where(longer, y, x)
    direction, scale = normalize(y), _images.capped(scale_of(x))
    # The difference comes before the quotient: with each divided on its own, equal vectors need not give 0. The sum
    # comes after it: XLA takes the factor out of 0.5 * x + 0.5 * y, and x + y may overflow.
    total, gap = 0.5 * (x / scale + y / scale), (0.5 * x - 0.5 * y) / scale
    length = norm(x / scale, keepdims=True)
    excess = divide(2 * jnp.sum(total * gap, axis=-1, keepdims=True), length + norm(y / scale, keepdims=True))
    return divide(2 * (gap - excess * direction), jnp.broadcast_to(length, x.shape))
