"""What the functions of a Gram matrix share: checks, deletion of absent terms, cosines, preferences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths.numerics import divide, sqrt
from jaxloss._floor.reduction import promote
from jaxloss._floor.typing import Array, Scalar

__all__ = [
    "cosines",
    "dot",
    "mean_over_present",
    "named_vector",
    "over_present",
    "pseudo_inverse",
    "resolution",
    "reveal",
    "trace_scaled",
    "without",
]


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
