r"""Flow matching along straight lines from noise at time 0 to data at time 1.

Code bases differ in the direction of time; with data at time 0 put ``1 - times`` for the times, and negate velocities.
"""

from __future__ import annotations

from jaxloss._floor import checks
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar
from jaxloss.generative.diffusion._schedules import example_data, reduce_mean_square, spread

__all__ = ["flow_endpoints", "flow_matching_loss", "linear_flow_path"]


def flow_matching_loss(
    predictions: ArrayLike,
    noise: ArrayLike,
    samples: ArrayLike,
    loss_weights: ArrayLike,
    *,
    sigma_min: Scalar = 0.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Mean squared error of the velocity that a network predicts on the way from noise to data (rectified flow).

    .. math:: \ell = w \, \frac1D \lVert \hat u - u \rVert_2^2, \qquad
              u = x - (1 - \sigma_{\min}) \, \epsilon

    The velocity is constant on a line, so the time is not needed here: it went into `linear_flow_path`, which gives the
    point at which the network predicts.

    Args:
        predictions: Predicted velocity :math:`\hat u`, shape ``[..., *event]``, floating.
        noise: Start :math:`\epsilon` of each line, at time 0, shape ``[..., *event]``, the same; never broadcast.
        samples: End :math:`x` of each line, the data at time 1, shape ``[..., *event]``, the same.
        loss_weights: Weight :math:`w` of each example, shape ``[...]``, which says what the batch axes are: D counts
            the entries of the others. It multiplies the loss; ``weights`` also divide the mean by their sum.
        sigma_min: Standard deviation :math:`\sigma_{\min}` of the noise that is left at time 1, in [0, 1].
        where, weights: Shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0; 0 at a perfect prediction.

    Raises:
        TypeError: If ``predictions``, ``noise`` or ``samples`` are not floating.
        ValueError: If the shapes differ, or ``sigma_min`` is out of range.

    Example:
        >>> noise, samples = jnp.zeros((2, 3)), 2 * jnp.ones((2, 3))
        >>> jaxloss.flow_matching_loss(jnp.ones((2, 3)), noise, samples, jnp.ones(2))
        Array(1., dtype=float32)

    Reference:
        Lipman et al. (2023), Flow Matching for Generative Modeling, equation 23.
        https://arxiv.org/abs/2210.02747
    """
    data = {"predictions": predictions, "noise": noise, "samples": samples}
    (predictions, noise, samples), (loss_weights,) = example_data(where, data, {"loss_weights": loss_weights})
    sigma_min = checks.scalar("sigma_min", sigma_min, predictions.dtype, at_least=0, at_most=1)
    residuals = predictions - (samples - (1 - sigma_min) * noise)
    return reduce_mean_square(residuals, loss_weights, where, weights, reduction)


def linear_flow_path(noise: ArrayLike, samples: ArrayLike, times: ArrayLike, *, sigma_min: Scalar = 0.0) -> Array:
    r"""Points on the lines from noise to data, at which the network of `flow_matching_loss` predicts.

    .. math:: x_t = (1 - (1 - \sigma_{\min}) t) \, \epsilon + t x

    Args:
        noise: Start :math:`\epsilon` of each line, at time 0, shape ``[..., *event]``, floating.
        samples: End :math:`x` of each line, at time 1, shape ``[..., *event]``, the same.
        times: Time :math:`t` of each example, in [0, 1], shape ``[...]``, the batch axes.
        sigma_min: Standard deviation :math:`\sigma_{\min}` of the noise that is left at time 1, in [0, 1].

    Returns:
        An array of the shape of ``noise``; float32, or float64 if the noise or the data are.

    Raises:
        TypeError: If ``noise`` or ``samples`` are not floating.
        ValueError: If the shapes differ, or ``sigma_min`` is out of range.

    Example:
        >>> jaxloss.linear_flow_path(jnp.zeros((2, 1)), jnp.ones((2, 1)), jnp.array([0.25, 1.0]))
        Array([[0.25],
               [1.  ]], dtype=float32)

    Reference:
        Lipman et al. (2023), Flow Matching for Generative Modeling, equation 22.
        https://arxiv.org/abs/2210.02747
    """
    (noise, samples), (times,) = example_data(None, {"noise": noise, "samples": samples}, {"times": times})
    sigma_min = checks.scalar("sigma_min", sigma_min, noise.dtype, at_least=0, at_most=1)
    return spread(1 - (1 - sigma_min) * times, noise) * noise + spread(times, samples) * samples


def flow_endpoints(
    points: ArrayLike, velocities: ArrayLike, times: ArrayLike, *, sigma_min: Scalar = 0.0
) -> tuple[Array, Array]:
    r"""Noise and data at the two ends of the line that passes a point with a velocity.

    .. math:: \epsilon = x_t - t u, \qquad x = u + (1 - \sigma_{\min}) \, \epsilon

    The inverse of `linear_flow_path`; with a predicted velocity, the network's estimate of both.

    Args:
        points: Points :math:`x_t` on the lines, shape ``[..., *event]``, floating.
        velocities: Velocities :math:`u` there, shape ``[..., *event]``, the same.
        times: Time :math:`t` of each example, in [0, 1], shape ``[...]``, the batch axes.
        sigma_min: Standard deviation :math:`\sigma_{\min}` of the noise that is left at time 1, in [0, 1].

    Returns:
        ``(noise, samples)``, each of the shape of ``points``; float32, or float64 if the points or velocities are.

    Raises:
        TypeError: If ``points`` or ``velocities`` are not floating.
        ValueError: If the shapes differ, or ``sigma_min`` is out of range.

    Example:
        >>> jaxloss.flow_endpoints(jnp.array([[1.0]]), jnp.array([[4.0]]), jnp.array([0.5]))
        (Array([[-1.]], dtype=float32), Array([[3.]], dtype=float32))

    Reference:
        Liu, Gong and Liu (2023), Flow Straight and Fast.
        https://arxiv.org/abs/2209.03003
    """
    data = {"points": points, "velocities": velocities}
    (points, velocities), (times,) = example_data(None, data, {"times": times})
    sigma_min = checks.scalar("sigma_min", sigma_min, points.dtype, at_least=0, at_most=1)
    noise = points - spread(times, points) * velocities
    return noise, velocities + (1 - sigma_min) * noise
