"""Values below what a loss can be."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import numpy as np

from jaxloss.inspect.diagnosis.arrays import is_number_array, numbers
from jaxloss.inspect.diagnosis.recording import Call
from jaxloss.inspect.diagnosis.report import Finding
from jaxloss.inspect.diagnosis.trial import Trial

__all__ = ["RULES"]


def below_zero(trial: Trial) -> Iterator[Finding]:
    """A loss of jaxloss that is >= 0 for legal inputs, and is not."""
    for call in trial.calls:
        if call.result is None or not _is_nonnegative(call):
            continue
        values = np.asarray(getattr(call.loss, "values", call.loss), np.float64)
        if np.any(values < 0):
            remedy = "look at the targets: they must lie in the domain that the documentation of the loss names."
            yield Finding("negative_value", call.where, {"least": float(values[values < 0].min())}, remedy)


def _is_nonnegative(call: Call) -> bool:
    """Whether the documentation of a loss promises values >= 0."""
    returns = (inspect.getdoc(call.fn) or "").partition("Returns:")[2].partition("Raises:")[0]
    return re.search(r"(scalar|loss|value)s? >= 0", returns) is not None


def negative_cross_entropy(trial: Trial) -> Iterator[Finding]:
    """A cross-entropy written by hand whose labels are not 0 and 1."""
    if trial.direct or trial.calls or trial.value is None or not trial.value < 0:
        return
    for leaf in trial.leaves:
        if leaf.parameter or not is_number_array(leaf.value) or np.size(leaf.value) < 2:
            continue
        found = np.unique(numbers(leaf.value))
        if len(found) == 2 and np.all(found == np.round(found)) and found.tolist() != [0.0, 1.0]:
            evidence = {"value": trial.value, "labels": found.tolist()}
            remedy = f"code the classes as 0 and 1, or mask the entry {found[0]:g} if it marks padding."
            yield Finding("negative_value", leaf.where, evidence, remedy)


RULES = (below_zero, negative_cross_entropy)
