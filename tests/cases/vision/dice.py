"""Cases of `jaxloss.vision.segmentation.dice`."""

from __future__ import annotations

from tests.cases.vision._masks import BAD, HYPERS, UNSMOOTHED, dice, three_forms

CASES = [
    *three_forms("dice", dice, HYPERS, BAD, (UNSMOOTHED,)),
]
