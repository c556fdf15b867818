"""Cases of `jaxloss.vision.segmentation.jaccard`."""

from __future__ import annotations

from tests.cases.vision._masks import BAD, HYPERS, UNSMOOTHED, three_forms, tversky


def _jaccard(probs, targets, **hypers):
    return tversky(probs, targets, alpha=1.0, beta=1.0, **hypers)


CASES = [
    *three_forms("jaccard", _jaccard, HYPERS, BAD, (UNSMOOTHED,)),
]
