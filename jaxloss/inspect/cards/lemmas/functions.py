"""A loss as a function of one flat vector, for many draws of its other inputs."""

from __future__ import annotations

import dataclasses
import inspect
import math
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxloss.inspect.cards.lemmas.drawing import PLACES, draw, shape_of, word_of
from jaxloss.inspect.cards.lemmas.formulas import number
from jaxloss.inspect.cards.lemmas.tables import Lemma

__all__ = ["Others", "VectorFunction"]

Others = Mapping[str, Any]
"""The inputs that are fixed while the vector varies."""


@dataclasses.dataclass(frozen=True)
class VectorFunction:
    """A loss of the vector of all numbers that vary.

    Attributes:
        fn: The loss.
        lemma: What varies, and how inputs are drawn.
        settings: The hyperparameters.
        n: The length that the table leaves open.
    """

    fn: Callable[..., Any]
    lemma: Lemma
    settings: Mapping[str, Any]
    n: int

    @property
    def size(self) -> int:
        """How many numbers vary."""
        return sum(math.prod(shape) for shape in self._shapes.values())

    @property
    def _shapes(self) -> dict[str, tuple[int, ...]]:
        return {name: shape_of(self.lemma.inputs[name], self.n) for name in self.lemma.argument}

    def place(self, free: jax.Array) -> jax.Array:
        """The vector of any numbers, moved to where the loss is defined."""
        parts = self._split(free)
        placed = {name: PLACES[word_of(self.lemma.inputs[name])](part) for name, part in parts.items()}
        return jnp.concatenate([jnp.ravel(part) for part in placed.values()])

    def _split(self, vector: jax.Array) -> dict[str, jax.Array]:
        parts, start = {}, 0
        for name, shape in self._shapes.items():
            parts[name] = jnp.reshape(vector[start : start + math.prod(shape)], shape)
            start += math.prod(shape)
        return parts

    def others(self, rng: np.random.Generator, count: int) -> Others:
        """Draws of the inputs that are fixed."""
        recipes = {name: how for name, how in self.lemma.inputs.items() if name not in self.lemma.argument}
        return {name: draw(rng, how, self.n, count) for name, how in recipes.items()}

    def __call__(self, vector: jax.Array, others: Others) -> jax.Array:
        """The loss of one example."""
        reduction = {"reduction": "none"} if "reduction" in inspect.signature(self.fn).parameters else {}
        fixed = {name: jnp.asarray(value) for name, value in others.items()}
        return self.fn(**self._split(vector), **fixed, **self.settings, **reduction)

    def bound(self, formula: str, others: Others) -> jax.Array:
        """The number of a claim."""
        return number(formula, {**others, **self.settings, "size": self.size})
