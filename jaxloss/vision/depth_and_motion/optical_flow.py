"""Errors of optical flow: the distance between the ends of predicted and true motion vectors."""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths.errors import distance
from jaxloss._floor.maths.numerics import difference, norm, power
from jaxloss._floor.reduction import blank, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar

__all__ = ["endpoint_error", "flow_sequence_loss", "robust_endpoint_error"]


def _flows(where: ArrayLike | None, predictions: ArrayLike, targets: ArrayLike) -> tuple[Array, Array]:
    predictions, targets = checks.values(predictions=predictions, targets=targets)
    checks.with_axes("components", predictions=predictions)
    predictions, targets = blank(where, predictions, targets, event_ndim=1)
    return predictions, targets


def endpoint_error(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Endpoint error of optical flow (EPE): the Euclidean distance of predicted and true motion vectors.

    .. math:: \ell = \| \hat w - w \|_2

    Its mean is the average endpoint error (AEPE). It serves scene flow and any other field of vectors too.

    Args:
        predictions: Motion vectors, shape ``[..., D]``, floating, such as ``[B, H, W, 2]``.
        targets: Shape ``[..., D]``, the same; floating or integer; never broadcast.
        where, weights: One per vector, shape ``[...]``: ``where`` leaves out pixels whose motion is unknown; see
            `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in units of ``targets``; 0 exactly at a perfect fit, with zero gradient there.

    Raises:
        TypeError: If ``predictions`` is not floating.
        ValueError: If the shapes differ, or the component axis is empty.

    Example:
        >>> jaxloss.endpoint_error(jnp.array([[3.0, 4.0], [0.0, 0.0]]), jnp.zeros((2, 2)), reduction="none")
        Array([5., 0.], dtype=float32)

    Reference:
        Baker, Scharstein, Lewis, Roth, Black and Szeliski (2011), A Database and Evaluation Methodology for Optical
        Flow. https://doi.org/10.1007/s11263-010-0390-2
    """
    predictions, targets = _flows(where, predictions, targets)
    values = norm(difference(predictions, targets))
    return reduce(values, where=where, weights=weights, reduction=reduction)


def robust_endpoint_error(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    exponent: Scalar = 0.4,
    epsilon: Scalar = 0.01,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Robust endpoint error of optical flow (PWC-Net): a small power of the absolute error of motion vectors.

    .. math:: \ell = \left( \| \hat w - w \|_1 + \epsilon \right)^q

    The power gives less weight to vectors that are far off than `jaxloss.endpoint_error`. The minimum is
    :math:`\epsilon^q`, not 0. The paper sums over the pixels and over the levels of a pyramid, with one factor each.

    Args:
        predictions: Motion vectors, shape ``[..., D]``, floating, such as ``[B, H, W, 2]``.
        targets: Shape ``[..., D]``, the same; floating or integer; never broadcast.
        exponent: The power :math:`q`, in (0, 1].
        epsilon: Added to the error, in units of ``targets``: it bounds the slope of the power near 0; > 0.
        where, weights: One per vector, shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= ``epsilon ** exponent``; exactly that at a perfect fit, with zero gradient there.

    Raises:
        TypeError: If ``predictions`` is not floating.
        ValueError: If the shapes differ, the component axis is empty, or a hyperparameter is out of range.

    Example:
        >>> jaxloss.robust_endpoint_error(jnp.array([3.0, 4.0]), jnp.zeros(2), exponent=0.5, epsilon=2.0)
        Array(3., dtype=float32)

    Reference:
        Sun, Yang, Liu and Kautz (2018), PWC-Net: CNNs for Optical Flow Using Pyramid, Warping, and Cost Volume.
        https://arxiv.org/abs/1709.02371
    """
    predictions, targets = _flows(where, predictions, targets)
    dtype = predictions.dtype
    exponent = checks.scalar("exponent", exponent, dtype, above=0, at_most=1)
    epsilon = checks.scalar("epsilon", epsilon, dtype, above=0)
    values = power(jnp.sum(distance(predictions, targets), axis=-1) + epsilon, exponent)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def flow_sequence_loss(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    decay: Scalar = 0.8,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Sequence loss of optical flow (RAFT): absolute errors of all refinements, later ones with a larger weight.

    .. math:: \ell = \sum_{i=1}^{N} \gamma^{N-i}\, \| \hat w_i - w \|_1

    RAFT's code averages over the components, which is half of this for two, and leaves out pixels that move by more
    than 400 pixels: ``where=valid & (jnp.linalg.norm(targets, axis=-1) < 400)``, though it divides by their number too.

    Args:
        predictions: The refinements of each motion vector, first one first, shape ``[..., N, D]``, floating: stack a
            list of them along axis -2.
        targets: Motion vectors, shape ``[..., D]``, floating or integer.
        decay: The factor :math:`\gamma`, in [0, 1]; with 0 only the last refinement counts.
        where, weights: One per vector, shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in units of ``targets``; 0 exactly if all refinements are perfect, with zero gradient there.

    Raises:
        TypeError: If ``predictions`` is not floating.
        ValueError: If the shapes do not match, one of the last two axes is empty, or ``decay`` is out of range.

    Example:
        >>> refinements = jnp.array([[4.0, 0.0], [1.0, 1.0]])
        >>> jaxloss.flow_sequence_loss(refinements, jnp.zeros(2), decay=0.5)
        Array(4., dtype=float32)

    Reference:
        Teed and Deng (2020), RAFT: Recurrent All-Pairs Field Transforms for Optical Flow.
        https://arxiv.org/abs/2003.12039
    """
    (predictions,) = checks.floating(predictions=predictions)
    (targets,) = checks.numeric(targets=targets)
    checks.with_axes("refinements components", predictions=predictions)
    expected = predictions.shape[:-2] + predictions.shape[-1:]
    checks.has_shape(expected, "predictions.shape without the axis of the refinements, -2", targets=targets)
    targets = jnp.broadcast_to(targets[..., None, :], predictions.shape)
    predictions, targets = blank(where, predictions, targets, event_ndim=2)
    decay = checks.scalar("decay", decay, predictions.dtype, at_least=0, at_most=1)
    errors = jnp.sum(distance(predictions, targets), axis=-1)
    values = errors[..., 0]
    for k in range(1, errors.shape[-1]):
        values = decay * values + errors[..., k]
    return reduce(values, where=where, weights=weights, reduction=reduction)
