"""Which statistic of a skewed quantity a regression loss predicts: the mean, the median or neither."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np

from jaxloss.inspect.cards.reading.readings import PairLoss
from jaxloss.inspect.cards.rows.sampling import rounded, tested
from jaxloss.inspect.verdict import Verdict

__all__ = ["LAWS", "predicted", "predicting_rows"]

NODES = 20_000
SCORES = (np.arange(NODES) + 0.5) * (16 / NODES) - 8
"""Midpoints of cells on [-8, 8], where a normal variable lies but for a probability of 1e-15."""
GRID = 101
ROUNDS = 7
NEAR = 2e-3


def _lognormal() -> tuple[np.ndarray, np.ndarray]:
    weights = np.exp(-0.5 * SCORES**2)
    return np.exp(SCORES), weights / weights.sum()


def _gamma() -> tuple[np.ndarray, np.ndarray]:
    """The sum of two exponentials of mean 1; in logarithms, so that small values are resolved, too."""
    logs = (np.arange(NODES) + 0.5) * (24 / NODES) - 20
    weights = np.exp(2 * logs - np.exp(logs))
    return np.exp(logs), weights / weights.sum()


LAWS = {
    "lognormal": (_lognormal, math.exp(0.5), 1.0),
    "gamma": (_gamma, 2.0, 1.6783469900166608),
}
"""A law to its targets and their probabilities, its mean and its median."""


def predicted(pair: PairLoss, law: str) -> float:
    """The prediction that minimises the expected loss over a skewed law.

    Args:
        pair: The loss of a prediction and a target, both numbers.
        law: ``"lognormal"`` (mean 1.649, median 1) or ``"gamma"``, the sum of two exponentials (mean 2, median 1.678).

    Returns:
        The prediction, found by grids that become finer, in [0.001, 20].
    """
    targets, weights = LAWS[law][0]()
    with jax.enable_x64(True):
        columns = jnp.asarray(targets), jnp.asarray(weights)

        @jax.jit
        def expected(predictions: jax.Array) -> jax.Array:
            losses = jax.vmap(lambda p: jax.vmap(lambda t: pair(p, t))(columns[0]))(predictions)
            return losses @ columns[1]

        low, best, high = 1e-3, 1.0, 20.0
        for _ in range(ROUNDS):
            grid = np.geomspace(low, high, GRID)
            at = int(np.argmin(np.asarray(expected(jnp.asarray(grid)))))
            low, best, high = grid[max(at - 2, 0)], grid[at], grid[min(at + 2, GRID - 1)]
    return float(best)


def predicting_rows(pair: PairLoss | None) -> dict[str, Verdict]:
    """What is predicted for the two laws of `LAWS`.

    Args:
        pair: The loss of a prediction and a target, both numbers; None if targets are no real numbers.

    Returns:
        The rows ``predicts_lognormal`` and ``predicts_gamma``; their evidence says whether the statistic is the
        ``mean``, the ``median`` or ``neither``, by both laws.

    Reference:
        Gneiting (2011), Making and Evaluating Point Forecasts. https://doi.org/10.1198/jasa.2011.r10138
    """
    if pair is None:
        return {}
    found = {law: predicted(pair, law) for law in LAWS}
    of_mean = all(abs(found[law] - mean) < NEAR * mean for law, (_, mean, _) in LAWS.items())
    of_median = all(abs(found[law] - median) < NEAR * median for law, (_, _, median) in LAWS.items())
    statistic = "mean" if of_mean else "median" if of_median else "neither"
    return {
        f"predicts_{law}": tested(
            f"predicts {found[law]:.3f} of a {law} law with mean {mean:.3f} and median {median:.3f}",
            rounded(found[law]),
            NODES,
            statistic=statistic,
        )
        for law, (_, mean, median) in LAWS.items()
    }
