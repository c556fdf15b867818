"""Cases of `jaxloss.margin.angular.adaptive_margins`."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests.cases import Case
from tests.cases._adapters import leading_first
from tests.cases._complex_step import complex_step
from tests.cases.margin._faces import SPHERE_EDGES, arcface_turn, faces, of_angles

HELPERS = {
    "init_adaface_loss": "makes the first state of adaface_loss",
    "init_curricularface_loss": "makes the first state of curricularface_loss",
}

MEAN, STD, PROGRESS = 2.0, 0.5, 0.25
"""Exact in every precision."""


def _quality(embeddings, concentration):
    norms = np.clip(np.linalg.norm(embeddings, axis=-1), 1e-3, 100)
    return np.clip(concentration * (norms - MEAN) / (STD + 1e-3), -1, 1)[..., None]


def _adaface(embeddings, labels, kernel, margin=0.4, concentration=0.333, scale=64.0, rate=0.01):
    """The two parts of the margin of the authors' code, which clips angles at 0.001 and pi - 0.001."""
    quality = _quality(embeddings, concentration)

    def turn(angles):
        return np.cos(np.clip(angles - margin * quality, 0, np.pi)) - (margin + margin * quality)

    return of_angles(turn)(embeddings, labels, kernel, scale)


def _adaface_slopes(embeddings, labels, kernel, margin=0.4, concentration=0.333, scale=64.0, rate=0.01):
    """With the quality held constant."""
    quality = _quality(embeddings, concentration)
    own = np.arange(kernel.shape[-1]) == labels[..., None]

    def held(embeddings, kernel):
        units = embeddings / np.sqrt(np.sum(embeddings**2, -1, keepdims=True))
        cosines = units @ (kernel / np.sqrt(np.sum(kernel**2, 0)))
        angles = np.arccos(cosines) - margin * quality
        angles = np.where(angles.real < 0, 0, np.where(angles.real > np.pi, np.pi, angles))
        logits = scale * np.where(own, np.cos(angles) - margin * (1 + quality), cosines)
        logits = logits - np.max(logits.real, -1, keepdims=True)
        return np.log(np.sum(np.exp(logits), -1)) - np.sum(np.where(own, logits, 0), -1)

    return complex_step(held, {"embeddings": embeddings, "kernel": kernel}, ("embeddings", "kernel"))


def _curricularface(embeddings, labels, kernel, margin=0.5, scale=64.0, rate=0.01):
    """Example by example, class by class."""

    def one(x, y):
        cosines = [x @ w / np.linalg.norm(x) / np.linalg.norm(w) for w in kernel.T]
        own = arcface_turn(np.arccos(cosines[y]), margin)
        others = [c * (PROGRESS + c) if c > own else c for k, c in enumerate(cosines) if k != y]
        return np.log1p(np.sum(np.exp(scale * (np.array(others) - own))))

    flat = zip(embeddings.reshape(-1, embeddings.shape[-1]), labels.ravel(), strict=True)
    return np.reshape([one(x, y) for x, y in flat], labels.shape)


CASES = [
    Case(
        fn=leading_first(jaxloss.adaface_loss, "state"),
        draw=faces,
        oracle=_adaface,
        slopes=_adaface_slopes,
        source="Kim, Jain and Liu (2022), with arccos",
        leading=(jaxloss.AdafaceState(np.float64(MEAN), np.float64(STD)),),
        carries=True,
        hypers={"margin": 0.25, "concentration": 0.75, "scale": 4.0, "rate": 0.5},
        ends=(
            {"margin": 0.0, "concentration": 0.75, "scale": 4.0, "rate": 0.0},
            {"margin": 0.25, "concentration": 0.0, "scale": 4.0, "rate": 1.0},
        ),
        bad_hypers=(
            {"margin": -0.1},
            {"margin": 28.6},
            {"concentration": -0.1},
            {"scale": 0.0},
            {"rate": -0.5},
            {"rate": 1.5},
        ),
        shared=("kernel",),
        labels="labels",
        classes=lambda inputs: inputs["kernel"].shape[-1],
        ulps=16,
        extremes=SPHERE_EDGES,
        exempt={"derivatives": "the quality is a constant of differentiation, as by the authors"},
    ),
    Case(
        fn=leading_first(jaxloss.curricularface_loss, "state"),
        draw=faces,
        oracle=_curricularface,
        source="Huang et al. (2020), equations 5 to 7, with arccos",
        leading=(jaxloss.CurricularfaceState(np.float64(PROGRESS)),),
        carries=True,
        hypers={"margin": 0.75, "scale": 4.0, "rate": 0.5},
        ends=({"margin": 0.0, "scale": 4.0, "rate": 0.0}, {"margin": 0.75, "scale": 4.0, "rate": 1.0}),
        bad_hypers=({"margin": -0.1}, {"margin": 28.6}, {"scale": 0.0}, {"rate": -0.5}, {"rate": 1.5}),
        shared=("kernel",),
        labels="labels",
        classes=lambda inputs: inputs["kernel"].shape[-1],
        ulps=16,
        extremes=SPHERE_EDGES,
    ),
]
