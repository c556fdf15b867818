"""Cases of `jaxloss.vision.depth_and_motion.depth_gradients`."""

from __future__ import annotations

import numpy as np

import jaxloss
from tests.cases import Case


def holed(height, width):
    """Depth maps with pixels that have no target."""

    def draw(rng, batch):
        shape = (*batch, height, width)
        targets = rng.normal(size=shape)
        return {
            "predictions": targets + rng.normal(size=shape),
            "targets": targets,
            "valid": rng.uniform(size=shape) < 0.8,
        }

    return draw


def equal_maps(rng, batch):
    drawn = holed(5, 6)(rng, batch)
    return {**drawn, "predictions": drawn["targets"].copy()}


def matching(predictions, targets, valid, scales=4):
    def one(x, y, known):
        total = 0.0
        for step in (2**k for k in range(scales)):
            r, m = (x - y)[::step, ::step], known[::step, ::step]
            height, width = r.shape
            gaps = 0.0
            for h, w in np.ndindex(height, width):
                if h + 1 < height and m[h, w] and m[h + 1, w]:
                    gaps += abs(r[h + 1, w] - r[h, w])
                if w + 1 < width and m[h, w] and m[h, w + 1]:
                    gaps += abs(r[h, w + 1] - r[h, w])
            total += gaps / m.sum() if m.any() else 0.0
        return total

    flat = [x.reshape(-1, *x.shape[-2:]) for x in (predictions, targets, valid)]
    return np.reshape([one(*maps) for maps in zip(*flat, strict=True)], predictions.shape[:-2])


def disparities(height, width, channels):
    return lambda rng, batch: {
        "predictions": rng.normal(size=(*batch, height, width)),
        "images": rng.uniform(size=(*batch, height, width, channels)),
    }


def smoothness(predictions, images):
    def one(d, image):
        height, width = d.shape
        x = [
            abs(d[h, w + 1] - d[h, w]) * np.exp(-np.abs(image[h, w + 1] - image[h, w]).mean())
            for h, w in np.ndindex(height, width - 1)
        ]
        y = [
            abs(d[h + 1, w] - d[h, w]) * np.exp(-np.abs(image[h + 1, w] - image[h, w]).mean())
            for h, w in np.ndindex(height - 1, width)
        ]
        return sum(np.mean(steps) if steps else 0.0 for steps in (x, y))

    flat = predictions.reshape(-1, *predictions.shape[-2:]), images.reshape(-1, *images.shape[-3:])
    return np.reshape([one(*pair) for pair in zip(*flat, strict=True)], predictions.shape[:-2])


EVERYWHERE = np.ones((1, 3, 3), bool)

CASES = [
    Case(
        fn=jaxloss.depth_gradient_matching_loss,
        draw=holed(5, 6),
        oracle=matching,
        source="formula of MiDaS's code, pixel by pixel",
        hypers={"scales": 2},
        static=("scales",),
        bad_hypers=({"scales": 0}, {"scales": 1.0}),
        perfect=equal_maps,
        convex=True,
        structures={"one row": holed(1, 4), "two pixels": holed(1, 2)},
        extremes={
            "large": {
                "predictions": np.array([[[1e37, -1e37, 0.0]] * 3]),
                "targets": np.array([[[0.0, 1e-30, 3.0]] * 3]),
                "valid": EVERYWHERE,
            },
            "nothing valid": {"predictions": np.ones((1, 3, 3)), "targets": np.zeros((1, 3, 3)), "valid": ~EVERYWHERE},
            "constant": {"predictions": np.ones((1, 3, 3)), "targets": np.zeros((1, 3, 3)), "valid": EVERYWHERE},
        },
        translates=(("predictions", "targets"), ("predictions",)),
    ),
    Case(
        fn=jaxloss.edge_aware_smoothness_loss,
        draw=disparities(3, 4, 2),
        oracle=smoothness,
        source="formula of the paper, pixel by pixel",
        perfect=lambda rng, batch: {
            "predictions": np.broadcast_to(rng.normal(size=(*batch, 1, 1)), (*batch, 3, 4)),
            "images": rng.uniform(size=(*batch, 3, 4, 2)),
        },
        convex=True,
        structures={
            "one row": disparities(1, 3, 1),
            "one column": disparities(4, 1, 2),
            "a pixel": disparities(1, 1, 3),
        },
        extremes={
            "large": {
                "predictions": np.array([[[1e37, -1e37], [0.0, 1e-30]]]),
                "images": np.array([[[[0.0], [1.0]], [[0.0], [0.0]]]]),
            },
            "edges without end": {
                "predictions": np.array([[[1.0, -1.0], [0.0, 1e-30]]]),
                "images": np.array([[[[1e37], [-1e37]], [[1e30], [0.0]]]]),
            },
            "flat": {"predictions": np.ones((1, 2, 2)), "images": np.ones((1, 2, 2, 1))},
        },
        translates=(("predictions",), ("images",)),
    ),
]
