"""Cases of policy-gradient objectives over tokens."""

from __future__ import annotations

import numpy as np
import scipy.special

import jaxloss
from tests import draws
from tests.cases import Case, Inputs, Shape

HELPERS = {
    "batch_scaled_advantages": "turns rewards of groups into advantages",
    "centered_advantages": "turns rewards of groups into advantages",
    "group_advantages": "turns rewards of groups into advantages",
    "leave_one_out_advantages": "turns rewards of groups into advantages",
}

CONSTANT = "data of the rollout, not of the model that is trained: constant by definition"
FIXED = {"old_log_probs": CONSTANT, "advantages": CONSTANT}
CANCELS = "terms of either sign"
BAD = ({"clip_low": -0.1}, {"clip_low": 1.5}, {"clip_high": -0.1})


def _tokens(*references: str):
    def draw(rng: np.random.Generator, batch: Shape) -> Inputs:
        log_probs = -rng.gamma(2.0, size=batch) - 0.3
        others = {name: log_probs + 0.3 * rng.normal(size=batch) for name in ("old_log_probs", *references)}
        return {"log_probs": log_probs, **others, "advantages": rng.normal(size=batch)}

    return draw


def _agreeing(rng: np.random.Generator, batch: Shape) -> Inputs:
    return draws.equal_pair("log_probs", "reference_log_probs")(rng, batch)


def _two(log_probs, reference_log_probs) -> Inputs:
    return {"log_probs": np.array(log_probs), "reference_log_probs": np.array(reference_log_probs)}


def _surrogate(ratio, advantages, low, high, dual=np.inf):
    """Token by token, as the papers write it."""
    result = np.empty(np.shape(ratio))
    for i in np.ndindex(result.shape):
        r, a = ratio[i], advantages[i]
        gain = min(r * a, min(max(r, 1 - low), 1 + high) * a)
        result[i] = -(max(gain, dual * a) if a < 0 else gain)
    return result


def _ppo(log_probs, old_log_probs, advantages, clip_low=0.2, clip_high=0.2, dual_clip=np.inf):
    return _surrogate(np.exp(log_probs) / np.exp(old_log_probs), advantages, clip_low, clip_high, dual_clip)


def _grpo(log_probs, old_log_probs, reference_log_probs, advantages, clip_low=0.2, clip_high=0.2, beta=0.04):
    policy, old, reference = (np.exp(x) for x in (log_probs, old_log_probs, reference_log_probs))
    surrogate = _surrogate(policy / old, advantages, clip_low, clip_high)
    return surrogate + beta * (reference / policy - np.log(reference / policy) - 1)


def _cispo(log_probs, old_log_probs, advantages, clip_high=4.0):
    ratio = np.exp(log_probs) / np.exp(old_log_probs)
    return -np.minimum(ratio, 1 + clip_high) * advantages * log_probs


def _values(rng: np.random.Generator, batch: Shape) -> Inputs:
    values = rng.normal(size=batch)
    return {"values": values, "old_values": values + 0.5 * rng.normal(size=batch), "returns": rng.normal(size=batch)}


def _fitted(rng: np.random.Generator, batch: Shape) -> Inputs:
    values = rng.normal(size=batch)
    return {"values": values, "old_values": values + 0.05 * rng.uniform(-1, 1, size=batch), "returns": values.copy()}


def _value_clip(values, old_values, returns, clip=0.2):
    clipped = np.clip(values, old_values - clip, old_values + clip)
    return np.maximum((values - returns) ** 2, (clipped - returns) ** 2) / 2


FAR_TOKENS = {"log_probs": np.array([-1e4, 0.0, 0.0]), "old_log_probs": np.array([0.0, -1e4, -1e4])}
EXTREMES = {
    "far apart, gains": {**FAR_TOKENS, "advantages": np.array([1.0, 1.0, 0.0])},
    "no longer possible": {
        "log_probs": np.array([-np.inf, -np.inf]),
        "old_log_probs": np.zeros(2),
        "advantages": np.array([1.0, 0.0]),
    },
}

CASES = [
    Case(
        fn=jaxloss.ppo_clip_loss,
        draw=_tokens(),
        oracle=_ppo,
        source="formula of the paper, token by token",
        hypers={"clip_low": 0.1, "clip_high": 0.3, "dual_clip": 1.25},
        fixed=FIXED,
        bad_hypers=(*BAD, {"dual_clip": 1.0}),
        bound=None,
        extremes=EXTREMES,
    ),
    Case(
        fn=jaxloss.grpo_loss,
        draw=_tokens("reference_log_probs"),
        oracle=_grpo,
        source="formula of the paper, token by token",
        hypers={"clip_low": 0.1, "clip_high": 0.3, "beta": 0.5},
        fixed=FIXED,
        bad_hypers=(*BAD, {"beta": -0.1}),
        bound=None,
        cancels=CANCELS,
        extremes={
            "far apart, gains": {
                **FAR_TOKENS,
                "reference_log_probs": np.array([-1e4, 0.0, -1e4]),
                "advantages": np.array([1.0, 1.0, 0.0]),
            }
        },
    ),
    Case(
        fn=jaxloss.cispo_loss,
        draw=_tokens(),
        oracle=_cispo,
        source="formula of the paper",
        hypers={"clip_high": 0.25},
        fixed=FIXED,
        bad_hypers=({"clip_high": -0.1},),
        bound=None,
        extremes={"far apart": {**FAR_TOKENS, "advantages": np.array([1.0, 1.0, -1.0])}},
        exempt={"derivatives": "its gradient leaves the importance weight out, by definition"},
    ),
    Case(
        fn=jaxloss.kl_estimate_k1,
        draw=draws.pair("log_probs", "reference_log_probs"),
        oracle=lambda log_probs, reference_log_probs: np.log(np.exp(log_probs) / np.exp(reference_log_probs)),
        source="logarithm of the ratio",
        bound=None,
        convex=True,
        tolerance=1e-11,
        extremes={"far": _two([-1e30, 0.0], [0.0, -1e30])},
    ),
    Case(
        fn=jaxloss.kl_estimate_k2,
        draw=draws.pair("log_probs", "reference_log_probs"),
        oracle=lambda log_probs, reference_log_probs: np.log(np.exp(log_probs) / np.exp(reference_log_probs)) ** 2 / 2,
        source="logarithm of the ratio",
        perfect=_agreeing,
        convex=True,
        tolerance=1e-11,
        extremes={"far": _two([-1e18, 0.0], [0.0, -1e18])},
    ),
    Case(
        fn=jaxloss.kl_estimate_k3,
        draw=draws.pair("log_probs", "reference_log_probs"),
        oracle=lambda log_probs, reference_log_probs: (
            (scipy.special.exprel(reference_log_probs - log_probs) - 1) * (reference_log_probs - log_probs)
        ),
        source="scipy.special.exprel",
        perfect=_agreeing,
        convex=True,
        tolerance=1e-10,
        extremes={"near": _two([-1.0], [-1.0 - 1e-7]), "far": _two([0.0, -80.0], [-1e30, 0.0])},
    ),
    Case(
        fn=jaxloss.ppo_value_clip_loss,
        draw=_values,
        oracle=_value_clip,
        source="formula with numpy.clip",
        hypers={"clip": 0.5},
        fixed={"old_values": CONSTANT, "returns": CONSTANT},
        bad_hypers=({"clip": 0.0}, {"clip": -1.0}),
        perfect=_fitted,
        convex=True,
        extremes={"far": {"values": np.array([1e18, -1e18]), "old_values": np.zeros(2), "returns": np.zeros(2)}},
    ),
]
