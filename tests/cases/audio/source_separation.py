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


def _mixtures(sources: int, mixtures: int):
    def draw(rng: np.random.Generator, batch: Shape) -> Inputs:
        predictions = rng.normal(size=(*batch, sources, 7))
        homes = np.eye(mixtures)[rng.integers(0, mixtures, size=(*batch, sources))]
        noise = 0.3 * rng.normal(size=(*batch, mixtures, 7))
        return {"predictions": predictions, "mixtures": np.swapaxes(homes, -1, -2) @ predictions + noise}

    return draw


def _best_remix(predictions, mixtures, threshold=1e-3, epsilon=1e-10):
    """Wisdom et al. (2020), for every mixing matrix."""

    def negative_snr(signal, estimate):
        power, noise = np.sum(signal**2), np.sum((signal - estimate) ** 2)
        return 10 * np.log10((noise + threshold * power) / (power + epsilon * np.sum(estimate**2)))

    values = np.zeros(predictions.shape[:-2])
    for i in np.ndindex(values.shape):
        sources, signals = predictions[i], mixtures[i]
        found = []
        for homes in itertools.product(range(len(signals)), repeat=len(sources)):
            remixed = np.eye(len(signals))[list(homes)].T @ sources
            found.append(np.mean([negative_snr(x, y) for x, y in zip(signals, remixed, strict=True)]))
        values[i] = min(found)
    return values


WAVE = np.array([1.0, -1.0, 2.0, 0.5])

CASES = [
    Case(
        fn=jaxloss.mixture_invariant_loss,
        draw=_mixtures(3, 2),
        oracle=_best_remix,
        source="Wisdom et al. (2020), by all mixing matrices",
        hypers={"threshold": 0.01, "epsilon": 1e-4},
        bad_hypers=({"threshold": 0.0}, {"epsilon": 0.0}, {"epsilon": -1.0}),
        bound=None,
        cancels="a logarithm of a ratio that crosses 1",
        structures={
            "one source": _mixtures(1, 2),
            "one mixture": _mixtures(3, 1),
            "three mixtures": _mixtures(4, 3),
        },
        extremes={
            "silent": {"predictions": np.zeros((1, 3, 4)), "mixtures": np.zeros((1, 2, 4))},
            "exact": {"predictions": np.array([[WAVE, -0.5 * WAVE]]), "mixtures": np.array([[WAVE, -0.5 * WAVE]])},
            "loud": {"predictions": 1e18 * np.array([[WAVE, -WAVE]]), "mixtures": np.array([[WAVE, -WAVE]])},
        },
    ),
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
