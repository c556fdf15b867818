"""Over-confidence: one histogram of confidences, from which every binned calibration error follows.

A model is calibrated if, among predictions with confidence 0.8, eight of ten are right. The expected calibration error
of a finite sample is above 0 even then, so it is judged against its own distribution under calibration, `null_ece`, and
never against a fixed number. Use data that the model was not trained on: on its training data, an over-fitted model
looks calibrated.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.typing import Array, ArrayLike, Scalar
from jaxloss.inspect.diagnostics._entries import add, counted, flat, ratio, shown
from jaxloss.inspect.diagnostics._smooth_calibration import smooth_residual_mass
from jaxloss.inspect.diagnostics._temperature import fit_temperature

__all__ = [
    "Calibration",
    "Diagram",
    "adaptive_ece",
    "debiased_l2",
    "diagram",
    "ece",
    "fit_temperature",
    "init",
    "null_ece",
    "overconfidence",
    "read",
    "smooth_ece",
    "update",
    "update_with_confidences",
]

CELLS = 960
"""Divisible by the numbers of bins in use: 10, 12, 15, 16, 20, 30."""


class Calibration(NamedTuple):
    """Sums over predictions, by cell of confidence; cell ``i`` holds confidences in ``(i / cells, (i + 1) / cells]``.

    Attributes:
        counts: Number of predictions, shape ``[cells]``.
        confidences: Sum of their confidences, shape ``[cells]``.
        hits: How many of them are right, shape ``[cells]``.
    """

    counts: Array
    confidences: Array
    hits: Array


class Diagram(NamedTuple):
    """A reliability diagram; NaN in bins without a prediction.

    Attributes:
        confidence: Mean confidence per bin, shape ``[bins]``.
        accuracy: Share of right predictions per bin, shape ``[bins]``.
        share: Share of all predictions per bin, shape ``[bins]``.
    """

    confidence: Array
    accuracy: Array
    share: Array


def init(cells: int = CELLS) -> Calibration:
    """The empty histogram.

    Args:
        cells: Number of cells; the numbers of bins that are read from it must divide it.

    Returns:
        A `Calibration` of zeros.

    Raises:
        ValueError: If ``cells`` is not a whole number >= 1.

    Example:
        >>> diagnostics.calibration.init().counts.shape
        (960,)
    """
    cells = checks.whole("cells", cells)
    return Calibration(jnp.zeros(cells), jnp.zeros(cells), jnp.zeros(cells))


def update(state: Calibration, logits: ArrayLike, labels: ArrayLike, *, where: ArrayLike | None = None) -> Calibration:
    r"""Add predictions of classes: the confidence is the largest softmax probability.

    .. math:: c_i = \max_k \operatorname{softmax}(z_i)_k, \qquad h_i = [\arg\max_k z_{ik} = y_i]

    Args:
        state: The histogram so far.
        logits: Shape ``[..., classes]``, floating.
        labels: Shape ``[...]``, integer class indices; one outside ``[0, classes)`` makes the readings NaN.
        where: Boolean ``[...]``; False deletes a prediction.

    Returns:
        The histogram with the predictions added.

    Raises:
        TypeError: If ``logits`` is not floating, ``labels`` is not integer or ``where`` is not boolean.
        ValueError: If ``labels.shape != logits.shape[:-1]``, or the class axis is empty.

    Example:
        >>> state = diagnostics.calibration.init()
        >>> state = diagnostics.calibration.update(state, jnp.array([[2.0, 0.0], [2.0, 0.0]]), jnp.array([0, 1]))
        >>> round(float(diagnostics.calibration.overconfidence(state)), 4)  # 0.8808 confident, right in 1 of 2
        0.3808
    """
    logits, labels = checks.scores_and_labels(logits=logits, labels=labels)
    batch, classes = labels.shape, logits.shape[-1]
    scores, labels = flat(where, logits, event_ndim=1), shown(where, labels)
    peak = jnp.max(scores, axis=-1, keepdims=True)
    confidences = 1 / jnp.sum(jnp.exp(scores - peak), axis=-1)
    hits = (jnp.argmax(scores, axis=-1).astype(labels.dtype) == labels).astype(jnp.float32)
    hits = jnp.where((labels >= 0) & (labels < classes), hits, jnp.nan)
    return _count(state, confidences, hits, counted(where, batch))


def update_with_confidences(
    state: Calibration, confidences: ArrayLike, hits: ArrayLike, *, where: ArrayLike | None = None
) -> Calibration:
    """Add predictions by their confidence and whether they are right, for everything that is not a softmax.

    For a binary classifier, ``confidences = jax.nn.sigmoid(logits)`` with the targets as ``hits`` is the calibration of
    the positive class.

    Args:
        state: The histogram so far.
        confidences: Shape ``[...]``, floating, in [0, 1]; a number outside makes the readings NaN.
        hits: Shape ``[...]``, boolean, or 0 and 1.
        where: Boolean ``[...]``; False deletes a prediction.

    Returns:
        The histogram with the predictions added.

    Raises:
        TypeError: If ``confidences`` is not floating, or ``hits`` is not numeric.
        ValueError: If the shapes differ.

    Example:
        >>> state = diagnostics.calibration.init()
        >>> confidences, hits = jnp.array([1.0, 0.9, 0.8, 0.7]), jnp.array([True, True, False, True])
        >>> state = diagnostics.calibration.update_with_confidences(state, confidences, hits)
        >>> round(float(diagnostics.calibration.overconfidence(state)), 4)
        0.1
    """
    (confidences,) = checks.floating(confidences=confidences)
    (hits,) = checks.numeric(hits=checks.marks(hits))
    checks.same_shape(confidences=confidences, hits=hits)
    rounding = 4 * float(jnp.finfo(confidences.dtype).eps)
    shown_confidences, shown_hits = flat(where, confidences), flat(where, hits)
    legal = (shown_confidences >= 0) & (shown_confidences <= 1 + rounding)
    clipped = jnp.where(legal, jnp.minimum(shown_confidences, 1), jnp.nan)
    return _count(state, clipped, shown_hits, counted(where, confidences.shape))


def _count(state: Calibration, confidences: Array, hits: Array, keep: Array) -> Calibration:
    """One scatter of three columns. The cells are closed on the right, so that confidence 1 is in the last one."""
    cells = state.counts.shape[0]
    place = jnp.where(jnp.isnan(confidences), 1, confidences) * cells
    place = jnp.clip(jnp.ceil(place).astype(jnp.int32) - 1, 0, cells - 1)
    mass = keep.astype(confidences.dtype)
    columns = jnp.stack([mass, mass * confidences, mass * hits.astype(confidences.dtype)], axis=-1)
    sums = jnp.zeros((cells, 3), columns.dtype).at[place].add(columns)
    return add(state, *(sums[:, column] for column in range(3)))


def _pooled(state: Calibration, bins: int) -> Calibration:
    """The histogram in fewer cells."""
    bins, cells = checks.whole("bins", bins), state.counts.shape[0]
    if cells % bins:
        raise ValueError(f"bins must divide the {cells} cells of the state; found {bins}. Use init(cells=...).")
    return Calibration(*(jnp.sum(jnp.reshape(field, (bins, -1)), axis=-1) for field in state))


def diagram(state: Calibration, bins: int = 15) -> Diagram:
    """Reliability diagram: mean confidence and accuracy in bins of equal width.

    Args:
        state: The histogram.
        bins: Number of bins; must divide the number of cells.

    Returns:
        A `Diagram`.

    Raises:
        ValueError: If ``bins`` does not divide the number of cells.

    Example:
        >>> state = diagnostics.calibration.init()
        >>> state = diagnostics.calibration.update_with_confidences(state, jnp.array([0.25, 0.75]), jnp.array([0, 1]))
        >>> diagnostics.calibration.diagram(state, bins=2).accuracy
        Array([0., 1.], dtype=float32)
    """
    pooled = _pooled(state, bins)
    return Diagram(
        ratio(pooled.confidences, pooled.counts),
        ratio(pooled.hits, pooled.counts),
        ratio(pooled.counts, jnp.sum(pooled.counts)),
    )


def ece(state: Calibration, bins: int = 15) -> Array:
    r"""Expected calibration error (ECE) in bins of equal width.

    .. math:: \mathrm{ECE} = \sum_b \frac{n_b}{N} \, |\mathrm{conf}_b - \mathrm{acc}_b|

    Args:
        state: The histogram.
        bins: Number of bins, closed on the right; must divide the number of cells.

    Returns:
        A scalar in [0, 1]; NaN without predictions. For a finite sample it is above 0 under perfect calibration.

    Raises:
        ValueError: If ``bins`` does not divide the number of cells.

    Example:
        >>> state = diagnostics.calibration.init()
        >>> state = diagnostics.calibration.update_with_confidences(state, jnp.array([0.5, 1.0]), jnp.array([0, 1]))
        >>> float(diagnostics.calibration.ece(state))
        0.25

    Reference:
        Guo, Pleiss, Sun and Weinberger (2017), On Calibration of Modern Neural Networks.
        https://arxiv.org/abs/1706.04599
    """
    pooled = _pooled(state, bins)
    return ratio(jnp.sum(jnp.abs(pooled.confidences - pooled.hits)), jnp.sum(pooled.counts))


def adaptive_ece(state: Calibration, bins: int = 15) -> Array:
    r"""Expected calibration error in bins of equal mass.

    .. math:: \frac{1}{N} \sum_b \Big| \sum_{i \in b} (c_i - h_i) \Big|, \qquad n_b = N / \mathrm{bins}

    Read from the histogram: a cell that a boundary crosses is divided in proportion. With sorted confidences the result
    differs by the mass of a cell.

    Args:
        state: The histogram.
        bins: Number of bins.

    Returns:
        A scalar in [0, 1]; NaN without predictions.

    Raises:
        ValueError: If ``bins`` is not a whole number >= 1.

    Example:
        >>> state = diagnostics.calibration.init()
        >>> state = diagnostics.calibration.update_with_confidences(state, jnp.array([0.5, 1.0]), jnp.array([0, 1]))
        >>> float(diagnostics.calibration.adaptive_ece(state, bins=2))
        0.25

    Reference:
        Nguyen and O'Connor (2015), Posterior Calibration and Exploratory Analysis for Natural Language Processing
        Models. https://arxiv.org/abs/1508.05154
    """
    bins = checks.whole("bins", bins)
    from_zero = lambda sums: jnp.concatenate([jnp.zeros(1, sums.dtype), jnp.cumsum(sums)])
    mass, residual = from_zero(state.counts), from_zero(state.confidences - state.hits)
    borders = jnp.linspace(0, 1, bins + 1, dtype=mass.dtype) * mass[-1]
    return ratio(jnp.sum(jnp.abs(jnp.diff(jnp.interp(borders, mass, residual)))), mass[-1])


def debiased_l2(state: Calibration, bins: int = 15) -> Array:
    r"""Root mean squared calibration error, corrected for the noise of the accuracies of the bins.

    .. math:: \Big( \sum_b \frac{n_b}{N} \Big[ (\mathrm{conf}_b - \mathrm{acc}_b)^2
              - \frac{\mathrm{acc}_b (1 - \mathrm{acc}_b)}{n_b - 1} \Big] \Big)_+^{1/2}

    The sum is over bins with at least two predictions.

    Args:
        state: The histogram.
        bins: Number of bins of equal width; must divide the number of cells.

    Returns:
        A scalar in [0, 1]; NaN without predictions. Its square is unbiased before negative estimates become 0.

    Raises:
        ValueError: If ``bins`` does not divide the number of cells.

    Example:
        >>> state = diagnostics.calibration.init()
        >>> state = diagnostics.calibration.update_with_confidences(state, jnp.array([1.0, 1.0]), jnp.array([0, 0]))
        >>> float(diagnostics.calibration.debiased_l2(state))
        1.0

    Reference:
        Kumar, Liang and Ma (2019), Verified Uncertainty Calibration. https://arxiv.org/abs/1909.10155
    """
    counts, confidences, hits = _pooled(state, bins)
    some = counts >= 2
    size = jnp.where(some, counts, 2)
    gap, accuracy = (confidences - hits) / size, hits / size
    errors = jnp.where(some, jnp.square(gap) - accuracy * (1 - accuracy) / (size - 1), 0)
    # A NaN has no size to compare with 0, so it must not be lost in the maximum.
    mean = ratio(jnp.sum(counts * errors), jnp.sum(counts)) + 0 * jnp.sum(gap)
    return jnp.sqrt(jnp.maximum(mean, 0))


def overconfidence(state: Calibration) -> Array:
    r"""Mean confidence minus accuracy.

    .. math:: \frac{1}{N} \sum_i (c_i - h_i)

    Args:
        state: The histogram.

    Returns:
        A scalar in [-1, 1]: above 0 the model is over-confident, below 0 under-confident; NaN without predictions.

    Example:
        >>> state = diagnostics.calibration.init()
        >>> state = diagnostics.calibration.update_with_confidences(state, jnp.array([1.0, 1.0]), jnp.array([0, 1]))
        >>> float(diagnostics.calibration.overconfidence(state))
        0.5
    """
    return ratio(jnp.sum(state.confidences - state.hits), jnp.sum(state.counts))


def smooth_ece(state: Calibration) -> Array:
    r"""Smooth calibration error: the error after smoothing over confidences by a kernel that chooses its own width.

    .. math:: \mathrm{smECE}_\sigma = \int_0^1 \Big| \frac{1}{N} \sum_i (h_i - c_i) K_\sigma(t, c_i) \Big| dt, \qquad
              \mathrm{smECE} = \sigma^* \ \text{with}\ \mathrm{smECE}_{\sigma^*} = \sigma^*

    :math:`K_\sigma` is a Gaussian that is reflected at 0 and 1. Unlike binned errors, the result is continuous in the
    confidences. They count as the centres of their cells. The cost does not grow with the number of predictions.

    Args:
        state: The histogram.

    Returns:
        A scalar in [0, 1], resolved to the width of a cell; NaN without predictions.

    Example:
        >>> state = diagnostics.calibration.init()
        >>> state = diagnostics.calibration.update_with_confidences(state, jnp.full(10, 0.9), jnp.arange(10) < 5)
        >>> round(float(diagnostics.calibration.smooth_ece(state)), 2)
        0.4

    Reference:
        Błasiok and Nakkiran (2023), Smooth ECE: Principled Reliability Diagrams via Kernel Smoothing.
        https://arxiv.org/abs/2309.12236
    """
    return smooth_residual_mass(ratio(state.hits - state.confidences, jnp.sum(state.counts)))


def null_ece(state: Calibration, key: Array, *, draws: int = 200, bins: int = 15, quantile: Scalar = 0.95) -> Array:
    """Quantile of the `ece` of a calibrated model with the same confidences: what chance alone explains.

    For every draw, the predictions of a cell are right with the mean confidence of the cell as their probability.

    Args:
        state: The histogram.
        key: A random key; its noise is that of a quantile of ``draws`` numbers.
        draws: Number of calibrated models.
        bins: As for `ece`.
        quantile: Which quantile, in [0, 1].

    Returns:
        A scalar in [0, 1]; an `ece` above it is evidence of miscalibration. NaN without predictions.

    Raises:
        ValueError: If ``bins`` does not divide the number of cells, ``draws`` is not a whole number >= 1, or
            ``quantile`` is outside [0, 1].

    Example:
        >>> state = diagnostics.calibration.init()
        >>> state = diagnostics.calibration.update_with_confidences(state, jnp.full(200, 0.8), jnp.arange(200) < 160)
        >>> bool(diagnostics.calibration.ece(state) < diagnostics.calibration.null_ece(state, jax.random.key(0)))
        True

    Reference:
        Bröcker and Smith (2007), Increasing the Reliability of Reliability Diagrams.
        https://doi.org/10.1175/WAF993.1
    """
    draws = checks.whole("draws", draws)
    quantile = checks.scalar("quantile", quantile, state.counts.dtype, at_least=0, at_most=1)
    bins = checks.whole("bins", bins)
    chance = jnp.clip(jnp.nan_to_num(ratio(state.confidences, state.counts)), 0, 1)
    counts = jnp.nan_to_num(state.counts)
    shape = (draws, counts.shape[0])
    hits = jax.random.binomial(key, counts[None, :], chance[None, :], shape=shape, dtype=counts.dtype)
    errors = jax.vmap(lambda drawn: ece(Calibration(counts, counts * chance, drawn), bins))(hits)
    return jnp.quantile(errors, quantile) + 0 * jnp.sum(state.confidences + state.hits)


def read(state: Calibration, *, key: Array | None = None, bins: int = 15) -> dict[str, Array]:
    """All calibration numbers of a histogram.

    Args:
        state: The histogram.
        key: Random key of `null_ece`; by default always the same.
        bins: Number of bins of the binned errors.

    Returns:
        Scalars by name: ``count``, ``accuracy``, ``overconfidence``, ``ece``, ``null_ece``, ``adaptive_ece``,
        ``debiased_l2`` and ``smooth_ece``.

    Raises:
        ValueError: If ``bins`` does not divide the number of cells.

    Example:
        >>> state = diagnostics.calibration.init()
        >>> state = diagnostics.calibration.update_with_confidences(state, jnp.full(4, 0.5), jnp.array([0, 0, 0, 1]))
        >>> float(diagnostics.calibration.read(state)["ece"])
        0.25
    """
    readings: dict[str, Any] = {
        "count": jnp.sum(state.counts),
        "accuracy": ratio(jnp.sum(state.hits), jnp.sum(state.counts)),
        "overconfidence": overconfidence(state),
        "ece": ece(state, bins),
        "null_ece": null_ece(state, jax.random.key(0) if key is None else key, bins=bins),
        "adaptive_ece": adaptive_ece(state, bins),
        "debiased_l2": debiased_l2(state, bins),
        "smooth_ece": smooth_ece(state),
    }
    return readings
