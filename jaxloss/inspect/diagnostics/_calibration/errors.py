"""Calibration errors, all read from one histogram of confidences."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.typing import Array
from jaxloss.inspect.diagnostics._calibration.smoothing import smooth_residual_mass
from jaxloss.inspect.diagnostics._entries import ratio

__all__ = [
    "Calibration",
    "Diagram",
    "adaptive_ece",
    "debiased_l2",
    "diagram",
    "ece",
    "overconfidence",
    "pooled",
    "smooth_ece",
]


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


def pooled(state: Calibration, bins: int) -> Calibration:
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
    found = pooled(state, bins)
    return Diagram(
        ratio(found.confidences, found.counts),
        ratio(found.hits, found.counts),
        ratio(found.counts, jnp.sum(found.counts)),
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
    found = pooled(state, bins)
    return ratio(jnp.sum(jnp.abs(found.confidences - found.hits)), jnp.sum(found.counts))


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
    counts, confidences, hits = pooled(state, bins)
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
