"""Cases of `jaxloss.audio.spectrograms`."""

from __future__ import annotations

import numpy as np
import scipy.signal

import jaxloss
from tests.cases import Case, Inputs, Shape

SAMPLES = 1040


def waves(rng: np.random.Generator, batch: Shape) -> Inputs:
    targets = rng.normal(size=(*batch, SAMPLES))
    return {"predictions": targets + 0.5 * rng.normal(size=targets.shape), "targets": targets}


def same_waves(rng: np.random.Generator, batch: Shape) -> Inputs:
    targets = rng.normal(size=(*batch, SAMPLES))
    return {"predictions": targets.copy(), "targets": targets}


def magnitudes(signal, size, hop, length, epsilon):
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
    convergence_weight=1.0,
    log_weight=1.0,
    linear_weight=0.0,
    epsilon=1e-7,
):
    values = np.zeros(targets.shape[:-1])
    for i in np.ndindex(values.shape):
        for resolution in zip(fft_sizes, hop_sizes, window_lengths, strict=True):
            p, t = (magnitudes(x[i], *resolution, epsilon) for x in (predictions, targets))
            values[i] += convergence_weight * np.linalg.norm(p - t) / np.linalg.norm(t)
            values[i] += log_weight * np.mean(np.abs(np.log(p) - np.log(t))) + linear_weight * np.mean(np.abs(p - t))
    return values / len(fft_sizes)


LOUD = np.sin(0.1 * np.arange(SAMPLES))

HYPERS = {
    "fft_sizes": (16,),
    "hop_sizes": (40,),
    "window_lengths": (12,),
    "convergence_weight": 0.5,
    "log_weight": 2.0,
    "linear_weight": 0.3,
    "epsilon": 1e-2,
}
NO_WEIGHTS = {"convergence_weight": 0.0, "log_weight": 0.0, "linear_weight": 0.0}

CASES = [
    Case(
        fn=jaxloss.multi_resolution_stft_loss,
        exempt={
            "close_predictions_keep_their_digits": "of ten thousand differences of magnitudes one has the sign of a rounding"
        },
        draw=waves,
        oracle=_stft_distance,
        source="scipy.signal.stft",
        hypers=HYPERS,
        ends=({**HYPERS, **NO_WEIGHTS, "linear_weight": 1.0}, {**HYPERS, **NO_WEIGHTS, "log_weight": 1.0}),
        static=("fft_sizes", "hop_sizes", "window_lengths"),
        bad_hypers=(
            {"fft_sizes": (16, 32)},
            {"hop_sizes": (0,)},
            {"window_lengths": (17,)},
            {"fft_sizes": (4096,)},
            {"epsilon": 0.0},
            {"convergence_weight": -1.0},
            {"log_weight": -1.0},
            {"linear_weight": -1.0},
        ),
        perfect=same_waves,
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
