"""Programs that several laws of a Case share: compiling is most of what a law costs.

Each is compiled once per Case and remembered for the last few of them, so run the laws of one Case together.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from jaxloss import reductions
from jaxloss.inspect.calls import (
    call,
    cast,
    cast_hypers,
    direction,
    generator,
    of_floats,
    round_hypers,
    rows,
    settings,
    slopes,
)
from jaxloss.inspect.case import Case, Inputs, floats

__all__ = [
    "AS_WRITTEN",
    "KEEP",
    "Program",
    "Results",
    "clean_inputs",
    "defaults",
    "garbage_inputs",
    "in_precision",
    "plain",
    "plain_inputs",
    "rounded",
    "tail",
    "tail_program",
    "whole_rows",
]

Options = dict[str, str | bool | int | float]
Program = Callable[[Inputs, Any, Any], dict[str, Any]]
Results = tuple[np.ndarray, dict[str, np.ndarray]]

USUAL: Options = {
    "xla_backend_optimization_level": 3,
    "xla_cpu_use_fusion_emitters": True,
    "xla_cpu_parallel_codegen_split_count": 32,
    "xla_llvm_disable_expensive_passes": False,
}

AS_WRITTEN: Options = {"xla_disable_hlo_passes": "algsimp"}
"""Compiler options that keep the product of NaN and 0 a NaN, as in execution operation by operation.

The algebraic simplifier turns the product with a mask into a selection, and so hides a mask by multiplication.
"""

KEEP = np.array([True, False, True, True, False, True])


@functools.cache
def defaults() -> Options:
    """Compiler options that give a program what users get, in a process that compiles cheaply.

    Versions of XLA differ in the options that they have; what one lacks, nobody can have changed.
    """
    return {name: value for name, value in USUAL.items() if _has_option(name, value)}


def _has_option(name: str, value: Any) -> bool:
    try:
        jax.jit(lambda x: x + 1, compiler_options={name: value}).lower(1.0).compile()
    except jax.errors.JaxRuntimeError:
        return False
    return True


@functools.lru_cache(maxsize=4)
def clean_inputs(case: Case) -> Inputs:
    """The six examples of the laws of masks, in float64."""
    return case.draw(generator(), (6,))


@functools.lru_cache(maxsize=4)
def plain_inputs(case: Case) -> Inputs:
    """Twelve examples in two batch axes, in float64."""
    return case.draw(generator(), (3, 4))


def garbage_inputs(case: Case, garbage: float) -> Inputs:
    """The six examples with ``garbage``, or an absurd label, where `KEEP` masks them."""
    inputs = {n: np.array(x, order="C") for n, x in clean_inputs(case).items()}
    for name, x in inputs.items():
        if name not in case.shared:
            x[~KEEP] = garbage if name in floats(inputs) else -100
    return inputs


def tail_program(case: Case, **options: Any) -> Program:
    """``(inputs, where, weights)`` to value and gradient of every kind of reduction, and a Hessian-vector product."""
    hypers = cast_hypers(settings(case)[-1], np.float32)
    along = direction(np.random.default_rng(7), of_floats(case, cast(clean_inputs(case), np.float32))[1])

    def results(inputs: dict[str, Any], where: Any, weights: Any) -> dict[str, Any]:
        fn, at = of_floats(case, inputs, **hypers, where=where, weights=weights, reduction="none")
        (gradient, value), (bend, _) = jax.jvp(functools.partial(slopes, fn), (at,), (along,))
        found: dict[str, Any] = {"none": {"value": value, "gradient": gradient, "curvature": bend}}
        for kind, tail in (("mean", {"weights": weights}), ("equal sum", {"reduction": "sum"})):
            fn, at = of_floats(case, inputs, **hypers, where=where, **tail)
            value, gradient = jax.value_and_grad(fn)(at)
            found[kind] = {"value": value, "gradient": gradient}
        if case.meets:
            found["term"] = call(case, inputs, **hypers, where=where, reduction=reductions.term)
        return found

    program = jax.jit(results, **options)
    return lambda inputs, where, weights: jax.device_get(
        program(cast(inputs, np.float32), np.asarray(where), np.asarray(weights, np.float32))
    )


@functools.lru_cache(maxsize=4)
def tail(case: Case) -> Program:
    """`tail_program` with the semantics of execution operation by operation."""
    return tail_program(case, compiler_options=AS_WRITTEN)


@functools.lru_cache(maxsize=4)
def whole_rows(case: Case) -> Callable[[Inputs, Any], dict[str, Any]]:
    """``(inputs, weights)`` of the kept examples to what `tail` gives, in a program that has no mask."""
    hypers = cast_hypers(settings(case)[-1], np.float32)

    def results(inputs: dict[str, Any], weights: Any) -> dict[str, Any]:
        found = {}
        for kind, tail in (("mean", {"weights": weights}), ("equal sum", {"reduction": "sum"})):
            fn, at = of_floats(case, inputs, **hypers, **tail)
            value, gradient = jax.value_and_grad(fn)(at)
            found[kind] = {"value": value, "gradient": gradient}
        found["none"] = {"value": call(case, inputs, **hypers, reduction="none")}
        return found

    program = jax.jit(results)
    kept = lambda inputs: cast(rows(case, inputs, KEEP), np.float32)
    return lambda inputs, weights: jax.device_get(program(kept(inputs), np.asarray(weights[KEEP], np.float32)))


@functools.lru_cache(maxsize=4)
def plain(case: Case) -> Callable[[Inputs], dict[str, Any]]:
    """Inputs of two batch axes to the value of every kind of reduction, without mask and weights."""
    hypers = cast_hypers(settings(case)[-1], np.float32)

    def results(inputs: dict[str, Any]) -> dict[str, Any]:
        kinds = {"none": "none", "sum": "sum", "mean": reductions.mean(), "term": reductions.term}
        found = {kind: call(case, inputs, **hypers, reduction=reduction) for kind, reduction in kinds.items()}
        return {"default": call(case, inputs, **hypers), **found}

    program = jax.jit(results)
    return lambda inputs: jax.device_get(program(cast(inputs, np.float32)))


def rounded(inputs: Inputs) -> Inputs:
    """Floats rounded to float32."""
    return {n: np.asarray(x, np.float32) if n in floats(inputs) else x for n, x in inputs.items()}


def in_precision(case: Case, wide: bool, end: int | None = None) -> Callable[[Inputs, float], Results]:
    """Unreduced loss and gradient of its sum at ``factor`` times the differentiable inputs, as users compile it.

    The hyperparameters are those of the Case, or those of one of its ``ends``.
    """
    return _in_precision(case, wide, end)


@functools.lru_cache(maxsize=4)
def _in_precision(case: Case, wide: bool, end: int | None) -> Callable[[Inputs, float], Results]:
    dtype = np.float64 if wide else np.float32
    chosen = settings(case)[-1] if end is None else case.ends[end]

    def results(inputs: dict[str, Any], factor: Any) -> tuple[Any, Any]:
        hypers = cast_hypers(round_hypers(chosen), dtype)
        fn, at = of_floats(case, inputs, **hypers, reduction="none")
        gradient, values = slopes(lambda some: fn({n: factor * x for n, x in some.items()}), at)
        return values, gradient

    compiled = jax.jit(results) if wide else jax.jit(results, compiler_options=defaults())

    def run(inputs: Inputs, factor: float) -> Results:
        with jax.enable_x64(wide):
            widened = {n: np.asarray(x, dtype) if n in floats(inputs) else x for n, x in inputs.items()}
            return jax.device_get(compiled(cast(widened, dtype), np.asarray(factor, dtype)))

    return run
