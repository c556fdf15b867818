"""Cases of `jaxloss.experts.balance`."""

from __future__ import annotations

import numpy as np
import scipy.special

import jaxloss
from tests.cases import Case, Inputs, Shape
from tests.cases.experts._shared import CHOICES, EXPERTS


def _balance_oracle(affinities, experts):
    """Equations 17 to 20 of the DeepSeek-V3 report, token by token and expert by expert."""
    probs = affinities / affinities.sum(-1, keepdims=True)
    values = np.zeros(probs.shape[:-2])
    tokens, choices = experts.shape[-2:]
    for pool in np.ndindex(values.shape):
        for e in range(probs.shape[-1]):
            share = sum(np.sum(experts[pool][t] == e) for t in range(tokens)) / (tokens * choices)
            values[pool] += probs.shape[-1] * share * probs[pool][:, e].sum() / tokens
    return values


def _top_k_oracle(logits, top_k=1):
    return _balance_oracle(scipy.special.softmax(logits, -1), np.argsort(-logits, -1)[..., :top_k])


def _routed(rng: np.random.Generator, batch: Shape, num_experts: int = EXPERTS, choices: int = CHOICES) -> Inputs:
    """Sigmoid affinities, and experts that another rule has chosen."""
    scores = rng.normal(size=(*batch, num_experts))
    return {
        "affinities": scipy.special.expit(2 * rng.normal(size=(*batch, num_experts))),
        "experts": np.argsort(scores, -1)[..., :choices].astype(np.int32),
    }


CASES = [
    Case(
        fn=jaxloss.load_balancing_loss,
        draw=lambda rng, batch: {"logits": rng.normal(size=(*batch, EXPERTS))},
        structures={"two experts": lambda rng, batch: {"logits": rng.normal(size=(*batch, 2))}},
        oracle=_top_k_oracle,
        source="formula, in loops",
        pooled=True,
        single="a decoding step routes one token",
        hypers={"top_k": 2},
        ends=({"top_k": 1}, {"top_k": EXPERTS}),
        static=("top_k",),
        bad_hypers=({"top_k": 0}, {"top_k": 6}),
        extremes={
            "certain and absent": {
                "logits": np.array(
                    [[1e4, 0.0, -1e4, 0.0, 0.0], [-np.inf, 0.0, 1.0, -np.inf, 0.0], [1e30, -1e30, 0.0, 1.0, 1e30]]
                )
            }
        },
        translates=(("logits",),),
    ),
    Case(
        fn=jaxloss.expert_balance_loss,
        draw=_routed,
        structures={
            "one expert": lambda rng, batch: _routed(rng, batch, 1, 1),
            "every expert chosen": lambda rng, batch: _routed(rng, batch, 3, 3),
        },
        illegal={"affinities": (-0.1,), "experts": (-1, EXPERTS)},
        oracle=_balance_oracle,
        source="equations 17 to 20 of the DeepSeek-V3 report, in loops",
        pooled=True,
        single="a decoding step routes one token",
        extremes={
            "certain": {"affinities": np.eye(3), "experts": np.array([[0], [0], [2]], np.int32)},
            "no affinity": {"affinities": np.zeros((2, 3)), "experts": np.array([[0], [2]], np.int32)},
            "large and small": {
                "affinities": np.array([[3e38, 3e38], [1e-30, 1e-30]]),
                "experts": np.array([[0], [1]], np.int32),
            },
        },
    ),
    Case(
        fn=jaxloss.router_z_loss,
        draw=lambda rng, batch: {"logits": rng.normal(size=(*batch, EXPERTS))},
        structures={"one expert": lambda rng, batch: {"logits": rng.normal(size=(*batch, 1))}},
        oracle=lambda logits: scipy.special.logsumexp(logits, -1) ** 2,
        source="scipy.special.logsumexp",
        cancels="the log-normaliser is near 0 where the largest score cancels the sum of the others",
        extremes={"saturated and absent": {"logits": np.array([[-np.inf, 0.0, 1e4], [1e4, -1e4, 0.0]])}},
    ),
]
