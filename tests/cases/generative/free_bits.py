"""Cases of free bits."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests.cases import Case
from tests.cases.generative._shared import HUGE
from tests.draws import Draw


def _group_divergences(groups: int) -> Draw:
    return lambda rng, batch: {"kl_divergences": rng.gamma(1.0, size=(*batch, groups))}


def _batch_free_bits(kl_divergences, free_nats):
    means = kl_divergences.sum(-2) / kl_divergences.shape[-2]
    return np.where(means < free_nats, free_nats, means).sum(-1)


CASES = [
    Case(
        fn=jaxloss.free_bits_loss,
        draw=_group_divergences(4),
        structures={"one group": _group_divergences(1)},
        oracle=lambda kl_divergences, free_nats: np.where(kl_divergences < free_nats, free_nats, kl_divergences).sum(
            -1
        ),
        source="Kingma et al. (2016), example by example",
        hypers={"free_nats": 0.5},
        bad_hypers=({"free_nats": -1.0},),
        ends=({"free_nats": 0.0},),
        convex=True,
        extremes={"floor": {"kl_divergences": np.array([[0.5, 0.0, HUGE, 1e-30]])}},
    ),
    Case(
        fn=jaxloss.batch_free_bits_loss,
        draw=_group_divergences(4),
        structures={"one group": _group_divergences(1)},
        oracle=_batch_free_bits,
        source="Kingma et al. (2016), equation 15",
        hypers={"free_nats": 0.75},
        pooled=True,
        bad_hypers=({"free_nats": -1.0},),
        ends=({"free_nats": 0.0},),
        convex=True,
        extremes={"floor": {"kl_divergences": np.array([[0.5, 0.0], [1.0, 1e30]])}},
    ),
]
