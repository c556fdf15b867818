"""What the data of a user's loss are, by kind: how to draw them, and the edges of their domain."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np

from jaxloss.inspect.case import Inputs, Shape

__all__ = ["INPUTS", "OwnInputs", "OwnKind"]

OwnKind = Literal["residual", "margin", "logit", "prediction", "probability", "penalty", "classes", "vectors"]
CLASSES = 5
Draw = Callable[[np.random.Generator, Shape], Inputs]


@dataclasses.dataclass(frozen=True)
class OwnInputs:
    """The data of one kind of loss.

    Attributes:
        meaning: What the first argument is, in words.
        data: Names of the data, as the library calls them.
        draw: Legal inputs with some batch axes.
        extremes: Named inputs at the edges of the domain.
        combine: The one number that prediction and target make, for a function of it alone; None if there is none.
        number: What this number is called.
        perfect: Inputs at which the loss should be minimal; None if no finite ones are.
        more: Further fields of a Case.
    """

    meaning: str
    data: tuple[str, ...]
    draw: Draw
    extremes: Mapping[str, Inputs]
    combine: Callable[..., Any] | None = None
    number: str = ""
    perfect: Draw | None = None
    more: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def of_one_number(self) -> OwnInputs:
        """The same for a function of the one number that prediction and target make."""
        if self.combine is None:
            return self
        combine, perfect = self.combine, self.perfect
        one = lambda inputs: {self.number: combine(**inputs)}
        return OwnInputs(
            self.meaning,
            (self.number,),
            lambda rng, batch: one(self.draw(rng, batch)),
            {name: one(inputs) for name, inputs in self.extremes.items()},
            perfect=perfect and (lambda rng, batch: one(perfect(rng, batch))),
            more={"towards": lambda inputs: np.ones_like(inputs[self.number])},  # margins and logits should be large
        )


def _pair(names: tuple[str, str], first: list[Any], second: list[Any]) -> Inputs:
    return dict(zip(names, (np.array(first, np.float64), np.array(second, np.float64)), strict=True))


def _numbers(rng: np.random.Generator, batch: Shape) -> Inputs:
    return {"predictions": rng.normal(size=batch), "targets": rng.normal(size=batch)}


def _equal(rng: np.random.Generator, batch: Shape) -> Inputs:
    targets = rng.normal(size=batch)
    return {"predictions": targets, "targets": targets}


def _scores(rng: np.random.Generator, batch: Shape) -> Inputs:
    return {"scores": 2 * rng.normal(size=batch), "targets": rng.choice([-1.0, 1.0], batch)}


def _logits(rng: np.random.Generator, batch: Shape) -> Inputs:
    return {"logits": 2 * rng.normal(size=batch), "targets": rng.choice([0.0, 1.0], batch)}


def _positive(rng: np.random.Generator, batch: Shape) -> Inputs:
    return {"predictions": np.exp(rng.normal(size=batch)), "targets": np.exp(rng.normal(size=batch))}


def _probs(rng: np.random.Generator, batch: Shape) -> Inputs:
    return {"probs": rng.uniform(0.02, 0.98, batch), "targets": rng.choice([0.0, 1.0], batch)}


def _parameters(rng: np.random.Generator, batch: Shape) -> Inputs:
    return {"parameters": rng.normal(size=batch)}


def _classes(rng: np.random.Generator, batch: Shape) -> Inputs:
    labels = np.asarray(rng.integers(0, CLASSES, batch), np.int32)
    return {"logits": 2 * rng.normal(size=(*batch, CLASSES)), "labels": labels}


def _vectors(rng: np.random.Generator, batch: Shape) -> Inputs:
    return _numbers(rng, (*batch, CLASSES))


REGRESSION = ("predictions", "targets")
SCORES = ("scores", "targets")
LOGITS = ("logits", "targets")
PROBS = ("probs", "targets")
CLASS = {"targets": "they say to which class an example belongs"}
ROWS = np.array([[100.0, 0, 0, 0, 0], [-100.0, 0, 0, 0, 0]])
SEVERAL = np.array([[3.0, -2.0, 1.0, 0.0, 2.0]])

INPUTS: Mapping[OwnKind, OwnInputs] = {
    "residual": OwnInputs(
        "prediction minus target; the best is 0",
        REGRESSION,
        _numbers,
        {
            "a perfect prediction": _pair(REGRESSION, [0, 1.5, -2], [0, 1.5, -2]),
            "a far outlier": _pair(REGRESSION, [1e4, -1e4], [0, 0]),
        },
        lambda predictions, targets: predictions - targets,
        "residuals",
        _equal,
        {"translates": (REGRESSION,)},
    ),
    "margin": OwnInputs(
        "score times a target of 1 or -1; the best is towards infinity",
        SCORES,
        _scores,
        {
            "certain and right": _pair(SCORES, [100, -100], [1, -1]),
            "certain and wrong": _pair(SCORES, [-50, 50], [1, -1]),
        },
        lambda scores, targets: scores * targets,
        "scores",
        more={"fixed": CLASS},
    ),
    "logit": OwnInputs(
        "logit, with a target of 0 or 1; the best is towards infinity where it is 1",
        LOGITS,
        _logits,
        {
            "certain and right": _pair(LOGITS, [100, -100], [1, 0]),
            "certain and wrong": _pair(LOGITS, [-100, 100], [1, 0]),
            "infinite and right": _pair(LOGITS, [np.inf, -np.inf], [1, 0]),
        },
        lambda logits, targets: logits * (2 * targets - 1),
        "logits",
        more={"fixed": CLASS},
    ),
    "prediction": OwnInputs(
        "positive prediction of a positive target; the best is the target",
        REGRESSION,
        _positive,
        {
            "a perfect prediction": _pair(REGRESSION, [0.5, 1, 4], [0.5, 1, 4]),
            "small and large": _pair(REGRESSION, [1e-3, 1e3], [1, 1]),
        },
    ),
    "probability": OwnInputs(
        "probability, with a target of 0 or 1; the best is the target",
        PROBS,
        _probs,
        {
            "certain and right": _pair(PROBS, [1, 0], [1, 0]),
            "nearly certain and wrong": _pair(PROBS, [1e-6, 1 - 1e-6], [1, 0]),
        },
        more={"fixed": CLASS},
    ),
    "penalty": OwnInputs(
        "one parameter or activation; the best is 0",
        ("parameters",),
        _parameters,
        {"zero": {"parameters": np.zeros(3)}, "large": {"parameters": np.array([1e4, -1e4])}},
        perfect=lambda _, batch: {"parameters": np.zeros(batch)},
    ),
    "classes": OwnInputs(
        "logits of classes on the last axis, with a class index",
        ("logits", "labels"),
        _classes,
        {
            "certain and right": {"logits": ROWS, "labels": np.array([0, 1], np.int32)},
            "certain and wrong": {"logits": ROWS, "labels": np.array([1, 0], np.int32)},
            "an absent class": {"logits": np.array([[-np.inf, 1, 0, 2, 0]]), "labels": np.array([1], np.int32)},
        },
        more={"labels": "labels"},
    ),
    "vectors": OwnInputs(
        "vector on the last axis, with a target vector; the best is the target",
        REGRESSION,
        _vectors,
        {
            "a perfect prediction": {"predictions": SEVERAL, "targets": SEVERAL},
            "a zero vector": {"predictions": 0 * SEVERAL, "targets": SEVERAL},
            "a large vector": {"predictions": 1e4 * SEVERAL, "targets": SEVERAL},
        },
    ),
}
"""What the data of a loss are, by what its first argument is."""
