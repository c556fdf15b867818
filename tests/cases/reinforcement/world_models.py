"""Cases of `jaxloss.reinforcement.world_models`."""

from __future__ import annotations

import numpy as np
import scipy.special

import jaxloss
from tests.cases import Case


def draw_states_of_a_model(rng, batch, variables=3, classes=4):
    return {name: 1.5 * rng.normal(size=(*batch, variables, classes)) for name in ("posterior_logits", "prior_logits")}


def _divergence(posterior_logits, prior_logits):
    posterior = scipy.special.softmax(posterior_logits, axis=-1)
    terms = scipy.special.rel_entr(posterior, scipy.special.softmax(prior_logits, axis=-1))
    return np.sum(terms, axis=(-2, -1))


def _balanced(posterior_logits, prior_logits, dynamics_weight=1.0, representation_weight=0.1, free_nats=1.0):
    floored = np.maximum(_divergence(posterior_logits, prior_logits), free_nats)
    return (dynamics_weight + representation_weight) * floored


def _slopes(posterior_logits, prior_logits, dynamics_weight=1.0, representation_weight=0.1, free_nats=1.0):
    q, p = (scipy.special.softmax(x, axis=-1) for x in (posterior_logits, prior_logits))
    above = (_divergence(posterior_logits, prior_logits) > free_nats)[..., None, None]
    ratio = np.log(q / p)
    own = np.sum(q * ratio, axis=-1, keepdims=True)
    return {
        "posterior_logits": representation_weight * above * q * (ratio - own),
        "prior_logits": dynamics_weight * above * (p - q),
    }


CASES = [
    Case(
        fn=jaxloss.balanced_categorical_kl,
        draw=draw_states_of_a_model,
        structures={"one variable of two classes": lambda rng, batch: draw_states_of_a_model(rng, batch, 1, 2)},
        oracle=_balanced,
        source="Hafner et al. (2023), equation 5, over scipy.special.rel_entr",
        slopes=_slopes,
        hypers={"dynamics_weight": 0.5, "representation_weight": 0.25, "free_nats": 2.0},
        ends=(
            {"dynamics_weight": 0.0, "representation_weight": 0.25, "free_nats": 0.0},
            {"dynamics_weight": 0.5, "representation_weight": 0.0, "free_nats": 0.0},
        ),
        bad_hypers=({"dynamics_weight": -0.1}, {"representation_weight": -0.1}, {"free_nats": -0.1}),
        exempt={"derivatives": "each term sees one of its distributions as a constant"},
        extremes={
            "certain and opposite": {
                "posterior_logits": np.array([[[1e4, 0.0], [-np.inf, 0.0]]]),
                "prior_logits": np.array([[[0.0, 1e4], [0.0, 0.0]]]),
            },
            "equal": {"posterior_logits": np.zeros((1, 1, 2)), "prior_logits": np.zeros((1, 1, 2))},
        },
        translates=(("posterior_logits",), ("prior_logits",)),
    ),
]
