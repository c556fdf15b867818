"""Reductions as values: equal, hashable and printable; and what is wrong with a reduction that cannot be one."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec

import jax
import numpy as np

from jaxloss._floor.typing import Array, Reducer

__all__ = ["BoundReducer", "apply", "did_you_mean", "reducer"]

P = ParamSpec("P")

WEIGHTLESS_MODULES = ("jax.numpy", "numpy", "builtins", "math")
"""Modules whose ``mean`` or ``max`` would take the weights for an axis."""

MEANT = {
    "mean": "'mean'",
    "avg": "'mean'",
    "average": "'mean'",
    "sum_over_batch_size": "'mean'",
    "token-mean": "'mean'",
    "sum": "'sum'",
    "none": "'none' for no reduction",
    "batchmean": "reduction=jaxloss.reductions.batch_mean()",
    "seq-mean-token-mean": "reduction=jaxloss.reductions.sequence_mean()",
    "seq-mean-token-sum": "reduction=jaxloss.reductions.sequence_mean_token_sum()",
    "seq-mean-token-sum-norm": "reduction=jaxloss.reductions.sequence_mean_token_sum_norm()",
}
"""What the names of reductions in other libraries mean here, in lower case; those with hyphens are from verl."""


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class BoundReducer:
    """A factory of `jaxloss.reductions` with its arguments: the function ``(values, weights) -> result``."""

    factory: Callable[..., Any]
    arguments: tuple[tuple[str, Any], ...]

    @property
    def __name__(self) -> str:
        """What JAX calls the reduction in traces, profiles and errors."""
        return self.factory.__name__

    def __call__(self, values: Array, weights: Array) -> Any:
        return inspect.unwrap(self.factory)(values, weights, **dict(self.arguments))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, BoundReducer) or self.factory is not other.factory:
            return False
        pairs = zip(self.arguments, other.arguments, strict=True)
        return all(_same(mine, theirs) for (_, mine), (_, theirs) in pairs)

    def __hash__(self) -> int:
        try:
            return hash((self.factory, self.arguments))
        except TypeError:
            raise TypeError(
                f"{self.factory.__name__} holds an array and cannot be hashed, so it cannot be a static argument. "
                "Pass the array to the compiled function and build the reduction there."
            ) from None

    def __repr__(self) -> str:
        parameters = inspect.signature(self.factory).parameters
        shown = [
            f"{name}={value!r}" if parameters[name].kind is inspect.Parameter.KEYWORD_ONLY else repr(value)
            for name, value in self.arguments
            if value is not parameters[name].default
        ]
        return f"{self.factory.__name__}({', '.join(shown)})"


def _same(mine: Any, theirs: Any) -> bool:
    """Whether two arguments are equal; arrays are equal only to themselves, for one may be traced."""
    arrays = isinstance(mine, jax.Array | np.ndarray) or isinstance(theirs, jax.Array | np.ndarray)
    return mine is theirs if arrays else bool(mine == theirs)


def reducer(rule: Callable[Concatenate[Array, Array, P], Array]) -> Callable[P, Reducer]:
    """Turn ``rule(values, weights, ...)`` into a function of its further arguments that makes a `BoundReducer`."""
    signature = inspect.signature(rule)
    signature = signature.replace(parameters=list(signature.parameters.values())[2:], return_annotation=Reducer)

    @functools.wraps(rule)
    def factory(*args: P.args, **kwargs: P.kwargs) -> Reducer:
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{rule.__name__}({', '.join(signature.parameters)}): {error}") from None
        bound.apply_defaults()
        return BoundReducer(factory, tuple(bound.arguments.items()))

    vars(factory)["__signature__"] = signature
    return factory


def apply(reduction: Callable[..., Any], values: Array, weights: Array) -> Any:
    """``reduction(values, weights)``; a TypeError that says what to write where it is not such a function."""
    if isinstance(reduction, BoundReducer):
        return reduction(values, weights)
    _require_two_arguments(reduction)
    result = reduction(values, weights)
    if callable(result):
        raise TypeError(_refusal(reduction, "it returns a function; if it makes reductions, call it first"))
    return result


def did_you_mean(reduction: Any) -> str:
    """The end of a message about an unknown reduction: what was likely meant, or nothing."""
    meant = MEANT.get(str(reduction).lower())
    return f" Did you mean {meant}?" if meant else ""


def _require_two_arguments(reduction: Callable[..., Any]) -> None:
    name = getattr(reduction, "__name__", repr(reduction))
    module = getattr(reduction, "__module__", None) or ""
    if isinstance(reduction, type):
        advice = "Write reductions.term, which makes a Term." if name == "Term" else "Write a function that makes one."
        raise TypeError(f"reduction must be a function (values, weights) -> result; found the class {name}. {advice}")
    if module.split("._")[0] in WEIGHTLESS_MODULES:
        advice = f'reduction="{name}"' if name in ("mean", "sum") else f"lambda values, weights: {name}(...)"
        raise TypeError(
            f"reduction must be a function (values, weights) -> result; {module}.{name} is not. Write {advice}."
        )
    try:
        signature = inspect.signature(reduction)
    except (TypeError, ValueError):  # some callables of C have no signature
        return
    try:
        signature.bind(None, None)
    except TypeError:
        raise TypeError(_refusal(reduction, "it must take two arguments, (values, weights)")) from None


def _refusal(reduction: Callable[..., Any], fault: str) -> str:
    """The message for a function that is not a reduction: its ``fault``, or how to call one of `jaxloss.reductions`."""
    name, signature = getattr(reduction, "__name__", repr(reduction)), inspect.signature(reduction)
    required = ", ".join(p.name for p in signature.parameters.values() if p.default is p.empty)
    if (getattr(reduction, "__module__", None) or "").startswith("jaxloss.reductions"):
        found = f"reductions.{name} makes one when it is called. Write reduction=reductions.{name}({required})"
    else:
        found = f"found {name}{signature}: {fault}"
    return f"reduction must be a function (values, weights) -> result; {found}."
