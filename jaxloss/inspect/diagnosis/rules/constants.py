"""Values of a loss that mean something: those of a model that has learnt nothing."""

from __future__ import annotations

import contextlib
import dataclasses
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from jaxloss.inspect.diagnosis.recording import Call
from jaxloss.inspect.diagnosis.report import Finding
from jaxloss.inspect.diagnosis.trial import Trial

__all__ = ["RULES", "constant_of"]

NEAR = 2e-6
"""Relative difference up to which a value is a constant."""


@dataclasses.dataclass(frozen=True)
class Constant:
    """A number, how it is written, and what a loss of this value says."""

    value: float
    written: str
    meaning: str


FIXED = (
    Constant(math.log(2), "ln 2", "binary predictions of 1/2, or two classes that are equally likely"),
    Constant(2 * math.log(2), "2 ln 2", "a discriminator that answers 1/2 to real and generated examples"),
    Constant(0.25, "1/4", "the Brier score, or squared error of probabilities, of 1/2"),
    Constant(0.5 * math.log(2 * math.pi), "ln(2 pi) / 2", "a unit Gaussian at its mean"),
)


def constant_of(call: Call) -> dict[str, Any]:
    """The constant that the result of a call is, as evidence; empty if it is none."""
    with contextlib.suppress(TypeError, ValueError):
        values = np.asarray(call.loss, np.float64)
        value = float(values.flat[0]) if values.size and np.ptp(values) <= NEAR * abs(values.flat[0]) else math.nan
        for constant in _of_call(call):
            if abs(value - constant.value) <= NEAR * constant.value:
                return {"value": value, "constant": constant.written, "meaning": constant.meaning}
    return {}


def _of_call(call: Call) -> Iterator[Constant]:
    """The constants that a loss may take at the sizes and hyperparameters of a call."""
    first = np.shape(next(iter(call.arguments.values())))
    if first:
        yield Constant(math.log(max(first[-1], 2)), f"ln {first[-1]}", f"{first[-1]} classes that are equally likely")
        yield Constant(math.log(max(first[0], 2)), f"ln {first[0]}", f"{first[0]} candidates that are equally similar")
        yield Constant(1 - 1 / max(first[-1], 2), f"1 - 1/{first[-1]}", "the Brier score of a uniform distribution")
    margin = call.array("margin")
    if margin is not None and margin.ndim == 0:
        yield Constant(float(margin), "margin", "positives are as far as negatives")
    yield from FIXED


def chance_level(trial: Trial) -> Iterator[Finding]:
    """A value of a function that is exactly that of a model without knowledge."""
    if trial.direct or trial.value is None or trial.values.ndim or trial.starts_at_zero or trial.terms:
        return
    sizes = {size for leaf in trial.leaves for size in np.shape(leaf.value)}
    candidates = [Constant(math.log(n), f"ln {n}", f"{n} classes that are equally likely") for n in sizes if n > 1]
    for constant in (*candidates, *FIXED):
        if abs(trial.value - constant.value) <= NEAR * constant.value:
            evidence = {"value": trial.value, "constant": constant.written, "meaning": constant.meaning}
            remedy = "look whether the inputs reach the outputs, and whether the parameters change from step to step."
            yield Finding("known_constant", getattr(trial.fn, "__name__", "the function"), evidence, remedy)
            return


RULES = (chance_level,)
