"""Losses whose target is a network: consistency of a model with itself, and score distillation."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.reduction import reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar
from jaxloss.generative.diffusion._schedules import example_data, spread

__all__ = ["consistency_loss", "score_distillation_loss"]


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
    r"""Consistency loss: pseudo-Huber distance of a model's output from its own output at less noise.

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
    r"""Score distillation (SDS): its gradient moves samples to where a diffusion model finds them likely.

    .. math:: \ell = w \left\langle \operatorname{sg}(\hat\epsilon - \epsilon), x \right\rangle, \qquad
              \frac{\partial \ell}{\partial x} = w (\hat\epsilon - \epsilon)

    The diffusion model is not differentiated, and the value itself is not a measure of progress. Summed over the event
    axes, so that the gradient has no factor 1/D.

    Args:
        samples: The samples :math:`x`, such as rendered images, shape ``[..., *event]``, floating.
        predictions: Noise :math:`\hat\epsilon` that the model predicts in the noised samples, shape
            ``[..., *event]``, the same; guided, if it is. No gradient.
        noise: The noise :math:`\epsilon` that was added, shape ``[..., *event]``, the same. No gradient.
        loss_weights: Weight :math:`w` of each example's noise level, shape ``[...]``, the batch axes.
        where, weights: Shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar of either sign.

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
    pull = spread(loss_weights, samples) * jax.lax.stop_gradient(predictions - noise)
    values = jnp.sum(pull * samples, axis=tuple(range(loss_weights.ndim, samples.ndim)))
    return reduce(values, where=where, weights=weights, reduction=reduction)
