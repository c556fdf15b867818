"""The helpers of `jaxloss.vision.detection.assignment`."""

from __future__ import annotations

from tests.cases import Case

HELPERS = {
    "detr_costs": "what a match would cost; no loss",
    "hungarian_matching": "chooses which prediction a target gets; no loss",
    "query_labels": "the classes that predictions should have; no loss",
}

CASES: list[Case] = []
