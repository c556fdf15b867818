"""A search for a chord that lies below a loss of a vector: it can refute that the loss is convex, never prove it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxloss.inspect.cards.rows.sampling import quick
from jaxloss.inspect.verdict import Verdict, Word

__all__ = ["CUT", "PAIRS", "falsify_convexity", "falsify_family"]

CUT = 1e3
"""Rounding units from which a gap is a counterexample; convex losses stay below 1."""
SCALES = 10.0 ** np.arange(-3.0, 2.0)
STARTS = 24
"""Pairs of points per pair of scales: how far out the chord lies, and how long it is."""
PAIRS = STARTS * SCALES.size**2
"""Pairs of points at which the search starts."""
STEPS = 40
Climb = tuple[jax.Array, jax.Array, jax.Array]
"""Both ends, the best ends until now, and their gap."""


def falsify_convexity(
    fn: Callable[[jax.Array], jax.Array], size: int, *, domain: tuple[float, float] = (-50.0, 50.0)
) -> Verdict:
    r"""Look for two points whose midpoint has a larger loss than the mean of both.

    The gap :math:`\ell(\tfrac{x + y}{2}) - \tfrac12 (\ell(x) + \ell(y))` is maximised in float64 from starts of all
    scales, in rounding units: the spacing of doubles at the size of the three losses and of the points. The best pair
    is rounded to float32 and evaluated again, on its own.

    Args:
        fn: From a vector to one loss, in the dtype of the vector.
        size: Length of the vector.
        domain: The interval in which all its numbers stay.

    Returns:
        REFUTED with the two points as witness, if their gap is at least a thousand units both times; TESTED otherwise.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from jaxloss.inspect.cards import falsify_convexity
        >>> falsify_convexity(jax.nn.logsumexp, 3).word.value
        'TESTED'
        >>> falsify_convexity(lambda x: jnp.log1p(jnp.sum(x * x)), 3).word.value
        'REFUTED'
    """
    return falsify_family(lambda x, _: fn(x), np.zeros(PAIRS), size, domain=domain)


def falsify_family(
    fn: Callable[[jax.Array, Any], jax.Array],
    others: Any,
    size: int,
    *,
    domain: tuple[float, float] = (-50.0, 50.0),
    place: Callable[[jax.Array], jax.Array] = lambda free: free,
) -> Verdict:
    """Look for such points of any of several functions, as `falsify_convexity` does of one.

    Args:
        fn: From a vector, and other inputs that both points share, to one loss.
        others: The other inputs of every start, a pytree whose leaves have an axis of `PAIRS` first.
        size: Length of the vector.
        domain: The interval in which the numbers stay that are moved.
        place: From any numbers to a vector at which the loss is defined, such as a softmax.

    Returns:
        As of `falsify_convexity`. The witness has the other inputs, too, if they are a dictionary.
    """
    gap = lambda ends, other: _gap(lambda x: fn(x, other), ends)
    climb = lambda ends, other: _climb(lambda ends: gap(jax.vmap(place)(ends), other), ends, domain)
    with jax.enable_x64(True):
        starts = jnp.asarray(_starts(size, domain))
        ends, units = jax.jit(jax.vmap(climb), compiler_options=quick())(starts, others)
        units = np.where(np.isfinite(units), units, -np.inf)
        at = int(np.argmax(units))
        best = np.asarray(jax.vmap(place)(ends[at]), np.float32)
        other = jax.tree.map(lambda values: values[at], others)
        checked = float(jax.jit(gap, compiler_options=quick())(jnp.asarray(best, jnp.float64), other))
    points = len(starts) * (STEPS + 1)
    if not (np.max(units) >= CUT and checked >= CUT):
        return Verdict(Word.TESTED, "no chord below the loss was found", evidence={"points": points})
    named = {"x": best[0], "y": best[1], **(other if isinstance(other, dict) else {})}
    witness = {f"{name}_{i}": float(v) for name, row in named.items() for i, v in enumerate(np.ravel(row))}
    statement = f"not convex: a midpoint is {checked:.1g} rounding units above its chord"
    return Verdict(Word.REFUTED, statement, evidence={"points": points, "witness": witness})


def _starts(size: int, domain: tuple[float, float]) -> np.ndarray:
    """Pairs of points, ``[starts, 2, size]``."""
    rng = np.random.default_rng(20240607)
    shape = (STARTS, SCALES.size, SCALES.size, size)
    middle = rng.normal(size=shape) * SCALES[:, None, None]
    half = rng.normal(size=shape) * SCALES[:, None]
    return np.clip(np.stack([middle - half, middle + half], -2).reshape(-1, 2, size), *domain)


def _gap(fn: Callable[[jax.Array], jax.Array], ends: jax.Array) -> jax.Array:
    """By how many rounding units the midpoint lies above its chord."""
    first, second, middle = (fn(x) for x in (ends[0], ends[1], 0.5 * (ends[0] + ends[1])))
    size = 1 + jnp.abs(first) + jnp.abs(second) + jnp.abs(middle) + jnp.max(jnp.abs(ends))
    return (middle - 0.5 * (first + second)) / (float(np.finfo(np.float64).eps) * jax.lax.stop_gradient(size))


def _climb(
    gap: Callable[[jax.Array], jax.Array], ends: jax.Array, domain: tuple[float, float]
) -> tuple[jax.Array, jax.Array]:
    """Both ends after some steps uphill, whose length is a share of the chord; the best pair on the way."""

    def step(carry: Climb, _: None) -> tuple[Climb, None]:
        ends, best, most = carry
        value, slope = jax.value_and_grad(gap)(ends)
        better = value > most
        best, most = jnp.where(better, ends, best), jnp.where(better, value, most)
        length = 0.1 * jnp.linalg.norm(ends[1] - ends[0]) / (jnp.linalg.norm(slope) + 1e-300)
        moved = jnp.clip(ends + length * slope, *domain)
        return (jnp.where(jnp.isfinite(moved), moved, ends), best, most), None

    start = ends, ends, jnp.asarray(-jnp.inf, ends.dtype)
    (_, best, most), _ = jax.lax.scan(step, start, length=STEPS)
    return best, most
