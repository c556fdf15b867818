"""Cases of `jaxloss.distillation.feature_maps`."""

from __future__ import annotations

import numpy as np
import sklearn.preprocessing

import jaxloss
from tests import draws
from tests.cases import Case, Inputs, Shape


def _features(height: int = 2, width: int = 3, channels: int = 2, teacher_channels: int = 4) -> draws.Draw:
    """Activations of two networks that differ in the number of channels, none of them near 0."""

    def draw(rng: np.random.Generator, batch: Shape) -> Inputs:
        sizes = {"features": channels, "teacher_features": teacher_channels}
        signs = lambda shape: rng.choice([-1.0, 1.0], size=shape)
        shapes = {name: (*batch, height, width, size) for name, size in sizes.items()}
        return {name: signs(shape) * rng.uniform(0.2, 2.0, size=shape) for name, shape in shapes.items()}

    return draw


def _equal(rng: np.random.Generator, batch: Shape) -> Inputs:
    return draws.equal_pair("features", "teacher_features")(rng, (*batch, 2, 3, 2))


def _attention_transfer(features, teacher_features, power=2.0):
    batch = features.shape[:-3]
    values = np.zeros(batch)
    for i in np.ndindex(batch):
        maps = ((np.abs(x[i]) ** power).mean(-1).reshape(1, -1) for x in (features, teacher_features))
        student, teacher = (np.asarray(sklearn.preprocessing.normalize(x)) for x in maps)
        values[i] = np.mean((student - teacher) ** 2)
    return values


def _edge(features: np.ndarray, teacher: np.ndarray) -> Inputs:
    return {"features": features[None], "teacher_features": teacher[None]}


ONES = np.ones((2, 2, 3))

CASES = [
    Case(
        fn=jaxloss.attention_transfer_loss,
        draw=_features(),
        oracle=_attention_transfer,
        source="sklearn.preprocessing.normalize of the maps of the paper, averaged as in the authors' code",
        hypers={"power": 1.5},
        bad_hypers=({"power": 0.0},),
        ulps=16,  # a square of a difference of rounded maps
        perfect=_equal,
        structures={
            "one channel": _features(channels=1, teacher_channels=1),
            "one place": _features(1, 1),
            "equal channels": _features(channels=3, teacher_channels=3),
        },
        extremes={
            "large": _edge(1e38 * ONES, np.arange(12.0).reshape(2, 2, 3) * 1e-30),
            "zeros": _edge(0 * ONES, 0 * ONES),
            "zero student": _edge(0 * ONES, ONES),
            "zero teacher": _edge(ONES, 0 * ONES),
            "equal": _edge(ONES, ONES),
        },
    ),
]
