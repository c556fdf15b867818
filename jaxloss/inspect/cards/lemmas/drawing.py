"""How the inputs of a loss are drawn, in the words of the tables: ``numbers[n]``, ``below(n)``, ``distribution[n]``.

A word may have an argument in parentheses and a shape in brackets, both in terms of ``n``. Without brackets it is one
number.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import jax
import numpy as np

from jaxloss.inspect.cards.lemmas.formulas import whole

__all__ = ["PLACES", "draw", "shape_of", "word_of"]

Draw = Callable[[np.random.Generator, tuple[int, ...], int], np.ndarray]

RECIPE = re.compile(r"(?P<word>\w+)(\((?P<argument>[^)]*)\))?(\[(?P<shape>[^\]]*)\])?")
PLACES: Mapping[str, Callable[[jax.Array], jax.Array]] = {
    "numbers": lambda u: u,
    "distribution": lambda u: jax.nn.softmax(u, axis=-1),
    "probability": jax.nn.sigmoid,
}
"""Words of what may vary to how any numbers become it."""


def _distribution(rng: np.random.Generator, shape: tuple[int, ...], _: int) -> np.ndarray:
    """From certain to even."""
    scores = rng.normal(size=shape) * 10.0 ** rng.uniform(-1, 2, size=(*shape[:-1], 1))
    scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return scores / scores.sum(axis=-1, keepdims=True)


def _marks(rng: np.random.Generator, shape: tuple[int, ...], _: int) -> np.ndarray:
    """At least one 1 and one 0."""
    ranks = np.argsort(rng.normal(size=shape), axis=-1)
    return (ranks < rng.integers(1, shape[-1], size=(*shape[:-1], 1))).astype(np.float64)


def _grades(rng: np.random.Generator, shape: tuple[int, ...], _: int) -> np.ndarray:
    """Whole numbers with ties, of which one is the only largest."""
    grades = rng.integers(0, 3, size=shape)
    np.put_along_axis(grades, rng.integers(0, shape[-1], size=(*shape[:-1], 1)), 3, axis=-1)
    return grades.astype(np.float64)


def _steps(_: np.random.Generator, shape: tuple[int, ...], __: int) -> np.ndarray:
    return np.broadcast_to(np.arange(shape[-1], dtype=np.float64), shape)


def _constant(_: np.random.Generator, shape: tuple[int, ...], value: int) -> np.ndarray:
    return np.full(shape, value, np.int32)


DRAWS: Mapping[str, Draw] = {
    "numbers": lambda rng, shape, _: 3 * rng.normal(size=shape),
    "positive": lambda rng, shape, _: np.exp(rng.normal(size=shape)),
    "share": lambda rng, shape, _: rng.uniform(size=shape),
    "levels": lambda rng, shape, _: rng.uniform(0.05, 0.95, size=shape),
    "up_to": lambda rng, shape, most: rng.uniform(0, most, size=shape),
    "steps": _steps,
    "sign": lambda rng, shape, _: 2.0 * rng.integers(0, 2, size=shape) - 1,
    "below": lambda rng, shape, most: rng.integers(0, most, size=shape, dtype=np.int32),
    "constant": _constant,
    "events": lambda rng, shape, _: _marks(rng, shape, 0) > 0,
    "distribution": _distribution,
    "marks": _marks,
    "grades": _grades,
}
"""Words to how arrays of a shape, whose first axis are the draws, are made of them."""


def _parts(recipe: str) -> Mapping[str, str | None]:
    found = RECIPE.fullmatch(recipe)
    if found is None:
        raise ValueError(f"no way to draw is written {recipe!r}")
    return found.groupdict()


def word_of(recipe: str) -> str:
    """The word of a recipe."""
    return str(_parts(recipe)["word"])


def shape_of(recipe: str, n: int) -> tuple[int, ...]:
    """The shape of one input."""
    return tuple(whole(size, n) for size in (_parts(recipe)["shape"] or "").split(",") if size)


def draw(rng: np.random.Generator, recipe: str, n: int, count: int) -> np.ndarray:
    """A number of inputs, ``[count, ...]``."""
    argument = _parts(recipe)["argument"]
    return DRAWS[word_of(recipe)](rng, (count, *shape_of(recipe, n)), whole(argument, n) if argument else 0)
