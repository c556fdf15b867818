"""Cases of `jaxloss.experts.variation`."""

from __future__ import annotations

import numpy as np
import scipy.stats

import jaxloss
from tests import draws
from tests.cases import Case, Inputs, Shape
from tests.cases.experts._shared import EXPERTS


def _variation(load):
    return np.std(load, -1) ** 2 / np.mean(load, -1) ** 2


def _load_oracle(logits, noisy_logits, noise_std, top_k=1):
    threshold = np.sort(noisy_logits, -1)[..., -top_k, None]
    return _variation(np.sum(scipy.stats.norm.sf(threshold, loc=logits, scale=noise_std), -2))


def _noisy(rng: np.random.Generator, batch: Shape, experts: int = EXPERTS) -> Inputs:
    logits = rng.normal(size=(*batch, experts))
    return {"logits": logits, "noisy_logits": logits + 0.5 * rng.normal(size=logits.shape)}


HELPERS = {
    "update_expert_bias": "a step of a state that replaces a loss",
}

CASES = [
    Case(
        fn=jaxloss.expert_importance_loss,
        draw=lambda rng, batch: {"gates": draws.simplex(rng, batch, EXPERTS)},
        structures={f"{n} experts": lambda rng, batch, n=n: {"gates": draws.simplex(rng, batch, n)} for n in (1, 2)},
        illegal={"gates": (-0.1,)},
        oracle=lambda gates: _variation(np.sum(gates, -2)),
        source="numpy.std and numpy.mean",
        pooled=True,
        single="a decoding step routes one token",
        perfect=lambda rng, batch: {"gates": np.full((*batch, 4), 0.25)},
        cancels="the mean of the experts is subtracted from each",
        extremes={"one expert": {"gates": np.eye(3)[[1, 1, 1]]}, "no gate": {"gates": np.zeros((3, 2))}},
    ),
    Case(
        fn=jaxloss.expert_load_loss,
        draw=_noisy,
        structures={"two experts": lambda rng, batch: _noisy(rng, batch, 2)},
        oracle=_load_oracle,
        source="scipy.stats.norm",
        pooled=True,
        single="a decoding step routes one token",
        hypers={"noise_std": 0.7, "top_k": 2},
        ends=tuple({"noise_std": 0.7, "top_k": k} for k in (1, EXPERTS)),
        static=("top_k",),
        bad_hypers=({"noise_std": 0.0}, {"top_k": 0}, {"top_k": 6}),
        cancels="the mean of the experts is subtracted from each",
        extremes={
            "far apart": {
                "logits": np.array([[1e4, 0.0, 0.0, 0.0, 0.0]] * 2),
                "noisy_logits": np.array([[1e4, 1.0, 0.0, -1.0, -1e4]] * 2),
            }
        },
        translates=(("logits", "noisy_logits"),),
        exempt={"infinite_logits_are_tried": "with as many choices as experts an absent one would be chosen"},
    ),
]
