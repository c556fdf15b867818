"""Cases of `jaxloss.vision.depth_and_motion.reprojection`."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests import draws
from tests.cases import Case
from tests.cases.vision._images import BAD_WINDOW, WINDOW, gaussian


def warped(frames, height, width, channels=2):
    """Frames that resemble the target, each in another way."""

    def draw(rng, batch):
        targets = rng.uniform(size=(*batch, height, width, channels))
        noise = rng.uniform(size=(*batch, frames, height, width, channels))
        return {"predictions": 0.6 * targets[..., None, :, :, :] + 0.4 * noise, "targets": targets}

    return draw


def found(rng, batch):
    """Frames of which the second is the target."""
    targets = rng.uniform(size=(*batch, 4, 5, 2))
    other = targets + rng.uniform(1.0, 2.0, size=targets.shape)
    return {"predictions": np.stack([other, targets], -4), "targets": targets}


def photometric(predictions, targets, data_range, ssim_weight=0.85, window_size=3, sigma=np.inf, k1=0.01, k2=0.03):
    kernel = gaussian(window_size, sigma)
    before, after = (window_size - 1) // 2, window_size // 2
    c1, c2 = (k1 * data_range) ** 2, (k2 * data_range) ** 2

    def error(x, y):
        """The error of every pixel, averaged over the channels."""
        height, width, channels = x.shape
        px, py = (np.pad(i, ((before, after), (before, after), (0, 0)), mode="reflect") for i in (x, y))
        total = np.zeros((height, width))
        for h, w, c in np.ndindex(height, width, channels):
            a, b = (p[h : h + window_size, w : w + window_size, c] for p in (px, py))
            ma, mb = (kernel * a).sum(), (kernel * b).sum()
            va, vb = (kernel * a * a).sum() - ma**2, (kernel * b * b).sum() - mb**2
            cab = (kernel * a * b).sum() - ma * mb
            ssim = (2 * ma * mb + c1) * (2 * cab + c2) / ((ma**2 + mb**2 + c1) * (va + vb + c2))
            total[h, w] += ssim_weight * (1 - ssim) / 2 + (1 - ssim_weight) * abs(x[h, w, c] - y[h, w, c]) / data_range
        return total / channels

    flat = predictions.reshape(-1, *predictions.shape[-4:]), targets.reshape(-1, *targets.shape[-3:])
    values = [np.min([error(frame, y) for frame in frames], axis=0).mean() for frames, y in zip(*flat, strict=True)]
    return np.reshape(values, targets.shape[:-3])


HYPERS = {**WINDOW, "window_size": 4, "ssim_weight": 0.625}

CASES = [
    Case(
        fn=jaxloss.photometric_reprojection_loss,
        mistakes={"data_range": draws.bytes_of("targets")},
        draw=warped(2, 4, 5),
        oracle=photometric,
        source="formula of the paper, window by window",
        hypers=HYPERS,
        ends=({**HYPERS, "ssim_weight": 0.0}, {**HYPERS, "ssim_weight": 1.0}),
        structures={"one frame": warped(1, 4, 4, 1), "three frames": warped(3, 4, 6, 3)},
        static=("window_size",),
        bad_hypers=(*BAD_WINDOW, {"ssim_weight": -0.1}, {"ssim_weight": 1.5}),
        perfect=found,
        extremes={
            "constant": {"predictions": np.full((1, 2, 4, 4, 1), 0.3), "targets": np.full((1, 4, 4, 1), 0.7)},
            "black": {"predictions": np.zeros((1, 2, 4, 4, 1)), "targets": np.zeros((1, 4, 4, 1))},
            "negative": {
                "predictions": np.indices((1, 2, 4, 4, 1)).sum(0) % 2.0,
                "targets": np.indices((1, 4, 4, 1)).sum(0) % 2.0,
            },
            "top": {"predictions": np.full((1, 2, 4, 4, 1), 1e37), "targets": np.full((1, 4, 4, 1), -1e37)},
        },
    ),
]
