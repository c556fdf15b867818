"""What is public, and which public functions are not losses."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import jaxloss
from tests.cases import case_modules

HELPERS: dict[str, str] = {
    "blank": "the first half of the mask of a loss",
    "checked": "runs a loss with value checks",
    "class_balanced_weights": "turns class counts into weights for any classification loss",
    "diagnose": "says why a loss is NaN, flat or wrong",
    "elementwise": "makes a loss from a function of entries",
    "l2_penalty": "a penalty on parameters: one number per model, so it has no where, weights or reduction",
    "per_example": "makes a loss from a function of one example",
    "reduce": "the tail of every loss",
    **{name: reason for module in case_modules() for name, reason in getattr(module, "HELPERS", {}).items()},
}
"""Public functions that are not losses, and what they are; each has tests of its own.

A module of Cases names the helpers of its family in a ``HELPERS`` of its own.
"""


def public_functions() -> dict[str, Callable]:
    return {
        name: member
        for name, member in vars(jaxloss).items()
        if not name.startswith("_") and callable(member) and not inspect.isclass(member)
    }


def losses() -> dict[str, Callable]:
    return {name: fn for name, fn in public_functions().items() if name not in HELPERS}
