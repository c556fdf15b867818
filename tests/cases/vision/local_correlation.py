"""Cases of `jaxloss.vision.depth_and_motion.local_correlation`."""

from __future__ import annotations

import itertools

import numpy as np

import jaxloss
from tests import draws
from tests.cases import Case
from tests.cases.vision._images import similar


def lncc(predictions, targets, pixel_ndim=2, window_size=9, sigma=np.inf, epsilon=1e-5):
    """Window by window."""
    offsets = np.arange(window_size) - (window_size - 1) / 2
    line = np.exp(-(offsets**2) / (2 * sigma**2))
    kernel = np.ones(())
    for _ in range(pixel_ndim):
        kernel = kernel[..., None] * line / line.sum()

    def one(x, y):
        values = []
        for corner in itertools.product(*(range(n - window_size + 1) for n in x.shape[:-1])):
            inside = tuple(slice(c, c + window_size) for c in corner)
            for channel in range(x.shape[-1]):
                a, b = x[(*inside, channel)], y[(*inside, channel)]
                a, b = a - (kernel * a).sum(), b - (kernel * b).sum()
                va, vb, cab = ((kernel * p).sum() for p in (a * a, b * b, a * b))
                values.append(1 - (cab + epsilon) ** 2 / ((va + epsilon) * (vb + epsilon)))
        return np.mean(values)

    event = predictions.shape[-1 - pixel_ndim :]
    pairs = zip(predictions.reshape(-1, *event), targets.reshape(-1, *event), strict=True)
    return np.reshape([one(x, y) for x, y in pairs], predictions.shape[: -1 - pixel_ndim])


SMALL = {"pixel_ndim": 1, "window_size": 3, "sigma": 0.875, "epsilon": 0.01}


def signals(length, channels):
    def draw(rng, batch):
        inputs = similar(1, length, channels)(rng, batch)
        return {name: image[..., 0, :, :] for name, image in inputs.items()}

    return draw


def edges(fn):
    """Two signals of eleven numbers."""
    return {
        name: np.reshape(x, (1, 11, 1)) for name, x in zip(("predictions", "targets"), fn(np.arange(11.0)), strict=True)
    }


CASES = [
    Case(
        fn=jaxloss.local_normalized_cross_correlation_loss,
        draw=signals(11, 2),
        oracle=lncc,
        source="formula, window by window",
        hypers=SMALL,
        static=("pixel_ndim", "window_size"),
        bad_hypers=(
            {**SMALL, "pixel_ndim": 0},
            {**SMALL, "window_size": 0},
            {**SMALL, "window_size": 12},
            {**SMALL, "sigma": 0.0},
            {**SMALL, "epsilon": 0.0},
        ),
        perfect=lambda rng, batch: draws.equal_pair()(rng, (*batch, 11, 2)),
        extremes={
            "flat": edges(lambda t: (0 * t + 0.3, 0 * t + 0.7)),
            "one flat": edges(lambda t: (0 * t + 0.3, t)),
            "other flat": edges(lambda t: (t % 2, 0 * t)),
            "opposite": edges(lambda t: (t % 2, 1 - t % 2)),
            "large": edges(lambda t: (1e18 * t, -1e18 * t**2)),
            "other contrast": edges(lambda t: (1e6 * np.sin(t), 1e-3 * np.cos(t))),
        },
        translates=(("predictions", "targets"),),
    ),
]
