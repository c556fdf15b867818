"""Calibration: confidences that mean what they say, by regularisation or by rescaling afterwards."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths.numerics import divide, poison, positive_part, sqrt
from jaxloss._floor.reduction import blank, hide, reduce, relative_mass
from jaxloss._floor.spread import whole_pool
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction, Scalar
from jaxloss.classification.softmax import softmax_cross_entropy_with_integer_labels

__all__ = [
    "margin_label_smoothing_loss",
    "soft_ece",
    "temperature_scaling_nll",
]


def soft_ece(
    logits: ArrayLike,
    labels: ArrayLike,
    *,
    num_bins: int = 15,
    temperature: Scalar = 0.01,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Differentiable expected calibration error (soft-binned ECE).

    .. math:: \ell = \sqrt{\sum_j \frac{S_j}{N} \Big(\frac1{S_j} \sum_n u_{nj} (a_n - c_n)\Big)^2}, \quad
              u_{nj} \propto e^{-(c_n - \xi_j)^2 / T}, \quad S_j = \sum_n u_{nj}

    with confidence :math:`c_n = \max_k p_{nk}`, correctness :math:`a_n = [\arg\max_k z_{nk} = y_n]` (the first of
    equal classes; it has no derivative) and M bin centres :math:`\xi_j = (j - \tfrac12) / M`. The last but one
    axis of ``logits`` is pooled, so ``where`` and ``weights`` belong to its entries. As the temperature goes to 0
    this becomes the calibration error of M equal bins with squared gaps (its L2 form; the widely reported L1
    form averages the gaps themselves). It can be small for useless scores: add it to a cross-entropy.

    Args:
        logits: Shape ``[..., N, C]``, floating, unnormalised.
        labels: Shape ``[..., N]``, integer class indices in ``[0, C)``; one outside makes its pool NaN.
        num_bins: Number M of bins, a Python integer >= 1.
        temperature: Softness T of the bins, in squared units of confidence; > 0. The rounding of a confidence moves
            the share of a bin by about ``1e-7 / (M T)`` in float32.
        axis_name: Mesh axes inside ``jax.shard_map`` over which the entries are spread, for the loss over all of them;
            None if all are here, ``()`` to take those of each device on purpose.
        where, weights: Shape ``[..., N]``; a pool without an entry is absent. See `jaxloss.reduce`.
        reduction: Over the pools ``[...]``; see `jaxloss.reduce`.

    Returns:
        A scalar in ``[0, 1]``; 0 exactly where every prediction is certain and right.

    Raises:
        TypeError: If ``logits`` are not floating or ``labels`` not integer.
        ValueError: If the shapes do not match or a hyperparameter is out of range; or if every pool has one entry, as
            in ``[N, 1, K]``.

    Example:
        >>> logits = jnp.log(jnp.array([[0.75, 0.25], [0.75, 0.25]]))
        >>> print(f"{jaxloss.soft_ece(logits, jnp.array([0, 0])):.4f}")
        0.2500

    Reference:
        Karandikar et al. (2021), Soft Calibration Objectives for Neural Networks. https://arxiv.org/abs/2108.00106
    """
    logits, labels = checks.scores_and_labels(logits=logits, labels=labels)
    checks.with_pool("entries", labels=labels)
    (logits,), labels = blank(where, logits, event_ndim=1), hide(where, labels)
    temperature = checks.scalar("temperature", temperature, logits.dtype, above=0)
    num_bins = checks.whole("num_bins", num_bins)
    value_checks.ensure_labels(labels, logits.shape[-1])
    legal = (labels >= 0) & (labels < logits.shape[-1])
    confidence, gap = _confidence_and_gap(logits, labels)
    where, weights, confidence, gap, legal = whole_pool(axis_name, where, weights, confidence, gap, legal)
    mass, present = relative_mass(where, weights, confidence)
    mass = jnp.ones_like(confidence) if mass is None else mass.astype(confidence.dtype)
    values = _root_mean_square_gap(confidence, gap, mass, num_bins, temperature)
    return reduce(poison(values, jnp.all(legal, axis=-1)), where=present, reduction=reduction)


def _confidence_and_gap(logits: Array, labels: Array) -> tuple[Array, Array]:
    """The largest probability, and correctness less it, accurate also where both are nearly 1."""
    probs, guess = jax.nn.softmax(logits, axis=-1), jnp.argmax(logits, axis=-1).astype(labels.dtype)
    chosen = jax.lax.broadcasted_iota(guess.dtype, logits.shape, logits.ndim - 1) == guess[..., None]
    zero = jnp.zeros((), probs.dtype)
    confidence, rest = (jnp.sum(jnp.where(part, probs, zero), axis=-1) for part in (chosen, ~chosen))
    return confidence, jnp.where(guess == labels, rest, -confidence)


def _root_mean_square_gap(confidence: Array, gap: Array, mass: Array, num_bins: int, temperature: Scalar) -> Array:
    """Over soft bins of the last axis; each bin is relative to its largest member, so none underflows."""
    bins = jax.lax.broadcasted_iota(confidence.dtype, (*confidence.shape, num_bins), confidence.ndim)
    distance = confidence[..., None] - (bins + 0.5) / num_bins
    member = jax.nn.log_softmax(-jnp.square(distance) / temperature, axis=-1)
    member = jnp.where(mass[..., None] == 0, -jnp.inf, member)
    peak = jax.lax.stop_gradient(jnp.max(member, axis=-2, keepdims=True, initial=-jnp.inf))
    peak = jnp.where(jnp.isneginf(peak), jnp.zeros((), peak.dtype), peak)
    share = mass[..., None] * jnp.exp(member - peak)
    size = jnp.sum(share, axis=-2)
    mean_gap = divide(jnp.sum(share * gap[..., None], axis=-2), size)
    square = jnp.sum(jnp.exp(jnp.squeeze(peak, -2)) * size * jnp.square(mean_gap), axis=-1)
    return sqrt(divide(square, jnp.sum(mass, axis=-1)))


def margin_label_smoothing_loss(
    logits: ArrayLike,
    labels: ArrayLike,
    *,
    margin: Scalar = 10.0,
    penalty_weight: Scalar = 0.1,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Cross-entropy with a penalty on logits far below the largest one (MbLS).

    .. math:: \ell = -\log p_y + \lambda \sum_k \max(0, \max_j z_j - z_k - m)

    Label smoothing pulls all logit distances to 0 and gives up class information; here distances up to the margin
    are free. The penalty is the sum over the classes, as in the paper; the authors' code takes their mean, whose
    weight is this one times the number of classes.

    Args:
        logits: Shape ``[..., C]``, floating, unnormalised. A class of logit -inf is absent and not penalised.
        labels: Shape ``[...]``, integer class indices in ``[0, C)``; one outside gives NaN.
        margin: Distance m from the largest logit that costs nothing; >= 0.
        penalty_weight: Weight :math:`\lambda` of the penalty; >= 0.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in nats for the first term.

    Raises:
        TypeError: If ``logits`` are not floating or ``labels`` not integer.
        ValueError: If the shapes do not match or a hyperparameter is out of range.

    Example:
        >>> logits, labels = jnp.array([[12.0, 0.0, 0.0]]), jnp.array([0])
        >>> print(f"{jaxloss.margin_label_smoothing_loss(logits, labels):.4f}")
        0.4000

    Reference:
        Liu, Ben Ayed, Galdran and Dolz (2022), The Devil is in the Margin: Margin-based Label Smoothing for Network
        Calibration. https://arxiv.org/abs/2111.15430
    """
    logits, labels = checks.scores_and_labels(logits=logits, labels=labels)
    (logits,), labels = blank(where, logits, event_ndim=1), hide(where, labels)
    margin = checks.scalar("margin", margin, logits.dtype, at_least=0)
    penalty_weight = checks.scalar("penalty_weight", penalty_weight, logits.dtype, at_least=0)
    top = jnp.max(logits, axis=-1, keepdims=True)
    distance = jnp.where(jnp.isneginf(logits), jnp.zeros((), logits.dtype), top - logits)
    penalty = jnp.sum(positive_part(distance - margin), axis=-1)
    values = softmax_cross_entropy_with_integer_labels(logits, labels, reduction="none") + penalty_weight * penalty
    return reduce(values, where=where, weights=weights, reduction=reduction)


def temperature_scaling_nll(
    logits: ArrayLike,
    labels: ArrayLike,
    *,
    temperature: Scalar,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Cross-entropy of logits divided by a temperature, to calibrate a trained model by temperature scaling.

    .. math:: \ell = -\log \mathrm{softmax}(z / T)_y

    It is differentiable in ``temperature`` and convex in its reciprocal. Fit it on held-out data, for instance by
    gradient descent on its logarithm, which keeps it positive; the predicted classes do not change.

    Args:
        logits: Shape ``[..., C]``, floating, unnormalised. A class of logit -inf is absent.
        labels: Shape ``[...]``, integer class indices in ``[0, C)``; one outside gives NaN.
        temperature: Divisor T of the logits; > 0. Above 1 predictions become less certain.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in nats.

    Raises:
        TypeError: If ``logits`` are not floating or ``labels`` not integer.
        ValueError: If the shapes do not match or ``temperature`` is out of range.

    Example:
        >>> logits, labels = jnp.array([[4.0, 0.0]] * 3), jnp.array([0, 0, 1])
        >>> nll = lambda t: jaxloss.temperature_scaling_nll(logits, labels, temperature=t)
        >>> print(f"{nll(1.0):.3f} {nll(4.0):.3f} {jax.grad(nll)(4.0):.3f}")
        1.351 0.647 -0.016

    Reference:
        Guo, Pleiss, Sun and Weinberger (2017), On Calibration of Modern Neural Networks.
        https://arxiv.org/abs/1706.04599
    """
    logits, labels = checks.scores_and_labels(logits=logits, labels=labels)
    (logits,), labels = blank(where, logits, event_ndim=1), hide(where, labels)
    temperature = checks.scalar("temperature", temperature, logits.dtype, above=0)
    absent = jnp.isneginf(logits)
    scaled = jnp.where(absent, jnp.zeros((), logits.dtype), logits) / temperature
    values = softmax_cross_entropy_with_integer_labels(jnp.where(absent, -jnp.inf, scaled), labels, reduction="none")
    return reduce(values, where=where, weights=weights, reduction=reduction)
