"""Two arrays of one shape: views, predictions and targets."""

from __future__ import annotations

D = 3


def two_arrays(first, second, size=D):
    return lambda rng, batch: {name: rng.normal(size=(*batch, size)) for name in (first, second)}


def same_arrays(first, second, size=D):
    def draw(rng, batch):
        values = rng.normal(size=(*batch, size))
        return {first: values, second: values.copy()}

    return draw


def named(edges, first, second):
    return {name: {first: x, second: y} for name, (x, y) in edges.items()}
