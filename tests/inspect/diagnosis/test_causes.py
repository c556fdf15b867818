"""Each cause has sick losses, and is named first for each of them."""

from __future__ import annotations

import json

import pytest

from jaxloss.inspect.diagnosis import CAUSES, diagnose
from tests.inspect.diagnosis.sick import SICK


@pytest.mark.parametrize("name", SICK)
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
