"""Masks and weights that leave nothing to learn from, or that the mean does not know of."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from jaxloss.inspect.diagnosis.arrays import first_index, is_number_array, numbers
from jaxloss.inspect.diagnosis.report import Finding
from jaxloss.inspect.diagnosis.trial import Trial

__all__ = ["RULES"]


def no_examples(trial: Trial) -> Iterator[Finding]:
    """Data without an entry."""
    for leaf in trial.leaves:
        if not leaf.parameter and is_number_array(leaf.value) and np.size(leaf.value) == 0:
            evidence = {"shape": list(np.shape(leaf.value))}
            yield Finding("empty_batch", leaf.where, evidence, "skip batches without examples: their mean is 0 / 0.")


def empty_masks(trial: Trial) -> Iterator[Finding]:
    """Calls whose mask removes every entry."""
    for call in trial.calls:
        where = call.array("where")
        if where is not None and where.size and not np.any(np.asarray(where)):
            evidence = {"True": 0, "of": int(where.size)}
            remedy = "make sure that each batch has an entry that counts, and that True marks those that do."
            yield Finding("all_masked", f"{call.where}, where", evidence, remedy)


def senseless_weights(trial: Trial) -> Iterator[Finding]:
    """Calls whose weights sum to 0 or are negative."""
    for call in trial.calls:
        weights = call.array("weights")
        if weights is None or not weights.size:
            continue
        values = numbers(weights)
        if (index := first_index(values < 0)) is not None:
            evidence = {"value": float(values[index]), "count": int(np.sum(values < 0))}
            remedy = "give weights >= 0; to push away from examples, use a loss for that."
            yield Finding("negative_weights", f"{call.where}, weights{list(index)}", evidence, remedy)
        elif values.sum() == 0:
            remedy = "give at least one entry a weight greater than 0."
            yield Finding("zero_weights", f"{call.where}, weights", {"sum": 0.0, "of": int(values.size)}, remedy)


RULES = (no_examples, empty_masks, senseless_weights)
