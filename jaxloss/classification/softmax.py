"""Softmax cross-entropy: one core, on which smoothing, class weights, z-loss, masks and reductions work together."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.maths.softmax.sharded_classes import all_classes, of_label
from jaxloss._floor.maths.softmax.sharded_terms import sharded_terms
from jaxloss._floor.maths.softmax.soft_targets import target_terms
from jaxloss._floor.maths.softmax.terms import (
    is_zero,
    label_terms,
    mask_of_rows,
    optional_class_vector,
    smoothed_terms,
    times_class_weights,
)
from jaxloss._floor.reduction import hide, promote, reduce
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction, Scalar

__all__ = ["nll_loss", "softmax_cross_entropy", "softmax_cross_entropy_with_integer_labels"]


def _present(logits: Array) -> tuple[Array, Array]:
    """Which classes are present, those of a logit above -inf, and how many in each row."""
    present = jnp.logical_not(jnp.isneginf(logits))
    return present, jnp.sum(present, axis=-1, dtype=jnp.int32)


def softmax_cross_entropy_with_integer_labels(
    logits: ArrayLike,
    labels: ArrayLike,
    *,
    label_smoothing: Scalar = 0.0,
    class_weights: ArrayLike | None = None,
    z_loss: Scalar = 0.0,
    vocab_axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Cross-entropy between class indices and the softmax of logits, without building a one-hot array.

    With :math:`p = \mathrm{softmax}(z)`, K classes, class weights c and smoothing :math:`\varepsilon`:

    .. math:: \ell = -(1 - \varepsilon) \log p_y
              - \frac{\varepsilon}{K} \sum_k \frac{c_k}{c_y} \log p_k
              + \lambda \log^2 \sum_k e^{z_k}

    and the example counts with weight :math:`c_y`: a weighted mean divides by the sum of the weights.

    Args:
        logits: Shape ``[..., K]``, floating, unnormalised. A class of logit -inf is absent: it has probability 0,
            takes no part in the smoothing, and its gradient is 0.
        labels: Shape ``[...]``, integer class indices in ``[0, K)``. An unmasked label outside gives NaN in value
            and gradient; ``ignore_index`` is spelled ``where=labels != -100``.
        label_smoothing: Share of the target spread evenly over all K classes, the true one included; in [0, 1]. Where
            other code spreads :math:`\varepsilon` over the K - 1 other classes, pass :math:`\varepsilon K / (K - 1)`.
        class_weights: Shape ``[K]``, >= 0; None gives all classes weight 1. A class of weight 0 is not trained on.
        z_loss: Factor of the squared log-normaliser, which keeps logits from drifting; >= 0.
        vocab_axis_name: Mesh axis that the classes are spread over, inside `jax.shard_map`: the vocabulary-parallel
            cross-entropy of Megatron. ``logits`` and ``class_weights`` are this device's slice of the classes, all of
            one size and in order; labels, masks and weights are equal along the axis, and labels count all classes.
            A few numbers per example travel, none for the gradient. None if all classes are here.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in nats; keeps full relative accuracy for small values. +inf if the label's class is absent.

    Raises:
        TypeError: If ``logits`` are not floating or ``labels`` not integer.
        ValueError: If ``labels.shape != logits.shape[:-1]``, the class axis is empty, or a hyperparameter is out of
            range.

    Example:
        >>> logits = jnp.array([[2.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
        >>> jaxloss.softmax_cross_entropy_with_integer_labels(logits, jnp.array([0, 2]), reduction="none")
        Array([0.23954476, 1.0986123 ], dtype=float32)

    Reference:
        Szegedy et al. (2016), Rethinking the Inception Architecture for Computer Vision (smoothing).
        https://arxiv.org/abs/1512.00567
        Chowdhery et al. (2022), PaLM: Scaling Language Modeling with Pathways (z-loss).
        https://arxiv.org/abs/2204.02311
        Shoeybi et al. (2019), Megatron-LM: Training Multi-Billion Parameter Language Models Using Model Parallelism
        (classes over devices). https://arxiv.org/abs/1909.08053
    """
    found = losses_of_labels(logits, labels, label_smoothing, class_weights, vocab_axis_name, where)
    z_factor = checks.scalar("z_loss", z_loss, found.values.dtype, at_least=0)
    values = found.values
    if not is_zero(z_factor):
        values = values + z_factor * jnp.square(found.log_normalizers)
    weights = times_class_weights(where, weights, found.class_weights, reduction)
    return reduce(values, where=where, weights=weights, reduction=reduction)


class LabelLosses(NamedTuple):
    """Of every example: the smoothed cross-entropy, the log-normaliser, and the class weight of the label, if any."""

    values: Array
    log_normalizers: Array
    class_weights: Array | None


def losses_of_labels(
    logits: ArrayLike,
    labels: ArrayLike,
    label_smoothing: Scalar,
    class_weights: ArrayLike | None,
    vocab_axis_name: AxisName | None,
    where: ArrayLike | None,
) -> LabelLosses:
    """What one pass over the logits gives, for the arguments of `softmax_cross_entropy_with_integer_labels`."""
    logits, labels = checks.scores_and_labels(twin="softmax_cross_entropy", logits=logits, labels=labels)
    keep = mask_of_rows(where, logits)
    labels = hide(keep, labels)
    here = logits.shape[-1]
    num_classes = all_classes(vocab_axis_name, here)
    value_checks.ensure_labels(labels, num_classes)
    inside = jnp.clip(labels, 0, num_classes - 1)
    dtype = promote(logits[..., :0])[0].dtype
    smoothing = checks.scalar("label_smoothing", label_smoothing, dtype, at_least=0, at_most=1)
    per_class = optional_class_vector(here, dtype, class_weights=class_weights)
    own = None if per_class is None else of_label(vocab_axis_name, per_class, inside)
    scale = None if is_zero(smoothing) else jnp.ones(here, dtype) if per_class is None else per_class
    if vocab_axis_name is not None:
        values, even, spread, peak = sharded_terms(vocab_axis_name, logits, inside, scale, keep)
    elif scale is None:
        (values, spread, peak), even = label_terms(logits, inside, keep), None
    else:
        values, even, spread, peak = smoothed_terms(logits, inside, scale, keep)
    if even is not None:
        values = (1 - smoothing) * values + smoothing * (even if own is None else numerics.divide(even, own))
    return LabelLosses(numerics.poison(values, inside == labels), peak + spread, own)


def softmax_cross_entropy(
    logits: ArrayLike,
    targets: ArrayLike,
    *,
    label_smoothing: Scalar = 0.0,
    class_weights: ArrayLike | None = None,
    z_loss: Scalar = 0.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Cross-entropy between target distributions and the softmax of logits.

    With :math:`p = \mathrm{softmax}(z)`, K classes, class weights c and smoothing :math:`\varepsilon`:

    .. math:: \ell = -\frac{1}{m} \sum_k c_k \left((1 - \varepsilon) t_k + \frac{\varepsilon}{K}\right) \log p_k
              + \lambda \log^2 \sum_k e^{z_k}, \qquad m = \sum_k c_k t_k

    and the example counts with weight m; without class weights m is 1. One-hot targets give exactly the numbers of
    `jaxloss.softmax_cross_entropy_with_integer_labels`. (PyTorch divides a class-weighted mean by the number of
    examples here, and by the sum of their class weights there.)

    Args:
        logits: Shape ``[..., K]``, floating, unnormalised. A class of logit -inf is absent: its gradient is 0, it
            takes no part in the smoothing, and it is finite as long as its target is 0.
        targets: Shape ``[..., K]``, >= 0; not renormalised, so a row of zeros has loss 0. A negative target gives NaN.
        label_smoothing: Share of the target spread evenly over all K classes; in [0, 1]. See
            `jaxloss.softmax_cross_entropy_with_integer_labels`.
        class_weights: Shape ``[K]``, >= 0; None gives all classes weight 1.
        z_loss: Factor of the squared log-normaliser, which keeps logits from drifting; >= 0.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in nats; its minimum over the logits is the entropy of the (smoothed) targets.

    Raises:
        TypeError: If ``logits`` are not floating.
        ValueError: If the shapes differ, the class axis is empty, or a hyperparameter is out of range.

    Example:
        >>> logits, targets = jnp.array([[2.0, 0.0, 0.0]]), jnp.array([[0.5, 0.5, 0.0]])
        >>> print(f"{jaxloss.softmax_cross_entropy(logits, targets):.6f}")
        1.239545

    Reference:
        Good (1952), Rational Decisions. https://doi.org/10.1111/j.2517-6161.1952.tb00104.x
        Szegedy et al. (2016), Rethinking the Inception Architecture for Computer Vision (smoothing).
        https://arxiv.org/abs/1512.00567
    """
    logits, targets = checks.scores_and_targets(
        twin="softmax_cross_entropy_with_integer_labels", logits=logits, targets=targets
    )
    keep = mask_of_rows(where, logits)
    given, shown = targets, hide(keep, targets, event_ndim=1, fill=1 / targets.shape[-1])
    value_checks.ensure_probabilities(sum_to_one=True, targets=shown)
    raised, targets = (promote(array, logits[..., :0])[0] for array in (given, shown))
    smoothing = checks.scalar("label_smoothing", label_smoothing, targets.dtype, at_least=0, at_most=1)
    z_factor = checks.scalar("z_loss", z_loss, targets.dtype, at_least=0)
    per_class = optional_class_vector(logits.shape[-1], targets.dtype, class_weights=class_weights)
    asked, own = given if _raised_later(given, logits) else raised, None
    if not is_zero(smoothing):
        present, count = _present(hide(keep, logits, event_ndim=1))
        even = present.astype(targets.dtype) / count[..., None].astype(targets.dtype)
        asked = (1 - smoothing) * targets + smoothing * even
    if per_class is not None:
        scale = jnp.broadcast_to(per_class, targets.shape)
        own = jnp.sum(scale * targets, axis=-1)
        asked = numerics.divide(scale * asked, jnp.broadcast_to(own[..., None], asked.shape))
    values, spread, peak = target_terms(logits, asked, keep)
    if not is_zero(z_factor):
        values = values + z_factor * jnp.square(peak + spread)
    values = numerics.poison(values, hide(keep, jnp.min(given, axis=-1)) >= 0)
    return reduce(values, where=where, weights=times_class_weights(where, weights, own, reduction), reduction=reduction)


def _raised_later(targets: Array, logits: Array) -> bool:
    """Whether the terms raise these targets, which a compiler would store in front of them."""
    return targets.dtype in (jnp.float16, jnp.bfloat16) and logits.dtype != jnp.float64


def nll_loss(
    log_probs: ArrayLike,
    labels: ArrayLike,
    *,
    class_weights: ArrayLike | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Negative log-likelihood of class indices under log-probabilities that are normalised already.

    .. math:: \ell = -\log p_y

    and the example counts with weight :math:`c_y`. From logits, `jaxloss.softmax_cross_entropy_with_integer_labels`
    is faster and more accurate.

    Args:
        log_probs: Shape ``[..., K]``, floating, <= 0: logarithms of probabilities. One above 0, by more than a rounding
            error, gives NaN.
        labels: Shape ``[...]``, integer class indices in ``[0, K)``; outside gives NaN in value and gradient.
        class_weights: Shape ``[K]``, >= 0; None gives all classes weight 1.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in nats; 0 exactly where the label has probability 1, +inf where it has none.

    Raises:
        TypeError: If ``log_probs`` are not floating or ``labels`` not integer.
        ValueError: If ``labels.shape != log_probs.shape[:-1]``, or the class axis is empty.

    Example:
        >>> jaxloss.nll_loss(jnp.log(jnp.array([[0.5, 0.25, 0.25]])), jnp.array([0]))
        Array(0.6931472, dtype=float32)

    Reference:
        Fisher (1922), On the Mathematical Foundations of Theoretical Statistics.
        https://doi.org/10.1098/rsta.1922.0009
    """
    log_probs, labels = checks.scores_and_labels(log_probs=log_probs, labels=labels)
    log_probs, labels = hide(where, log_probs, event_ndim=1), hide(where, labels)
    num_classes = log_probs.shape[-1]
    value_checks.ensure_labels(labels, num_classes)
    value_checks.ensure(lambda: log_probs <= 0, "log_probs must be <= 0; pass logits to the cross-entropy instead")
    inside = jnp.clip(labels, 0, num_classes - 1)
    picked = jnp.take_along_axis(log_probs, inside[..., None], axis=-1, mode="promise_in_bounds")[..., 0]
    (values,) = promote(-picked)
    own = optional_class_vector(num_classes, values.dtype, class_weights=class_weights)
    legal = jnp.max(log_probs, axis=-1) <= max(1e-3, 4 * float(jnp.finfo(log_probs.dtype).eps))
    values = numerics.poison(values, (inside == labels) & legal)
    own = None if own is None else own[inside]
    return reduce(values, where=where, weights=times_class_weights(where, weights, own, reduction), reduction=reduction)
