"""What the functions of a Gram matrix share: checks, deletion of absent terms, cosines, preferences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxloss._floor import checks
from jaxloss._floor.maths.numerics import divide, sqrt
from jaxloss._floor.reduction import promote
from jaxloss._floor.typing import Array, Scalar

__all__ = [
    "cosines",
    "dot",
    "graded_eigh",
    "mean_over_present",
    "named_vector",
    "over_present",
    "pseudo_inverse",
    "resolution",
    "reveal",
    "trace_scaled",
    "without",
]


SWEEPS = 10


def without(gram: Any, present: Any | None) -> tuple[Array, Array]:
    """``(gram, present)``, checked and in float32 at least; the rows and columns of absent terms are 0."""
    (gram,) = promote(*checks.floating(gram=gram))
    checks.with_axes("terms terms", gram=gram)
    size = gram.shape[-1]
    checks.has_shape((size, size), "one row and one column per term", gram=gram)
    present = jnp.ones(size, bool) if present is None else checks.mask(present, (size,))
    return jnp.where(present[:, None] & present[None, :], gram, jnp.zeros((), gram.dtype)), present


def reveal(weights: Array, gram: Array, present: Array) -> Array:
    """The weights: 0 for absent terms, and NaN for all others if the gradient of a present term is not finite."""
    finite = jnp.all(jnp.isfinite(gram))
    weights = jnp.where(finite, weights, jnp.nan)
    return jnp.where(present, weights, jnp.zeros((), weights.dtype))


def dot(x: Array, y: Array) -> Array:
    """``x @ y`` in full precision, where accelerators would round the inputs to fewer bits."""
    return jnp.matmul(x, y, precision="highest")


def cosines(gram: Array) -> tuple[Array, Array]:
    """Cosines between the rows, with 1 on the diagonal, and the lengths of the rows; both 0 for a row of zeros.

    What is computed from these two is accurate for rows of any scales, including very different ones.
    """
    lengths = sqrt(jnp.diagonal(gram))
    inverse = divide(jnp.ones_like(lengths), lengths)
    angles = jnp.clip(gram * inverse[:, None] * inverse[None, :], -1, 1)
    return jnp.where(jnp.eye(len(gram), dtype=bool), (lengths > 0).astype(gram.dtype)[None, :], angles), lengths


def resolution(gram: Array) -> float:
    """Eigenvalues below this share of the largest one are rounding errors: ten units in the last place per row."""
    return 10 * len(gram) * float(jnp.finfo(gram.dtype).eps)


def graded_eigh(gram: Array) -> tuple[Array, Array]:
    """Eigenvalues, in no order, and eigenvectors, as columns, of a positive semidefinite matrix of any scaling.

    Jacobi's method. ``jnp.linalg.eigh`` is accurate relative to the largest eigenvalue only; here an error is relative
    to the lengths of the rows that make an eigenvalue, so that a row of length 1e-4 is resolved beside one of 1e4.

    Reference:
        Demmel and Veselic (1992), Jacobi's Method is More Accurate than QR. https://doi.org/10.1137/0613074
    """
    eye = jnp.eye(len(gram), dtype=gram.dtype)

    def turn(carry: tuple[Array, Array], pair: Array) -> tuple[tuple[Array, Array], None]:
        matrix, vectors = carry
        i, j = pair
        # The tangent of the smaller angle that makes entry (i, j) zero.
        apart, between = matrix[j, j] - matrix[i, i], 2 * matrix[i, j]
        side = jnp.where(apart < 0, -jnp.ones_like(apart), jnp.ones_like(apart))
        tangent = divide(between * side, jnp.abs(apart) + jnp.hypot(apart, between))
        tangent = jnp.where(i == j, jnp.zeros_like(tangent), tangent)
        cosine = 1 / jnp.sqrt(1 + jnp.square(tangent))
        turned = eye.at[i, i].set(cosine).at[j, j].set(cosine)
        turned = turned.at[i, j].add(cosine * tangent).at[j, i].add(-cosine * tangent)
        return (dot(turned.T, dot(matrix, turned)), dot(vectors, turned)), None

    (matrix, vectors), _ = jax.lax.scan(turn, (gram, eye), jnp.asarray(np.tile(_rounds(len(gram)), (SWEEPS, 1, 1))))
    return jnp.diagonal(matrix), vectors


def _rounds(size: int) -> np.ndarray:
    """Rounds of a tournament, ``[rounds, 2, pairs]``: every two of ``size`` meet once, and the one left over itself."""
    last = size - 1 + size % 2
    rounds = [np.append(np.roll(np.arange(last), turn), last) for turn in range(last)]
    home, away = np.array(rounds)[:, : (last + 1) // 2], np.array(rounds)[:, : last // 2 : -1]
    return np.stack([home, np.where(away < size, away, home)], 1) if size > 1 else np.zeros((0, 2, 1), int)


def pseudo_inverse(gram: Array) -> Array:
    """The Moore-Penrose inverse of a positive semidefinite matrix; eigenvalues that are rounding errors count as 0."""
    values, vectors = jnp.linalg.eigh(gram)
    kept = values > resolution(gram) * values[-1]
    inverse = jnp.where(kept, 1 / jnp.where(kept, values, jnp.ones_like(values)), jnp.zeros_like(values))
    return dot(vectors * inverse[None, :], vectors.T)


def trace_scaled(gram: Array, ridge: Scalar) -> Array:
    """``gram / trace(gram) + ridge * I``; ``ridge * I`` if it is 0."""
    scaled = divide(gram, jnp.broadcast_to(jnp.trace(gram), gram.shape))
    return scaled + ridge * jnp.eye(len(gram), dtype=gram.dtype)


def over_present(preference: Any | None, present: Array, dtype: Any, total: float | None = 1.0) -> Array:
    """The preference, 0 for absent terms. None is equal numbers that sum to ``total``, or ones if that is None."""
    if preference is not None:
        (preference,) = checks.numeric(preference=preference)
        checks.has_shape(present.shape, "one number per term", preference=preference)
        return jnp.where(present, preference.astype(dtype), jnp.zeros((), dtype))
    ones = present.astype(dtype)
    return ones if total is None else divide(total * ones, jnp.broadcast_to(jnp.sum(ones), ones.shape))


def mean_over_present(numbers: Array, present: Array) -> Array:
    """The mean over the present terms, for each of them."""
    return jnp.broadcast_to(dot(over_present(None, present, numbers.dtype), numbers), numbers.shape)


def named_vector(who: str, numbers: Mapping[str, Scalar], names: Sequence[str], dtype: Any, **limits: float) -> Array:
    """The numbers in the order of the names; an error unless there is exactly one for each name."""
    if unknown := sorted(set(numbers) - set(names)):
        raise KeyError(f"{who}: unknown term(s) {unknown}; the terms are {sorted(names)}")
    if missing := sorted(set(names) - set(numbers)):
        raise KeyError(f"{who}: no number for the term(s) {missing}; the terms are {sorted(names)}")
    checked = [checks.scalar(f"{who} of {name!r}", numbers[name], dtype, **limits) for name in names]
    return jnp.stack([jax.lax.stop_gradient(jnp.asarray(number, dtype)) for number in checked])
