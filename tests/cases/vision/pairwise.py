"""No Cases of `jaxloss.vision.segmentation.pairwise`: its tables of costs have tests of their own."""

from __future__ import annotations

from tests.cases import Case

CASES: list[Case] = []

HELPERS = {
    "pairwise_sigmoid_binary_cross_entropy": "a table of costs for matching masks; no loss",
    "pairwise_sigmoid_dice_loss": "a table of costs for matching masks; no loss",
}
