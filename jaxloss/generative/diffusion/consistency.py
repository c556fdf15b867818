"""Losses whose target is the network itself: consistency, average velocities, and distillation into other images."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxloss._floor import checks, numerics
from jaxloss._floor.reduction import reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar
from jaxloss.generative.diffusion._schedules import example_data, spread

__all__ = ["consistency_loss", "mean_flow_target", "score_distillation_loss"]


def consistency_loss(
    predictions: ArrayLike,
    targets: ArrayLike,
    loss_weights: ArrayLike,
    *,
    c: Scalar = 0.00054,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Pseudo-Huber distance of a consistency model's output from its own output at less noise.

    .. math:: \ell = w \left( \sqrt{ \lVert f - \operatorname{sg}(f^-) \rVert_2^2 + c^2 D } - c \sqrt D \right)

    Consistency training when both come from the same example with the same noise, distillation when the target comes
    from a step of a teacher's solver. The target gets no gradient.

    Args:
        predictions: Outputs :math:`f` at the higher noise level, shape ``[..., *event]``, floating.
        targets: Outputs :math:`f^-` at the lower one, shape ``[..., *event]``, the same; they get no gradient.
        loss_weights: Weight :math:`w` of each example, shape ``[...]``, which says what the batch axes are: D counts
            the entries of the others. The paper has one over the difference of the two noise levels.
        c: Root-mean-square error where the distance turns linear, in units of the data; >= 0.
        where, weights: Shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in units of the data if the weights have none; 0 exactly where the two are equal.

    Raises:
        TypeError: If ``predictions`` or ``targets`` are not floating.
        ValueError: If the shapes differ, or ``c`` is negative.

    Example:
        >>> predictions, targets = jnp.array([[3.0, 4.0]]), jnp.zeros((1, 2))
        >>> jaxloss.consistency_loss(predictions, targets, jnp.ones(1), c=0.0)
        Array(5., dtype=float32)

    Reference:
        Song and Dhariwal (2024), Improved Techniques for Training Consistency Models.
        https://arxiv.org/abs/2310.14189
    """
    data = {"predictions": predictions, "targets": targets}
    (predictions, targets), (loss_weights,) = example_data(where, data, {"loss_weights": loss_weights})
    c = checks.scalar("c", c, predictions.dtype, at_least=0)
    entries = math.prod(predictions.shape[loss_weights.ndim :])
    residuals = jnp.reshape(predictions - jax.lax.stop_gradient(targets), (*loss_weights.shape, entries))
    bend = jnp.full(loss_weights.shape, c * math.sqrt(entries), predictions.dtype)
    distance = numerics.norm(residuals)
    length = numerics.norm(jnp.stack([distance, bend], axis=-1))
    values = loss_weights * (distance * numerics.divide(distance, length + bend))
    return reduce(values, where=where, weights=weights, reduction=reduction)


def score_distillation_loss(
    samples: ArrayLike,
    predictions: ArrayLike,
    noise: ArrayLike,
    loss_weights: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""A loss whose gradient moves samples to where a diffusion model finds them likely (SDS); its value says nothing.

    .. math:: \ell = w \left\langle \operatorname{sg}(\hat\epsilon - \epsilon), x \right\rangle, \qquad
              \frac{\partial \ell}{\partial x} = w (\hat\epsilon - \epsilon)

    The diffusion model is not differentiated. Summed over the event axes, so that the gradient has no 1/D.

    Args:
        samples: The samples :math:`x`, such as rendered images, shape ``[..., *event]``, floating.
        predictions: Noise :math:`\hat\epsilon` that the model predicts in the noised samples, shape
            ``[..., *event]``, the same; guided, if it is. No gradient.
        noise: The noise :math:`\epsilon` that was added, shape ``[..., *event]``, the same. No gradient.
        loss_weights: Weight :math:`w` of each example's noise level, shape ``[...]``, the batch axes.
        where, weights: Shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar of either sign, which is no measure of progress.

    Raises:
        TypeError: If ``samples``, ``predictions`` or ``noise`` are not floating.
        ValueError: If the shapes differ.

    Example:
        >>> predictions, noise = jnp.array([[1.0, 2.0]]), jnp.array([[0.0, 3.0]])
        >>> jax.grad(jaxloss.score_distillation_loss)(jnp.ones((1, 2)), predictions, noise, jnp.array([2.0]))
        Array([[ 2., -2.]], dtype=float32)

    Reference:
        Poole et al. (2023), DreamFusion: Text-to-3D using 2D Diffusion, equation 3.
        https://arxiv.org/abs/2209.14988
    """
    data = {"samples": samples, "predictions": predictions, "noise": noise}
    (samples, predictions, noise), (loss_weights,) = example_data(where, data, {"loss_weights": loss_weights})
    weight = jnp.expand_dims(loss_weights, tuple(range(loss_weights.ndim, samples.ndim)))
    pull = weight * jax.lax.stop_gradient(predictions - noise)
    values = jnp.sum(pull * samples, axis=tuple(range(loss_weights.ndim, samples.ndim)))
    return reduce(values, where=where, weights=weights, reduction=reduction)


def mean_flow_target(
    model: Callable[[Any, Array, Array, Array], Array],
    params: Any,
    points: ArrayLike,
    velocities: ArrayLike,
    starts: ArrayLike,
    times: ArrayLike,
) -> tuple[Array, Array]:
    r"""Average velocity that a network predicts, and the one that its own derivative asks of it (MeanFlow).

    .. math:: u_{\mathrm{target}} = \operatorname{sg}\left( v_t - (t - r) \left( v_t \, \partial_x u
              + \partial_t u \right) \right)

    The average over times from r to t obeys :math:`(t - r) u = \int_r^t v`; differentiated in t this is the target.
    Compare the two by `squared_error`, or by ``epsilon_prediction_loss`` with weights of the noise level. One forward
    derivative, no second network.

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
        ValueError: If the shapes differ, the predictions' among them.

    Example:
        >>> model = lambda params, x, r, t: params * x
        >>> points, velocities = jnp.array([[1.0]]), jnp.array([[2.0]])
        >>> jaxloss.mean_flow_target(model, 3.0, points, velocities, jnp.array([0.0]), jnp.array([0.5]))
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
