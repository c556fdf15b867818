"""Cases of `jaxloss.regression.correlations`."""

from __future__ import annotations

import numpy as np
import scipy.spatial.distance
import scipy.stats

import jaxloss
from tests import draws
from tests.cases import Case, Inputs, Shape
from tests.cases.regression._shared import TINY, TOP, ZERO_TARGETS, ZEROS, rows

VECTORS = {
    name: {n: x[None] for n, x in edge.items()}
    for name, edge in {"top": TOP, "tiny": TINY, "zeros": ZEROS, "zero target": ZERO_TARGETS}.items()
}
CONSTANT = {"predictions": np.full(7, 0.1), "targets": np.arange(7.0)}
BOTH_CONSTANT = {"predictions": np.full(7, 0.1), "targets": np.full(7, 0.3)}


def _vectors(rng: np.random.Generator, batch: Shape) -> Inputs:
    return draws.pair()(rng, (*batch, 6))


def _equal_vectors(rng: np.random.Generator, batch: Shape) -> Inputs:
    return draws.equal_pair()(rng, (*batch, 6))


def _cosine(predictions, targets):
    size = predictions.shape[-1]
    pairs = zip(predictions.reshape(-1, size), targets.reshape(-1, size), strict=True)
    return np.array([scipy.spatial.distance.cosine(p, t) for p, t in pairs]).reshape(predictions.shape[:-1])


def _concordance(targets, predictions):
    (vx, c), (_, vy) = np.cov(predictions, targets, bias=True)
    return 1 - 2 * c / (vx + vy + (predictions.mean() - targets.mean()) ** 2)


CASES = [
    Case(
        fn=jaxloss.cosine_distance,
        draw=_vectors,
        oracle=_cosine,
        source="scipy.spatial.distance.cosine",
        perfect=_equal_vectors,
        extremes=VECTORS,
        structures={
            "one dimension": lambda rng, batch: draws.pair()(rng, (*batch, 1)),
            "two dimensions": lambda rng, batch: draws.pair()(rng, (*batch, 2)),
        },
    ),
    Case(
        fn=jaxloss.pearson_correlation_loss,
        draw=draws.pair(),
        oracle=rows(lambda t, p: 1 - scipy.stats.pearsonr(p, t).statistic),
        source="scipy.stats.pearsonr",
        pooled=True,
        perfect=draws.equal_pair(),
        extremes={"tiny": TINY, "top": TOP, "zeros": ZEROS, "constant": CONSTANT, "both constant": BOTH_CONSTANT},
        translates=(("predictions",), ("targets",)),
    ),
    Case(
        fn=jaxloss.concordance_correlation_loss,
        draw=draws.pair(),
        oracle=rows(_concordance),
        source="numpy.cov in the formula of the paper",
        pooled=True,
        perfect=draws.equal_pair(),
        extremes={"tiny": TINY, "top": TOP, "zeros": ZEROS, "constant": CONSTANT, "both constant": BOTH_CONSTANT},
        translates=(("predictions", "targets"),),
    ),
]
