r"""Flow matching along straight lines from noise at time 0 to data at time 1.

Code bases differ in the direction of time; with data at time 0 put ``1 - times`` for the times, and negate velocities.
"""

from __future__ import annotations

from jaxloss._floor import checks
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar
from jaxloss.generative.diffusion._schedules import example_data, reduce_mean_square

__all__ = ["flow_matching_loss"]


def flow_matching_loss(
    predictions: ArrayLike,
    samples: ArrayLike,
    noise: ArrayLike,
    loss_weights: ArrayLike,
    *,
    sigma_min: Scalar = 0.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Flow matching (rectified flow): mean squared error of the predicted velocity from noise to data.

    .. math:: \ell = w \, \frac1D \lVert \hat u - u \rVert_2^2, \qquad
              u = x - (1 - \sigma_{\min}) \, \epsilon

    The velocity is constant on a line, so the time is not an argument: it goes into
    `jaxloss.diffusion.linear_flow_path`, which gives the point at which the network predicts.

    Args:
        predictions: Predicted velocity :math:`\hat u`, shape ``[..., *event]``, floating.
        samples: End :math:`x` of each line, the data at time 1, shape ``[..., *event]``, the same; never broadcast.
        noise: Start :math:`\epsilon` of each line, at time 0, shape ``[..., *event]``, the same.
        loss_weights: As in `epsilon_prediction_loss`.
        sigma_min: Standard deviation :math:`\sigma_{\min}` of the noise that is left at time 1, in [0, 1].
        where, weights: Shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0; 0 at a perfect prediction.

    Raises:
        TypeError: If ``predictions``, ``samples`` or ``noise`` are not floating.
        ValueError: If the shapes differ, or ``sigma_min`` is out of range.

    Example:
        >>> samples, noise = 2 * jnp.ones((2, 3)), jnp.zeros((2, 3))
        >>> jaxloss.flow_matching_loss(jnp.ones((2, 3)), samples, noise, jnp.ones(2))
        Array(1., dtype=float32)

    Reference:
        Lipman et al. (2023), Flow Matching for Generative Modeling, equation 23.
        https://arxiv.org/abs/2210.02747
    """
    data = {"predictions": predictions, "samples": samples, "noise": noise}
    (predictions, samples, noise), (loss_weights,) = example_data(where, data, {"loss_weights": loss_weights})
    sigma_min = checks.scalar("sigma_min", sigma_min, predictions.dtype, at_least=0, at_most=1)
    residuals = predictions - (samples - (1 - sigma_min) * noise)
    return reduce_mean_square(residuals, loss_weights, where, weights, reduction)
