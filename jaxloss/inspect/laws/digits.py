"""Where digits are lost: nearly perfect predictions, and inputs far from the origin beside others near it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from jaxloss.inspect import programs
from jaxloss.inspect.case import Case, Inputs
from jaxloss.inspect.findings import differences, tree_differences
from jaxloss.inspect.law import DoesNotApply, law

__all__ = [
    "close_predictions_keep_their_digits",
    "confident_predictions_keep_their_digits",
    "moved_inputs_keep_the_digits_of_the_others",
]

BATCH = (64,)


def _towards(case: Case, inputs: Inputs, first: str) -> np.ndarray:
    """The direction in which the scores of the first input become certain and right."""
    scores = inputs[first]
    if case.towards is not None:
        return case.towards(inputs)
    if case.labels and inputs[case.labels].shape == scores.shape[:-1]:
        return np.eye(scores.shape[-1])[inputs[case.labels]]
    if "targets" in inputs and inputs["targets"].shape == scores.shape:
        return inputs["targets"] - np.mean(inputs["targets"])
    raise DoesNotApply("no direction of its scores is known to be right")


def _relative_errors(case: Case, inputs: Inputs, what: str) -> Iterator[str]:
    """Errors of more than 1e-4 of a value, or of the largest slope of an example."""
    (v32, g32), (v64, g64) = (programs.in_precision(case, wide)(inputs, 1.0) for wide in (False, True))
    scale = np.maximum(np.abs(v64), 1.0) if case.cancels else np.abs(v64)
    with np.errstate(invalid="ignore"):
        error = np.max(np.abs(v32 - v64) / (1e-4 * scale + 1e-30), initial=0)
    if not error <= 1:
        yield f"value off by {1e-4 * error:.1e} of itself {what}"
    for name, slope in g64.items():
        one = name in case.shared or case.pooled or case.meets
        rows = lambda x, one=one: np.reshape(x, (1 if one else len(x), -1))
        largest = np.max(np.abs(rows(slope)), axis=-1, keepdims=True, initial=0)
        error = np.max(np.abs(rows(g32[name] - slope)) / (1e-4 * largest + 1e-30), initial=0)
        if not error <= 1:
            yield f"gradient in {name} off by {1e-4 * error:.1e} of its largest entry {what}"


@law()
def confident_predictions_keep_their_digits(case: Case) -> Iterator[str]:
    """Scores that are nearly certain and right: value and gradient of every example are relatively exact.

    Training ends there. A loss near 0 that is a difference of larger terms has no digits left, and neither has a
    gradient that subtracts a probability near 1 from 1.
    """
    drawn = case.draw(np.random.default_rng(5), BATCH)
    first = next(iter(drawn))
    if not first.endswith(("logits", "scores")):
        raise DoesNotApply("its first input holds no scores")
    step = _towards(case, drawn, first)
    for margin in (4.0, 16.0):
        inputs = programs.rounded({**drawn, first: drawn[first] + margin * step})
        yield from _relative_errors(case, inputs, f"at the margin {margin}")


@law(full=True)
def close_predictions_keep_their_digits(case: Case) -> Iterator[str]:
    """Predictions a thousandth of the way from their targets: value and gradient of every example are relatively exact.

    A loss of differences of what was rounded on the way, of normalised vectors for example, has no digits left there.
    """
    drawn = case.draw(np.random.default_rng(5), BATCH)
    predictions, targets = drawn.get("predictions"), drawn.get("targets")
    if predictions is None or targets is None or predictions.shape != targets.shape:
        raise DoesNotApply("no predictions that can be close to targets")
    near = programs.rounded({**drawn, "predictions": targets + 1e-3 * (predictions - targets)})
    yield from _relative_errors(case, near, "near its target")


@law(full=True)
def moved_inputs_keep_the_digits_of_the_others(case: Case) -> Iterator[str]:
    """A pooled input far from the origin beside others near it, for inputs that the Case moves alone.

    What is moved has lost its last digits, the others have not: a difference of the two before their means are taken
    off would lose them too.
    """
    alone = [group for group in case.translates if len(group) == 1]
    if not case.pooled or not alone:
        raise DoesNotApply("no pooled input may be moved alone")
    drawn = case.draw(np.random.default_rng(5), BATCH)
    for group in alone:
        moved = programs.rounded({n: x + 1000 if n in group else x for n, x in drawn.items()})
        (v32, g32), (v64, g64) = (programs.in_precision(case, wide)(moved, 1.0) for wide in (False, True))
        what = f"after a move of {group[0]}"
        scale = max(float(case.cancels != ""), np.max(np.abs(v64)))
        yield from differences(v32, v64, f"value {what}", atol=2e-6 * scale)
        yield from tree_differences(g32, g64, 5e-6, f"gradient {what}")
