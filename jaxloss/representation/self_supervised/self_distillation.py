"""Self-distillation (DINO): a student matches the centred, sharpened outputs of a teacher on other views."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths.rows.products import precision
from jaxloss._floor.maths.softmax.terms import below_peak
from jaxloss._floor.reduction import blank, hide, reduce
from jaxloss._floor.spread import anywhere, mean_over, over, require_whole
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction, Scalar
from jaxloss.representation._groups import diagonal

__all__ = ["DinoState", "dino_loss", "init_dino_loss"]


class DinoState(NamedTuple):
    """The running mean of the teacher's outputs, shape ``[K]``."""

    center: Array


def init_dino_loss(num_prototypes: int, dtype: Any = jnp.float32) -> DinoState:
    """Initial state of `jaxloss.dino_loss`: a centre of zeros.

    Args:
        num_prototypes: Size K of the outputs.
        dtype: Of the centre.

    Returns:
        A `DinoState`.

    Example:
        >>> jaxloss.init_dino_loss(3)
        DinoState(center=Array([0., 0., 0.], dtype=float32))
    """
    return DinoState(jnp.zeros((num_prototypes,), dtype))


def dino_loss(
    logits: ArrayLike,
    teacher_logits: ArrayLike,
    state: DinoState,
    *,
    temperature: Scalar = 0.1,
    teacher_temperature: Scalar = 0.04,
    momentum: Scalar = 0.9,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> tuple[Array, DinoState]:
    r"""DINO loss: cross-entropy between the distribution of a teacher and that of the student on every other view.

    .. math:: \ell = \frac{1}{|\{s \ne t\}|} \sum_{s \ne t} \sum_k -q_{tk} \log p_{sk}, \qquad
              p_s = \mathrm{softmax}(z_s / \tau), \quad q_t = \mathrm{softmax}((z'_t - c) / \tau')

    .. math:: c \leftarrow m c + (1 - m) \, \overline{z'}

    The mean in the new centre is over the images that are not masked and all teacher views; the loss uses the old
    centre. Teacher and centre are constants of differentiation.

    The loss of masked patches of iBOT compares patches ``[..., K]`` of one view. It is this loss with patches in the
    place of images: ``dino_loss(jnp.stack([logits, logits], axis=-2), teacher_logits[..., None, :], state,
    where=masked)``, which compares the second view of the student with the only one of the teacher.

    Args:
        logits: Outputs of the student, shape ``[..., S, K]``, floating. The first views are those of the teacher.
        teacher_logits: Outputs of the teacher, shape ``[..., T, K]``, floating.
        state: The centre :math:`c`, from `jaxloss.init_dino_loss` or the last step.
        temperature: :math:`\tau` > 0 of the student.
        teacher_temperature: :math:`\tau'` > 0, smaller than the student's: the teacher is sharpened.
        momentum: Share :math:`m` of the centre that is kept, in [0, 1].
        axis_name: Mesh axes inside ``jax.shard_map`` over which the images are spread, for the loss over all of them;
            None if all are here, ``()`` to take those of each device on purpose. The new centre is that of all; any
            reduction but ``"mean"`` and ``"sum"`` is given the images of this device.
        where, weights: Shape ``[...]``, of the images; see `jaxloss.reduce`.
        reduction: Over the images; see `jaxloss.reduce`.

    Returns:
        The loss, a scalar >= 0 in nats, and the new state.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes do not match, no pair of different views is left, or a hyperparameter is out of range.

    Example:
        >>> views = jnp.array([[[0.1, 0.0], [0.0, 0.1]]])
        >>> loss, state = jaxloss.dino_loss(views, views, jaxloss.init_dino_loss(2))
        >>> print(f"{loss:.4f}", state.center)
        1.2374 [0.005 0.005]

    Reference:
        Caron et al. (2021), Emerging Properties in Self-Supervised Vision Transformers.
        https://arxiv.org/abs/2104.14294
    """
    logits, teacher_logits, center = checks.floating(logits=logits, teacher_logits=teacher_logits, center=state.center)
    checks.with_axes("views prototypes", logits=logits, teacher_logits=teacher_logits)
    batch, (students, size), teachers = logits.shape[:-2], logits.shape[-2:], teacher_logits.shape[-2]
    checks.has_shape((*batch, teachers, size), "images, teacher views, prototypes", teacher_logits=teacher_logits)
    checks.has_shape((size,), "one number per prototype", center=center)
    pairs = students * teachers - min(students, teachers)
    if not pairs:
        raise ValueError(f"logits must hold a view that differs from the teacher's; found {students} and {teachers}.")
    require_whole(axis_name, batch[:1], logits, teacher_logits)
    student, teacher = blank(where, logits, jax.lax.stop_gradient(teacher_logits), event_ndim=2)
    tau = checks.scalar("temperature", temperature, student.dtype, above=0)
    sharp = checks.scalar("teacher_temperature", teacher_temperature, student.dtype, above=0)
    momentum = checks.scalar("momentum", momentum, center.dtype, at_least=0, at_most=1)
    old = jax.lax.stop_gradient(center)
    asked = jax.nn.softmax(below_peak(teacher - _row(old.astype(teacher.dtype), teacher))[0] / sharp, axis=-1)
    surprise = -jax.nn.log_softmax(below_peak(student)[0] / tau, axis=-1)
    crossed = jnp.matmul(asked, jnp.swapaxes(surprise, -1, -2), precision=precision())
    crossed = jnp.where(diagonal(crossed.shape), jnp.zeros((), crossed.dtype), crossed)
    values = jnp.sum(crossed, axis=(-2, -1)) / pairs
    loss = reduce(values, where=where, weights=weights, reduction=over(axis_name, reduction))
    return loss, DinoState(_moved(axis_name, old, teacher, where, momentum))


def _row(vector: Array, like: Array) -> Array:
    return jnp.expand_dims(vector, tuple(range(like.ndim - 1)))


def _moved(axis_name: AxisName | None, old: Array, teacher: Array, where: ArrayLike | None, momentum: Scalar) -> Array:
    """The centre after a step; the old one where no image is kept."""
    images = teacher.shape[:-2]
    keep = jnp.ones(images, bool) if where is None else checks.mask(where, images)
    keep = jnp.broadcast_to(keep[..., None, None], teacher.shape).reshape(-1, teacher.shape[-1])
    rows = hide(keep, teacher.reshape(-1, teacher.shape[-1]))
    mean = mean_over(axis_name, rows, keep, 0).astype(old.dtype)
    return jnp.where(anywhere(axis_name, jnp.any(keep)), momentum * old + (1 - momentum) * mean, old)
