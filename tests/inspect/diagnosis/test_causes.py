"""Each cause has sick losses, and is named first for each of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from jaxloss.inspect.diagnosis import CAUSES, diagnose
from tests.inspect.diagnosis.sick import SICK


def names() -> list[Any]:
    """The first sick loss of every cause; its others are in the full tier."""
    firsts = {sick.cause: name for name, sick in reversed(SICK.items())}
    marks = lambda name: [] if firsts[SICK[name].cause] == name else [pytest.mark.full]
    return [pytest.param(name, marks=marks(name)) for name in SICK]


@pytest.mark.parametrize("name", names())
def test_the_cause_comes_first(name: str) -> None:
    sick = SICK[name]
    diagnosis = diagnose(sick.fn, *sick.args, **sick.kwargs)
    assert diagnosis, "nothing was found"
    first = diagnosis.findings[0]
    assert first.cause == sick.cause, diagnosis.text()
    assert sick.place in first.where, diagnosis.text()
    assert diagnosis.text().splitlines()[1].startswith(f"1. {sick.cause} in ")
    assert json.loads(diagnosis.json())["findings"][0]["cause"] == sick.cause


def test_every_cause_has_a_sick_loss() -> None:
    # A term that is not finite has a cause of its own, which is named before it.
    seconds = {"nonfinite_term", "nonfinite_intermediate", "nonfinite_gradient", "zero_gradient"}
    assert set(CAUSES) - {sick.cause for sick in SICK.values()} == seconds
