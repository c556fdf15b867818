"""What the laws share: choosing settings, casting, and calling the loss of a Case."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxloss.inspect.case import Case, Inputs, floats

__all__ = [
    "TAIL",
    "all_settings",
    "call",
    "cast",
    "cast_hypers",
    "differentiable",
    "direction",
    "free_numbers",
    "free_settings",
    "generator",
    "keyword_parameters",
    "next_state",
    "of_floats",
    "round_hypers",
    "rows",
    "settings",
    "slopes",
]

TAIL = ("where", "weights", "reduction")


def generator() -> np.random.Generator:
    """The random numbers of a law: the same for every run and every order of the laws."""
    return np.random.default_rng(20240607)


def keyword_parameters(fn: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """The hyperparameters of a loss; an axis name says where its examples or classes are and is none."""
    parameters = inspect.signature(fn).parameters.values()
    named = (p for p in parameters if p.kind is p.KEYWORD_ONLY and p.name not in TAIL)
    return {p.name: p for p in named if not p.name.endswith("axis_name")}


def settings(case: Case) -> list[Mapping[str, Any]]:
    """The defaults, unless an argument has none, and the Case's own hyperparameters."""
    required = any(p.default is p.empty for p in keyword_parameters(case.fn).values())
    return ([] if required else [{}]) + ([case.hypers] if case.hypers else [])


def free_settings(case: Case) -> Mapping[str, Any]:
    """Settings that fit inputs of any structural size: the Case's own, or the defaults if those hold arrays."""
    chosen = settings(case)
    return chosen[0] if any(isinstance(v, np.ndarray) for v in chosen[-1].values()) else chosen[-1]


def all_settings(case: Case) -> list[Mapping[str, Any]]:
    """The settings and the closed ends of the hyperparameters."""
    return [*settings(case), *case.ends]


def cast(inputs: Inputs, dtype: Any) -> dict[str, Any]:
    """The inputs as JAX arrays, floats in ``dtype``."""
    return {k: jnp.asarray(v, dtype if k in floats(inputs) else None) for k, v in inputs.items()}


def _is_floating(value: Any) -> bool:
    return isinstance(value, np.ndarray) and np.issubdtype(value.dtype, np.floating)


def cast_hypers(hypers: Mapping[str, Any], dtype: Any) -> dict[str, Any]:
    """Array hyperparameters in ``dtype``; numbers as they are."""
    return {k: jnp.asarray(v, dtype) if _is_floating(v) else v for k, v in hypers.items()}


def round_hypers(hypers: Mapping[str, Any]) -> dict[str, Any]:
    """Array hyperparameters rounded to float32, in the dtype that they have."""
    return {k: v.astype(np.float32).astype(v.dtype) if _is_floating(v) else v for k, v in hypers.items()}


def differentiable(case: Case, inputs: Mapping[str, Any]) -> list[str]:
    """The names of the floating inputs that the Case does not declare ``fixed``."""
    return [n for n, x in inputs.items() if jnp.issubdtype(jnp.asarray(x).dtype, jnp.floating) and n not in case.fixed]


def free_numbers(case: Case, hypers: Mapping[str, Any]) -> list[str]:
    """The names of the floating hyperparameters that may be traced and that the Case does not declare ``fixed``."""
    floating = [n for n, v in hypers.items() if isinstance(v, float) or _is_floating(v)]
    return [n for n in floating if n not in case.static and n not in case.fixed]


def _leading(case: Case, inputs: Mapping[str, Any]) -> tuple[Any, ...]:
    """The leading arguments, their NumPy arrays in the dtype of the inputs."""
    if not case.leading:
        return ()
    dtypes = [x.dtype for x in inputs.values() if hasattr(x, "dtype") and jnp.issubdtype(x.dtype, jnp.floating)]
    dtype = dtypes[0] if dtypes else jnp.float32
    return jax.tree.map(lambda x: jnp.asarray(x, dtype) if _is_floating(x) else x, case.leading)


def call(case: Case, inputs: Mapping[str, Any], **kwargs: Any) -> Any:
    """The loss at some inputs, without the state that it may carry."""
    result = case.fn(*_leading(case, inputs), **inputs, **kwargs)
    return result[0] if case.carries else result


def next_state(case: Case, inputs: Mapping[str, Any], **kwargs: Any) -> Any:
    """The state that a loss carries to its next call; None if it carries none."""
    return case.fn(*_leading(case, inputs), **inputs, **kwargs)[1] if case.carries else None


def of_floats(
    case: Case, inputs: Mapping[str, Any], **kwargs: Any
) -> tuple[Callable[[dict[str, Any]], Any], dict[str, Any]]:
    """The loss as a function of its differentiable inputs, and those inputs."""
    chosen = {n: inputs[n] for n in differentiable(case, inputs)}
    return lambda some: call(case, {**inputs, **some}, **kwargs), chosen


def slopes(fn: Callable[[dict[str, Any]], Any], at: dict[str, Any]) -> tuple[dict[str, Any], Any]:
    """The gradient of the sum of ``fn``, and its values, from one pass."""

    def total(some: dict[str, Any]) -> tuple[jax.Array, jax.Array]:
        values = fn(some)
        return jnp.sum(values), values

    return jax.grad(total, has_aux=True)(at)


def rows(case: Case, inputs: Mapping[str, Any], index: Any) -> dict[str, Any]:
    """The inputs at some positions of the only batch axis; shared inputs whole."""
    return {n: x if n in case.shared else np.asarray(x)[index] for n, x in inputs.items()}


def direction(rng: np.random.Generator, chosen: Mapping[str, Any]) -> dict[str, Any]:
    """A random direction in the space of some inputs."""
    return {n: jnp.asarray(rng.normal(size=np.shape(x)), x.dtype) for n, x in chosen.items()}
