"""Draws and oracles that several modules of Cases of `jaxloss.margin` share."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from tests.cases import Inputs, Shape

SIGNS = {"targets": "a sign: any other value gives NaN"}
GAPS = "a hinge is the difference of numbers near 1"


def optax_loss(name: str):
    """An optax loss in float64, imported when it is called; optax mixes dtypes."""

    def oracle(scores, **other):
        import optax

        (second,) = other.values()
        with jax.enable_x64(True), jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
            return np.asarray(getattr(optax.losses, name)(jnp.asarray(scores), jnp.asarray(second)))

    return oracle


def signs(rng: np.random.Generator, batch: Shape) -> Inputs:
    return {"scores": 2 * rng.normal(size=batch), "targets": rng.choice([-1.0, 1.0], size=batch)}


def right(least: float):
    """Scores at a margin of ``least`` and above."""

    def draw(rng: np.random.Generator, batch: Shape) -> Inputs:
        targets = rng.choice([-1.0, 1.0], size=batch)
        return {"scores": targets * np.maximum(least, least + rng.normal(size=batch)), "targets": targets}

    return draw


def binary(large: float) -> dict[str, Inputs]:
    targets = np.array([1.0, -1.0, 1.0, -1.0, 1.0])
    return {
        "large": {"scores": large * np.array([-1.0, 1.0, 1.0, -1.0, -1.0]), "targets": targets},
        "kinks": {"scores": np.array([1.0, 1.0, 0.0, 0.0, -1.0]), "targets": targets},
    }


def ahead(gap: float, first: str = "scores"):
    """The true class leads all others by ``gap`` at least, sometimes exactly."""

    def draw(rng: np.random.Generator, batch: Shape) -> Inputs:
        scores, labels = np.round(rng.normal(size=(*batch, 5)), 2), rng.integers(0, 5, size=batch)
        best = np.max(scores, axis=-1) + gap + rng.integers(0, 2, size=batch)
        np.put_along_axis(scores, labels[..., None], np.ceil(best)[..., None], axis=-1)
        return {first: scores, "labels": labels.astype(np.int32)}

    return draw


def class_extremes(large: float, first: str = "scores") -> dict[str, Inputs]:
    labels = np.array([0, 2])
    return {
        "ties": {first: np.zeros((2, 3)), "labels": labels},
        "on the margin": {first: np.array([[1.0, 0.0, 0.0], [-1.0, -1.0, 0.0]]), "labels": labels},
        "large": {first: large * np.array([[1.0, -1.0, 0.0], [1.0, -1.0, -1.0]]), "labels": labels},
        "absent classes": {first: np.array([[0.0, -np.inf, 1.0], [-np.inf, -np.inf, 0.0]]), "labels": labels},
        "one class": {first: np.ones((2, 1)), "labels": np.zeros(2, int)},
    }
