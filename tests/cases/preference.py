"""Cases of preference optimisation, from log-probabilities of sequences."""

from __future__ import annotations

import numpy as np
import scipy.special

import jaxloss
from tests.cases import Case, Inputs, Shape

HELPERS = {
    "kto_reference_point": "a statistic of the batch that kto_loss takes, not a loss",
    "mean_sequence_logps": "turns log-probabilities of tokens into the inputs of preference losses",
    "sequence_logps": "turns log-probabilities of tokens into the inputs of preference losses",
}

FOUR = ("chosen_logps", "rejected_logps", "reference_chosen_logps", "reference_rejected_logps")
CANCELS = "a logarithm less a linear term of either sign"


def _pairs(*names: str):
    return lambda rng, batch: {name: -rng.gamma(4.0, size=batch) - 0.05 for name in names}


def _same(names: tuple[str, ...], *values: float) -> Inputs:
    return {name: np.full(1, value) for name, value in zip(names, values, strict=True)}


def _margin(chosen_logps, rejected_logps, reference_chosen_logps, reference_rejected_logps):
    return (chosen_logps - rejected_logps) - (reference_chosen_logps - reference_rejected_logps)


def _wins(x):
    """Minus the log-probability of a win."""
    return -np.log(scipy.special.expit(x))


def _dpo(*logps, beta=0.1, label_smoothing=0.0):
    score = beta * _margin(*logps)
    return (1 - label_smoothing) * _wins(score) + label_smoothing * _wins(-score)


def _robust_dpo(*logps, beta=0.1, flip_rate=0.1):
    score = beta * _margin(*logps)
    return ((1 - flip_rate) * _wins(score) - flip_rate * _wins(-score)) / (1 - 2 * flip_rate)


def _four(formula):
    return lambda chosen_logps, rejected_logps, reference_chosen_logps, reference_rejected_logps, **hypers: formula(
        chosen_logps, rejected_logps, reference_chosen_logps, reference_rejected_logps, **hypers
    )


def _slic(*logps, beta=0.1, margin=1.0):
    return np.clip(margin - beta * _margin(*logps), 0, None)


def _dpo_positive(*logps, beta=0.3, penalty=50.0):
    chosen, _, reference, _ = logps
    return -scipy.special.log_expit(beta * (_margin(*logps) - penalty * np.clip(reference - chosen, 0, None)))


def _satisfied(rng: np.random.Generator, batch: Shape) -> Inputs:
    return {name: np.full(batch, value) for name, value in zip(FOUR, (0.0, -500.0, -1.0, -1.0), strict=True)}


def _rewards(rng: np.random.Generator, batch: Shape) -> Inputs:
    return {n: 2 * rng.normal(size=batch) for n in ("chosen_rewards", "rejected_rewards")}


def _answers(rng: np.random.Generator, batch: Shape) -> Inputs:
    return {**_pairs("logps", "reference_logps")(rng, batch), "labels": rng.integers(0, 2, size=batch).astype(np.int32)}


def _kto(logps, reference_logps, labels, beta=0.1, desirable_weight=1.0, undesirable_weight=1.0, reference_point=0.0):
    ratio = logps - reference_logps
    good = desirable_weight * (1 - scipy.special.expit(beta * (ratio - reference_point)))
    bad = undesirable_weight * (1 - scipy.special.expit(beta * (reference_point - ratio)))
    return np.choose(labels, [bad, good])


def _orpo(chosen_logps, rejected_logps, beta=0.1):
    chosen, rejected = np.exp(chosen_logps), np.exp(rejected_logps)
    return -chosen_logps - beta * np.log(
        scipy.special.expit(scipy.special.logit(chosen) - scipy.special.logit(rejected))
    )


FAR = {
    "far apart": _same(FOUR, 0.0, -3e38, -1.0, -1.0),
    "far the wrong way": _same(FOUR, -1e6, 0.0, -1.0, -1.0),
    "at the reference": _same(FOUR, -700.0, -800.0, -700.0, -800.0),
}
BAD = ({"beta": 0.0}, {"beta": -1.0})

CASES = [
    Case(
        fn=jaxloss.bradley_terry_reward_loss,
        draw=_rewards,
        oracle=lambda chosen_rewards, rejected_rewards, margin=0.0, centering=0.0: (
            _wins(chosen_rewards - rejected_rewards - margin) + centering * (chosen_rewards + rejected_rewards) ** 2
        ),
        source="scipy.special.expit",
        hypers={"margin": 0.5, "centering": 0.25},
        bad_hypers=({"centering": -1.0},),
        convex=True,
        extremes={"far": {"chosen_rewards": np.array([1e4, -1e4]), "rejected_rewards": np.array([-1e4, 1e4])}},
    ),
    Case(
        fn=jaxloss.dpo_loss,
        draw=_pairs(*FOUR),
        oracle=_four(_dpo),
        source="scipy.special.expit",
        hypers={"beta": 0.5, "label_smoothing": 0.125},
        bad_hypers=(*BAD, {"label_smoothing": -0.1}, {"label_smoothing": 0.6}),
        convex=True,
        extremes=FAR,
    ),
    Case(
        fn=jaxloss.robust_dpo_loss,
        draw=_pairs(*FOUR),
        oracle=_four(_robust_dpo),
        source="formula of the paper over scipy.special.expit",
        hypers={"beta": 0.5, "flip_rate": 0.25},
        bad_hypers=(*BAD, {"flip_rate": -0.1}, {"flip_rate": 0.5}),
        bound=None,
        convex=True,
        cancels=CANCELS,
        extremes=FAR,
    ),
    Case(
        fn=jaxloss.ipo_loss,
        draw=_pairs(*FOUR),
        oracle=_four(lambda *logps, beta=0.1: (_margin(*logps) - 1 / (2 * beta)) ** 2),
        source="formula of the paper",
        hypers={"beta": 0.5},
        bad_hypers=BAD,
        convex=True,
        cancels="the square of a difference that is small near its aim",
        extremes={name: FAR[name] for name in ("at the reference", "far the wrong way")},
    ),
    Case(
        fn=jaxloss.slic_loss,
        draw=_pairs(*FOUR),
        oracle=_four(_slic),
        source="formula with numpy.clip",
        hypers={"beta": 0.5, "margin": 2.0},
        bad_hypers=(*BAD, {"margin": -1.0}),
        perfect=_satisfied,
        convex=True,
        cancels="a difference that is small near the margin",
        extremes=FAR,
    ),
    Case(
        fn=jaxloss.dpo_positive_loss,
        draw=_pairs(*FOUR),
        oracle=_four(_dpo_positive),
        source="scipy.special.log_expit",
        hypers={"beta": 0.5, "penalty": 2.0},
        bad_hypers=(*BAD, {"penalty": -1.0}),
        convex=True,
        extremes={name: FAR[name] for name in ("at the reference", "far the wrong way")},
    ),
    Case(
        fn=jaxloss.simpo_loss,
        draw=_pairs(*FOUR[:2]),
        oracle=lambda chosen_logps, rejected_logps, beta=2.0, margin=1.0: _wins(
            beta * (chosen_logps - rejected_logps) - margin
        ),
        source="scipy.special.expit",
        hypers={"beta": 0.75, "margin": 0.25},
        bad_hypers=BAD,
        convex=True,
        extremes={"far": _same(FOUR[:2], 0.0, -1e30), "far the wrong way": _same(FOUR[:2], -1e30, 0.0)},
    ),
    Case(
        fn=jaxloss.cpo_loss,
        draw=_pairs(*FOUR[:2]),
        oracle=lambda chosen_logps, rejected_logps, beta=0.1, nll_weight=1.0: (
            _wins(beta * (chosen_logps - rejected_logps)) - nll_weight * chosen_logps
        ),
        source="scipy.special.expit",
        hypers={"beta": 0.75, "nll_weight": 0.25},
        bad_hypers=(*BAD, {"nll_weight": -1.0}),
        convex=True,
        extremes={"far": _same(FOUR[:2], 0.0, -1e30), "far the wrong way": _same(FOUR[:2], -1e30, 0.0)},
    ),
    Case(
        fn=jaxloss.orpo_loss,
        draw=_pairs(*FOUR[:2]),
        oracle=_orpo,
        source="scipy.special.logit",
        hypers={"beta": 0.75},
        bad_hypers=({"beta": -1.0},),
        extremes={
            "certain": _same(FOUR[:2], 0.0, -1.0),
            "certain the wrong way": _same(FOUR[:2], -1.0, 0.0),
            "both certain": _same(FOUR[:2], 0.0, 0.0),
            "nearly certain": _same(FOUR[:2], -1e-37, -1e-30),
            "impossible": _same(FOUR[:2], -1e30, -1e30),
        },
    ),
    Case(
        fn=jaxloss.kto_loss,
        draw=_answers,
        oracle=_kto,
        source="scipy.special.expit",
        hypers={"beta": 0.5, "desirable_weight": 1.5, "undesirable_weight": 0.75, "reference_point": 0.25},
        bad_hypers=(*BAD, {"desirable_weight": -1.0}, {"undesirable_weight": -1.0}, {"reference_point": -1.0}),
        labels="labels",
        classes=lambda inputs: 2,
        extremes={
            "far": {
                "logps": np.array([-1e30, 0.0, -1e30, 0.0]),
                "reference_logps": np.array([0.0, -1e30, 0.0, -1e30]),
                "labels": np.array([1, 1, 0, 0], np.int32),
            }
        },
    ),
]
