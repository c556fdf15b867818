r"""Noisy examples :math:`z = \alpha x + \sigma \epsilon` and the target of a velocity prediction.

The noise and its level are arguments: nothing here is random.
"""

from __future__ import annotations

from jaxloss._floor.typing import Array, ArrayLike
from jaxloss.generative.diffusion._schedules import example_data, spread

__all__ = ["diffuse", "v_target"]


def diffuse(samples: ArrayLike, noise: ArrayLike, alphas: ArrayLike, sigmas: ArrayLike) -> Array:
    r"""Noisy data at a given noise level: the input of a denoising network (the forward process).

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
        >>> samples, noise = jnp.ones((2, 1)), 2 * jnp.ones((2, 1))
        >>> jaxloss.diffusion.diffuse(samples, noise, jnp.array([1.0, 0.6]), jnp.array([0.0, 0.8]))
        Array([[1. ],
               [2.2]], dtype=float32)

    Reference:
        Ho, Jain and Abbeel (2020), Denoising Diffusion Probabilistic Models, equation 4.
        https://arxiv.org/abs/2006.11239
    """
    data, numbers = {"samples": samples, "noise": noise}, {"alphas": alphas, "sigmas": sigmas}
    (samples, noise), (alphas, sigmas) = example_data(None, data, numbers)
    return spread(alphas, samples) * samples + spread(sigmas, noise) * noise


def v_target(samples: ArrayLike, noise: ArrayLike, alphas: ArrayLike, sigmas: ArrayLike) -> Array:
    r"""Velocity v of data and noise, the target of `jaxloss.v_prediction_loss`.

    .. math:: v = \alpha \epsilon - \sigma x

    The derivative of `diffuse` in the angle whose cosine is :math:`\alpha` and whose sine is :math:`\sigma`. The
    velocity of flow matching is a different quantity: it is the derivative of `linear_flow_path` in time.

    Args:
        samples, noise, alphas, sigmas: As in `diffuse`.

    Returns:
        An array of the shape of ``samples``; float32, or float64 if the data or the noise are.

    Raises:
        TypeError: If ``samples`` or ``noise`` are not floating.
        ValueError: If the shapes differ.

    Example:
        >>> jaxloss.diffusion.v_target(jnp.ones((1, 1)), 2 * jnp.ones((1, 1)), jnp.array([0.6]), jnp.array([0.8]))
        Array([[0.4]], dtype=float32)

    Reference:
        Salimans and Ho (2022), Progressive Distillation for Fast Sampling of Diffusion Models, appendix D.
        https://arxiv.org/abs/2202.00512
    """
    data, numbers = {"samples": samples, "noise": noise}, {"alphas": alphas, "sigmas": sigmas}
    (samples, noise), (alphas, sigmas) = example_data(None, data, numbers)
    return spread(alphas, noise) * noise - spread(sigmas, samples) * samples
