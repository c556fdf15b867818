"""Cases of `jaxloss.vision.image_quality.features`."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests import draws
from tests.cases import Case, Inputs, Shape
from tests.cases.vision._images import each_image

LISTS = {
    "lists_are_accepted": "a list is a list of feature maps, one per layer; tests/vision/test_image_quality.py uses one"
}


def _maps(*shape: int):
    def draw(rng: np.random.Generator, batch: Shape) -> Inputs:
        size = (*batch, *shape)
        return {"predictions": rng.gamma(2.0, size=size), "targets": rng.gamma(2.0, size=size)}

    return draw


_features = _maps(2, 3, 4)


def _equal_features(rng: np.random.Generator, batch: Shape) -> Inputs:
    return draws.equal_pair()(rng, (*batch, 2, 3, 4))


def _with_heads(draw, channels=4):
    return lambda rng, batch: {**draw(rng, batch), "heads": rng.uniform(0.2, 1.0, size=channels)}


def _gram(features):
    flat = features.reshape(-1, features.shape[-1])
    return sum(np.outer(v, v) for v in flat) / features.size


def _unit(features):
    return features / np.linalg.norm(features, axis=-1, keepdims=True)


FLAT = {
    "zeros": {"predictions": np.zeros((1, 2, 3, 4)), "targets": np.zeros((1, 2, 3, 4))},
    "one zero": {"predictions": np.zeros((1, 2, 3, 4)), "targets": np.ones((1, 2, 3, 4))},
    "other zero": {"predictions": np.ones((1, 2, 3, 4)), "targets": np.zeros((1, 2, 3, 4))},
}

CASES = [
    Case(
        fn=jaxloss.content_loss,
        draw=_features,
        oracle=lambda predictions, targets, layer_weights=1.0: (
            layer_weights * np.mean((predictions - targets) ** 2, axis=(-3, -2, -1))
        ),
        source="formula",
        hypers={"layer_weights": 0.375},
        ends=({"layer_weights": 0.0},),
        structures={"one channel": _maps(3, 2, 1), "one position": _maps(1, 1, 5)},
        bad_hypers=({"layer_weights": -1.0},),
        perfect=_equal_features,
        convex=True,
        extremes=FLAT,
        exempt=LISTS,
        translates=(("predictions", "targets"),),
    ),
    Case(
        fn=jaxloss.style_loss,
        draw=_features,
        oracle=lambda predictions, targets, layer_weights=1.0: (
            layer_weights * each_image(lambda x, y: np.sum((_gram(x) - _gram(y)) ** 2), (predictions, targets))
        ),
        source="formula",
        hypers={"layer_weights": 0.375},
        ends=({"layer_weights": 0.0},),
        structures={"one channel": _maps(3, 2, 1), "one position": _maps(1, 1, 5)},
        bad_hypers=({"layer_weights": -1.0},),
        perfect=_equal_features,
        extremes=FLAT,
        exempt=LISTS,
    ),
    Case(
        fn=jaxloss.lpips_loss,
        draw=_with_heads(_features),
        oracle=lambda predictions, targets, heads: np.mean(
            (_unit(predictions) - _unit(targets)) ** 2 @ heads, axis=(-2, -1)
        ),
        source="formula",
        shared=("heads",),
        structures={"two channels": _with_heads(_maps(3, 2, 2), 2), "one position": _with_heads(_maps(1, 1, 5), 5)},
        perfect=_with_heads(_equal_features),
        extremes={
            **{name: {**edge, "heads": np.ones(4)} for name, edge in FLAT.items()},
            "top": {
                "predictions": np.full((1, 1, 2, 4), 3e38),
                "targets": np.full((1, 1, 2, 4), 1e-30),
                "heads": np.ones(4),
            },
            "both at the top": {
                "predictions": np.full((1, 1, 2, 4), 3e38),
                "targets": np.full((1, 1, 2, 4), [3e38, 1e38, 2e38, 3e38]),
                "heads": np.ones(4),
            },
        },
        exempt=LISTS,
    ),
]
