"""Pseudo-labels whose threshold is learned from the predictions themselves (FreeMatch, SoftMatch)."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.maths.rows.moments import shares
from jaxloss._floor.reduction import pool_mass, reduce
from jaxloss._floor.spread import anywhere, mean_over, over, require_whole, summed
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction, Scalar
from jaxloss.consistency._confident import labelled_views, where_confident

__all__ = [
    "FreematchState",
    "SoftmatchState",
    "freematch_loss",
    "init_freematch_loss",
    "init_softmatch_loss",
    "softmatch_loss",
]


class FreematchState(NamedTuple):
    """The running averages of `freematch_loss`: of the largest probability, and of all probabilities, ``[K]``."""

    confidence: Array
    class_probs: Array


class SoftmatchState(NamedTuple):
    """The running mean and variance of the largest probability, for `softmatch_loss`."""

    mean: Array
    variance: Array


def init_freematch_loss(num_classes: int) -> FreematchState:
    r"""Initial state of `jaxloss.freematch_loss`: uniform predictions.

    Args:
        num_classes: Number K of classes.

    Returns:
        A `FreematchState`, in float32.

    Raises:
        ValueError: If ``num_classes`` is not a positive whole number.

    Example:
        >>> jaxloss.init_freematch_loss(2)
        FreematchState(confidence=Array(0.5, dtype=float32), class_probs=Array([0.5, 0.5], dtype=float32))
    """
    share = 1 / checks.whole("num_classes", num_classes)
    return FreematchState(jnp.asarray(share, jnp.float32), jnp.full((num_classes,), share, jnp.float32))


def init_softmatch_loss(num_classes: int) -> SoftmatchState:
    r"""Initial state of `jaxloss.softmatch_loss`: the mean of uniform predictions, and a variance of 1.

    Args:
        num_classes: Number K of classes.

    Returns:
        A `SoftmatchState`, in float32.

    Raises:
        ValueError: If ``num_classes`` is not a positive whole number.

    Example:
        >>> jaxloss.init_softmatch_loss(4)
        SoftmatchState(mean=Array(0.25, dtype=float32), variance=Array(1., dtype=float32))
    """
    share = 1 / checks.whole("num_classes", num_classes)
    return SoftmatchState(jnp.asarray(share, jnp.float32), jnp.ones((), jnp.float32))


def _flat(
    axis_name: AxisName | None, where: ArrayLike | None, weights: ArrayLike | None, confidence: Array
) -> tuple[Array, Array | None, Array]:
    """The confidences and their masses, one after the other, and whether any device has an example that counts."""
    require_whole(axis_name, confidence.shape[:1], confidence)
    mass, _ = pool_mass(where, weights, confidence)
    kept = jnp.ones(confidence.shape, bool) if mass is None else mass.astype(bool)
    return jnp.ravel(confidence), None if mass is None else jnp.ravel(mass), anywhere(axis_name, jnp.any(kept))


def _moved(old: Array, new: Array, rate: Scalar, any_left: Array) -> Array:
    """A running average after a step; the old one where no example is kept."""
    old = old.astype(new.dtype)
    return old + rate * jnp.where(any_left, new - old, jnp.zeros((), new.dtype))


def freematch_loss(
    logits: ArrayLike,
    weak_logits: ArrayLike,
    state: FreematchState,
    *,
    rate: Scalar = 0.001,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> tuple[Array, FreematchState]:
    r"""FreeMatch: `fixmatch_loss` with a threshold for every class that follows the confidence of the network.

    .. math:: \ell = 1\!\left[\max_k q_k \ge \tau_{\hat y}\right] \left( -\log p_{\hat y} \right), \qquad
              \tau_k = \tau \, \frac{\tilde p_k}{\max_j \tilde p_j}

    .. math:: \tau \leftarrow \tau + \beta \left( \overline{\max_k q_k} - \tau \right), \qquad
              \tilde p \leftarrow \tilde p + \beta \left( \overline{q} - \tilde p \right)

    with :math:`p, q, \hat y` as in `jaxloss.fixmatch_loss`. Early in training the threshold is low and most examples
    take part; classes that the network predicts seldom have a lower one. The averages are updated first, as in the
    authors' code, and are constants of differentiation. The paper adds a term for diverse predictions, which is not
    part of this.

    Args:
        logits, weak_logits: See `jaxloss.fixmatch_loss`.
        state: From `jaxloss.init_freematch_loss`, or the step before.
        rate: Share :math:`\beta` of this batch in the running averages, in [0, 1]; one minus the paper's decay.
        axis_name: Mesh axes inside ``jax.shard_map`` over which the examples are spread, for the averages over all of
            them; None if all are here, ``()`` to take those of each device on purpose. Any reduction but ``"mean"`` and
            ``"sum"`` is given the examples of this device.
        where, weights: Shape ``[...]``; see `jaxloss.reduce`. Both count in the averages, too.
        reduction: See `jaxloss.reduce`.

    Returns:
        ``(loss, new_state)``: a scalar >= 0 in nats, and the updated averages, which an empty batch leaves unchanged.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes do not match, the class axis is missing or empty, or ``rate`` is out of range.

    Example:
        >>> logits, weak_logits = jnp.zeros((2, 2)), jnp.array([[4.0, 0.0], [1.0, 0.0]])
        >>> loss, state = jaxloss.freematch_loss(logits, weak_logits, jaxloss.init_freematch_loss(2), rate=0.5)
        >>> print(f"{loss:.4f} {state.confidence:.4f}")
        0.6931 0.6783

    Reference:
        Wang et al. (2023), FreeMatch: Self-adaptive Thresholding for Semi-supervised Learning.
        https://arxiv.org/abs/2205.07246
    """
    surprise, confidence, labels, weak = labelled_views(where, logits, weak_logits)
    (old_probs,) = checks.floating(class_probs=state.class_probs)
    checks.has_shape(weak.shape[-1:], "one number per class", class_probs=old_probs)
    rate = checks.scalar("rate", rate, weak.dtype, at_least=0, at_most=1)
    flat, mass, any_left = _flat(axis_name, where, weights, confidence)
    rows = jnp.reshape(jax.nn.softmax(weak, axis=-1), (flat.size, weak.shape[-1]))
    masses = None if mass is None else jnp.broadcast_to(mass[:, None], rows.shape)
    level = _moved(state.confidence, mean_over(axis_name, flat, mass), rate, any_left)
    class_probs = _moved(old_probs, mean_over(axis_name, rows, masses, 0), rate, any_left)
    thresholds = level * numerics.divide(class_probs, jnp.broadcast_to(jnp.max(class_probs), class_probs.shape))
    values = where_confident(confidence, thresholds[labels], surprise)
    loss = reduce(values, where=where, weights=weights, reduction=over(axis_name, reduction))
    return loss, FreematchState(level.astype(state.confidence.dtype), class_probs.astype(state.class_probs.dtype))


def softmatch_loss(
    logits: ArrayLike,
    weak_logits: ArrayLike,
    state: SoftmatchState,
    *,
    num_deviations: Scalar = 2.0,
    rate: Scalar = 0.001,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> tuple[Array, SoftmatchState]:
    r"""SoftMatch: cross-entropy with pseudo-labels, each weighted by how confident it is for this network.

    .. math:: \ell = \exp\left( -\frac{\min(0, \max_k q_k - \mu)^2}{2 (\sigma / n)^2} \right) \left( -\log p_{\hat y}
              \right)

    .. math:: \mu \leftarrow \mu + \beta \left( \overline{c} - \mu \right), \qquad
              \sigma^2 \leftarrow \sigma^2 + \beta \left( s^2 - \sigma^2 \right), \qquad c = \max_k q_k

    with :math:`p, q, \hat y` as in `jaxloss.fixmatch_loss`, and :math:`s^2` the unbiased variance of the confidences
    :math:`c` of the batch. No example is left out, and none below the mean counts in full. The averages are updated
    first and are, like the weight, constants of differentiation. Uniform alignment of the predictions, which the paper
    adds, is up to the caller.

    Args:
        logits, weak_logits: See `jaxloss.fixmatch_loss`.
        state: From `jaxloss.init_softmatch_loss`, or the step before.
        num_deviations: :math:`n` > 0: the weight falls to :math:`e^{-n^2 / 2}` one standard deviation below the mean.
        rate, axis_name: See `jaxloss.freematch_loss`.
        where, weights: Shape ``[...]``; see `jaxloss.reduce`. Both count in the averages, too.
        reduction: See `jaxloss.reduce`.

    Returns:
        ``(loss, new_state)``: a scalar >= 0 in nats, and the updated averages, which an empty batch leaves unchanged.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ, the class axis is missing or empty, or a hyperparameter is out of range.

    Example:
        >>> logits, weak_logits = jnp.zeros((2, 2)), jnp.array([[4.0, 0.0], [1.0, 0.0]])
        >>> loss, state = jaxloss.softmatch_loss(logits, weak_logits, jaxloss.init_softmatch_loss(2), rate=0.5)
        >>> print(f"{loss:.4f} {state.mean:.4f} {state.variance:.4f}")
        0.6931 0.6783 0.5157

    Reference:
        Chen et al. (2023), SoftMatch: Addressing the Quantity-Quality Trade-off in Semi-supervised Learning.
        https://arxiv.org/abs/2301.10921
    """
    surprise, confidence, _, _ = labelled_views(where, logits, weak_logits)
    rate = checks.scalar("rate", rate, confidence.dtype, at_least=0, at_most=1)
    number = checks.scalar("num_deviations", num_deviations, confidence.dtype, above=0)
    flat, mass, any_left = _flat(axis_name, where, weights, confidence)
    center = mean_over(axis_name, flat, mass)
    share = shares(axis_name, mass, flat)
    spread = summed(axis_name, jnp.sum(share * jnp.square(flat - center)))
    unbias = 1 - summed(axis_name, jnp.sum(jnp.square(share)))
    mean = _moved(state.mean, center, rate, any_left)
    # One example has no variance, and leaves that of the state alone.
    several = any_left & (unbias > 4 * float(jnp.finfo(flat.dtype).eps))
    unbiased = numerics.divide(spread, jnp.where(several, unbias, jnp.ones_like(unbias)))
    variance = _moved(state.variance, unbiased, rate, several)
    lack = numerics.positive_part(mean - confidence)
    deviation = numerics.sqrt(variance)
    steps = numerics.divide(number * lack, jnp.broadcast_to(deviation, lack.shape))
    values = jnp.exp(-0.5 * jnp.square(steps)) * surprise
    loss = reduce(values, where=where, weights=weights, reduction=over(axis_name, reduction))
    return loss, SoftmatchState(mean.astype(state.mean.dtype), variance.astype(state.variance.dtype))
