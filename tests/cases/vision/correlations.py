"""Cases of `jaxloss.vision.imbalance.correlations`."""

from __future__ import annotations

import numpy as np

from tests.cases.vision._masks import BAD, HYPERS, UNSMOOTHED, three_forms


def mcc(probs, targets, pixel_ndim=1, smoothing=1e-5):
    """Of one pool, from the table of its pixels."""
    assert pixel_ndim == 1

    def one(p, y):
        n = len(p)
        a = sum(map(min, p, y)) + smoothing * n
        d = sum(map(min, 1 - p, 1 - y)) + smoothing * n
        b, c = np.sum(np.maximum(p - y, 0)), np.sum(np.maximum(y - p, 0))
        return 1 - (a * d - b * c) / np.sqrt((a + b) * (a + c) * (d + b) * (d + c))

    pools = zip(probs.reshape(-1, probs.shape[-1]), targets.reshape(-1, probs.shape[-1]), strict=True)
    return np.reshape([one(p, y) for p, y in pools], probs.shape[:-1])


CASES = three_forms("mcc", mcc, HYPERS, BAD, ends=(UNSMOOTHED,))
