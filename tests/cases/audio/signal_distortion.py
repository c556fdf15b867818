"""Cases of `jaxloss.audio.signal_distortion`."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests.cases import Case, Inputs, Shape


def _noisy(rng: np.random.Generator, batch: Shape) -> Inputs:
    targets = rng.normal(size=batch)
    return {"predictions": 1.5 * targets + 0.7 * rng.normal(size=batch), "targets": targets}


def _distortion(predictions, targets, epsilon=1e-10):
    """By projection of the target, waveform by waveform."""
    values = np.zeros(predictions.shape[:-1])
    for i in np.ndindex(values.shape):
        estimate, s = predictions[i], targets[i]
        part = (estimate @ s) / (s @ s) * s
        guard = epsilon * (estimate @ estimate)
        values[i] = -10 * np.log10((part @ part + guard) / (np.sum((part - estimate) ** 2) + guard))
    return values


def _noise(predictions, targets, threshold=1e-10, epsilon=1e-10):
    power, energy = (np.sum(x**2, axis=-1) for x in (targets, predictions))
    error = np.sum((predictions - targets) ** 2, axis=-1)
    return -10 * np.log10((power + epsilon * energy) / (error + threshold * power))


HELPERS = {
    "si_sdr": "an index beside its loss: larger is better",
}

CASES = [
    Case(
        fn=jaxloss.si_sdr_loss,
        draw=_noisy,
        oracle=_distortion,
        source="projection, in NumPy",
        pooled=True,
        exempt={"says_where_its_examples_are": "a pool is one signal"},
        hypers={"epsilon": 1e-3},
        bad_hypers=({"epsilon": 0.0}, {"epsilon": -1.0}),
        bound=-100.001,
        cancels="decibels are 0 where signal and distortion are equal",
        extremes={
            "silence": {
                "predictions": np.array([[0.0, 0.0, 0.0], [1.0, 2.0, 3.0], [0.0, 0.0, 0.0], [1.0, 0.0, 0.0]]),
                "targets": np.array([[1.0, 2.0, 3.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 1.0, 0.0]]),
            },
            "any scale": {
                "predictions": np.array([[1e30, -1e30, 1e29], [1e-30, 2e-30, 3e-30], [1.0, 2.0, 3.0]]),
                "targets": np.array([[1e-30, -1e-30, 1e-30], [1e30, 2e30, 3e30], [1.0, 2.0, 3.0]]),
            },
        },
    ),
    Case(
        fn=jaxloss.snr_loss,
        draw=_noisy,
        oracle=_noise,
        source="ratio of energies, in NumPy",
        pooled=True,
        exempt={"says_where_its_examples_are": "a pool is one signal"},
        hypers={"threshold": 1e-3, "epsilon": 1e-2},
        bad_hypers=({"threshold": 0.0}, {"epsilon": 0.0}, {"threshold": -1.0}),
        bound=-100.001,
        cancels="decibels are 0 where signal and noise are equal",
        ulps=8.0,  # the logarithms of two energies
        extremes={
            "silence": {
                "predictions": np.array([[0.0, 0.0, 0.0], [1.0, 2.0, 3.0], [0.0, 0.0, 0.0], [1.0, 2.0, 3.0]]),
                "targets": np.array([[1.0, 2.0, 3.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0], [1.0, 2.0, 3.0]]),
            },
            "any scale": {
                "predictions": np.array([[1e30, -1e30, 1e29], [1e-30, 2e-30, 3e-30], [1e30, 2e30, 3e30]]),
                "targets": np.array([[1e-30, -1e-30, 1e-30], [1e30, 2e30, 3e30], [1e30, 2e30, 3e30]]),
            },
        },
    ),
]
