"""Embeddings of pixels that tell instances of one class apart."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths.numerics import divide, norm, poison, positive_part
from jaxloss._floor.maths.rows.products import precision
from jaxloss._floor.reduction import blank, hide, reduce, relative_mass
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar

__all__ = ["discriminative_loss"]


def discriminative_loss(
    embeddings: ArrayLike,
    labels: ArrayLike,
    *,
    num_instances: int,
    pull_margin: Scalar = 0.5,
    push_margin: Scalar = 1.5,
    pull_weight: Scalar = 1.0,
    push_weight: Scalar = 1.0,
    norm_weight: Scalar = 1e-3,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Discriminative loss of instance segmentation: pixels are pulled to the mean of their instance, means apart.

    .. math:: \ell = \frac{w_1}{C} \sum_c \frac{1}{N_c} \sum_{i \in c}
              \left[ \lVert \mu_c - x_i \rVert - \delta_v \right]_+^2
              + \frac{w_2}{C (C - 1)} \sum_{a \ne b} \left[ 2 \delta_d - \lVert \mu_a - \mu_b \rVert \right]_+^2
              + \frac{w_3}{C} \sum_c \lVert \mu_c \rVert

    with the means :math:`\mu_c` of the C instances that are in the image. At 0 every pixel is nearer to its own mean
    than to any other, if :math:`\delta_d > 2 \delta_v` even than to their pixels: clustering finds the instances.

    Args:
        embeddings: Of the pixels, flattened, shape ``[..., N, D]``, floating.
        labels: Instance of each pixel, shape ``[..., N]``, integer, in ``[0, num_instances)``; outside gives NaN.
        num_instances: The most instances of an image, static.
        pull_margin: The distance :math:`\delta_v` within which a pixel is not pulled; >= 0.
        push_margin: Half of the distance :math:`2 \delta_d` beyond which means are not pushed; >= 0.
        pull_weight, push_weight, norm_weight: Factors :math:`w_1`, :math:`w_2` and :math:`w_3` of the terms; >= 0.
        where, weights: One per pixel, shape ``[..., N]``; ``where=labels > 0`` leaves a background out. An image
            without pixels is absent. See `jaxloss.reduce`.
        reduction: Over the images ``[...]``; see `jaxloss.reduce`.

    Returns:
        A scalar >= 0.

    Raises:
        TypeError: If ``embeddings`` is not floating or ``labels`` is not integer.
        ValueError: If the shapes do not match, the feature axis is empty, or a hyperparameter is out of range; or if
            every image has one pixel.

    Example:
        >>> embeddings = jnp.array([[0.0, 0.0], [2.0, 0.0], [1.0, 2.0]])
        >>> jaxloss.discriminative_loss(embeddings, jnp.array([0, 0, 1]), num_instances=2, norm_weight=0.0)
        Array(1.125, dtype=float32)

    Reference:
        De Brabandere, Neven and Van Gool (2017), Semantic Instance Segmentation with a Discriminative Loss Function.
        https://arxiv.org/abs/1708.02551
    """
    (embeddings,) = checks.floating(embeddings=embeddings)
    (labels,) = checks.integer(labels=labels)
    checks.with_pool("pixels features", embeddings=embeddings)
    checks.with_axes("features", embeddings=embeddings)
    checks.has_shape(embeddings.shape[:-1], "one label per pixel", labels=labels)
    checks.whole("num_instances", num_instances)
    (embeddings,) = blank(where, embeddings, event_ndim=1)
    labels, dtype = hide(where, labels), embeddings.dtype
    value_checks.ensure_labels(labels, num_instances)
    pull_margin, push_margin, pull_weight, push_weight, norm_weight = (
        checks.scalar(name, value, dtype, at_least=0)
        for name, value in {
            "pull_margin": pull_margin,
            "push_margin": push_margin,
            "pull_weight": pull_weight,
            "push_weight": push_weight,
            "norm_weight": norm_weight,
        }.items()
    )
    mass, present = relative_mass(where, weights, embeddings[..., 0])
    every = jnp.ones(labels.shape, dtype) if mass is None else mass.astype(dtype)
    legal = (labels >= 0) & (labels < num_instances)
    place = jnp.clip(labels, 0, num_instances - 1)
    members = _one_hot(place, num_instances, dtype) * every[..., None]
    total = jnp.sum(members, axis=-2)
    here = total > 0
    means = _over_pixels(members, embeddings, total[..., None])
    own = jnp.take_along_axis(means, place[..., None], axis=-2, mode="promise_in_bounds")
    outside = jnp.square(positive_part(norm(embeddings - own) - pull_margin))
    pull = _mean_of(here, _over_pixels(members, outside[..., None], total[..., None])[..., 0])
    gaps = norm(means[..., :, None, :] - means[..., None, :, :])
    pairs = here[..., :, None] & here[..., None, :] & ~jnp.eye(num_instances, dtype=bool)[(None,) * (here.ndim - 1)]
    push = _mean_of(_flat(pairs), _flat(jnp.square(positive_part(2 * push_margin - gaps))))
    values = pull_weight * pull + push_weight * push + norm_weight * _mean_of(here, norm(means))
    return reduce(poison(values, jnp.all(legal, axis=-1)), where=present, reduction=reduction)


def _one_hot(place: Array, size: int, dtype: jnp.dtype) -> Array:
    classes = jax.lax.broadcasted_iota(place.dtype, (*place.shape, size), place.ndim)
    return (place[..., None] == classes).astype(dtype)


def _over_pixels(members: Array, values: Array, total: Array) -> Array:
    """The means ``[..., C, D]`` of values ``[..., N, D]`` by instance, 0 of none."""
    sums = jnp.einsum("...nc,...nd->...cd", members, values, precision=precision())
    return divide(sums, jnp.broadcast_to(total, sums.shape))


def _mean_of(which: Array, values: Array) -> Array:
    """The mean of those entries of the last axis, 0 of none."""
    count = jnp.sum(which, axis=-1).astype(values.dtype)
    return divide(jnp.sum(jnp.where(which, values, jnp.zeros((), values.dtype)), axis=-1), count)


def _flat(pairs: Array) -> Array:
    return pairs.reshape((*pairs.shape[:-2], pairs.shape[-2] * pairs.shape[-1]))
