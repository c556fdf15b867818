"""The Case of SIGReg."""

from __future__ import annotations

import numpy as np
from scipy import integrate

import jaxloss
from tests.cases import Case
from tests.cases.representation._views import D

DIRECTIONS = np.array([[1.0, 0.5, 0.0], [-2.0, 0.3, 1.0], [0.1, 1.0, -0.4], [0.3, -0.2, 0.9]])


def _statistic(points, max_time, num_knots):
    """One projection: the trapezoidal rule over both signs of the time, of complex characteristic functions."""
    times = np.linspace(-max_time, max_time, 2 * num_knots - 1)
    gaps = [abs(np.mean(np.exp(1j * t * points)) - np.exp(-(t**2) / 2)) ** 2 * np.exp(-(t**2) / 2) for t in times]
    return integrate.trapezoid(gaps, times)


def _sigreg(embeddings, directions, max_time=3.0, num_knots=17):
    units = [u / np.linalg.norm(u) for u in directions]
    batch = embeddings.shape[:-2]
    values = [np.mean([_statistic(embeddings[i] @ u, max_time, num_knots) for u in units]) for i in np.ndindex(batch)]
    return np.reshape(values, batch)


def _embeddings(rng, batch):
    """Neither normal nor of unit variance."""
    mix = np.array([[1.5, 0.3, 0.0], [0.0, 0.8, 0.4], [0.0, 0.0, 1.2]])
    return {"embeddings": rng.gamma(2.0, size=(*batch, D)) @ mix - 1.0, "directions": DIRECTIONS}


def _one_feature(rng, batch):
    return {"embeddings": rng.normal(size=(*batch, 1)) + 0.5, "directions": np.array([[1.0], [-3.0]])}


CASES = [
    Case(
        fn=jaxloss.sigreg_loss,
        draw=_embeddings,
        structures={"one feature": _one_feature},
        oracle=_sigreg,
        source="Balestriero and LeCun (2025), with complex exponentials and scipy.integrate.trapezoid",
        hypers={"max_time": 2.0, "num_knots": 9},
        ends=({"max_time": 2.0, "num_knots": 2},),
        bad_hypers=({"max_time": 0.0}, {"max_time": -1.0}, {"num_knots": 1}, {"num_knots": 2.5}),
        static=("num_knots",),
        shared=("directions",),
        pooled=True,
        cancels="the empirical characteristic function is near the normal one where the loss is small",
        ulps=16,  # a sum over the times of squares of differences
        extremes={
            "collapsed": {"embeddings": np.zeros((4, 2)), "directions": np.eye(2)},
            "one example": {"embeddings": np.ones((1, 2)), "directions": np.eye(2)},
            "far": {"embeddings": np.full((4, 2), 1e6), "directions": np.eye(2)},
            "no direction": {"embeddings": np.ones((4, 2)), "directions": np.zeros((1, 2))},
        },
    ),
]
