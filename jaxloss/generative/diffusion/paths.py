r"""Straight paths from noise at time 0 to data at time 1, and the average velocity along a path.

Code bases differ in the direction of time; with data at time 0 pass ``1 - times`` for the times, and negate velocities.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.typing import Array, ArrayLike, Scalar
from jaxloss.generative.diffusion._schedules import example_data, spread

__all__ = ["flow_endpoints", "linear_flow_path", "mean_flow_target"]


def linear_flow_path(samples: ArrayLike, noise: ArrayLike, times: ArrayLike, *, sigma_min: Scalar = 0.0) -> Array:
    r"""Points on the straight lines from noise to data, at which the network of flow matching predicts.

    .. math:: x_t = (1 - (1 - \sigma_{\min}) t) \, \epsilon + t x

    Args:
        samples: End :math:`x` of each line, the data at time 1, shape ``[..., *event]``, floating.
        noise: Start :math:`\epsilon` of each line, at time 0, shape ``[..., *event]``, the same.
        times: Time :math:`t` of each example, in [0, 1], shape ``[...]``, the batch axes.
        sigma_min: Standard deviation :math:`\sigma_{\min}` of the noise that is left at time 1, in [0, 1].

    Returns:
        An array of the shape of ``samples``; float32, or float64 if the data or the noise are.

    Raises:
        TypeError: If ``samples`` or ``noise`` are not floating.
        ValueError: If the shapes differ, or ``sigma_min`` is out of range.

    Example:
        >>> jaxloss.diffusion.linear_flow_path(jnp.ones((2, 1)), jnp.zeros((2, 1)), jnp.array([0.25, 1.0]))
        Array([[0.25],
               [1.  ]], dtype=float32)

    Reference:
        Lipman et al. (2023), Flow Matching for Generative Modeling, equation 22.
        https://arxiv.org/abs/2210.02747
    """
    (samples, noise), (times,) = example_data(None, {"samples": samples, "noise": noise}, {"times": times})
    sigma_min = checks.scalar("sigma_min", sigma_min, noise.dtype, at_least=0, at_most=1)
    return spread(1 - (1 - sigma_min) * times, noise) * noise + spread(times, samples) * samples


def flow_endpoints(
    points: ArrayLike, velocities: ArrayLike, times: ArrayLike, *, sigma_min: Scalar = 0.0
) -> tuple[Array, Array]:
    r"""Data and noise at the two ends of the straight line through a point with a given velocity.

    .. math:: \epsilon = x_t - t u, \qquad x = u + (1 - \sigma_{\min}) \, \epsilon

    The inverse of `linear_flow_path`; with a predicted velocity it is the network's estimate of both.

    Args:
        points: Points :math:`x_t` on the lines, shape ``[..., *event]``, floating.
        velocities: Velocities :math:`u` there, shape ``[..., *event]``, the same.
        times: Time :math:`t` of each example, in [0, 1], shape ``[...]``, the batch axes.
        sigma_min: Standard deviation :math:`\sigma_{\min}` of the noise that is left at time 1, in [0, 1].

    Returns:
        ``(samples, noise)``, each of the shape of ``points``; float32, or float64 if the points or velocities are.

    Raises:
        TypeError: If ``points`` or ``velocities`` are not floating.
        ValueError: If the shapes differ, or ``sigma_min`` is out of range.

    Example:
        >>> jaxloss.diffusion.flow_endpoints(jnp.array([[1.0]]), jnp.array([[4.0]]), jnp.array([0.5]))
        (Array([[3.]], dtype=float32), Array([[-1.]], dtype=float32))

    Reference:
        Liu, Gong and Liu (2023), Flow Straight and Fast.
        https://arxiv.org/abs/2209.03003
    """
    data = {"points": points, "velocities": velocities}
    (points, velocities), (times,) = example_data(None, data, {"times": times})
    sigma_min = checks.scalar("sigma_min", sigma_min, points.dtype, at_least=0, at_most=1)
    noise = points - spread(times, points) * velocities
    return velocities + (1 - sigma_min) * noise, noise


def mean_flow_target(
    model: Callable[[Any, Array, Array, Array], Array],
    params: Any,
    points: ArrayLike,
    velocities: ArrayLike,
    starts: ArrayLike,
    times: ArrayLike,
) -> tuple[Array, Array]:
    r"""MeanFlow: the average velocity that a network predicts, and the target that its own derivative implies.

    .. math:: u_{\mathrm{target}} = \operatorname{sg}\left( v_t - (t - r) \left( v_t \, \partial_x u
              + \partial_t u \right) \right)

    The average over times from r to t obeys :math:`(t - r) u = \int_r^t v`; differentiated in t this is the target.
    Compare the two by `jaxloss.squared_error`, or by `jaxloss.epsilon_prediction_loss` with weights of the noise level.
    It takes one forward derivative and no second network.

    Args:
        model: ``(params, points, starts, times) -> average velocities`` of the shape of the points.
        params: The parameters of the model, any pytree.
        points: Points :math:`x_t`, such as those of `linear_flow_path`, shape ``[..., *event]``, floating.
        velocities: Velocities :math:`v_t` of the path there, shape ``[..., *event]``, the same.
        starts: Time :math:`r` of each example at which the average begins, shape ``[...]``, the batch axes.
        times: Time :math:`t` of each example, shape ``[...]``. Where it equals ``starts`` this is flow matching.

    Returns:
        ``(predictions, targets)``, each of the shape of ``points``; gradients flow to the parameters through the
        predictions alone.

    Raises:
        TypeError: If ``points`` or ``velocities`` are not floating.
        ValueError: If the shapes differ, that of the predictions included.

    Example:
        >>> model = lambda params, x, r, t: params * x
        >>> points, velocities = jnp.array([[1.0]]), jnp.array([[2.0]])
        >>> jaxloss.diffusion.mean_flow_target(model, 3.0, points, velocities, jnp.array([0.0]), jnp.array([0.5]))
        (Array([[3.]], dtype=float32), Array([[-1.]], dtype=float32))

    Reference:
        Geng et al. (2025), Mean Flows for One-step Generative Modeling.
        https://arxiv.org/abs/2505.13447
    """
    data, numbers = {"points": points, "velocities": velocities}, {"starts": starts, "times": times}
    (points, velocities), (starts, times) = example_data(None, data, numbers)
    predictions, drift = jax.jvp(
        lambda x, t: model(params, x, starts, t), (points, times), (velocities, jnp.ones_like(times))
    )
    checks.same_shape(points=points, predictions=predictions)
    targets = velocities - spread(times - starts, points) * drift
    return predictions, jax.lax.stop_gradient(targets)
