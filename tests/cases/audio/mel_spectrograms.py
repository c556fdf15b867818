"""Cases of `jaxloss.audio.mel_spectrograms`."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests.cases import Case, Inputs, Shape
from tests.cases.audio.spectrograms import LOUD, magnitudes, same_waves, waves

BINS = 513


def _triangles(count: int, bins: int) -> np.ndarray:
    """Overlapping triangles over the bins, and a last filter of zeros."""
    centres = np.linspace(0, bins - 1, count + 1)[1:-1]
    filters = np.maximum(0, 1 - np.abs(np.arange(bins) - centres[:, None]) * (count + 1) / bins)
    return np.concatenate([filters, np.zeros((1, bins))])


def _with_filters(rng: np.random.Generator, batch: Shape) -> Inputs:
    return {**waves(rng, batch), "filters": _triangles(6, BINS)}


def _same(rng: np.random.Generator, batch: Shape) -> Inputs:
    return {**same_waves(rng, batch), "filters": _triangles(6, BINS)}


def _mel_distance(predictions, targets, filters, fft_size=1024, hop_size=256, window_length=1024, epsilon=1e-9):
    values = np.zeros(targets.shape[:-1])
    for i in np.ndindex(values.shape):
        p, t = (magnitudes(x[i], fft_size, hop_size, window_length, epsilon) for x in (predictions, targets))
        apart = [np.log(p @ f) - np.log(t @ f) if f.any() else 0 * p[:, 0] for f in filters]
        values[i] = np.mean(np.abs(apart))
    return values


SILENT = {"filters": _triangles(6, BINS)}

CASES = [
    Case(
        fn=jaxloss.mel_spectrogram_loss,
        exempt={
            "close_predictions_keep_their_digits": "a mel magnitude is a rounded sum before its logarithm is taken"
        },
        draw=_with_filters,
        oracle=_mel_distance,
        source="frames and filters one by one, in NumPy",
        shared=("filters",),
        constant={"filters": "a scale of frequencies, not a prediction"},
        hypers={"fft_size": 1025, "hop_size": 300, "window_length": 600, "epsilon": 1e-2},
        static=("fft_size", "hop_size", "window_length"),
        bad_hypers=({"fft_size": 512}, {"hop_size": 0}, {"window_length": 1026}, {"epsilon": 0.0}),
        perfect=_same,
        ulps=24.0,  # the logarithm of a quiet bin has the rounding of the loudest one of its frame
        extremes={
            "silence": {
                "predictions": np.stack([0 * LOUD, LOUD, 0 * LOUD]),
                "targets": np.stack([LOUD, 0 * LOUD, 0 * LOUD]),
                **SILENT,
            },
            "any scale": {
                "predictions": np.stack([1e30 * LOUD, 1e-30 * LOUD]),
                "targets": np.stack([LOUD, LOUD]),
                **SILENT,
            },
        },
    ),
]
