"""Cases of image quality: structural similarity, signal-to-noise ratio, total variation, feature maps."""

from __future__ import annotations

import numpy as np
import scipy.ndimage

import jaxloss
from tests import draws
from tests.cases import Case, Inputs, Shape

LISTS = {"lists_are_accepted": "a list is a list of feature maps, one per layer; tests/test_image_quality.py uses one"}


def _similar(height: int, width: int):
    """Two images in [0, 1] of two channels, correlated like an original and a reconstruction."""

    def draw(rng: np.random.Generator, batch: Shape) -> Inputs:
        targets = rng.uniform(size=(*batch, height, width, 2))
        return {"predictions": 0.7 * targets + 0.3 * rng.uniform(size=targets.shape), "targets": targets}

    return draw


def _equal(height: int, width: int):
    return lambda rng, batch: draws.equal_pair()(rng, (*batch, height, width, 2))


def _features(rng: np.random.Generator, batch: Shape) -> Inputs:
    shape = (*batch, 2, 3, 4)
    return {"predictions": rng.gamma(2.0, size=shape), "targets": rng.gamma(2.0, size=shape)}


def _equal_features(rng: np.random.Generator, batch: Shape) -> Inputs:
    return draws.equal_pair()(rng, (*batch, 2, 3, 4))


def _with_heads(draw):
    return lambda rng, batch: {**draw(rng, batch), "heads": rng.uniform(0.2, 1.0, size=4)}


def _images(fn, inputs):
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


def ssim_oracle(predictions, targets, data_range, window_size=11, sigma=1.5, k1=0.01, k2=0.03):
    def one(x, y):
        maps = [ssim_maps(x[..., c], y[..., c], data_range, window_size, sigma, k1, k2) for c in range(x.shape[-1])]
        return np.mean([luminance * contrast for luminance, contrast in maps])

    return _images(one, (predictions, targets))


def ms_ssim_oracle(
    predictions,
    targets,
    data_range,
    scale_weights=(0.0448, 0.2856, 0.3001, 0.2363, 0.1333),
    window_size=11,
    sigma=1.5,
    k1=0.01,
    k2=0.03,
):
    def channel(x, y):
        product = 1.0
        for scale, exponent in enumerate(scale_weights):
            if scale:
                h, w = (n // 2 * 2 for n in x.shape)
                x, y = (sum(i[a:h:2, b:w:2] for a in (0, 1) for b in (0, 1)) / 4 for i in (x, y))
            luminance, contrast = ssim_maps(x, y, data_range, window_size, sigma, k1, k2)
            factor = luminance * contrast if scale == len(scale_weights) - 1 else contrast
            product *= max(factor.mean(), 0.0) ** exponent
        return product

    one = lambda x, y: np.mean([channel(x[..., c], y[..., c]) for c in range(x.shape[-1])])
    return _images(one, (predictions, targets))


def psnr_oracle(predictions, targets, data_range, epsilon=1e-10):
    def one(x, y):
        error = np.mean((x - y) ** 2) / data_range**2
        tangent = np.log(epsilon) + (error - epsilon) / epsilon
        return -10 * (np.log10(error) if error >= epsilon else tangent / np.log(10))

    return _images(one, (predictions, targets))


def _total_variation(image, isotropic):
    total = 0.0
    height, width, channels = image.shape
    for h, w, c in np.ndindex(height, width, channels):
        down = image[h + 1, w, c] - image[h, w, c] if h + 1 < height else 0.0
        right = image[h, w + 1, c] - image[h, w, c] if w + 1 < width else 0.0
        total += np.hypot(down, right) if isotropic else abs(down) + abs(right)
    return total


def _gram(features):
    flat = features.reshape(-1, features.shape[-1])
    return sum(np.outer(v, v) for v in flat) / features.size


def _unit(features):
    return features / np.linalg.norm(features, axis=-1, keepdims=True)


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
FLAT = {
    "zeros": {"predictions": np.zeros((1, 2, 3, 4)), "targets": np.zeros((1, 2, 3, 4))},
    "one zero": {"predictions": np.zeros((1, 2, 3, 4)), "targets": np.ones((1, 2, 3, 4))},
    "other zero": {"predictions": np.ones((1, 2, 3, 4)), "targets": np.zeros((1, 2, 3, 4))},
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
BAD_SCALES = ({"scale_weights": np.array([-1.0, 1.0])}, {"scale_weights": np.ones((1, 2))}, {"scale_weights": ()})
SCALES = {**WINDOW, "scale_weights": np.array([0.25, 0.75])}

CASES = [
    Case(
        fn=jaxloss.ssim,
        draw=_similar(4, 5),
        oracle=ssim_oracle,
        source="the formula of the paper by scipy.ndimage.correlate",
        hypers=WINDOW,
        static=("window_size",),
        bad_hypers=BAD_WINDOW,
        bound=-1.0,
        perfect=_equal(4, 5),
        best=1.0,
        extremes=CONSTANTS,
        cancels="the index is a sum of terms of either sign, given as 1 less the loss, which does not cancel",
    ),
    Case(
        fn=jaxloss.ssim_loss,
        draw=_similar(4, 5),
        oracle=lambda *args, **kwargs: 1 - ssim_oracle(*args, **kwargs),
        source="the formula of the paper by scipy.ndimage.correlate",
        hypers=WINDOW,
        static=("window_size",),
        bad_hypers=BAD_WINDOW,
        perfect=_equal(4, 5),
        extremes=CONSTANTS,
    ),
    Case(
        fn=jaxloss.ms_ssim,
        draw=_similar(7, 6),
        oracle=ms_ssim_oracle,
        source="the formula of the paper by scipy.ndimage.correlate",
        hypers=SCALES,
        static=("window_size",),
        bad_hypers=BAD_WINDOW + BAD_SCALES,
        perfect=_equal(7, 6),
        best=1.0,
        extremes=CONSTANTS,
        cancels="the index is given as 1 less the loss, which does not cancel",
    ),
    Case(
        fn=jaxloss.ms_ssim_loss,
        draw=_similar(7, 6),
        oracle=lambda *args, **kwargs: 1 - ms_ssim_oracle(*args, **kwargs),
        source="the formula of the paper by scipy.ndimage.correlate",
        hypers=SCALES,
        static=("window_size",),
        bad_hypers=BAD_WINDOW + BAD_SCALES,
        perfect=_equal(7, 6),
        extremes=CONSTANTS,
    ),
    Case(
        fn=jaxloss.psnr,
        draw=_similar(2, 3),
        oracle=psnr_oracle,
        source="formula",
        hypers={"data_range": 1.25, "epsilon": 1e-3},
        bad_hypers=({"data_range": 0.0}, {"epsilon": 0.0}, {"epsilon": 1.5}),
        bound=None,
        extremes=CONSTANTS,
        cancels="decibels pass through 0 where the error equals data_range",
    ),
    Case(
        fn=jaxloss.psnr_loss,
        draw=_similar(2, 3),
        oracle=lambda *args, **kwargs: -psnr_oracle(*args, **kwargs),
        source="formula",
        hypers={"data_range": 1.25, "epsilon": 1e-3},
        bad_hypers=({"data_range": 0.0}, {"epsilon": 0.0}, {"epsilon": 1.5}),
        bound=None,
        extremes=CONSTANTS,
        cancels="decibels pass through 0 where the error equals data_range",
    ),
    Case(
        fn=jaxloss.total_variation_loss,
        draw=lambda rng, batch: {"images": rng.normal(size=(*batch, 3, 4, 2))},
        oracle=lambda images: _images(lambda image: _total_variation(image, False), (images,)),
        source="formula",
        perfect=lambda rng, batch: {"images": np.broadcast_to(rng.normal(size=(*batch, 1, 1, 2)), (*batch, 3, 4, 2))},
        convex=True,
        extremes={
            "one pixel": {"images": np.ones((1, 1, 1, 2))},
            "large": {"images": np.array([[[1e37], [-1e37]], [[0.0], [1e-30]]])[None]},
        },
    ),
    Case(
        fn=jaxloss.isotropic_total_variation_loss,
        draw=lambda rng, batch: {"images": rng.normal(size=(*batch, 3, 4, 2))},
        oracle=lambda images: _images(lambda image: _total_variation(image, True), (images,)),
        source="formula",
        perfect=lambda rng, batch: {"images": np.broadcast_to(rng.normal(size=(*batch, 1, 1, 2)), (*batch, 3, 4, 2))},
        convex=True,
        extremes={
            "one pixel": {"images": np.ones((1, 1, 1, 2))},
            "large": {"images": np.array([[[1e37], [-1e37]], [[0.0], [1e-30]]])[None]},
        },
    ),
    Case(
        fn=jaxloss.content_loss,
        draw=_features,
        oracle=lambda predictions, targets, layer_weights=1.0: (
            layer_weights * np.mean((predictions - targets) ** 2, axis=(-3, -2, -1))
        ),
        source="formula",
        hypers={"layer_weights": 0.375},
        bad_hypers=({"layer_weights": -1.0},),
        perfect=_equal_features,
        convex=True,
        extremes=FLAT,
        exempt=LISTS,
    ),
    Case(
        fn=jaxloss.style_loss,
        draw=_features,
        oracle=lambda predictions, targets, layer_weights=1.0: (
            layer_weights * _images(lambda x, y: np.sum((_gram(x) - _gram(y)) ** 2), (predictions, targets))
        ),
        source="formula",
        hypers={"layer_weights": 0.375},
        bad_hypers=({"layer_weights": -1.0},),
        perfect=_equal_features,
        extremes=FLAT,
        exempt=LISTS,
    ),
    Case(
        fn=jaxloss.lpips_loss,
        draw=_with_heads(_features),
        oracle=lambda predictions, targets, heads: np.mean(
            (_unit(predictions) - _unit(targets)) ** 2 @ heads, axis=(-2, -1)
        ),
        source="formula",
        shared=("heads",),
        perfect=_with_heads(_equal_features),
        extremes={
            **{name: {**edge, "heads": np.ones(4)} for name, edge in FLAT.items()},
            "top": {
                "predictions": np.full((1, 1, 2, 4), 3e38),
                "targets": np.full((1, 1, 2, 4), 1e-30),
                "heads": np.ones(4),
            },
        },
        exempt=LISTS,
    ),
]
