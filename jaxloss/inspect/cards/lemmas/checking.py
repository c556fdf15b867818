"""Whether a claim survives a search for a contradiction: one check per row that a claim can be about."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxloss.inspect.cards.lemmas.functions import Others, VectorFunction
from jaxloss.inspect.cards.lemmas.searching import STARTS, STEPS, climb, starts
from jaxloss.inspect.cards.lemmas.tables import Claim
from jaxloss.inspect.cards.rows.falsifier import PAIRS, falsify_family
from jaxloss.inspect.cards.rows.sampling import quick
from jaxloss.inspect.verdict import Word

__all__ = ["SLACK", "Check", "check"]

SLACK = 1e-6
"""By how much, relative to the bound, a number must exceed it to contradict it: rounding stays below."""
POWERS = 6
"""Steps of the power iteration for the largest curvature."""
SHORTEST = 1e-3
"""Distance of two points from which their difference quotient is taken: rounding spoils closer ones."""


@dataclasses.dataclass(frozen=True)
class Check:
    """What a search found.

    Attributes:
        points: Number of points that were looked at.
        finite: Whether the loss gave numbers from every start; otherwise a search that finds nothing means nothing.
        reached: How close the search came to the bound: the largest number found, as a share of it, or for a minimum
            the smallest distance to it. None if the claim has no number.
        witness: Where the claim is contradicted, as numbers by name; None if it is not.
    """

    points: int
    finite: bool
    reached: float | None = None
    witness: Mapping[str, float] | None = None


def check(claim: Claim, function: VectorFunction) -> Check:
    """Search for a contradiction of a claim about a loss, at draws of its other inputs.

    Args:
        claim: What is claimed.
        function: The loss as a function of a vector.

    Returns:
        What was found.
    """
    with jax.enable_x64(True):
        return CHECKS[claim.row](claim, function, np.random.default_rng(20240607))


def _convex(_: Claim, function: VectorFunction, rng: np.random.Generator) -> Check:
    others = function.others(rng, PAIRS)
    found = falsify_family(function, others, function.size, place=function.place)
    witness = found.evidence["witness"] if found.word is Word.REFUTED else None
    free = jnp.asarray(np.resize(starts(rng, (function.size,)), (PAIRS, function.size)))
    value = jax.vmap(lambda point, fixed: function(function.place(point), fixed))
    values = jax.jit(value, compiler_options=quick())(free, others)
    return Check(found.evidence["points"], bool(jnp.all(jnp.isfinite(values))), witness=witness)


def _lipschitz(claim: Claim, function: VectorFunction, rng: np.random.Generator) -> Check:
    """By gradient norms, and by difference quotients, which see what the gradient does not tell."""

    def steepest(pair: jax.Array, others: Others) -> jax.Array:
        first, second = jax.vmap(function.place)(pair)
        values, slopes = jax.vmap(jax.value_and_grad(lambda x: function(x, others)))(jnp.stack([first, second]))
        return jnp.maximum(jnp.max(jnp.linalg.norm(slopes, axis=-1)), _quotient(values[:, None], first, second))

    return _largest(steepest, claim, function, rng, (2, function.size))


def _smooth(claim: Claim, function: VectorFunction, rng: np.random.Generator) -> Check:
    """By Hessian-vector products, and by difference quotients of the gradient, which see its jumps."""

    def most_curved(pair: jax.Array, others: Others) -> jax.Array:
        first, second = jax.vmap(function.place)(pair)
        slope = jax.grad(lambda x: function(x, others))
        product = lambda v: jax.jvp(slope, (first,), (v,))[1]
        unit = lambda v: v / (jnp.linalg.norm(v) + 1e-300)
        way = jax.lax.fori_loop(0, POWERS, lambda _, v: unit(product(v)), unit(second - first))
        slopes = jnp.stack([slope(first), slope(second)])
        return jnp.maximum(jnp.linalg.norm(product(way)), _quotient(slopes, first, second))

    return _largest(most_curved, claim, function, rng, (2, function.size))


def _quotient(values: jax.Array, first: jax.Array, second: jax.Array) -> jax.Array:
    distance = jnp.linalg.norm(second - first)
    apart = distance >= SHORTEST
    return jnp.where(apart, jnp.linalg.norm(values[1] - values[0]) / jnp.where(apart, distance, 1.0), 0.0)


def _largest(
    measure: Callable[[jax.Array, Others], jax.Array],
    claim: Claim,
    function: VectorFunction,
    rng: np.random.Generator,
    shape: tuple[int, ...],
) -> Check:
    """The largest number that a measure takes, as a share of the bound of the claim."""

    def share(point: jax.Array, others: Others) -> jax.Array:
        found, bound = measure(point, others), function.bound(claim.bound, others)
        return jnp.where(bound > 0, found / jnp.where(bound > 0, bound, 1.0), 1.0 + found)

    others = function.others(rng, STARTS)
    points, shares = climb(share, starts(rng, shape), others)
    at = int(np.argmax(shares))
    again, fixed = _again(share, points, others, at)
    witness = None
    if min(again, shares[at]) > 1 + SLACK:
        bound = float(function.bound(claim.bound, fixed))
        witness = {"found": again * bound if bound > 0 else again - 1, "bound": bound, **_named(x=points[at], **fixed)}
    return Check(STARTS * STEPS, bool(np.all(np.isfinite(shares))), float(shares[at]), witness)


def _minimum(claim: Claim, function: VectorFunction, rng: np.random.Generator) -> Check:
    def below(point: jax.Array, others: Others) -> jax.Array:
        return function.bound(claim.bound, others) - function(function.place(point), others)

    others = function.others(rng, STARTS)
    value = lambda point, fixed: function(function.place(point), fixed)
    points, depths = climb(below, starts(rng, (function.size,)), others, downhill=value)
    at = int(np.argmax(depths))
    again, fixed = _again(below, points, others, at)
    bound = float(function.bound(claim.bound, fixed))
    contradicted = min(again, depths[at]) > SLACK * (1 + abs(bound))
    witness = {"found": bound - again, "bound": bound, **_named(x=points[at], **fixed)} if contradicted else None
    return Check(STARTS * STEPS, bool(np.all(np.isfinite(depths))), max(-float(depths[at]), 0.0), witness)


LINKS: Mapping[str, tuple[Callable[[jax.Array], jax.Array], Callable[[jax.Array], jax.Array]]] = {
    "softmax": (jax.nn.softmax, jnp.log),
    "identity": (lambda x: x, lambda p: p),
    "sigmoid": (jax.nn.sigmoid, lambda p: jnp.log(p) - jnp.log1p(-p)),
}
"""What makes probabilities of the vector, and back."""


def _proper(claim: Claim, function: VectorFunction, rng: np.random.Generator) -> Check:
    """Whether the expected loss of another report exceeds that of the truth, by a share of their squared distance."""
    report, score_of = LINKS[claim.link]
    two = function.size == 1
    outcomes = np.arange(2 if two else function.size)
    told = {"one-hot": np.eye(outcomes.size), "index": outcomes.astype(np.int32), "number": outcomes.astype(float)}

    def expected(vector: jax.Array, truth: jax.Array) -> jax.Array:
        losses = jax.vmap(lambda outcome: function(vector, {claim.outcome: outcome}))(
            jnp.asarray(told[claim.outcome_as])
        )
        return losses @ (jnp.stack([1 - truth[0], truth[0]]) if two else truth)

    def cheaper(point: jax.Array, truth: jax.Array) -> jax.Array:
        vector = function.place(point)
        far = jnp.sum(jnp.square(report(vector) - truth))
        apart = far > SHORTEST**2
        gap = expected(score_of(truth), truth) - expected(vector, truth)
        return jnp.where(apart, gap / jnp.where(apart, far, 1.0), -jnp.inf)

    truths = rng.uniform(0.01, 1, size=(STARTS, function.size))
    truths = truths if two else truths / truths.sum(axis=-1, keepdims=True)
    points, gains = climb(cheaper, starts(rng, (function.size,)), truths)
    at = int(np.argmax(gains))
    again, truth = _again(cheaper, points, truths, at)
    refuted = min(again, gains[at]) > -SLACK
    witness = {"gain": again, **_named(true=truth, x=points[at])} if refuted else None
    return Check(STARTS * STEPS, bool(np.all(np.isfinite(gains))), None, witness)


def _again(score: Callable[..., jax.Array], points: np.ndarray, others: Any, at: int) -> tuple[float, Any]:
    """The score of one point, rounded to float32 and evaluated on its own, and its other inputs."""
    fixed = jax.tree.map(lambda values: values[at], others)
    again = jax.jit(score, compiler_options=quick())
    return float(again(jnp.asarray(points[at].astype(np.float32), jnp.float64), fixed)), fixed


def _named(*, x: np.ndarray, **fixed: np.ndarray) -> dict[str, float]:
    """The numbers of a witness: the point as it was evaluated again, and the other inputs."""
    arrays = {"x": x.astype(np.float32), **fixed}
    return {f"{name}_{i}": float(v) for name, values in arrays.items() for i, v in enumerate(np.ravel(values))}


CHECKS: Mapping[str, Callable[[Claim, VectorFunction, np.random.Generator], Check]] = {
    "convex": _convex,
    "lipschitz": _lipschitz,
    "smooth": _smooth,
    "minimum": _minimum,
    "proper": _proper,
}
"""Row to the search that could contradict a claim about it."""
