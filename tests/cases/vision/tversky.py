"""Cases of `jaxloss.vision.segmentation.tversky`."""

from __future__ import annotations

from tests.cases.vision._masks import BAD, HYPERS, three_forms, tversky

TVERSKY = {**HYPERS, "alpha": 0.3, "beta": 0.8, "gamma": 0.75}
ENDS = ({**TVERSKY, "smoothing": 0.0}, {**TVERSKY, "alpha": 0.0}, {**TVERSKY, "beta": 0.0})
BAD_TVERSKY = (*BAD, {"alpha": -0.1}, {"beta": -0.1}, {"gamma": 0.0})

CASES = [
    *three_forms("tversky", tversky, TVERSKY, BAD_TVERSKY, ENDS),
]
