"""Cases of `jaxloss.representation.self_supervised.masked_patches`."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests.cases import Case
from tests.cases.representation._views import named, two_arrays


def _masked(predictions, patches, epsilon=1e-6):
    """As the authors write it: the unbiased variance."""
    mean, variance = patches.mean(-1, keepdims=True), patches.var(-1, ddof=1, keepdims=True)
    return np.mean((predictions - (patches - mean) / np.sqrt(variance + epsilon)) ** 2, axis=-1)


def _perfect(rng, batch):
    """Patches of one colour, whose normalised pixels are 0."""
    return {"predictions": np.zeros((*batch, 3)), "patches": np.repeat(rng.uniform(size=(*batch, 1)), 3, axis=-1)}


CASES = [
    Case(
        fn=jaxloss.masked_autoencoder_loss,
        draw=two_arrays("predictions", "patches"),
        structures={"two pixels": two_arrays("predictions", "patches", 2)},
        oracle=_masked,
        source="He et al. (2022), with the unbiased variance of NumPy",
        hypers={"epsilon": 0.25},
        bad_hypers=({"epsilon": 0.0}, {"epsilon": -1.0}),
        perfect=_perfect,
        convex=True,
        ulps=8,
        translates=(("patches",),),
        extremes=named(
            {
                "one colour": (np.ones((2, 3)), np.full((2, 3), 0.7)),
                "large": (np.full((2, 3), 1e18), 1e30 * np.array([[1.0, -1.0, 0.0], [1.0, 2.0, 3.0]])),
                "tiny": (np.zeros((2, 3)), 1e-30 * np.array([[1.0, -1.0, 0.0], [1.0, 2.0, 3.0]])),
            },
            "predictions",
            "patches",
        ),
    ),
]
