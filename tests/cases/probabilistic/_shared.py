"""Draws and oracles that several modules of Cases of `jaxloss.probabilistic` share."""

from __future__ import annotations

import numpy as np
import pytest

SIGNED = "a density has values on both sides of 1, its logarithm crosses 0"
TINY, HUGE = 1e-30, 1e30


def positive(rng, batch, shape=4.0, scale=0.4):
    return 0.2 + scale * rng.gamma(shape, size=batch)


def centred(first, second):
    """A location, a positive scale, a target."""
    return lambda rng, batch: {
        first: 2 * rng.normal(size=batch),
        second: positive(rng, batch),
        "targets": 2 * rng.normal(size=batch),
    }


def edge(**inputs):
    arrays = np.broadcast_arrays(*(np.asarray(x, float) for x in inputs.values()))
    return {n: np.array(x) for n, x in zip(inputs, arrays, strict=True)}


def ensemble(*event):
    return lambda rng, batch: {
        "members": rng.normal(size=(*batch, *event)),
        "targets": rng.normal(size=(*batch, *event[1:])),
    }


def hit(*event):
    def draw(rng, batch):
        targets = rng.normal(size=(*batch, *event[1:]))
        return {
            "members": np.repeat(np.expand_dims(targets, len(batch)), event[0], axis=len(batch)),
            "targets": targets,
        }

    return draw


def scoringrules(name, *order):
    """A closed form of scoringrules, which takes the observations first; ``order`` names the rest of our inputs."""

    def oracle(**inputs):
        rules = pytest.importorskip("scoringrules")
        return getattr(rules, name)(inputs["targets"], *(inputs[name] for name in order))

    return oracle
