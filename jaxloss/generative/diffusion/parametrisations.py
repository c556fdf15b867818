r"""From one quantity of a noisy example :math:`z = \alpha x + \sigma \epsilon` to another.

Any schedule is allowed; :math:`\alpha^2 + \sigma^2 = 1` is not assumed. Given the noisy example, each of noise
:math:`\epsilon`, data :math:`x`, velocity :math:`v = \alpha \epsilon - \sigma x` and score
:math:`s = -\epsilon / \sigma` determines the others, so a network that predicts one predicts all.
"""

from __future__ import annotations

from jaxloss._floor.typing import Array, ArrayLike
from jaxloss.generative.diffusion._schedules import example_data, spread

__all__ = [
    "epsilon_from_velocity",
    "epsilon_from_x0",
    "velocity_from_epsilon",
    "velocity_from_x0",
    "x0_from_epsilon",
    "x0_from_velocity",
]


def _example(
    noisy: ArrayLike, quantity: dict[str, ArrayLike], alphas: ArrayLike, sigmas: ArrayLike
) -> tuple[Array, ...]:
    """A noisy example, another of its quantities, and the two factors in front of their event axes."""
    (noisy, other), (alphas, sigmas) = example_data(
        None, {"noisy": noisy, **quantity}, {"alphas": alphas, "sigmas": sigmas}
    )
    return noisy, other, spread(alphas, noisy), spread(sigmas, noisy)


def epsilon_from_x0(noisy: ArrayLike, samples: ArrayLike, alphas: ArrayLike, sigmas: ArrayLike) -> Array:
    r"""The noise of a noisy example whose data are known.

    .. math:: \epsilon = (z - \alpha x) / \sigma

    Args:
        noisy: The noisy examples :math:`z`, shape ``[..., *event]``, floating.
        samples: The data :math:`x`, or a prediction of them, shape ``[..., *event]``, the same.
        alphas: Factor :math:`\alpha` of the data in each example, shape ``[...]``, the batch axes.
        sigmas: Factor :math:`\sigma` of the noise in each example, shape ``[...]``.

    Returns:
        An array of the shape of ``noisy``; float32, or float64 if one with event axes is.
        Not finite where :math:`\sigma` is 0: clean data say nothing of the noise.

    Raises:
        TypeError: If ``noisy`` or ``samples`` are not floating.
        ValueError: If the shapes differ.

    Example:
        >>> jaxloss.epsilon_from_x0(jnp.array([[1.0]]), jnp.array([[0.5]]), jnp.array([0.6]), jnp.array([0.8]))
        Array([[0.875]], dtype=float32)

    Reference:
        Salimans and Ho (2022), Progressive Distillation for Fast Sampling of Diffusion Models, appendix D.
        https://arxiv.org/abs/2202.00512
    """
    noisy, samples, alphas, sigmas = _example(noisy, {"samples": samples}, alphas, sigmas)
    return (noisy - alphas * samples) / sigmas


def x0_from_epsilon(noisy: ArrayLike, noise: ArrayLike, alphas: ArrayLike, sigmas: ArrayLike) -> Array:
    r"""The data of a noisy example whose noise is known.

    .. math:: x = (z - \sigma \epsilon) / \alpha

    Args:
        noisy: The noisy examples :math:`z`, shape ``[..., *event]``, floating.
        noise: The noise :math:`\epsilon`, or a prediction of it, shape ``[..., *event]``, the same.
        alphas: Factor :math:`\alpha` of the data in each example, shape ``[...]``, the batch axes.
        sigmas: Factor :math:`\sigma` of the noise in each example, shape ``[...]``.

    Returns:
        An array of the shape of ``noisy``; float32, or float64 if one with event axes is.
        Not finite where :math:`\alpha` is 0: pure noise says nothing of the data.

    Raises:
        TypeError: If ``noisy`` or ``noise`` are not floating.
        ValueError: If the shapes differ.

    Example:
        >>> jaxloss.x0_from_epsilon(jnp.array([[1.0]]), jnp.array([[0.5]]), jnp.array([0.6]), jnp.array([0.8]))
        Array([[1.0]], dtype=float32)

    Reference:
        Salimans and Ho (2022), Progressive Distillation for Fast Sampling of Diffusion Models, appendix D.
        https://arxiv.org/abs/2202.00512
    """
    noisy, noise, alphas, sigmas = _example(noisy, {"noise": noise}, alphas, sigmas)
    return (noisy - sigmas * noise) / alphas


def x0_from_velocity(noisy: ArrayLike, velocities: ArrayLike, alphas: ArrayLike, sigmas: ArrayLike) -> Array:
    r"""The data of a noisy example whose velocity is known.

    .. math:: x = \frac{\alpha z - \sigma v}{\alpha^2 + \sigma^2}

    Args:
        noisy: The noisy examples :math:`z`, shape ``[..., *event]``, floating.
        velocities: The velocity :math:`v`, or a prediction of it, shape ``[..., *event]``, the same.
        alphas: Factor :math:`\alpha` of the data in each example, shape ``[...]``, the batch axes.
        sigmas: Factor :math:`\sigma` of the noise in each example, shape ``[...]``.

    Returns:
        An array of the shape of ``noisy``; float32, or float64 if one with event axes is.
        Finite at every noise level.

    Raises:
        TypeError: If ``noisy`` or ``velocities`` are not floating.
        ValueError: If the shapes differ.

    Example:
        >>> jaxloss.x0_from_velocity(jnp.array([[1.0]]), jnp.array([[0.5]]), jnp.array([0.6]), jnp.array([0.8]))
        Array([[0.2]], dtype=float32)

    Reference:
        Salimans and Ho (2022), Progressive Distillation for Fast Sampling of Diffusion Models, appendix D.
        https://arxiv.org/abs/2202.00512
    """
    noisy, velocities, alphas, sigmas = _example(noisy, {"velocities": velocities}, alphas, sigmas)
    return (alphas * noisy - sigmas * velocities) / (alphas * alphas + sigmas * sigmas)


def epsilon_from_velocity(noisy: ArrayLike, velocities: ArrayLike, alphas: ArrayLike, sigmas: ArrayLike) -> Array:
    r"""The noise of a noisy example whose velocity is known.

    .. math:: \epsilon = \frac{\sigma z + \alpha v}{\alpha^2 + \sigma^2}

    Args:
        noisy: The noisy examples :math:`z`, shape ``[..., *event]``, floating.
        velocities: The velocity :math:`v`, or a prediction of it, shape ``[..., *event]``, the same.
        alphas: Factor :math:`\alpha` of the data in each example, shape ``[...]``, the batch axes.
        sigmas: Factor :math:`\sigma` of the noise in each example, shape ``[...]``.

    Returns:
        An array of the shape of ``noisy``; float32, or float64 if one with event axes is.
        Finite at every noise level.

    Raises:
        TypeError: If ``noisy`` or ``velocities`` are not floating.
        ValueError: If the shapes differ.

    Example:
        >>> jaxloss.epsilon_from_velocity(jnp.array([[1.0]]), jnp.array([[0.5]]), jnp.array([0.6]), jnp.array([0.8]))
        Array([[1.1]], dtype=float32)

    Reference:
        Salimans and Ho (2022), Progressive Distillation for Fast Sampling of Diffusion Models, appendix D.
        https://arxiv.org/abs/2202.00512
    """
    noisy, velocities, alphas, sigmas = _example(noisy, {"velocities": velocities}, alphas, sigmas)
    return (sigmas * noisy + alphas * velocities) / (alphas * alphas + sigmas * sigmas)


def velocity_from_epsilon(noisy: ArrayLike, noise: ArrayLike, alphas: ArrayLike, sigmas: ArrayLike) -> Array:
    r"""The velocity of a noisy example whose noise is known.

    .. math:: v = \frac{(\alpha^2 + \sigma^2) \, \epsilon - \sigma z}{\alpha}

    Args:
        noisy: The noisy examples :math:`z`, shape ``[..., *event]``, floating.
        noise: The noise :math:`\epsilon`, or a prediction of it, shape ``[..., *event]``, the same.
        alphas: Factor :math:`\alpha` of the data in each example, shape ``[...]``, the batch axes.
        sigmas: Factor :math:`\sigma` of the noise in each example, shape ``[...]``.

    Returns:
        An array of the shape of ``noisy``; float32, or float64 if one with event axes is.
        Not finite where :math:`\alpha` is 0.

    Raises:
        TypeError: If ``noisy`` or ``noise`` are not floating.
        ValueError: If the shapes differ.

    Example:
        >>> jaxloss.velocity_from_epsilon(jnp.array([[1.0]]), jnp.array([[0.5]]), jnp.array([0.6]), jnp.array([0.8]))
        Array([[-0.5]], dtype=float32)

    Reference:
        Salimans and Ho (2022), Progressive Distillation for Fast Sampling of Diffusion Models, appendix D.
        https://arxiv.org/abs/2202.00512
    """
    noisy, noise, alphas, sigmas = _example(noisy, {"noise": noise}, alphas, sigmas)
    return ((alphas * alphas + sigmas * sigmas) * noise - sigmas * noisy) / alphas


def velocity_from_x0(noisy: ArrayLike, samples: ArrayLike, alphas: ArrayLike, sigmas: ArrayLike) -> Array:
    r"""The velocity of a noisy example whose data are known.

    .. math:: v = \frac{\alpha z - (\alpha^2 + \sigma^2) \, x}{\sigma}

    Args:
        noisy: The noisy examples :math:`z`, shape ``[..., *event]``, floating.
        samples: The data :math:`x`, or a prediction of them, shape ``[..., *event]``, the same.
        alphas: Factor :math:`\alpha` of the data in each example, shape ``[...]``, the batch axes.
        sigmas: Factor :math:`\sigma` of the noise in each example, shape ``[...]``.

    Returns:
        An array of the shape of ``noisy``; float32, or float64 if one with event axes is.
        Not finite where :math:`\sigma` is 0.

    Raises:
        TypeError: If ``noisy`` or ``samples`` are not floating.
        ValueError: If the shapes differ.

    Example:
        >>> jaxloss.velocity_from_x0(jnp.array([[1.0]]), jnp.array([[0.5]]), jnp.array([0.6]), jnp.array([0.8]))
        Array([[0.125]], dtype=float32)

    Reference:
        Salimans and Ho (2022), Progressive Distillation for Fast Sampling of Diffusion Models, appendix D.
        https://arxiv.org/abs/2202.00512
    """
    noisy, samples, alphas, sigmas = _example(noisy, {"samples": samples}, alphas, sigmas)
    return (alphas * noisy - (alphas * alphas + sigmas * sigmas) * samples) / sigmas
