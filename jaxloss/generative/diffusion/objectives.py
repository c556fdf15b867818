r"""Losses of denoising diffusion models by what the network predicts: the noise, the data, or the velocity of both.

A noisy example is :math:`z = \alpha x + \sigma \epsilon` (`jaxloss.diffusion.diffuse`). The noise level, the noise and
the weight of every example are arguments; the functions of this module draw nothing.
"""

from __future__ import annotations

from jaxloss._floor.typing import Array, ArrayLike, Reduction
from jaxloss.generative.diffusion._schedules import example_data, reduce_mean_square, spread

__all__ = ["epsilon_prediction_loss", "v_prediction_loss", "x0_prediction_loss"]


def epsilon_prediction_loss(
    predictions: ArrayLike,
    noise: ArrayLike,
    loss_weights: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Noise prediction loss (DDPM): weighted mean squared error of the predicted noise of each example.

    .. math:: \ell = w \, \frac1D \lVert \hat\epsilon - \epsilon \rVert_2^2

    With ``loss_weights`` of 1 this is the simple objective of DDPM; `jaxloss.diffusion.min_snr_weights_for_epsilon`
    gives others. They multiply the loss; ``weights`` also divide the mean by their sum.

    Args:
        predictions: Predicted noise :math:`\hat\epsilon`, shape ``[..., *event]``, floating.
        noise: The noise :math:`\epsilon` that was added, shape ``[..., *event]``, the same; never broadcast.
        loss_weights: Weight :math:`w` of each example, shape ``[...]``, which says what the batch axes are: D counts
            the entries of the others. One number makes one example of the whole array.
        where, weights: Shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0; 0 exactly at a perfect prediction.

    Raises:
        TypeError: If ``predictions`` or ``noise`` are not floating.
        ValueError: If the shapes differ.

    Example:
        >>> predictions, noise = jnp.ones((2, 8, 8, 3)), jnp.zeros((2, 8, 8, 3))
        >>> jaxloss.epsilon_prediction_loss(predictions, noise, jnp.array([1.0, 0.5]))
        Array(0.75, dtype=float32)

    Reference:
        Ho, Jain and Abbeel (2020), Denoising Diffusion Probabilistic Models, equation 14.
        https://arxiv.org/abs/2006.11239
    """
    data = {"predictions": predictions, "noise": noise}
    (predictions, noise), (loss_weights,) = example_data(where, data, {"loss_weights": loss_weights})
    return reduce_mean_square(predictions - noise, loss_weights, where, weights, reduction)


def x0_prediction_loss(
    predictions: ArrayLike,
    samples: ArrayLike,
    loss_weights: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Data prediction loss (x0, EDM): weighted mean squared error of the predicted data of each example.

    .. math:: \ell = w \, \frac1D \lVert \hat x - x \rVert_2^2

    Weighted by the signal-to-noise ratio :math:`\alpha^2 / \sigma^2` it is `epsilon_prediction_loss` of the same
    network; by `jaxloss.diffusion.edm_weights` it is the objective of EDM, by
    `jaxloss.diffusion.min_snr_weights_for_x0` that of Min-SNR.

    Args:
        predictions: Predicted data :math:`\hat x`, shape ``[..., *event]``, floating.
        samples: The data :math:`x`, shape ``[..., *event]``, the same; never broadcast.
        loss_weights: As in `epsilon_prediction_loss`.
        where, weights: Shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in squared units of the data if the weights have none; 0 exactly at a perfect prediction.

    Raises:
        TypeError: If ``predictions`` or ``samples`` are not floating.
        ValueError: If the shapes differ.

    Example:
        >>> predictions, samples = 2 * jnp.ones((2, 8, 8, 3)), jnp.zeros((2, 8, 8, 3))
        >>> jaxloss.x0_prediction_loss(predictions, samples, jnp.ones(2))
        Array(4., dtype=float32)

    Reference:
        Salimans and Ho (2022), Progressive Distillation for Fast Sampling of Diffusion Models, section 4.
        https://arxiv.org/abs/2202.00512
    """
    data = {"predictions": predictions, "samples": samples}
    (predictions, samples), (loss_weights,) = example_data(where, data, {"loss_weights": loss_weights})
    return reduce_mean_square(predictions - samples, loss_weights, where, weights, reduction)


def v_prediction_loss(
    predictions: ArrayLike,
    samples: ArrayLike,
    noise: ArrayLike,
    alphas: ArrayLike,
    sigmas: ArrayLike,
    loss_weights: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Velocity prediction loss (v-prediction): weighted mean squared error of the predicted velocity.

    .. math:: \ell = w \, \frac1D \lVert \hat v - v \rVert_2^2, \qquad v = \alpha \epsilon - \sigma x

    For :math:`\alpha^2 + \sigma^2 = 1` it is `x0_prediction_loss` of the same network, weighted by one more than the
    signal-to-noise ratio. It is defined at every noise level, pure noise included.

    Args:
        predictions: Predicted velocity :math:`\hat v`, shape ``[..., *event]``, floating.
        samples: The data :math:`x`, shape ``[..., *event]``, the same; never broadcast.
        noise: The noise :math:`\epsilon` that was added, shape ``[..., *event]``, the same.
        alphas: Factor :math:`\alpha` of the data in each example, shape ``[...]``, the batch axes.
        sigmas: Factor :math:`\sigma` of the noise in each example, shape ``[...]``.
        loss_weights: As in `epsilon_prediction_loss`.
        where, weights: Shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0; 0 at a perfect prediction.

    Raises:
        TypeError: If ``predictions``, ``samples`` or ``noise`` are not floating.
        ValueError: If the shapes differ.

    Example:
        >>> samples, noise, level = jnp.ones((2, 3)), jnp.ones((2, 3)), jnp.array([1.0, 0.0])
        >>> jaxloss.v_prediction_loss(jnp.zeros((2, 3)), samples, 2 * noise, level, 1 - level, jnp.ones(2))
        Array(2.5, dtype=float32)

    Reference:
        Salimans and Ho (2022), Progressive Distillation for Fast Sampling of Diffusion Models, appendix D.
        https://arxiv.org/abs/2202.00512
    """
    data = {"predictions": predictions, "samples": samples, "noise": noise}
    numbers = {"alphas": alphas, "sigmas": sigmas, "loss_weights": loss_weights}
    (predictions, samples, noise), (alphas, sigmas, loss_weights) = example_data(where, data, numbers)
    residuals = predictions - (spread(alphas, noise) * noise - spread(sigmas, samples) * samples)
    return reduce_mean_square(residuals, loss_weights, where, weights, reduction)
