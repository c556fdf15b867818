"""Cases of `jaxloss.audio.source_separation`."""

from __future__ import annotations

import itertools

import numpy as np

import jaxloss
from tests.cases import Case, Inputs, Shape


def _losses(count: int):
    def draw(rng: np.random.Generator, batch: Shape) -> Inputs:
        return {"losses": rng.normal(size=(*batch, count, count))}

    return draw


def _best_of_all(losses):
    orders = list(itertools.permutations(range(losses.shape[-1])))
    each = [np.mean([losses[..., order[s], s] for s in range(len(order))], axis=0) for order in orders]
    return np.min(each, axis=0)


CASES = [
    Case(
        fn=jaxloss.permutation_invariant_loss,
        draw=_losses(3),
        oracle=_best_of_all,
        source="all permutations, by itertools",
        bound=None,
        structures={"one source": _losses(1), "five sources": _losses(5)},
        extremes={
            "equal": {"losses": np.zeros((2, 3, 3))},
            "large": {"losses": np.array([[[1e30, -1e30], [-1e30, 1e30]], [[1e-30, 1e-38], [0.0, 1.0]]])},
        },
    ),
]
