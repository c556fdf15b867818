"""What the features of networks say about generated data: matched averages, and the length of paths."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxloss._floor import checks, numerics
from jaxloss._floor.reduction import hide, pool_mass, pool_mean, promote, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar

__all__ = ["PathLengthState", "feature_matching_loss", "path_length_init", "path_length_penalty"]


def feature_matching_loss(
    fake_features: ArrayLike,
    real_features: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Squared distance of the average features of generated examples from those of real ones.

    .. math:: \ell = \left\lVert \overline{\phi(x_f)} - \overline{\operatorname{sg}(\phi(x_r))} \right\rVert_2^2

    The averages run over the examples of a batch, the axis before the last; ``where`` and ``weights`` belong to the
    examples. Features are those of a hidden layer of the discriminator, flat; add one loss per layer. The real ones
    get no gradient. Image translation compares features pair by pair: that is `absolute_error` of them.

    Args:
        fake_features: Features of generated examples, shape ``[..., N, D]``, floating.
        real_features: Features of real examples, shape ``[..., N, D]``, the same; they get no gradient.
        where, weights: Shape ``[..., N]``; a batch without an example is absent. See `jaxloss.reduce`.
        reduction: Over the batches ``[...]``; see `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in squared units of the features; 0 exactly where they are equal.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ, or there are no example and feature axes.

    Example:
        >>> fake, real = jnp.array([[0.0, 0.0], [2.0, 4.0]]), jnp.zeros((2, 2))
        >>> jaxloss.feature_matching_loss(fake, real)
        Array(5., dtype=float32)

    Reference:
        Salimans et al. (2016), Improved Techniques for Training GANs, section 3.1.
        https://arxiv.org/abs/1606.03498
    """
    fake, real = checks.floating(fake_features=fake_features, real_features=real_features)
    checks.with_axes("examples features", allow_empty=True, fake_features=fake)
    checks.with_axes("features", fake_features=fake)
    checks.same_shape(fake_features=fake, real_features=real)
    fake, real = (hide(where, array, event_ndim=1) for array in promote(fake, real))
    mass, present = pool_mass(where, weights, fake[..., 0])
    gaps = jnp.swapaxes(fake - jax.lax.stop_gradient(real), -1, -2)
    mass = None if mass is None else jnp.broadcast_to(mass[..., None, :], gaps.shape)
    values = jnp.sum(jnp.square(pool_mean(gaps, mass)), axis=-1)
    return reduce(values, where=present, reduction=reduction)


class PathLengthState(NamedTuple):
    """The running average of path lengths that `path_length_penalty` compares with."""

    mean_length: Array


def path_length_init(mean_length: Scalar = 0.0) -> PathLengthState:
    r"""The state of `path_length_penalty` before the first step.

    .. math:: a_0

    Args:
        mean_length: The average to start from, one number; 0 in StyleGAN.

    Returns:
        A `PathLengthState`, in float32.

    Raises:
        TypeError: If ``mean_length`` is not a number.

    Example:
        >>> jaxloss.path_length_init()
        PathLengthState(mean_length=Array(0., dtype=float32))

    Reference:
        Karras et al. (2020), Analyzing and Improving the Image Quality of StyleGAN, section 3.2.
        https://arxiv.org/abs/1912.04958
    """
    return PathLengthState(jnp.asarray(checks.scalar("mean_length", mean_length, jnp.float32), jnp.float32))


def path_length_penalty(
    generator: Callable[[Any, Array], Array],
    params: Any,
    latents: ArrayLike,
    directions: ArrayLike,
    state: PathLengthState,
    *,
    decay: Scalar = 0.01,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> tuple[Array, PathLengthState]:
    r"""Squared distance of the length of a generator's steps from their running average (StyleGAN2).

    .. math:: \ell = \left( \lVert J_w^\top y \rVert_2 - a \right)^2, \qquad
              a \leftarrow a + \beta \left( \overline{\lVert J_w^\top y \rVert_2} - a \right)

    The average is moved first and gets no gradient, as in the authors' code. Two vector-Jacobian products; finite where
    the generator is flat.

    Args:
        generator: ``(params, latents [N, ...]) -> images [N, ...]``, each example by itself.
        params: The parameters of the generator, any pytree; gradients flow to them.
        latents: Latents :math:`w`, shape ``[N, ...]``, floating. Masked ones reach the generator as 0.
        directions: Random images :math:`y`, the shape of the images; normal, divided by the root of the number of
            pixels H W in StyleGAN.
        state: From `path_length_init`, or the step before.
        decay: Share :math:`\beta` of this batch in the running average; in [0, 1].
        where, weights: Shape ``[N]``; see `jaxloss.reduce`. Both count in the average, too.
        reduction: See `jaxloss.reduce`.

    Returns:
        ``(penalty, new_state)``: a scalar >= 0 and the moved average, which a batch without an example leaves alone.

    Raises:
        TypeError: If ``latents`` or ``directions`` are not floating.
        ValueError: If the directions do not have the shape of the images, or ``decay`` is out of range.

    Example:
        >>> generator = lambda params, w: w * params
        >>> latents, directions = jnp.ones((2, 1)), jnp.ones((2, 1))
        >>> penalty, state = jaxloss.path_length_penalty(
        ...     generator, 3.0, latents, directions, jaxloss.path_length_init(), decay=0.5
        ... )
        >>> penalty, state.mean_length
        (Array(2.25, dtype=float32), Array(1.5, dtype=float32))

    Reference:
        Karras et al. (2020), Analyzing and Improving the Image Quality of StyleGAN, section 3.2.
        https://arxiv.org/abs/1912.04958
    """
    latents, directions = checks.floating(latents=latents, directions=directions)
    checks.with_axes("examples", allow_empty=True, latents=latents, directions=directions)
    latents = hide(where, latents, event_ndim=latents.ndim - 1)
    directions = hide(where, directions, event_ndim=directions.ndim - 1)
    images, pullback = jax.vjp(lambda w: generator(params, w), latents)
    checks.same_shape(images=images, directions=directions)
    (slopes,) = promote(*pullback(directions.astype(images.dtype)))
    count = latents.shape[0]
    lengths = numerics.norm(jnp.reshape(slopes, (count, math.prod(latents.shape[1:]))))
    decay = checks.scalar("decay", decay, lengths.dtype, at_least=0, at_most=1)
    mass, _ = pool_mass(where, weights, lengths)
    share = jnp.ones(lengths.shape, lengths.dtype) if mass is None else mass.astype(lengths.dtype)
    mean = state.mean_length.astype(lengths.dtype)
    step = jax.lax.stop_gradient(pool_mean(lengths, mass)) - mean
    mean = mean + decay * jnp.where(jnp.sum(share) > 0, step, jnp.zeros((), lengths.dtype))
    penalty = reduce(jnp.square(lengths - mean), where=where, weights=weights, reduction=reduction)
    return penalty, PathLengthState(mean.astype(state.mean_length.dtype))
