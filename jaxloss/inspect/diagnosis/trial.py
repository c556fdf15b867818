"""One run of a loss under observation: what it was given, what it called, its value and its gradient."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxloss.combine import Objective
from jaxloss.combine.structure.terms import evaluated, lift, mean_of
from jaxloss.inspect.diagnosis.arguments import NOT_LEARNING, Leaf, argument_name, bound, is_loss
from jaxloss.inspect.diagnosis.arrays import is_floating, is_number_array, numbers
from jaxloss.inspect.diagnosis.compiling import compiled
from jaxloss.inspect.diagnosis.recording import Call, Promotion, Record, recording
from jaxloss.inspect.diagnosis.stepping import Program, step_through

__all__ = ["Trial"]


class Trial:
    """A run of ``fn(*args, **kwargs)``; it raises nothing that ``fn`` raises.

    Attributes:
        leaves: All leaves of the arguments.
        error: What was raised; None if nothing was.
        gradient_error: What the gradient raised, once it has been asked for.
        result: What was returned.
        calls: The calls of losses of jaxloss.
        promotions: The silent broadcasts.
        terms: Name to value of the terms, for an objective.
        direct: Whether ``fn`` is itself a loss of jaxloss.
        traced: Whether it calls losses under a transformation, where their arguments are unknown.
        objective: The objective, if ``fn`` is one.
        aux: What an objective reports beside its value.
    """

    def __init__(self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        as_jax = lambda leaf: jnp.asarray(leaf) if isinstance(leaf, np.ndarray) and is_number_array(leaf) else leaf
        self.fn, (self.args, self.kwargs) = fn, jax.tree.map(as_jax, (args, kwargs))
        self.objective = fn if isinstance(fn, Objective) else None
        self.terms: dict[str, Any] = {}
        self.aux: Any = None
        self.error: Exception | None = None
        self.gradient_error: Exception | None = None
        self.result: Any = None
        self.direct = is_loss(fn)
        paths, self._structure = jax.tree.flatten_with_path((self.args, self.kwargs))
        self.leaves: list[Leaf] = [self._leaf(path, value) for path, value in paths]
        record = self._run_loss() if self.direct else self._run()
        self.calls: list[Call] = record.calls
        self.promotions: list[Promotion] = record.promotions
        self.traced = record.traced

    def evaluate(self, *args: Any, **kwargs: Any) -> Any:
        """What the function returns, without what it returns beside the loss."""
        result = self.fn(*args, **kwargs)
        return result[0] if isinstance(result, tuple) and result else result

    @property
    def values(self) -> Any:
        """The loss as an array, which need not be a scalar; None if there is none."""
        with contextlib.suppress(TypeError, ValueError):
            array = jnp.asarray(self.result)
            return array if jnp.issubdtype(array.dtype, jnp.number) else None
        return None

    @property
    def is_differentiable(self) -> bool:
        """Whether the function returned floating numbers."""
        return self.error is None and self.values is not None and is_floating(self.values)

    @property
    def value(self) -> float | None:
        """The loss as one number, summed if it is an array."""
        return None if self.values is None or self.error else float(np.sum(np.asarray(self.values, np.float64)))

    @property
    def learning(self) -> list[Leaf]:
        """The leaves that are differentiated."""
        return [leaf for leaf in self.leaves if leaf.learns]

    @property
    def starts_at_zero(self) -> bool:
        """Whether a layer has only weights of 0, as some have before the first step: then outputs are constant."""
        return any(leaf.parameter and np.ndim(leaf.value) >= 2 and not np.any(leaf.value) for leaf in self.leaves)

    def total(self, learning: list[Any]) -> jax.Array:
        """The summed loss as a function of the leaves that are differentiated."""
        return self.in_one_piece(self.with_learning(learning, [leaf.value for leaf in self.leaves]))

    def at(self, leaves: list[Any]) -> jax.Array:
        """The summed loss as a function of all leaves."""
        args, kwargs = jax.tree.unflatten(self._structure, leaves)
        return jnp.sum(self.evaluate(*args, **kwargs))

    def in_one_piece(self, leaves: list[Any]) -> jax.Array:
        """As `at`, but for an objective the weighted sum of its terms over the whole batch, which is not split."""
        if self.objective is None:
            return self.at(leaves)
        means = self.term_means(*jax.tree.unflatten(self._structure, leaves))
        return sum((self.aux.weights.get(name, 1.0) * mean for name, mean in means.items()), start=jnp.zeros(()))

    def term_total(self, term: str, learning: list[Any]) -> jax.Array:
        """The mean of one term of an objective as a function of the leaves that are differentiated."""
        leaves = self.with_learning(learning, [leaf.value for leaf in self.leaves])
        return self.term_means(*jax.tree.unflatten(self._structure, leaves))[term]

    def with_learning(self, learning: list[Any], values: list[Any]) -> list[Any]:
        """The values of all leaves, those that are differentiated replaced."""
        rest = iter(learning)
        return [next(rest) if leaf.learns else value for leaf, value in zip(self.leaves, values, strict=True)]

    def gradient_at(self, values: list[Any]) -> list[Any]:
        """The gradient of the summed loss by the leaves that are differentiated, at the values of all leaves."""
        learning = [jnp.asarray(value) for leaf, value in zip(self.leaves, values, strict=True) if leaf.learns]
        return compiled(
            lambda given, others: jax.grad(lambda some: self.at(self.with_learning(some, others)))(given),
            learning,
            values,
        )

    @functools.cached_property
    def program(self) -> Program | None:
        """The run of the summed loss operation by operation; its inputs are the leaves that are differentiated."""
        return step_through(self.total, self.starts)

    @property
    def starts(self) -> list[jax.Array]:
        """The values of the leaves that are differentiated."""
        return [jnp.asarray(leaf.value) for leaf in self.learning]

    @functools.cached_property
    def gradient(self) -> list[Any] | None:
        """The gradient by the leaves that are differentiated; None if there is none."""
        if not self.is_differentiable or not self.learning:
            return None
        try:
            return self.gradient_at([leaf.value for leaf in self.leaves])
        except Exception as error:
            self.gradient_error = error
        return None

    @property
    def is_finite(self) -> bool:
        """Whether the value and the gradient are finite."""
        slopes = self.gradient or []
        return self.value is not None and all(np.all(np.isfinite(numbers(x))) for x in [self.value, *slopes])

    def _run_loss(self) -> Record:
        """Run a loss by itself: what it is called with is known, so it may be compiled."""
        record = Record()
        try:
            record.calls.append(Call(*bound(self.fn, self.args, self.kwargs)))
            result = compiled(lambda args, kwargs: self.fn(*args, **kwargs), self.args, self.kwargs)
            record.calls[0].result, self.result = result, result[0] if isinstance(result, tuple) else result
        except Exception as error:
            self.error = error
        return record

    def _run(self) -> Record:
        with recording() as record:
            self._evaluate_once()
        if record.traced:
            first = self.result, self.error
            with jax.disable_jit(), recording() as plain:
                self._evaluate_once()
            # What cannot run without jit is judged by its first run.
            if plain.traced or (self.error is not None and first[1] is None):
                self.result, self.error = first
            else:
                record = plain
        if self.objective is not None and self.error is None:
            self._evaluate_objective(record.calls)
        return record

    def _evaluate_once(self) -> None:
        self.error, self.result = None, None
        try:
            self.result = self.evaluate(*self.args, **self.kwargs) if self.objective is None else self._named_terms()
        except Exception as error:  # what a sick loss raises is what is looked for
            self.error = error

    def _evaluate_objective(self, calls: list[Call]) -> None:
        """Give each call the name of the term that it returned, and evaluate the objective, also of a split batch."""
        try:
            for call in calls:
                call.term = next((name for name, term in self.result.items() if term is call.result), "")
            self.terms = compiled(self.term_means, self.args, self.kwargs)
            self.result, self.aux = compiled(lambda args, kwargs: self.fn(*args, **kwargs), self.args, self.kwargs)
        except Exception as error:
            self.error = error

    def _named_terms(self) -> Any:
        return _named(self.objective, self.args[0], *self.args[2:], **self.kwargs)

    def term_means(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, jax.Array]:
        """Name to mean of the terms of an objective, before its transformations."""
        named = _named(self.objective, args[0], *args[2:], **kwargs)
        return {name: mean_of(evaluated(name, part)) for name, part in lift(named).items()}

    def _leaf(self, path: tuple[Any, ...], value: Any) -> Leaf:
        positional, place = path[0].idx == 0, path[1]
        name = argument_name(self.fn, place.idx) if positional else place.key
        first = positional and place.idx == 0
        learns = (is_floating(value) or isinstance(value, float)) and (first or (self.direct and positional))
        learns = learns and name not in NOT_LEARNING
        return Leaf(name + jax.tree_util.keystr(path[2:]), value, learns, first and not self.direct)


def _named(objective: Objective | None, params: Any, *args: Any, **kwargs: Any) -> Mapping[str, Any]:
    """What the losses of an objective return, each term by its name."""
    if objective is None:
        return {}
    returned = objective.plan.losses(params, *args, **kwargs)
    return returned[0] if objective.plan.has_aux else returned
