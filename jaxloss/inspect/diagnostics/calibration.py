"""Over-confidence: one histogram of confidences, from which every binned calibration error follows.

A model is calibrated if, among predictions with confidence 0.8, eight of ten are right. The expected calibration error
of a finite sample is above 0 even then, so it is judged against its own distribution under calibration, `null_ece`, and
never against a fixed number. Use data that the model was not trained on: on its training data, an over-fitted model
looks calibrated.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.typing import Array, ArrayLike
from jaxloss.inspect.diagnostics._calibration.chance import null_ece
from jaxloss.inspect.diagnostics._calibration.errors import (
    Calibration,
    Diagram,
    adaptive_ece,
    debiased_l2,
    diagram,
    ece,
    overconfidence,
    smooth_ece,
)
from jaxloss.inspect.diagnostics._calibration.temperature import fit_temperature
from jaxloss.inspect.diagnostics._entries import add, counted, flat, ratio, shown, within_one

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
    known = (labels >= 0) & (labels < classes) & ~jnp.isnan(confidences)
    hits = jnp.where(known, hits, jnp.nan)
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
        hits: Shape ``[...]``, boolean, or 0 and 1; a number outside [0, 1] makes the readings NaN, too.
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
    shown_confidences, shown_hits = flat(where, confidences), within_one(flat(where, hits))
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
    return {
        "count": jnp.sum(state.counts),
        "accuracy": ratio(jnp.sum(state.hits), jnp.sum(state.counts)),
        "overconfidence": overconfidence(state),
        "ece": ece(state, bins),
        "null_ece": null_ece(state, jax.random.key(0) if key is None else key, bins=bins),
        "adaptive_ece": adaptive_ece(state, bins),
        "debiased_l2": debiased_l2(state, bins),
        "smooth_ece": smooth_ece(state),
    }
