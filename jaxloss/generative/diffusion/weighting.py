r"""Weights of noise levels, for the ``loss_weights`` of diffusion losses.

All are functions of :math:`\mathrm{SNR} = \alpha^2 / \sigma^2`, finite also at pure noise and at clean data.
"""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.reduction import promote
from jaxloss._floor.typing import Array, ArrayLike, Scalar

__all__ = [
    "edm_weights",
    "min_snr_weights_for_epsilon",
    "min_snr_weights_for_v",
    "min_snr_weights_for_x0",
    "p2_weights_for_epsilon",
    "sigmoid_weights_for_epsilon",
]


def _powers(alphas: ArrayLike, sigmas: ArrayLike) -> tuple[Array, Array]:
    """The shares of data and noise in the variance, which sum to 1."""
    alphas, sigmas = checks.floating(alphas=alphas, sigmas=sigmas)
    checks.same_shape(alphas=alphas, sigmas=sigmas)
    alphas, sigmas = promote(alphas, sigmas)
    shares = jnp.square(numerics.normalize(jnp.stack([alphas, sigmas], axis=-1)))
    return shares[..., 0], shares[..., 1]


def _capped_ratio(numerator: Array, denominator: Array, cap: Scalar) -> Array:
    """``min(numerator / denominator, cap)`` for numbers >= 0, where the denominator may be 0."""
    below = numerator < cap * denominator
    ratio = jnp.where(below, numerator, jnp.ones((), numerator.dtype)) / jnp.where(
        below, denominator, jnp.ones((), numerator.dtype)
    )
    return jnp.where(below, ratio, jnp.asarray(cap, numerator.dtype))


def min_snr_weights_for_epsilon(alphas: ArrayLike, sigmas: ArrayLike, *, gamma: Scalar = 5.0) -> Array:
    r"""Min-SNR weights of `jaxloss.epsilon_prediction_loss`.

    .. math:: w = \frac{\min(\mathrm{SNR}, \gamma)}{\mathrm{SNR}} = \min\left(1, \gamma \, \sigma^2 / \alpha^2 \right)

    Args:
        alphas: Factor :math:`\alpha` of the data in each example, shape ``[...]``, floating.
        sigmas: Factor :math:`\sigma` of the noise in each example, shape ``[...]``, the same.
        gamma: The largest ratio :math:`\gamma` of signal to noise that counts in full; > 0.

    Returns:
        Weights in [0, 1], shape ``[...]``; 1 at pure noise, the limit, where the ratio as written is 0 / 0.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ, or ``gamma`` is not positive.

    Example:
        >>> jaxloss.diffusion.min_snr_weights_for_epsilon(jnp.array([0.0, 1.0, 4.0]), jnp.ones(3))
        Array([1.    , 1.    , 0.3125], dtype=float32)

    Reference:
        Hang et al. (2023), Efficient Diffusion Training via Min-SNR Weighting Strategy.
        https://arxiv.org/abs/2303.09556
    """
    signal, noise = _powers(alphas, sigmas)
    gamma = checks.scalar("gamma", gamma, signal.dtype, above=0)
    return _capped_ratio(gamma * noise, signal, 1.0)


def min_snr_weights_for_x0(alphas: ArrayLike, sigmas: ArrayLike, *, gamma: Scalar = 5.0) -> Array:
    r"""Min-SNR weights of `jaxloss.x0_prediction_loss`.

    .. math:: w = \min(\mathrm{SNR}, \gamma)

    Args:
        alphas, sigmas, gamma: As in `min_snr_weights_for_epsilon`.

    Returns:
        Weights in [0, ``gamma``], shape ``[...]``.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ, or ``gamma`` is not positive.

    Example:
        >>> jaxloss.diffusion.min_snr_weights_for_x0(jnp.array([0.0, 2.0, 4.0]), jnp.ones(3))
        Array([0., 4., 5.], dtype=float32)

    Reference:
        Hang et al. (2023), Efficient Diffusion Training via Min-SNR Weighting Strategy.
        https://arxiv.org/abs/2303.09556
    """
    signal, noise = _powers(alphas, sigmas)
    gamma = checks.scalar("gamma", gamma, signal.dtype, above=0)
    return _capped_ratio(signal, noise, gamma)


def min_snr_weights_for_v(alphas: ArrayLike, sigmas: ArrayLike, *, gamma: Scalar = 5.0) -> Array:
    r"""Min-SNR weights of `jaxloss.v_prediction_loss`.

    .. math:: w = \frac{\min(\mathrm{SNR}, \gamma)}{\mathrm{SNR} + 1}

    Args:
        alphas, sigmas, gamma: As in `min_snr_weights_for_epsilon`.

    Returns:
        Weights in [0, 1], shape ``[...]``; 0 at pure noise and at clean data.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ, or ``gamma`` is not positive.

    Example:
        >>> jaxloss.diffusion.min_snr_weights_for_v(jnp.array([0.0, 1.0, 3.0]), jnp.ones(3))
        Array([0. , 0.5, 0.5], dtype=float32)

    Reference:
        Hang et al. (2023), Efficient Diffusion Training via Min-SNR Weighting Strategy.
        https://arxiv.org/abs/2303.09556
    """
    signal, noise = _powers(alphas, sigmas)
    gamma = checks.scalar("gamma", gamma, signal.dtype, above=0)
    return jnp.minimum(signal, gamma * noise)


def p2_weights_for_epsilon(alphas: ArrayLike, sigmas: ArrayLike, *, gamma: Scalar = 1.0, offset: Scalar = 1.0) -> Array:
    r"""P2 weights of `jaxloss.epsilon_prediction_loss` (perception prioritised training).

    .. math:: w = \frac{1}{(k + \mathrm{SNR})^\gamma}

    They take weight from the small noise levels, at which a network learns details that nobody sees.

    Args:
        alphas, sigmas: See `jaxloss.diffusion.min_snr_weights_for_epsilon`.
        gamma: Exponent :math:`\gamma` >= 0; 0 gives weights of 1. The paper has 0.5 and 1.
        offset: :math:`k` > 0, which bounds the weights of noise.

    Returns:
        Weights in :math:`[0, k^{-\gamma}]`, shape ``[...]``; the largest at pure noise, 0 at clean data.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ, or a hyperparameter is out of range.

    Example:
        >>> jaxloss.diffusion.p2_weights_for_epsilon(jnp.array([0.0, 1.0, 2.0]), jnp.ones(3))
        Array([1. , 0.5, 0.2], dtype=float32)

    Reference:
        Choi et al. (2022), Perception Prioritized Training of Diffusion Models. https://arxiv.org/abs/2204.00227
    """
    signal, noise = _powers(alphas, sigmas)
    gamma = checks.scalar("gamma", gamma, signal.dtype, at_least=0)
    offset = checks.scalar("offset", offset, signal.dtype, above=0)
    return numerics.power(noise / (offset * noise + signal), gamma)


def sigmoid_weights_for_epsilon(alphas: ArrayLike, sigmas: ArrayLike, *, bias: Scalar = 2.0) -> Array:
    r"""Sigmoid weights of `jaxloss.epsilon_prediction_loss`: a decreasing function of the log-SNR.

    .. math:: w = \mathrm{sigmoid}(b - \lambda), \qquad \lambda = \log \mathrm{SNR}

    This is the weight of the evidence lower bound of data with noise, per unit of :math:`\lambda`: multiply it by
    :math:`-d \lambda / dt` of the schedule where times are drawn uniformly, and divide it by the density of
    :math:`\lambda` where they are not. For `jaxloss.x0_prediction_loss` multiply it by the SNR.

    Args:
        alphas, sigmas: See `jaxloss.diffusion.min_snr_weights_for_epsilon`.
        bias: Log-SNR :math:`b` at which the weight is 1/2; larger for larger images.

    Returns:
        Weights in [0, 1], shape ``[...]``; 1 at pure noise, 0 at clean data.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ.

    Example:
        >>> jaxloss.diffusion.sigmoid_weights_for_epsilon(jnp.array([0.0, 1.0, 3.0]), jnp.ones(3), bias=0.0)
        Array([1. , 0.5, 0.1], dtype=float32)

    Reference:
        Kingma and Gao (2023), Understanding Diffusion Objectives as the ELBO with Simple Data Augmentation.
        https://arxiv.org/abs/2303.00848
    """
    signal, noise = _powers(alphas, sigmas)
    bias = checks.scalar("bias", bias, signal.dtype)
    # Within these bounds the exponential is a normal number, so that a share of 0 stays 0.
    factor = jnp.exp(-jnp.clip(jnp.asarray(bias, signal.dtype), -80, 80))
    return numerics.quotient(noise, noise + signal * factor)


def edm_weights(sigmas: ArrayLike, *, sigma_data: Scalar = 0.5) -> Array:
    r"""EDM weights of `jaxloss.x0_prediction_loss`: at initialisation every noise level has the same loss.

    .. math:: w = \frac{\sigma^2 + \sigma_d^2}{(\sigma \, \sigma_d)^2} = \frac1{\sigma^2} + \frac1{\sigma_d^2}

    Args:
        sigmas: Standard deviation :math:`\sigma` of the noise in each example, shape ``[...]``, floating; > 0.
        sigma_data: Standard deviation :math:`\sigma_d` of the data; > 0.

    Returns:
        Weights, shape ``[...]``; infinite where :math:`\sigma` is 0.

    Raises:
        TypeError: If ``sigmas`` are not floating.
        ValueError: If ``sigma_data`` is not positive.

    Example:
        >>> jaxloss.diffusion.edm_weights(jnp.array([0.5, 1.0]))
        Array([8., 5.], dtype=float32)

    Reference:
        Karras et al. (2022), Elucidating the Design Space of Diffusion-Based Generative Models, table 1.
        https://arxiv.org/abs/2206.00364
    """
    (sigmas,) = promote(*checks.floating(sigmas=sigmas))
    sigma_data = checks.scalar("sigma_data", sigma_data, sigmas.dtype, above=0)
    return jnp.square(1 / sigmas) + 1 / (sigma_data * sigma_data)
