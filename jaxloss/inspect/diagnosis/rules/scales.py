"""Numbers of an unusual size: scores, features, temperatures; and targets that never change."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from jaxloss.inspect.diagnosis.arrays import is_floating, numbers
from jaxloss.inspect.diagnosis.report import Finding
from jaxloss.inspect.diagnosis.trial import Trial

__all__ = ["RULES"]

HUGE = 1e4
"""Scores and features of this size are not normalised."""
COLD = 5e-3
"""Temperatures below this leave only the largest score; CLIP's least is 1e-2."""
FEW = 16
"""Fewer targets than this may agree by chance."""


def cold_temperatures(trial: Trial) -> Iterator[Finding]:
    """Temperatures that make a softmax choose."""
    for call in trial.calls:
        temperature = call.array("temperature")
        if temperature is not None and np.all(numbers(temperature) < COLD):
            evidence = {"temperature": float(np.max(numbers(temperature)))}
            remedy = "use a temperature of 0.05 to 0.5 for cosine similarities, and about 1 for logits."
            yield Finding("tiny_temperature", f"{call.where}, temperature", evidence, remedy)


def huge_scores(trial: Trial) -> Iterator[Finding]:
    """Logits far beyond where a softmax or sigmoid changes."""
    for call in trial.calls:
        for name in call.arguments:
            array = call.array(name) if "logits" in name else None
            if array is not None and is_floating(array) and array.size:
                finite = np.abs(numbers(array))[np.isfinite(numbers(array))]
                if finite.size and finite.max() > HUGE and np.median(finite) > HUGE / 10:
                    evidence = {"greatest": float(finite.max()), "median": float(np.median(finite))}
                    remedy = "normalise the features, or the last layer; logits of a trained model are below 100."
                    yield Finding("huge_scores", f"{call.where}, {name}", evidence, remedy)


def huge_features(trial: Trial) -> Iterator[Finding]:
    """Matrices of features among the data that are not normalised."""
    for leaf in trial.leaves if not trial.direct else ():
        if leaf.parameter or not is_floating(leaf.value) or np.ndim(leaf.value) < 2 or np.shape(leaf.value)[-1] < 2:
            continue
        values = numbers(leaf.value)
        if np.isfinite(values).all() and values.size and np.max(np.abs(values)) > HUGE:
            column = int(np.argmax(np.max(np.abs(values).reshape(-1, values.shape[-1]), axis=0)))
            evidence = {"greatest": float(np.max(np.abs(values))), "column": column}
            remedy = "subtract the mean of each feature and divide by its standard deviation over the training data."
            yield Finding("huge_inputs", leaf.where, evidence, remedy)


def same_targets(trial: Trial) -> Iterator[Finding]:
    """Targets that are the same for every example of a batch, and not 0."""
    for call in trial.calls:
        for name in ("targets", "labels"):
            array = call.array(name)
            if array is None or array.size < FEW or array.ndim == 0 or len(array) < FEW:
                continue
            values = numbers(array)
            meant = name == "targets" and ("logits" in call.arguments or not values.all())
            if np.all(values == values[:1]) and not meant:
                evidence = {"value": float(values.flat[0]), "of": int(values.size)}
                remedy = "shuffle the data, and look at how targets are read."
                yield Finding("constant_targets", f"{call.where}, {name}", evidence, remedy)


RULES = (cold_temperatures, huge_scores, huge_features, same_targets)
