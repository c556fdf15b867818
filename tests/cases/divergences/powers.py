"""Cases of `jaxloss.divergences.powers`."""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.decomposition import _nmf

import jaxloss
from tests import draws
from tests.cases import Case, Inputs, Shape
from tests.cases.divergences._shared import (
    ABSENT,
    FEW,
    NOT_LOG_PROBABILITIES,
    PRESENT,
    equal_log_distributions,
    log_distributions,
)


def _power_sum(log_predictions, log_targets, alpha):
    p, q = np.exp(log_targets), np.exp(log_predictions)
    return np.sum(p**alpha * q ** (1 - alpha), axis=-1)


def _amari(log_predictions, log_targets, alpha):
    if alpha == 1:
        return _renyi(log_predictions, log_targets, alpha)
    return (_power_sum(log_predictions, log_targets, alpha) - 1) / (alpha * (alpha - 1))


def _renyi(log_predictions, log_targets, alpha):
    if alpha == 1:
        shown = np.isfinite(log_targets)
        terms = np.exp(log_targets) * (np.where(shown, log_targets, 0) - np.where(shown, log_predictions, 0))
        return np.sum(terms, axis=-1)
    return np.log(_power_sum(log_predictions, log_targets, alpha)) / (alpha - 1)


def _factorised(predictions, targets, beta):
    """Of a matrix of one entry and its factors."""
    values = np.zeros(predictions.shape)
    for i in np.ndindex(values.shape):
        one = [np.array([[x]]) for x in (targets[i], predictions[i], 1.0)]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            values[i] = _nmf._beta_divergence(*one, beta)
    return values


def _powers(rng: np.random.Generator, batch: Shape) -> Inputs:
    return {n: 0.2 + rng.gamma(2.0, size=batch) for n in ("predictions", "targets")}


def _equal_powers(rng: np.random.Generator, batch: Shape) -> Inputs:
    values = np.exp(rng.normal(size=batch))
    return {"predictions": values, "targets": values.copy()}


ORDERS = {"hypers": {"alpha": 0.3}, "ends": ({"alpha": 0.5}, {"alpha": 1.0}, {"alpha": 2.5}, {"alpha": 0.999})}
EDGES = {
    "absent": {"log_predictions": PRESENT, "log_targets": ABSENT},
    "certain": {"log_predictions": np.log(np.array([[0.5, 0.5]])), "log_targets": np.array([[0.0, -1e4]])},
    "both absent": {"log_predictions": ABSENT, "log_targets": ABSENT},
}

CASES = [
    Case(
        fn=jaxloss.alpha_divergence,
        mistakes={"sum to 1": draws.half_of("log_predictions")},
        draw=log_distributions,
        oracle=_amari,
        source="Amari (2009), in NumPy",
        tolerance=1e-10,  # of the sum less 1 of the oracle
        bad_hypers=({"alpha": 0.0}, {"alpha": -1.0}),
        perfect=equal_log_distributions,
        illegal=NOT_LOG_PROBABILITIES,
        structures=FEW,
        extremes=EDGES,
        **ORDERS,
    ),
    Case(
        fn=jaxloss.renyi_divergence,
        mistakes={"sum to 1": draws.half_of("log_predictions")},
        draw=log_distributions,
        oracle=_renyi,
        source="van Erven and Harremoës (2014), in NumPy",
        tolerance=1e-10,  # of the logarithm of a sum near 1 of the oracle
        bad_hypers=({"alpha": 0.0}, {"alpha": -1.0}),
        perfect=equal_log_distributions,
        illegal=NOT_LOG_PROBABILITIES,
        structures=FEW,
        extremes=EDGES,
        **ORDERS,
    ),
    Case(
        fn=jaxloss.beta_divergence,
        draw=_powers,
        oracle=_factorised,
        source="sklearn.decomposition.NMF",
        tolerance=1e-10,  # of the terms of the oracle, which cancel
        hypers={"beta": 0.4},
        ends=({"beta": 0.0}, {"beta": 1.0}, {"beta": 2.0}, {"beta": -0.5}, {"beta": 1.5}),
        perfect=_equal_powers,
        illegal={"predictions": (0.0, -1.0), "targets": (-1.0,)},
        extremes={
            "any scale": {"predictions": np.array([1e-8, 1e8, 1.0, 1.0]), "targets": np.array([1e-8, 1.0, 1e8, 1e-8])}
        },
    ),
]
