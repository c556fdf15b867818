"""Outputs that are the same for all examples or classes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from jaxloss.inspect.diagnosis.arrays import is_floating, numbers
from jaxloss.inspect.diagnosis.recording import Call
from jaxloss.inspect.diagnosis.report import Finding
from jaxloss.inspect.diagnosis.rules.constants import constant_of
from jaxloss.inspect.diagnosis.trial import Trial

__all__ = ["RULES"]

PAIRED = ("anchors", "positives", "queries", "keys", "first", "second", "image_embeddings", "text_embeddings")
EMBEDDINGS = ("embeddings", *PAIRED)
SCORES = ("logits", "probs", "log_probs")
SAME = 1e-5
"""Differences below this share of the size are none."""
FEW = 4
"""Fewer examples than this may agree by chance."""


def same_embeddings(trial: Trial) -> Iterator[Finding]:
    """Embeddings that are one vector."""
    for call in trial.calls:
        for name in EMBEDDINGS:
            array = call.array(name)
            if array is None or not is_floating(array) or array.ndim != 2 or len(array) < FEW:
                continue
            values = numbers(array)
            spread, size = float(np.max(np.ptp(values, axis=0))), float(np.max(np.abs(values)))
            if np.isfinite(values).all() and spread <= SAME * size:
                evidence = {"spread": spread, "size": size, **constant_of(call)}
                remedy = (
                    "stop the collapse: a smaller learning rate, negatives, a stop_gradient branch or a variance term."
                )
                yield Finding("collapsed_embeddings", f"{call.where}, {name}", evidence, remedy)


def same_classes(trial: Trial) -> Iterator[Finding]:
    """Scores that do not prefer any class for any example."""
    for call in trial.calls:
        for name in SCORES:
            array = call.array(name)
            if array is None or not is_floating(array) or trial.starts_at_zero:
                continue
            values = numbers(array)
            if values.size and np.isfinite(values).all() and _is_uniform(call, name, values):
                evidence = {"greatest difference": _spread(values), **constant_of(call)}
                remedy = "look for a network that is dead, or an input that does not reach it."
                yield Finding("uniform_predictions", f"{call.where}, {name}", evidence, remedy)


def _is_uniform(call: Call, name: str, values: np.ndarray) -> bool:
    """Whether scores say that all classes are as likely; a score for yes or no says so by being 0, or 1/2."""
    if _is_binary(call, values):
        neutral = 0.0 if name == "logits" else 0.5
        return name != "log_probs" and values.size >= FEW and bool(np.all(np.abs(values - neutral) <= SAME))
    return values.ndim > 1 and values.shape[-1] > 1 and len(values) > 1 and _spread(values) <= SAME


def _is_binary(call: Call, values: np.ndarray) -> bool:
    second = call.array(list(call.arguments)[1])
    return "binary" in call.name or "sigmoid" in call.name or (second is None and values.ndim == 1)


def _spread(values: np.ndarray) -> float:
    return float(np.max(np.ptp(values, axis=-1))) if values.ndim else 0.0


def same_predictions(trial: Trial) -> Iterator[Finding]:
    """Predictions that are one number for all examples, whose targets differ."""
    for call in trial.calls:
        predictions, targets = call.array("predictions"), call.array("targets")
        if predictions is None or targets is None or not is_floating(predictions) or trial.starts_at_zero:
            continue
        if predictions.ndim == 0 or predictions.shape != targets.shape or len(predictions) < 2 * FEW:
            continue
        guess, truth = numbers(predictions), numbers(targets)
        spread = float(np.max(np.ptp(guess, axis=0)))
        if spread <= SAME * max(float(np.max(np.abs(guess))), SAME) and np.ptp(truth) > 0:
            evidence = {
                "prediction": float(guess.flat[0]),
                "mean of the targets": float(truth.mean()),
                "spread": spread,
            }
            remedy = "look for a network that is dead, or an input that does not reach it."
            yield Finding("constant_predictions", f"{call.where}, predictions", evidence, remedy)


RULES = (same_embeddings, same_classes, same_predictions)
