"""Two point clouds, the masses of their points, and an oracle for every pair of them."""

from __future__ import annotations

import numpy as np

N, M, D = 5, 4, 2
MASSES = {
    "prediction_weights": np.array([0.5, 1.0, 2.0, 0.25, 1.5]),
    "target_weights": np.array([2.0, 0.75, 1.0, 3.0]),
}


def clouds(rng, batch):
    return {"predictions": rng.normal(size=(*batch, N, D)), "targets": 0.5 + 1.5 * rng.normal(size=(*batch, M, D))}


def spread(*event, **shared):
    """Sixteen and eight points and their masses, spread over devices; four in a row are absent."""

    def points(rng):
        inputs = {
            "predictions": rng.normal(size=(16, *event)),
            "targets": 0.5 + 1.5 * rng.normal(size=(8, *event)),
            "prediction_weights": rng.uniform(0.5, 2.0, 16) * np.repeat([1, 0, 1, 1], 4),
            "target_weights": rng.uniform(0.5, 2.0, 8),
        }
        return {**inputs, **shared}, {**dict.fromkeys(inputs, 0), **dict.fromkeys(shared)}

    return points


def _masses(weights, size):
    return np.full(size, 1 / size) if weights is None else weights / np.sum(weights)


def by_pair(one, ndim):
    """An oracle of two samples, applied to every pair of samples."""

    def oracle(predictions, targets, *shared, prediction_weights=None, target_weights=None, **hypers):
        batch = predictions.shape[: predictions.ndim - ndim]
        a = _masses(prediction_weights, predictions.shape[len(batch)])
        b = _masses(target_weights, targets.shape[len(batch)])
        values = [one(predictions[i], targets[i], a, b, *shared, **hypers) for i in np.ndindex(batch)]
        return np.reshape(values, batch)

    return oracle


CLOUDS = {
    "identical": {"predictions": np.ones((1, N, D)), "targets": np.ones((1, M, D))},
    "large": {"predictions": np.full((1, N, D), 1e18), "targets": np.full((1, M, D), -1e18)},
    "tiny": {"predictions": np.full((1, N, D), 1e-30), "targets": np.zeros((1, M, D))},
}
