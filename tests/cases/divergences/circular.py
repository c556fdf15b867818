"""Cases of `jaxloss.divergences.circular`."""

from __future__ import annotations

import numpy as np
from scipy.special import ive

import jaxloss
from tests.cases import Case, Inputs, Shape

PAIR = ("locations_p", "concentrations_p", "locations_q", "concentrations_q")


def _draw(rng: np.random.Generator, batch: Shape) -> Inputs:
    """Directions within less than half a turn: about a turn apart they are rounded as large numbers."""
    directions, concentrations = rng.uniform(-4, 4, size=batch), lambda: np.exp(rng.uniform(-2, 3, size=batch))
    others = directions + rng.uniform(-2, 2, size=batch)
    return dict(zip(PAIR, (directions, concentrations(), others, concentrations()), strict=True))


def _equal(rng: np.random.Generator, batch: Shape) -> Inputs:
    drawn = _draw(rng, batch)
    return drawn | {
        "locations_q": drawn["locations_p"].copy(),
        "concentrations_q": drawn["concentrations_p"].copy(),
    }


def _von_mises(locations_p, concentrations_p, locations_q, concentrations_q):
    p, q = concentrations_p, concentrations_q
    resultant = ive(1, p) / ive(0, p)
    normalisers = np.log(ive(0, q) / ive(0, p)) + q - p
    return normalisers + resultant * (p - q * np.cos(locations_p - locations_q))


def _edges(*columns: tuple[float, float, float, float]) -> Inputs:
    return dict(zip(PAIR, np.array(columns).T.copy(), strict=True))


CASES = [
    Case(
        fn=jaxloss.von_mises_kl,
        draw=_draw,
        oracle=_von_mises,
        source="the formula, with scipy.special.ive",
        tolerance=1e-10,
        ulps=8.0,  # a quadrature of a quotient of series
        perfect=_equal,
        illegal={"concentrations_p": (-1.0, -1e-3), "concentrations_q": (-1.0, -1e-3)},
        extremes={
            "uniform": _edges((0, 0, 1, 0), (0, 0, 1, 3), (0, 3, 1, 0), (0, 0, 1, 1e30)),
            "any concentration": _edges((0, 1e30, 1, 1e30), (0, 1e-30, 1, 1e30), (0, 1e30, 1, 1e-30), (0, 1e30, 0, 3)),
            "many turns": _edges((1e6, 1, 0, 1), (0, 2, 1e30, 3)),
        },
        translates=(("locations_p", "locations_q"),),
    ),
]
