r"""Noisy examples :math:`z = \alpha x + \sigma \epsilon`, what is asked of a network about them, and scores.

The noise and its level are arguments: nothing here is random.
"""

from __future__ import annotations

from jaxloss._floor.typing import Array, ArrayLike
from jaxloss.generative.diffusion._schedules import example_data, spread

__all__ = ["diffuse", "diffusion_velocity", "epsilon_from_score", "score_from_epsilon"]


def diffuse(samples: ArrayLike, noise: ArrayLike, alphas: ArrayLike, sigmas: ArrayLike) -> Array:
    r"""Data with noise: the input of a denoising network.

    .. math:: z = \alpha x + \sigma \epsilon

    Args:
        samples: The data :math:`x`, shape ``[..., *event]``, floating.
        noise: Standard normal noise :math:`\epsilon`, shape ``[..., *event]``, the same.
        alphas: Factor :math:`\alpha` of the data in each example, shape ``[...]``, the batch axes.
        sigmas: Factor :math:`\sigma` of the noise in each example, shape ``[...]``.

    Returns:
        An array of the shape of ``samples``; float32, or float64 if the data or the noise are.

    Raises:
        TypeError: If ``samples`` or ``noise`` are not floating.
        ValueError: If the shapes differ.

    Example:
        >>> jaxloss.diffuse(jnp.ones((2, 1)), 2 * jnp.ones((2, 1)), jnp.array([1.0, 0.6]), jnp.array([0.0, 0.8]))
        Array([[1. ],
               [2.2]], dtype=float32)

    Reference:
        Ho, Jain and Abbeel (2020), Denoising Diffusion Probabilistic Models, equation 4.
        https://arxiv.org/abs/2006.11239
    """
    data, numbers = {"samples": samples, "noise": noise}, {"alphas": alphas, "sigmas": sigmas}
    (samples, noise), (alphas, sigmas) = example_data(None, data, numbers)
    return spread(alphas, samples) * samples + spread(sigmas, noise) * noise


def diffusion_velocity(samples: ArrayLike, noise: ArrayLike, alphas: ArrayLike, sigmas: ArrayLike) -> Array:
    r"""The velocity of data and noise, which the network of `v_prediction_loss` predicts.

    .. math:: v = \alpha \epsilon - \sigma x

    The derivative of `diffuse` in the angle, where :math:`\alpha` is its cosine and :math:`\sigma` its sine. The
    velocity of flow matching is another one.

    Args:
        samples: The data :math:`x`, shape ``[..., *event]``, floating.
        noise: Standard normal noise :math:`\epsilon`, shape ``[..., *event]``, the same.
        alphas: Factor :math:`\alpha` of the data in each example, shape ``[...]``, the batch axes.
        sigmas: Factor :math:`\sigma` of the noise in each example, shape ``[...]``.

    Returns:
        An array of the shape of ``samples``; float32, or float64 if the data or the noise are.

    Raises:
        TypeError: If ``samples`` or ``noise`` are not floating.
        ValueError: If the shapes differ.

    Example:
        >>> jaxloss.diffusion_velocity(jnp.ones((1, 1)), 2 * jnp.ones((1, 1)), jnp.array([0.6]), jnp.array([0.8]))
        Array([[0.4]], dtype=float32)

    Reference:
        Salimans and Ho (2022), Progressive Distillation for Fast Sampling of Diffusion Models, appendix D.
        https://arxiv.org/abs/2202.00512
    """
    data, numbers = {"samples": samples, "noise": noise}, {"alphas": alphas, "sigmas": sigmas}
    (samples, noise), (alphas, sigmas) = example_data(None, data, numbers)
    return spread(alphas, noise) * noise - spread(sigmas, samples) * samples


def score_from_epsilon(noise: ArrayLike, sigmas: ArrayLike) -> Array:
    r"""The score of noisy data, by the noise in them.

    .. math:: s = -\epsilon / \sigma

    Args:
        noise: The noise :math:`\epsilon`, or a prediction of it, shape ``[..., *event]``, floating.
        sigmas: Standard deviation :math:`\sigma` of the noise in each example, shape ``[...]``, the batch axes.

    Returns:
        An array of the shape of ``noise``; float32, or float64 if the noise is. Not finite where :math:`\sigma` is 0.

    Raises:
        TypeError: If ``noise`` is not floating.
        ValueError: If the shape of ``sigmas`` does not lead that of ``noise``.

    Example:
        >>> jaxloss.score_from_epsilon(jnp.array([[1.0, -2.0]]), jnp.array([0.5]))
        Array([[-2.,  4.]], dtype=float32)

    Reference:
        Vincent (2011), A Connection Between Score Matching and Denoising Autoencoders.
        https://doi.org/10.1162/NECO_a_00142
    """
    (noise,), (sigmas,) = example_data(None, {"noise": noise}, {"sigmas": sigmas})
    return -noise / spread(sigmas, noise)


def epsilon_from_score(scores: ArrayLike, sigmas: ArrayLike) -> Array:
    r"""The noise in noisy data, by their score.

    .. math:: \epsilon = -\sigma s

    Args:
        scores: The score :math:`s`, or a prediction of it, shape ``[..., *event]``, floating.
        sigmas: Standard deviation :math:`\sigma` of the noise in each example, shape ``[...]``, the batch axes.

    Returns:
        An array of the shape of ``scores``; float32, or float64 if the scores are.

    Raises:
        TypeError: If ``scores`` are not floating.
        ValueError: If the shape of ``sigmas`` does not lead that of ``scores``.

    Example:
        >>> jaxloss.epsilon_from_score(jnp.array([[-2.0, 4.0]]), jnp.array([0.5]))
        Array([[ 1., -2.]], dtype=float32)

    Reference:
        Vincent (2011), A Connection Between Score Matching and Denoising Autoencoders.
        https://doi.org/10.1162/NECO_a_00142
    """
    (scores,), (sigmas,) = example_data(None, {"scores": scores}, {"sigmas": sigmas})
    return -spread(sigmas, scores) * scores
