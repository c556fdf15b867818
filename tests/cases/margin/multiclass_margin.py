"""Cases of `jaxloss.margin.multiclass_margin`."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests import draws
from tests.cases import Case, Inputs, Shape
from tests.cases.margin._shared import GAPS, ahead, class_extremes, optax_loss


def _multi_margin(scores, labels, margin=1.0, power=1, class_weights=None):
    result = np.zeros(labels.shape)
    for at in np.ndindex(labels.shape):
        own = labels[at]
        rivals = [max(0.0, margin - scores[at][own] + s) ** power for k, s in enumerate(scores[at]) if k != own]
        result[at] = sum(rivals) / len(scores[at]) * (1.0 if class_weights is None else class_weights[own])
    return result


def _multi_hot(rng: np.random.Generator, batch: Shape, classes: int = 5) -> Inputs:
    targets = (rng.uniform(size=(*batch, classes)) < 0.4).astype(np.float64)
    return {"scores": 2 * rng.normal(size=targets.shape), "targets": targets}


def _separated(rng: np.random.Generator, batch: Shape) -> Inputs:
    targets = rng.integers(0, 2, size=(*batch, 5)).astype(np.float64)
    return {"scores": np.where(targets == 1, 0.5, -0.5) * rng.integers(1, 4, size=targets.shape), "targets": targets}


def _multilabel_margin(scores, targets):
    result = np.zeros(scores.shape[:-1])
    for at in np.ndindex(result.shape):
        s, y = scores[at], targets[at]
        result[at] = sum(max(0.0, 1 - a + b) for a in s[y == 1] for b in s[y == 0]) / s.size
    return result


CASES = [
    Case(
        fn=jaxloss.multiclass_hinge_loss,
        draw=draws.scores_and_labels(first="scores"),
        oracle=optax_loss("multiclass_hinge_loss"),
        source="optax.losses.multiclass_hinge_loss",
        labels="labels",
        perfect=ahead(1.0),
        convex=True,
        cancels=GAPS,
        extremes=class_extremes(1e38),
        structures={"two classes": draws.scores_and_labels(2, first="scores")},
        translates=(("scores",),),
        exempt={"perfect_behind_a_product": "a lead of exactly 1 is a kink, and the rounding of the product moves it"},
    ),
    Case(
        fn=jaxloss.multi_margin_loss,
        draw=draws.scores_and_labels(first="scores"),
        oracle=_multi_margin,
        source="Weston and Watkins (1999), by loops",
        hypers={"margin": 0.7, "power": 2, "class_weights": np.array([0.5, 2.0, 1.0, 0.25, 3.0])},
        static=("power",),
        bad_hypers=({"margin": -1.0}, {"power": 3}, {"power": 1.5}, {"class_weights": np.ones(4)}),
        labels="labels",
        perfect=ahead(1.0),
        convex=True,
        cancels=GAPS,
        extremes={
            name: {
                **x,
                "scores": np.pad(x["scores"], ((0, 0), (0, 5 - x["scores"].shape[-1])), constant_values=-np.inf),
            }
            for name, x in class_extremes(1e18).items()
        },
        ends=({"margin": 0.0, "power": 2, "class_weights": np.array([0.5, 2.0, 1.0, 0.25, 3.0])},),
        translates=(("scores",),),
    ),
    Case(
        fn=jaxloss.multilabel_margin_loss,
        boolean=True,
        draw=_multi_hot,
        oracle=_multilabel_margin,
        source="Elisseeff and Weston (2001), by loops",
        fixed={"targets": "class memberships: any value but 0 and 1 gives NaN"},
        perfect=_separated,
        convex=True,
        cancels=GAPS,
        extremes={
            "large": {"scores": 1e37 * np.array([[1.0, -1.0, 0.0]]), "targets": np.array([[0.0, 1.0, 1.0]])},
            "all and none": {"scores": np.zeros((2, 3)), "targets": np.array([[1.0, 1, 1], [0, 0, 0]])},
            "on the margin": {"scores": np.array([[1.0, 0.0]]), "targets": np.array([[1.0, 0.0]])},
        },
        illegal={"targets": (0.5, -1.0)},
        structures={"two classes": lambda rng, batch: _multi_hot(rng, batch, 2)},
        translates=(("scores",),),
    ),
]
