"""Angular margins that adapt: to the norm of an embedding (AdaFace), or to how far the training is (CurricularFace)."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.reduction import hide, reduce
from jaxloss._floor.spread import anywhere, mean_over, over, require_whole, summed
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction, Scalar
from jaxloss.margin.angular._angles import Directions, cross_entropy, directions, sine_and_cosine, widened

__all__ = [
    "AdafaceState",
    "CurricularfaceState",
    "adaface_loss",
    "curricularface_loss",
    "init_adaface_loss",
    "init_curricularface_loss",
]

_SHORTEST, _LONGEST = 1e-3, 100.0
"""Norms of embeddings are taken for these at least and at most, as by the authors."""


class AdafaceState(NamedTuple):
    """What `adaface_loss` carries.

    Attributes:
        mean: Running mean of the norms of the embeddings, a scalar.
        std: Running standard deviation of these norms, a scalar.
    """

    mean: Array
    std: Array


class CurricularfaceState(NamedTuple):
    """What `curricularface_loss` carries.

    Attributes:
        progress: Running mean of the cosines of embeddings and the centres of their own classes, a scalar.
    """

    progress: Array


def init_adaface_loss(dtype: Any = jnp.float32) -> AdafaceState:
    """Initial state of `adaface_loss`: the mean 20 and the standard deviation 100 of the authors' code.

    Args:
        dtype: Floating dtype of the moments.

    Returns:
        An `AdafaceState`.

    Example:
        >>> jaxloss.init_adaface_loss().mean
        Array(20., dtype=float32)

    Reference:
        Kim, Jain and Liu (2022), AdaFace: Quality Adaptive Margin for Face Recognition.
        https://arxiv.org/abs/2204.00964
    """
    return AdafaceState(jnp.full((), 20, dtype), jnp.full((), 100, dtype))


def init_curricularface_loss(dtype: Any = jnp.float32) -> CurricularfaceState:
    """Initial state of `curricularface_loss`: no progress.

    Args:
        dtype: Floating dtype of the mean.

    Returns:
        A `CurricularfaceState`.

    Example:
        >>> jaxloss.init_curricularface_loss().progress
        Array(0., dtype=float32)

    Reference:
        Huang et al. (2020), CurricularFace: Adaptive Curriculum Learning Loss for Deep Face Recognition.
        https://arxiv.org/abs/2004.00288
    """
    return CurricularfaceState(jnp.zeros((), dtype))


def adaface_loss(
    embeddings: ArrayLike,
    labels: ArrayLike,
    kernel: ArrayLike,
    state: AdafaceState,
    *,
    margin: Scalar = 0.4,
    concentration: Scalar = 0.333,
    scale: Scalar = 64.0,
    rate: Scalar = 0.01,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> tuple[Array, AdafaceState]:
    r"""AdaFace: normalised softmax whose margin depends on the quality of an image, measured by the embedding's norm.

    .. math:: \ell = -\log \frac{e^{s \psi_y}}{e^{s \psi_y} + \sum_{k \ne y} e^{s \cos \theta_k}}, \qquad
              \psi_y = \cos\left( \theta_y - m q \right) - m (1 + q), \qquad
              q = \mathrm{clip}\left( h \, \frac{\|x\| - \mu}{\sigma}, -1, 1 \right)

    .. math:: \mu \leftarrow (1 - r) \mu + r \, \overline{\|x\|}, \qquad
              \sigma \leftarrow (1 - r) \sigma + r \, \mathrm{std}(\|x\|)

    with :math:`\theta_k` the angle between the embedding and the centre of class :math:`k`, and
    :math:`\theta_y - m q` kept in :math:`[0, \pi]`. A quality :math:`q` of -1 gives `jaxloss.arcface_loss`, 0
    `jaxloss.cosface_loss`, and 1 a margin in the other direction of the angle. Norms count as at least 0.001 and at
    most 100, and are constants of differentiation. The loss uses the moments before they move; the authors' code moves
    them first, by 1 %.

    Args:
        embeddings: Shape ``[..., D]``, floating, not normalised: the norm is the quality.
        labels: Index of the true class, shape ``[...]``, integer; NaN out of range.
        kernel: Centres of the classes, shape ``[D, classes]``, floating; need not be normalised.
        state: From `jaxloss.init_adaface_loss` or the last call.
        margin: :math:`m`, an angle in radians and a difference of cosines, in [0, pi].
        concentration: Factor :math:`h` of the normalised norm; >= 0. 0 is `jaxloss.cosface_loss`.
        scale: Factor :math:`s` of the cosines, the inverse of a temperature; > 0.
        rate: :math:`r` in [0, 1]; 0 keeps the moments.
        axis_name: Mesh axes inside ``jax.shard_map`` over which the examples are spread, for the loss over all of them;
            None if all are here, ``()`` to take those of each device on purpose. The moments are those of all; any
            reduction but ``"mean"`` and ``"sum"`` is given the examples of this device.
        where: Shape ``[...]``; a masked example moves no moment. See `jaxloss.reduce`.
        weights: Shape ``[...]``, in the loss and not in the moments; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        The loss, a scalar >= 0 in nats, and the next state, with no gradient through it. Fewer than two examples do
        not move it.

    Raises:
        TypeError: If ``embeddings`` or ``kernel`` are not floating or ``labels`` not integer.
        ValueError: If the shapes do not match, or a hyperparameter is out of range.

    Example:
        >>> embeddings, centres, state = jnp.array([[3.0, 4.0]]), jnp.eye(2), jaxloss.init_adaface_loss()
        >>> loss, _ = jaxloss.adaface_loss(embeddings, jnp.array([1]), centres, state, margin=0.2, scale=5.0)
        >>> print(f"{loss:.4f}")
        0.6833

    Reference:
        Kim, Jain and Liu (2022), AdaFace: Quality Adaptive Margin for Face Recognition.
        https://arxiv.org/abs/2204.00964
    """
    faces = directions(where, embeddings, labels, kernel)
    mean, std = checks.floating(mean=state.mean, std=state.std)
    checks.has_shape((), "one number", mean=mean, std=std)
    _ensure_all_here(axis_name, faces)
    dtype = faces.cosines.dtype
    margin = checks.scalar("margin", margin, dtype, at_least=0, at_most=math.pi)
    concentration = checks.scalar("concentration", concentration, dtype, at_least=0)
    scale = checks.scalar("scale", scale, dtype, above=0)
    rate = checks.scalar("rate", rate, dtype, at_least=0, at_most=1)
    old, spread = (jax.lax.stop_gradient(x).astype(dtype) for x in (mean, std))
    norms = jnp.clip(jax.lax.stop_gradient(numerics.norm(faces.embeddings)), _SHORTEST, _LONGEST)
    quality = jnp.clip(concentration * ((norms - old) / (spread + _SHORTEST)), -1, 1)
    own = _turned(faces, margin * quality) - margin * (1 + quality)
    values = cross_entropy(scale * jnp.where(faces.true(), own[..., None], faces.cosines), faces.labels)
    loss = reduce(values, where=where, weights=weights, reduction=over(axis_name, reduction))
    (new, new_spread), count = _moments(axis_name, where, norms)
    move = lambda before, after: jnp.where(count < 2, before, before + rate * (after.astype(dtype) - before))
    moved = move(old, new).astype(mean.dtype), move(spread, new_spread).astype(std.dtype)
    return loss, AdafaceState(*moved)


def curricularface_loss(
    embeddings: ArrayLike,
    labels: ArrayLike,
    kernel: ArrayLike,
    state: CurricularfaceState,
    *,
    margin: Scalar = 0.5,
    scale: Scalar = 64.0,
    rate: Scalar = 0.01,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> tuple[Array, CurricularfaceState]:
    r"""CurricularFace: ArcFace in which hard negatives count little at first and more as the training proceeds.

    .. math:: \ell = -\log \frac{e^{s \psi(\theta_y)}}{e^{s \psi(\theta_y)} + \sum_{k \ne y} e^{s N_k}}, \qquad
              N_k = \begin{cases} \cos \theta_k & \cos \theta_k \le \psi(\theta_y) \\
              \cos \theta_k \, (t + \cos \theta_k) & \cos \theta_k > \psi(\theta_y) \end{cases}, \qquad
              t \leftarrow (1 - r) t + r \, \overline{\cos \theta_y}

    with :math:`\theta_k` the angle between the embedding and the centre of class :math:`k`, and :math:`\psi` as for
    `jaxloss.arcface_loss`. The progress :math:`t` is a constant of differentiation. The loss uses it before it moves;
    the authors' code moves it first, by 1 %.

    Args:
        embeddings: Shape ``[..., D]``, floating; need not be normalised, a zero vector is at right angles to all.
        labels: Index of the true class, shape ``[...]``, integer; NaN out of range.
        kernel: Centres of the classes, shape ``[D, classes]``, floating; need not be normalised.
        state: From `jaxloss.init_curricularface_loss` or the last call.
        margin: The angle :math:`m` in radians; in [0, pi].
        scale: Factor :math:`s` of the cosines, the inverse of a temperature; > 0.
        rate: :math:`r` in [0, 1]; 0 keeps the progress.
        axis_name: Mesh axes inside ``jax.shard_map`` over which the examples are spread, for the loss over all of them;
            None if all are here, ``()`` to take those of each device on purpose. The mean is that of all; any
            reduction but ``"mean"`` and ``"sum"`` is given the examples of this device.
        where: Shape ``[...]``; a masked example is not in the mean. See `jaxloss.reduce`.
        weights: Shape ``[...]``, in the loss and not in the mean; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        The loss, a scalar >= 0 in nats, and the next state, with no gradient through it.

    Raises:
        TypeError: If ``embeddings`` or ``kernel`` are not floating or ``labels`` not integer.
        ValueError: If the shapes do not match, or a hyperparameter is out of range.

    Example:
        >>> embeddings, centres, state = jnp.array([[3.0, 4.0]]), jnp.eye(2), jaxloss.init_curricularface_loss()
        >>> loss, state = jaxloss.curricularface_loss(embeddings, jnp.array([1]), centres, state, scale=5.0)
        >>> print(f"{loss:.4f}", state.progress)
        0.5663 0.008

    Reference:
        Huang et al. (2020), CurricularFace: Adaptive Curriculum Learning Loss for Deep Face Recognition.
        https://arxiv.org/abs/2004.00288
    """
    faces = directions(where, embeddings, labels, kernel)
    (progress,) = checks.floating(progress=state.progress)
    checks.has_shape((), "one number", progress=progress)
    _ensure_all_here(axis_name, faces)
    cosines = faces.cosines
    margin = checks.scalar("margin", margin, cosines.dtype, at_least=0, at_most=math.pi)
    scale = checks.scalar("scale", scale, cosines.dtype, above=0)
    rate = checks.scalar("rate", rate, cosines.dtype, at_least=0, at_most=1)
    old = jax.lax.stop_gradient(progress).astype(cosines.dtype)
    own = widened(faces.units, faces.own_centre(), margin)[..., None]
    negatives = jnp.where(cosines > own, cosines * (old + cosines), cosines)
    values = cross_entropy(scale * jnp.where(faces.true(), own, negatives), faces.labels)
    loss = reduce(values, where=where, weights=weights, reduction=over(axis_name, reduction))
    inside = (faces.labels >= 0) & (faces.labels < cosines.shape[-1])
    known = inside if where is None else inside & checks.mask(where, inside.shape)
    reached = sine_and_cosine(faces.units, faces.own_centre())[1]
    mean, some = _mean(axis_name, known, jax.lax.stop_gradient(reached))
    moved = jnp.where(some, old + rate * (mean - old), old)
    return loss, CurricularfaceState(moved.astype(progress.dtype))


def _ensure_all_here(axis_name: AxisName | None, faces: Directions) -> None:
    # The examples of every batch axis move the state, so no axis may be in parts.
    require_whole(axis_name, faces.labels.shape[:1], faces.embeddings, faces.labels)


def _turned(faces: Directions, towards: Array) -> Array:
    """The cosine of the angle to the true class less ``towards`` ``[...]``, kept in ``[0, pi]``."""
    sine, cosine = sine_and_cosine(faces.units, faces.own_centre())
    one, turn = jnp.ones_like(cosine), jnp.cos(towards)
    turned = cosine * turn + sine * jnp.sin(towards)
    there, opposite = (towards > 0) & (cosine > turn), (towards < 0) & (cosine < -turn)
    return jnp.where(there, one, jnp.where(opposite, -one, turned))


def _mean(axis_name: AxisName | None, keep: Array, x: Array) -> tuple[Array, Array]:
    """The mean of all kept entries on all devices, and whether there is any."""
    keep, x = jnp.ravel(keep), jnp.ravel(x)
    return mean_over(axis_name, hide(keep, x), keep), anywhere(axis_name, jnp.any(keep))


def _moments(axis_name: AxisName | None, where: ArrayLike | None, x: Array) -> tuple[tuple[Array, Array], Array]:
    """Mean and standard deviation, by ``n - 1``, of the entries that ``where`` keeps on all devices, and their n."""
    keep = jnp.ones(x.shape, bool) if where is None else checks.mask(where, x.shape)
    mean, _ = _mean(axis_name, keep, x)
    count = summed(axis_name, jnp.sum(keep, dtype=jnp.int32))
    variance, _ = _mean(axis_name, keep, jnp.square(x - mean))
    larger = count.astype(x.dtype) / jnp.maximum(count - 1, 1).astype(x.dtype)
    return (mean, numerics.sqrt(larger * variance)), count
