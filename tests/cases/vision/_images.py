"""Pairs of images, the local statistics of structural similarity, and images at the edges of the domain."""

from __future__ import annotations

import numpy as np
import scipy.ndimage

from tests import draws
from tests.cases import Inputs, Shape


def similar(height: int, width: int, channels: int = 2):
    """Two images in [0, 1], correlated like an original and a reconstruction."""

    def draw(rng: np.random.Generator, batch: Shape) -> Inputs:
        targets = rng.uniform(size=(*batch, height, width, channels))
        return {"predictions": 0.7 * targets + 0.3 * rng.uniform(size=targets.shape), "targets": targets}

    return draw


def equal(height: int, width: int):
    return lambda rng, batch: draws.equal_pair()(rng, (*batch, height, width, 2))


def each_image(fn, inputs):
    """``fn`` of every image, stacked."""
    first = inputs[0]
    flat = [x.reshape(-1, *x.shape[-3:]) for x in inputs]
    return np.array([fn(*images) for images in zip(*flat, strict=True)]).reshape(first.shape[:-3])


def gaussian(size: int, sigma: float) -> np.ndarray:
    offsets = np.arange(size) - (size - 1) / 2
    kernel = np.exp(-(offsets[:, None] ** 2 + offsets**2) / (2 * sigma**2))
    return kernel / kernel.sum()


def ssim_maps(x, y, data_range, window_size, sigma, k1, k2):
    """The two factors of the index of one channel, at every window inside of the image."""
    kernel = gaussian(window_size, sigma)
    low = (window_size - 1) // 2
    inside = tuple(slice(window_size // 2, n - low) for n in x.shape)
    mean = lambda image: scipy.ndimage.correlate(image, kernel, mode="constant")[inside]
    c1, c2 = (k1 * data_range) ** 2, (k2 * data_range) ** 2
    mx, my = mean(x), mean(y)
    vx, vy, cxy = mean(x * x) - mx**2, mean(y * y) - my**2, mean(x * y) - mx * my
    return (2 * mx * my + c1) / (mx**2 + my**2 + c1), (2 * cxy + c2) / (vx + vy + c2)


CONSTANTS = {
    "constant": {"predictions": np.full((1, 6, 6, 2), 0.3), "targets": np.full((1, 6, 6, 2), 0.7)},
    "black": {"predictions": np.zeros((1, 6, 6, 2)), "targets": np.zeros((1, 6, 6, 2))},
    "black and white": {"predictions": np.zeros((1, 6, 6, 2)), "targets": np.ones((1, 6, 6, 2))},
    "negative": {
        "predictions": np.indices((1, 6, 6, 2)).sum(0) % 2.0,
        "targets": 1 - np.indices((1, 6, 6, 2)).sum(0) % 2.0,
    },
    "top": {"predictions": np.full((1, 6, 6, 2), 3e38), "targets": np.full((1, 6, 6, 2), -3e38)},
    "top and zero": {
        "predictions": np.linspace(-3e38, 3e38, 72).reshape(1, 6, 6, 2),
        "targets": np.linspace(0, 1e-30, 72).reshape(1, 6, 6, 2),
    },
}
WINDOW = {"data_range": 1.25, "window_size": 3, "sigma": 0.875, "k1": 0.02, "k2": 0.04}
BAD_WINDOW = (
    {"data_range": 0.0},
    {"window_size": 0},
    {"window_size": 30},
    {"sigma": 0.0},
    {"k1": 0.0},
    {"k2": -1.0},
)
EDGES = {
    "equal": {"predictions": np.full((1, 4, 4, 1), 0.3), "targets": np.full((1, 4, 4, 1), 0.3)},
    "constant": {"predictions": np.full((1, 4, 4, 1), 0.3), "targets": np.full((1, 4, 4, 1), 0.7)},
    "negative": {
        "predictions": np.indices((1, 4, 4, 1)).sum(0) % 2.0,
        "targets": 1 - np.indices((1, 4, 4, 1)).sum(0) % 2.0,
    },
    "large": {
        "predictions": np.linspace(-1e18, 1e17, 16).reshape(1, 4, 4, 1),
        "targets": np.linspace(0, 1e-30, 16).reshape(1, 4, 4, 1),
    },
    "small": {
        "predictions": np.linspace(-1e-30, 1e-32, 16).reshape(1, 4, 4, 1),
        "targets": np.zeros((1, 4, 4, 1)),
    },
}
