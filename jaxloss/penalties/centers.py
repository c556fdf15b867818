"""Centre loss: embeddings of a class gather around a centre that follows them, carried as state."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.reduction import blank, hide, reduce
from jaxloss._floor.spread import over, require_whole, summed
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction, Scalar

__all__ = ["CenterState", "center_loss", "init_center_loss"]


class CenterState(NamedTuple):
    """What `center_loss` carries.

    Attributes:
        centers: The centres of the classes, ``[classes, D]``.
    """

    centers: Array


def init_center_loss(num_classes: int, num_features: int, dtype: Any = jnp.float32) -> CenterState:
    """Initial state of `center_loss`: all centres at 0.

    Args:
        num_classes: Number of classes, > 0.
        num_features: Size of an embedding, > 0.
        dtype: Floating dtype of the centres.

    Returns:
        A `CenterState`.

    Raises:
        ValueError: If a number is not positive.

    Example:
        >>> jaxloss.init_center_loss(10, 3).centers.shape
        (10, 3)

    Reference:
        Wen et al. (2016), A Discriminative Feature Learning Approach for Deep Face Recognition.
        https://doi.org/10.1007/978-3-319-46478-7_31
    """
    if num_classes < 1 or num_features < 1:
        raise ValueError(f"num_classes and num_features must be positive; found {num_classes} and {num_features}.")
    return CenterState(jnp.zeros((num_classes, num_features), dtype))


def center_loss(
    embeddings: ArrayLike,
    labels: ArrayLike,
    state: CenterState,
    *,
    rate: Scalar = 0.5,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> tuple[Array, CenterState]:
    r"""Centre loss: half the squared distance of an embedding from the running centre of its class.

    .. math:: \ell = \tfrac12 \lVert f - c_y \rVert_2^2, \qquad
              c_j \leftarrow c_j - \alpha \,
              \frac{\sum_i w_i \, 1[y_i = j] \, (c_j - f_i)}{1 + \sum_i w_i \, 1[y_i = j]}

    Add it to a softmax cross-entropy. Gradients flow to the embeddings and not to the centres, which are used before
    they move. The loss is summed over features and, unlike in the paper, averaged over examples.

    Args:
        embeddings: Shape ``[..., D]``, floating.
        labels: Index of the class, shape ``[...]``, integer; out of range gives NaN and moves no centre.
        state: From `jaxloss.init_center_loss` or the last call.
        rate: :math:`\alpha` in [0, 1]; 0 keeps the centres.
        axis_name: Mesh axes inside ``jax.shard_map`` over which the examples are spread, for the loss over all of them;
            None if all are here, ``()`` to take those of each device on purpose. The examples of all devices move the
            centres, which stay equal; a ``reduction`` other than ``"mean"`` and ``"sum"`` is given those of this one.
        where: Shape ``[...]``; a masked example moves no centre. See `jaxloss.reduce`.
        weights: Numbers >= 0, shape ``[...]``, in the loss and in the motion of the centres.
        reduction: See `jaxloss.reduce`.

    Returns:
        The loss, a scalar >= 0 in squared units of the embeddings, and the next state, with no gradient through it.

    Raises:
        TypeError: If ``embeddings`` are not floating or ``labels`` not integer.
        ValueError: If the shapes do not match or ``rate`` is out of range.

    Example:
        >>> state = jaxloss.init_center_loss(2, 2)
        >>> loss, state = jaxloss.center_loss(jnp.array([[3.0, 4.0]]), jnp.array([1]), state)
        >>> print(loss, state.centers.tolist())
        12.5 [[0.0, 0.0], [0.75, 1.0]]

    Reference:
        Wen et al. (2016), A Discriminative Feature Learning Approach for Deep Face Recognition.
        https://doi.org/10.1007/978-3-319-46478-7_31
    """
    (embeddings,) = checks.floating(embeddings=embeddings)
    (labels,) = checks.integer(labels=labels)
    checks.with_axes("features", embeddings=embeddings)
    checks.has_shape(embeddings.shape[:-1], "embeddings.shape[:-1], the feature axis is last", labels=labels)
    num_classes = state.centers.shape[0]
    checks.has_shape((num_classes, embeddings.shape[-1]), "classes, features", centers=state.centers)
    embeddings, centers = blank(where, embeddings, event_ndim=1)[0], jax.lax.stop_gradient(state.centers)
    labels = hide(where, checks.as_int32(labels))
    # The examples of every batch axis move the centres, so no axis may be in parts.
    require_whole(axis_name, labels.shape[:1], embeddings, labels)
    value_checks.ensure_labels(labels, num_classes)
    inside = jnp.clip(labels, 0, num_classes - 1)
    shift = embeddings - centers.astype(embeddings.dtype)[inside]
    values = numerics.poison(0.5 * jnp.sum(jnp.square(shift), axis=-1), inside == labels)
    loss = reduce(values, where=where, weights=weights, reduction=over(axis_name, reduction))
    rate = checks.scalar("rate", rate, embeddings.dtype, at_least=0, at_most=1)
    mass = reduce(jnp.ones_like(values), where=where, weights=weights, reduction="none")
    mass = jnp.where(inside == labels, mass, jnp.zeros((), mass.dtype))
    step = rate * _mean_shifts(jax.lax.stop_gradient(shift), inside, mass, num_classes, axis_name)
    moved = centers.astype(step.dtype) + jax.lax.stop_gradient(step)
    return loss, CenterState(moved.astype(state.centers.dtype))


def _mean_shifts(shift: Array, labels: Array, mass: Array, num_classes: int, axis_name: AxisName | None) -> Array:
    """For each class the sum of the weighted shifts over one more than the sum of the weights, on all devices."""
    count = math.prod(labels.shape)
    labels, mass = jnp.reshape(labels, (count,)), jnp.reshape(mass, (count, 1))
    pulls = jnp.concatenate([mass * jnp.reshape(shift, (count, shift.shape[-1])), mass], axis=-1)
    sums = summed(axis_name, jax.ops.segment_sum(pulls, labels, num_segments=num_classes))
    return sums[:, :-1] / (1 + sums[:, -1:])
