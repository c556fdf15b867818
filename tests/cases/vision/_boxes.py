"""Proper boxes, and the areas from which the oracles of the box losses are made."""

from __future__ import annotations

import numpy as np


def boxes(rng, batch, spread=1.0):
    """Proper boxes of sides from 1/2 to 2."""
    corner = spread * rng.uniform(-1, 1, size=(*batch, 2))
    return np.concatenate([corner, corner + rng.uniform(0.5, 2, size=(*batch, 2))], axis=-1)


def _area(low, high):
    return np.prod(np.maximum(high - low, 0), axis=-1)


def measures(predictions, targets):
    """IoU, the areas of union and hull, and the corners, of proper boxes."""
    (a, b), (c, d) = np.split(predictions, 2, axis=-1), np.split(targets, 2, axis=-1)
    both = _area(np.maximum(a, c), np.minimum(b, d))
    union = _area(a, b) + _area(c, d) - both
    return both / union, union, (np.minimum(a, c), np.maximum(b, d)), (a, b, c, d)


def giou(predictions, targets):
    ratio, union, hull, _ = measures(predictions, targets)
    return 1 - ratio + (_area(*hull) - union) / _area(*hull)
