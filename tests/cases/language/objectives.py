"""Cases of `jaxloss.language.policies.objectives`."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests.cases import Case, Inputs, Shape
from tests.cases.language._shared import CONSTANT

STOPPED = {"old_log_probs": CONSTANT, "advantages": CONSTANT}

EITHER_SIGN = "terms of either sign"

CLIP_ENDS = ({"clip_low": 0.0}, {"clip_low": 1.0}, {"clip_high": 0.0})

BAD_CLIPS = ({"clip_low": -0.1}, {"clip_low": 1.5}, {"clip_high": -0.1})


def _tokens(*references: str):
    def draw(rng: np.random.Generator, batch: Shape) -> Inputs:
        log_probs = -rng.gamma(2.0, size=batch) - 0.3
        others = {name: log_probs + 0.3 * rng.normal(size=batch) for name in ("old_log_probs", *references)}
        return {"log_probs": log_probs, **others, "advantages": rng.normal(size=batch)}

    return draw


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


def _cispo_slopes(log_probs, old_log_probs, advantages, clip_high=4.0):
    """Minus the clipped ratio times the advantage: the importance weight is a constant."""
    ratio = np.exp(log_probs) / np.exp(old_log_probs)
    return {"log_probs": -np.minimum(ratio, 1 + clip_high) * advantages}


def _cispo(log_probs, **inputs):
    return log_probs * _cispo_slopes(log_probs, **inputs)["log_probs"]


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
        ends=tuple({"clip_low": 0.1, "clip_high": 0.3, "dual_clip": 1.25, **end} for end in CLIP_ENDS),
        fixed=STOPPED,
        constant=STOPPED,
        bad_hypers=(*BAD_CLIPS, {"dual_clip": 1.0}),
        bound=None,
        extremes=EXTREMES,
        translates=(("log_probs", "old_log_probs"),),
    ),
    Case(
        fn=jaxloss.grpo_loss,
        draw=_tokens("reference_log_probs"),
        oracle=_grpo,
        source="formula of the paper, token by token",
        hypers={"clip_low": 0.1, "clip_high": 0.3, "beta": 0.5},
        ends=tuple({"clip_low": 0.1, "clip_high": 0.3, "beta": 0.5, **end} for end in (*CLIP_ENDS, {"beta": 0.0})),
        fixed=STOPPED,
        constant=STOPPED,
        bad_hypers=(*BAD_CLIPS, {"beta": -0.1}),
        bound=None,
        cancels=EITHER_SIGN,
        extremes={
            "far apart, gains": {
                **FAR_TOKENS,
                "reference_log_probs": np.array([-1e4, 0.0, -1e4]),
                "advantages": np.array([1.0, 1.0, 0.0]),
            },
            "only an exponential overflows": {
                "log_probs": np.array([0.0, -89.0]),
                "old_log_probs": np.array([-89.0, -89.0]),
                "reference_log_probs": np.zeros(2),
                "advantages": np.array([-0.01, 1.0]),
            },
        },
        translates=(("log_probs", "old_log_probs", "reference_log_probs"),),
    ),
    Case(
        fn=jaxloss.cispo_loss,
        draw=_tokens(),
        oracle=_cispo,
        slopes=_cispo_slopes,
        source="formula of the paper",
        hypers={"clip_high": 0.25},
        ends=({"clip_high": 0.0},),
        fixed=STOPPED,
        constant=STOPPED,
        bad_hypers=({"clip_high": -0.1},),
        bound=None,
        extremes={"far apart": {**FAR_TOKENS, "advantages": np.array([1.0, 1.0, -1.0])}},
        exempt={"derivatives": "its gradient leaves the importance weight out, by definition"},
    ),
]
