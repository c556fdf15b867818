"""Cases of `jaxloss.language.policies.geometric_means`."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests.cases import Case, Inputs, Shape
from tests.cases.language._shared import CONSTANT


def draw_answers(rng: np.random.Generator, batch: Shape) -> Inputs:
    """One advantage for all tokens of an answer, the last axis."""
    log_probs = -rng.gamma(2.0, size=batch) - 0.3
    return {
        "log_probs": log_probs,
        "old_log_probs": log_probs + 0.5 * rng.normal(size=batch),
        "advantages": np.broadcast_to(rng.normal(size=(*batch[:-1], 1)), batch).copy(),
    }


def _gmpo(log_probs, old_log_probs, advantages, log_clip_low=0.4, log_clip_high=0.4):
    """The root of the product of the smaller ones of two rewards, with its sign, as the paper writes it."""
    result = np.empty(log_probs.shape[:-1])
    for i in np.ndindex(result.shape):
        product = 1.0
        for p, q, a in zip(log_probs[i], old_log_probs[i], advantages[i], strict=True):
            ratio = np.exp(p) / np.exp(q)
            limited = min(max(ratio, np.exp(-log_clip_low)), np.exp(log_clip_high))
            product *= abs(min(ratio * a, limited * a))
        result[i] = -np.sign(advantages[i][0]) * product ** (1 / log_probs.shape[-1])
    return result


STOPPED = {"old_log_probs": CONSTANT, "advantages": CONSTANT}
HYPERS = {"log_clip_low": 0.2, "log_clip_high": 0.7}

CASES = [
    Case(
        fn=jaxloss.gmpo_loss,
        draw=draw_answers,
        oracle=_gmpo,
        source="Zhao et al. (2025), equation 4, as a root of a product over tokens",
        hypers=HYPERS,
        ends=({**HYPERS, "log_clip_low": 0.0}, {**HYPERS, "log_clip_high": 0.0}),
        pooled=True,
        single="an answer may have one token",
        fixed=STOPPED,
        constant=STOPPED,
        bad_hypers=({"log_clip_low": -0.1}, {"log_clip_high": -0.1}),
        bound=None,
        extremes={
            "far apart, and gains": {
                "log_probs": np.array([-1e4, 0.0]),
                "old_log_probs": np.array([0.0, -1e4]),
                "advantages": np.array([1.0, 1.0]),
            },
            "no gain": {
                "log_probs": np.array([-1e4, 0.0]),
                "old_log_probs": np.array([0.0, -1e4]),
                "advantages": np.zeros(2),
            },
            "only an exponential overflows": {
                "log_probs": np.zeros(2),
                "old_log_probs": np.array([-89.0, -89.0]),
                "advantages": np.array([-0.01, -0.01]),
            },
            "no longer possible": {
                "log_probs": np.array([-np.inf, 0.0]),
                "old_log_probs": np.zeros(2),
                "advantages": np.ones(2),
            },
        },
        exempt={"says_where_its_examples_are": "a pool is the tokens of one answer"},
        translates=(("log_probs", "old_log_probs"),),
    ),
]
