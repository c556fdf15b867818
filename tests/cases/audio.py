"""Cases of `jaxloss.audio`."""

from __future__ import annotations

import numpy as np
import scipy.signal

import jaxloss
from tests.cases import Case, Inputs, Shape

HELPERS = {"si_sdr": "an index beside its loss: larger is better"}

SAMPLES = 1040


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


def _waves(rng: np.random.Generator, batch: Shape) -> Inputs:
    targets = rng.normal(size=(*batch, SAMPLES))
    return {"predictions": targets + 0.5 * rng.normal(size=targets.shape), "targets": targets}


def _same_waves(rng: np.random.Generator, batch: Shape) -> Inputs:
    targets = rng.normal(size=(*batch, SAMPLES))
    return {"predictions": targets.copy(), "targets": targets}


def _magnitudes(signal, size, hop, length, epsilon):
    """Frame by frame."""
    window = np.zeros(size)
    start = (size - length) // 2
    window[start : start + length] = scipy.signal.get_window("hann", length)
    padded = np.pad(signal, size // 2, mode="reflect")
    frames = [padded[i : i + size] * window for i in range(0, len(padded) - size + 1, hop)]
    return np.sqrt(np.abs(np.fft.rfft(frames)) ** 2 + epsilon)


def _stft_distance(
    predictions,
    targets,
    fft_sizes=(512, 1024, 2048),
    hop_sizes=(50, 120, 240),
    window_lengths=(240, 600, 1200),
    epsilon=1e-7,
):
    values = np.zeros(targets.shape[:-1])
    for i in np.ndindex(values.shape):
        for resolution in zip(fft_sizes, hop_sizes, window_lengths, strict=True):
            p, t = (_magnitudes(x[i], *resolution, epsilon) for x in (predictions, targets))
            values[i] += np.linalg.norm(p - t) / np.linalg.norm(t) + np.mean(np.abs(np.log(p) - np.log(t)))
    return values / len(fft_sizes)


LOUD = np.sin(0.1 * np.arange(SAMPLES))

CASES = [
    Case(
        fn=jaxloss.si_sdr_loss,
        draw=_noisy,
        oracle=_distortion,
        source="projection, in NumPy",
        pooled=True,
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
        fn=jaxloss.multi_resolution_stft_loss,
        draw=_waves,
        oracle=_stft_distance,
        source="scipy.signal.stft",
        hypers={"fft_sizes": (16,), "hop_sizes": (40,), "window_lengths": (12,), "epsilon": 1e-2},
        static=("fft_sizes", "hop_sizes", "window_lengths"),
        bad_hypers=(
            {"fft_sizes": (16, 32)},
            {"hop_sizes": (0,)},
            {"window_lengths": (17,)},
            {"fft_sizes": (4096,)},
            {"epsilon": 0.0},
        ),
        perfect=_same_waves,
        ulps=12.0,  # the logarithm of a quiet bin has the rounding of the loudest one of its frame
        extremes={
            "silence": {
                "predictions": np.stack([0 * LOUD, LOUD, 0 * LOUD]),
                "targets": np.stack([LOUD, 0 * LOUD, 0 * LOUD]),
            },
            "any scale": {"predictions": np.stack([1e30 * LOUD, 1e-30 * LOUD]), "targets": np.stack([LOUD, LOUD])},
        },
    ),
]
