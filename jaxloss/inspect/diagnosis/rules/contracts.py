"""Values outside the domain of a loss: what `jaxloss.checked` says of every loss that was called."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np

from jaxloss.inspect.diagnosis.arrays import first_index, numbers
from jaxloss.inspect.diagnosis.compiling import failed_check
from jaxloss.inspect.diagnosis.recording import Call
from jaxloss.inspect.diagnosis.report import Finding
from jaxloss.inspect.diagnosis.rules.errors import swapped_call
from jaxloss.inspect.diagnosis.trial import Trial

__all__ = ["RULES"]

WORDS = (
    ("seem to be probabilities", "probabilities_as_logits"),
    ("log_probs must be <= 0", "positive_log_probabilities"),
    ("must be -1 or +1", "target_coding"),
    ("must be 0 or 1", "target_coding"),
    ("targets must be 1 or", "target_coding"),
    ("must sum to 1", "unnormalised_distribution"),
    ("must be corners", "box_format"),
    ("data_range", "data_range"),
)
"""Words of a failed check, and the cause that they mean."""


def failed_checks(trial: Trial) -> Iterator[Finding]:
    """The first value check that fails in each call, or in the function, if it maps or scans its losses."""
    for call in trial.calls:
        if call.result is not None:
            message = _message(lambda given, call=call: call.run(**given), call.arguments)
            yield from [_finding(call, message)] if message else []
    if trial.traced and trial.error is None:
        message = _message(lambda given: trial.fn(*given[0], **given[1]), (trial.args, trial.kwargs))
        yield from [_finding(Call(trial.fn, {}), message)] if message else []


def _message(fn: Callable[[Any], Any], given: Any) -> str:
    """The message of the check that fails; empty if none does, or the function cannot be traced."""
    try:
        return failed_check(fn, given) or ""
    except jax.errors.JAXTypeError:  # the function asks for values while it is traced
        return ""


def _finding(call: Call, message: str) -> Finding:
    name = message.split()[0].rstrip(",")
    where, values = f"{call.where}, {name}", call.array(name)
    evidence: dict[str, Any] = {"check": message}
    array = None if values is None else numbers(values)
    if array is not None and array.size:
        evidence |= {"least": float(np.min(array)), "greatest": float(np.max(array))}
    if [name] == list(call.arguments)[1:2] and (pair := swapped_call(call)):
        remedy = f"swap {pair[0]} and {pair[1]}: then every check holds."
        return Finding("swapped_arguments", where, evidence, remedy)
    if (classes := re.search(r"must lie in \[0, (\d+)\)", message)) is not None:
        return _labels(where, array, int(classes[1]), evidence)
    if "must be probabilities in [0, 1]" in message and array is not None:
        return _probabilities(name, where, array, evidence)
    cause = next((cause for words, cause in WORDS if words in message), "outside_domain")
    advice = message.partition("; ")[2]
    return Finding(cause, where, evidence, f"{advice or f'give {name} values in the domain of the loss: {message}'}.")


def _labels(where: str, labels: np.ndarray | None, classes: int, evidence: dict[str, Any]) -> Finding:
    remedy = f"give labels in [0, {classes}), or a score for every class; mask padding with where=."
    if labels is None:
        return Finding("labels_out_of_range", where, evidence, remedy)
    outside = (labels < 0) | (labels >= classes)
    index = first_index(outside) or ()
    evidence |= {"classes": classes, "value": float(labels[index]), "count": int(outside.sum())}
    where = f"{where}{list(index) if index else ''}"
    if np.all(labels[outside] < 0):
        value = int(labels[index])
        return Finding("unmasked_padding", where, evidence, f"mask the padding: where=labels != {value}.")
    if labels.min() == 1 and labels.max() == classes:
        return Finding("labels_out_of_range", where, evidence, "labels count from 0 here: pass labels - 1.")
    return Finding("labels_out_of_range", where, evidence, remedy)


def _probabilities(name: str, where: str, values: np.ndarray, evidence: dict[str, Any]) -> Finding:
    if name == "targets" and np.all(values == np.round(values)) and len(np.unique(values)) <= 2:
        remedy = "code the classes as 0 and 1: (targets + 1) / 2 for -1 and +1."
        return Finding("target_coding", where, evidence, remedy)
    if name in ("targets", "activations"):
        return Finding("outside_domain", where, evidence, f"scale {name} into [0, 1].")
    remedy = f"pass jax.nn.sigmoid or jax.nn.softmax of them as {name}, or use the loss that takes logits."
    return Finding("logits_as_probabilities", where, evidence, remedy)


RULES = (failed_checks,)
