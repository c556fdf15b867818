"""Penalties on the slope of a discriminator in its input, example by example."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.reduction import hide, promote, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar

__all__ = ["gradient_penalty", "lipschitz_penalty", "r1_penalty", "r2_penalty"]

Discriminator = Callable[[Any, Array], Array]
"""``(params, examples [N, ...]) -> scores [N, ...]``, each example by itself."""


def _examples(where: ArrayLike | None, **arrays: Any) -> tuple[Array, ...]:
    """Floating arrays ``[N, ...]`` of one shape, 0 where masked, in their own dtypes."""
    named = dict(zip(arrays, checks.floating(**arrays), strict=True))
    checks.same_shape(**named)
    for name, array in named.items():
        if not array.ndim:
            raise ValueError(f"{name} must have shape [N, ...], examples first; found ().")
    return tuple(hide(where, array, event_ndim=array.ndim - 1) for array in named.values())


def _slopes(discriminator: Discriminator, params: Any, examples: Array) -> Array:
    """The gradient of the sum of each example's scores in the example, flat: ``[N, D]``, float32 at least."""
    count = examples.shape[0]

    def total(x: Array) -> Array:
        (scores,) = checks.floating(scores=discriminator(params, x))
        checks.has_shape((count, *scores.shape[1:]), "the scores of the examples", scores=scores)
        return jnp.sum(scores)

    (slopes,) = promote(jax.grad(total)(examples))
    return jnp.reshape(slopes, (count, math.prod(examples.shape[1:])))


def _norms_between(
    discriminator: Discriminator,
    params: Any,
    real: ArrayLike,
    fake: ArrayLike,
    interpolation: ArrayLike,
    where: ArrayLike | None,
) -> Array:
    """The norms ``[N]`` of the gradient at the points between real and generated examples."""
    real, fake = _examples(where, real=real, fake=fake)
    (share,) = checks.floating(interpolation=interpolation)
    checks.has_shape(real.shape[:1], "one share per example", interpolation=share)
    dtype = jnp.promote_types(real.dtype, fake.dtype)
    near, far, share = promote(real, fake, hide(where, share))
    share = jnp.expand_dims(share, tuple(range(1, real.ndim)))
    between = (share * near + (1 - share) * far).astype(dtype)
    return numerics.norm(_slopes(discriminator, params, between))


def gradient_penalty(
    discriminator: Discriminator,
    params: Any,
    real: ArrayLike,
    fake: ArrayLike,
    interpolation: ArrayLike,
    *,
    target_norm: Scalar = 1.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Gradient penalty (WGAN-GP): squared distance of a critic's gradient norm from 1, between real and fake.

    .. math:: \ell = \left( \lVert \nabla_{\hat x} D(\hat x) \rVert_2 - 1 \right)^2, \qquad
              \hat x = u x_r + (1 - u) x_f

    The norm is over all axes of an example. Nothing is added to it: value, gradient and Hessian are finite where the
    critic is flat, where the gradient of the penalty is 0. The paper multiplies it by 10. The
    zero-centred penalty is twice `r1_penalty` at the points between. The one-sided penalty is `lipschitz_penalty`.

    DRAGAN (Kodali et al., 2017) has the penalty around real examples: ``fake`` are then the real ones with noise,
    ``real + 0.5 * jnp.std(real) * jax.random.uniform(key, real.shape)`` in the authors' code.

    Args:
        discriminator: ``(params, examples) -> scores`` for examples ``[N, ...]`` and scores ``[N]`` or ``[N, ...]``;
            more than one score per example is summed. Each example must be judged by itself, so no batch norm.
            Conditions are closed over: ``lambda params, x: critic(params, x, labels)``.
        params: The parameters of the discriminator, any pytree; gradients flow to them, and to the examples.
        real: Real examples :math:`x_r`, shape ``[N, ...]``, floating. Masked examples reach the discriminator as 0.
        fake: Generated examples :math:`x_f`, shape ``[N, ...]``, the same. Put ``jax.lax.stop_gradient`` around them
            if the parameters of the generator are being differentiated too.
        interpolation: Shares :math:`u` of the real examples, shape ``[N]``: ``jax.random.uniform(key, (N,))``.
        target_norm: The gradient norm at which the penalty is 0; > 0.
        where, weights: Shape ``[N]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0; float32, or float64 if the gradient is.

    Raises:
        TypeError: If the examples or the scores are not floating.
        ValueError: If shapes differ, or the example axis is not the first axis of the scores.

    Example:
        >>> critic = lambda params, x: x @ params
        >>> real, fake = jnp.ones((3, 2)), jnp.zeros((3, 2))
        >>> jaxloss.gradient_penalty(critic, jnp.array([3.0, 4.0]), real, fake, jnp.full(3, 0.5))
        Array(16., dtype=float32)

    Reference:
        Gulrajani et al. (2017), Improved Training of Wasserstein GANs.
        https://arxiv.org/abs/1704.00028
    """
    norms = _norms_between(discriminator, params, real, fake, interpolation, where)
    target_norm = checks.scalar("target_norm", target_norm, norms.dtype, above=0)
    return reduce(jnp.square(norms - target_norm), where=where, weights=weights, reduction=reduction)


def lipschitz_penalty(
    discriminator: Discriminator,
    params: Any,
    real: ArrayLike,
    fake: ArrayLike,
    interpolation: ArrayLike,
    *,
    max_norm: Scalar = 1.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Lipschitz penalty (WGAN-LP): squared excess of a critic's gradient norm over 1, the one-sided gradient penalty.

    .. math:: \ell = \max\left( 0, \lVert \nabla_{\hat x} D(\hat x) \rVert_2 - 1 \right)^2, \qquad
              \hat x = u x_r + (1 - u) x_f

    A critic is 1-Lipschitz where its gradient is at most 1: unlike `gradient_penalty` this does not pull smaller
    gradients up to 1. The paper multiplies it by 10, and less where the distributions are hard to tell apart. It is
    ``one_sided=True`` of TF-GAN.

    Args:
        discriminator, params, real, fake, interpolation: See `jaxloss.gradient_penalty`.
        max_norm: The largest gradient norm that is free; > 0.
        where, weights: Shape ``[N]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0; 0 exactly, with zero gradient, where no gradient is longer than ``max_norm``; float32, or float64
        if the gradient is.

    Raises:
        TypeError: If the examples or the scores are not floating.
        ValueError: If shapes differ, or the example axis is not the first axis of the scores.

    Example:
        >>> critic = lambda params, x: x @ params
        >>> real, fake = jnp.ones((3, 2)), jnp.zeros((3, 2))
        >>> jaxloss.lipschitz_penalty(critic, jnp.array([3.0, 4.0]), real, fake, jnp.full(3, 0.5))
        Array(16., dtype=float32)
        >>> jaxloss.lipschitz_penalty(critic, jnp.array([0.3, 0.4]), real, fake, jnp.full(3, 0.5))
        Array(0., dtype=float32)

    Reference:
        Petzka, Fischer and Lukovnikov (2018), On the regularization of Wasserstein GANs.
        https://arxiv.org/abs/1709.08894
    """
    norms = _norms_between(discriminator, params, real, fake, interpolation, where)
    max_norm = checks.scalar("max_norm", max_norm, norms.dtype, above=0)
    excess = numerics.positive_part(norms - max_norm)
    return reduce(jnp.square(excess), where=where, weights=weights, reduction=reduction)


def _half_squared_slope(discriminator: Discriminator, params: Any, examples: Array) -> Array:
    return 0.5 * jnp.sum(jnp.square(_slopes(discriminator, params, examples)), axis=-1)


def r1_penalty(
    discriminator: Discriminator,
    params: Any,
    real: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""R1 penalty: half the squared norm of a discriminator's gradient at real examples.

    .. math:: \ell = \tfrac12 \lVert \nabla_x D(x) \rVert_2^2

    Multiply it by :math:`\gamma` of the paper and of StyleGAN; BasicSR has no factor 1/2. The norm is over all axes of
    an example. Under lazy regularisation, every k steps, multiply by k as well.

    Args:
        discriminator: ``(params, examples) -> scores``, see `gradient_penalty`; scores before any sigmoid.
        params: The parameters of the discriminator, any pytree.
        real: Real examples, shape ``[N, ...]``, floating. Masked examples reach the discriminator as 0.
        where, weights: Shape ``[N]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0; 0 exactly, with zero gradient, where the discriminator is flat; float32, or float64 if the
        gradient is.

    Raises:
        TypeError: If the examples or the scores are not floating.
        ValueError: If the example axis is missing, or is not the first axis of the scores.

    Example:
        >>> discriminator = lambda params, x: x @ params
        >>> jaxloss.r1_penalty(discriminator, jnp.array([3.0, 4.0]), jnp.ones((3, 2)))
        Array(12.5, dtype=float32)

    Reference:
        Mescheder, Geiger and Nowozin (2018), Which Training Methods for GANs do actually Converge?
        https://arxiv.org/abs/1801.04406
    """
    (real,) = _examples(where, real=real)
    values = _half_squared_slope(discriminator, params, real)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def r2_penalty(
    discriminator: Discriminator,
    params: Any,
    fake: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""R2 penalty: half the squared norm of a discriminator's gradient at generated examples.

    .. math:: \ell = \tfrac12 \lVert \nabla_x D(x) \rVert_2^2

    `r1_penalty` is the same at real examples; R3GAN uses both with `gan_relativistic_discriminator_loss`.

    Args:
        discriminator, params: As in `r1_penalty`.
        fake: Generated examples, shape ``[N, ...]``, floating. Put ``jax.lax.stop_gradient`` around them if the
            parameters of the generator are being differentiated too. Masked ones reach the discriminator as 0.
        where, weights: Shape ``[N]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0; 0 exactly, with zero gradient, where the discriminator is flat.

    Raises:
        TypeError: If the examples or the scores are not floating.
        ValueError: If the example axis is missing, or is not the first axis of the scores.

    Example:
        >>> discriminator = lambda params, x: x @ params
        >>> jaxloss.r2_penalty(discriminator, jnp.array([3.0, 4.0]), jnp.ones((3, 2)))
        Array(12.5, dtype=float32)

    Reference:
        Mescheder, Geiger and Nowozin (2018), Which Training Methods for GANs do actually Converge?
        https://arxiv.org/abs/1801.04406
    """
    (fake,) = _examples(where, fake=fake)
    values = _half_squared_slope(discriminator, params, fake)
    return reduce(values, where=where, weights=weights, reduction=reduction)
