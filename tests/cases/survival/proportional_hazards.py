"""Cases of `jaxloss.survival.proportional_hazards`."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests.cases import Case, Inputs, Shape

TIMES = "the loss depends on the order of the times alone"
COPIES = "copies of a subject are ties, which compete with each other"


def _cohort(rng: np.random.Generator, batch: Shape) -> Inputs:
    """Times from a few days, so that there are ties; the last subject, at the first day, has the event."""
    times = rng.integers(1, 5, size=batch).astype(float)
    events = rng.uniform(size=batch) < 0.7
    if batch[-1]:
        times[..., 0], events[..., 0] = 0.0, True
    return {"log_hazards": rng.normal(size=batch), "times": times, "events": events}


def _by_day(efron):
    """Day by day, and within a day one death after the other."""

    def one(scores, times, events):
        total = 0.0
        for day in np.unique(times[events]):
            risk = np.sum(np.exp(scores[times >= day]))
            dead = np.flatnonzero(events & (times == day))
            tied = np.sum(np.exp(scores[dead]))
            for k, i in enumerate(dead):
                total += np.log(risk - (k / len(dead) * tied if efron else 0)) - scores[i]
        return total / np.sum(events)

    def oracle(log_hazards, times, events):
        pools = np.ndindex(log_hazards.shape[:-1])
        return np.reshape([one(log_hazards[i], times[i], events[i]) for i in pools], log_hazards.shape[:-1])

    return oracle


EXTREMES = {
    "far apart": {
        "log_hazards": np.array([[1e4, -1e4, 0.0, 200.0], [-1e4, 1e4, 1e4, 0.0], [0.0, 0.0, 0.0, 0.0]]),
        "times": np.array([[1.0, 2.0, 2.0, 3.0], [4.0, 3.0, 3.0, 1.0], [2.0, 2.0, 2.0, 2.0]]),
        "events": np.ones((3, 4), bool),
    },
    "no event": {"log_hazards": np.zeros((2, 3)), "times": np.ones((2, 3)), "events": np.zeros((2, 3), bool)},
}

CASES = [
    Case(
        fn=fn,
        draw=_cohort,
        oracle=_by_day(efron),
        source="risk sets, in loops",
        pooled=True,
        fixed={"times": TIMES},
        constant={"times": TIMES},
        convex=convex,
        extremes=EXTREMES,
        exempt={"weight_is_repetition": COPIES},
        translates=(("log_hazards",), ("times",)),
    )
    for fn, efron, convex in ((jaxloss.cox_breslow_nll, False, True), (jaxloss.cox_efron_nll, True, True))
]
