"""Aggregators that solve something, on gradients of very different lengths and nearly parallel ones: the exact optimum.

The references work on the gradients themselves in float64, with the solvers of NumPy and SciPy.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.optimize

from tests.combine.test_aggregation import WEIGHTS, far, products, updates, weights_of

COUNT = 48
SOLVERS = {
    "aligned_median",
    "aligned_min",
    "aligned_rmse",
    "cagrad",
    "conflict_free",
    "dualproj",
    "fairgrad_half",
    "fairgrad_two",
    "imtl_g",
    "mgda",
    "nash",
    "pcgrad",
    "upgrad",
}
CLOSED = {"equal_norms", "gradvac", "krum"}
"""They only sort or divide lengths, or turn by given angles."""

RIDGE, CAUTION = 1e-4, 0.5


def uneven(size: int, angle: float) -> np.ndarray:
    """Rows between 1e-4 and 1e4; in two thirds of the problems two of them are nearly parallel, or nearly opposite."""
    rng = np.random.default_rng(size)
    rows = rng.normal(size=(4 * COUNT, size, 12))
    rows[::3, 1] = rows[::3, 0] + angle * rows[::3, 1]
    rows[1::3, 1] = -rows[1::3, 0] + angle * rows[1::3, 1]
    rows /= np.linalg.norm(rows, axis=2, keepdims=True)
    rows = rows[np.linalg.eigvalsh(products(rows))[:, 0] > angle**2 / 10][:COUNT]
    return (rows * 10.0 ** rng.uniform(-4, 4, size=(COUNT, size, 1))).astype(np.float32).astype(np.float64)


def cone(rows: np.ndarray, preference: np.ndarray) -> np.ndarray:
    """``argmin v'(G / tr G + ridge) v`` over ``v >= preference``."""
    factor = np.vstack([rows.T / np.linalg.norm(rows), np.sqrt(RIDGE) * np.eye(len(rows))])
    unit = np.linalg.norm(factor, axis=0)
    return preference + scipy.optimize.nnls(factor / unit, -factor @ preference)[0] / unit


def upgrad(rows: np.ndarray) -> np.ndarray:
    return np.sum([cone(rows, own) for own in np.eye(len(rows)) / len(rows)], axis=0)


def dualproj(rows: np.ndarray) -> np.ndarray:
    return cone(rows, np.full(len(rows), 1 / len(rows)))


def mgda(rows: np.ndarray) -> np.ndarray:
    """The shortest convex combination has the direction of ``argmin |z'U|^2 + (q'z - 1)^2`` over ``z >= 0``."""
    lengths = np.linalg.norm(rows, axis=1)
    short = lengths.min() / lengths
    z, _ = scipy.optimize.nnls(np.vstack([(rows / lengths[:, None]).T, short]), np.eye(rows.shape[1] + 1)[-1])
    return z * short / np.sum(z * short)


def cagrad(rows: np.ndarray) -> np.ndarray:
    """The largest worst progress that a change of the mean of the given length can reach; the change from ``nnls``."""
    lengths, mean = np.linalg.norm(rows, axis=1), rows.mean(axis=0)
    unit, size = rows / lengths[:, None], np.linalg.norm(mean)

    def change(worst: float) -> np.ndarray:
        lacks = worst / lengths - unit @ mean / size
        top = np.max(np.abs(lacks))
        # Lawson and Hanson's problem of least distance: |y| least such that unit @ y >= lacks.
        system = np.vstack([unit.T, lacks / top])
        z, _ = scipy.optimize.nnls(system, np.eye(len(system))[-1], maxiter=1000)
        rest = system @ z - np.eye(len(system))[-1]
        return -z / rest[-1] * top

    excess = lambda worst: np.linalg.norm(change(worst) @ unit) - CAUTION
    least = np.min(rows @ mean) / size - CAUTION * lengths.max() - 1e-9
    found = scipy.optimize.root_scalar(excess, bracket=(least, (1 + CAUTION) * lengths.min()), xtol=1e-14, rtol=1e-14)
    return 1 / len(rows) + size * change(found.root) / lengths


def aligned(rows: np.ndarray, pick: Any) -> np.ndarray:
    u, s, _ = np.linalg.svd(rows, full_matrices=False)
    return u @ (np.sqrt(pick(s**2)) / s * (u.T @ np.full(len(rows), 1 / len(rows))))


def pcgrad(rows: np.ndarray) -> np.ndarray:
    weights = np.eye(len(rows))
    for own, other in np.ndindex(weights.shape):
        inner = rows[other] @ (weights[own] @ rows)
        if own != other and inner < 0:
            weights[own, other] -= inner / (rows[other] @ rows[other])
    return weights.sum(axis=0)


def imtl_g(rows: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(rows, axis=1)
    weights = np.linalg.solve(products(rows / lengths[:, None]), np.ones(len(rows))) / lengths
    return weights / weights.sum()


def conflict_free(rows: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(rows, axis=1)
    unit = rows / lengths[:, None]
    weights = np.linalg.solve(products(unit), np.ones(len(rows)))
    weights /= np.linalg.norm(weights @ unit)
    return np.sum(rows @ (weights @ unit)) * weights / lengths


REFERENCES = {
    "aligned_median": lambda rows: aligned(rows, lambda squares: squares[len(squares) // 2]),
    "aligned_min": lambda rows: aligned(rows, np.min),
    "aligned_rmse": lambda rows: aligned(rows, np.mean),
    "cagrad": cagrad,
    "conflict_free": conflict_free,
    "dualproj": dualproj,
    "imtl_g": imtl_g,
    "mgda": mgda,
    "pcgrad": pcgrad,
    "upgrad": upgrad,
}


def test_every_aggregator_that_solves_something_is_here() -> None:
    assert set(WEIGHTS) == SOLVERS | CLOSED
    assert SOLVERS - set(REFERENCES) == {"nash", "fairgrad_half", "fairgrad_two"}, "these have an equation, see below"


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [2, 3, 8])
@pytest.mark.parametrize("name", sorted(REFERENCES))
def test_the_weights_are_the_optimum(name: str, size: int, dtype: Any) -> None:
    rows = uneven(size, 0.1 if dtype == np.float32 else 1e-2)
    expected = np.stack([REFERENCES[name](own) for own in rows])
    found = weights_of(name, products(rows), dtype=dtype)
    lengths = np.linalg.norm(rows, axis=2)
    limit = 1e-2 if dtype == np.float32 else 1e-6
    assert far(found, expected).max() < limit
    # Beside it in units of the gradients, so that a weight of a long one counts as well.
    assert far(found * lengths, expected * lengths).max() < limit


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [2, 3, 8])
@pytest.mark.parametrize(("name", "power"), [("nash", 1.0), ("fairgrad_half", 2.0), ("fairgrad_two", 0.5)])
def test_bargains_solve_their_equation(name: str, power: float, size: int, dtype: Any) -> None:
    rows = uneven(size, 0.1 if dtype == np.float32 else 1e-2)
    found = weights_of(name, products(rows), dtype=dtype)
    progress = np.einsum("bin,bn->bi", rows, updates(found, rows))
    # What a short gradient gains is what the parts of long ones leave: it is known up to the rounding of these.
    parts = np.einsum("bij,bj->bi", np.abs(products(rows)), found)
    assert np.abs((progress - found**-power) / parts).max() < (1e-5 if dtype == np.float32 else 1e-11)


def test_a_short_gradient_counts_beside_a_long_one() -> None:
    long = np.array([[[1e4, 0.0], [-0.1, 0.1]]])
    dtypes: tuple[Any, ...] = (np.float32, np.float64)
    for dtype in dtypes:
        update = updates(weights_of("cagrad", products(long), dtype=dtype), long)[0]
        np.testing.assert_allclose((long[0] @ update).min(), -146.4401, rtol=1e-5)
        short = np.array([[[1.0, 0.2], [-0.0003, 0.001]]])
        found = weights_of("aligned_min", products(short), dtype=dtype)[0]
        np.testing.assert_allclose(found, [0.00055765, 0.50004802], rtol=1e-5)
