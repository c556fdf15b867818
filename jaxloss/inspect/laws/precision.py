"""float32 and 16 bits against float64, and the default flags of the compiler."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxloss.inspect import programs
from jaxloss.inspect.calls import (
    all_settings,
    call,
    cast,
    cast_hypers,
    differentiable,
    generator,
    of_floats,
    round_hypers,
    settings,
    slopes,
)
from jaxloss.inspect.case import Case, Inputs
from jaxloss.inspect.findings import differences, tree_differences
from jaxloss.inspect.law import DoesNotApply, law

__all__ = [
    "ends_keep_their_digits",
    "half_precision",
    "numbers_of_numpy_do_not_promote",
    "operations_in_front",
    "perfect_behind_a_product",
    "product_in_front",
    "single_precision",
]

EPS32 = np.finfo(np.float32).eps
BATCH = (64,)


def _lost_digits(case: Case, ulps_allowed: float, end: int | None = None) -> Iterator[str]:
    """What float32 loses against float64 of the same float32 inputs; a gradient may be off by four times as much."""
    inputs = programs.rounded(case.draw(np.random.default_rng(5), BATCH))
    (v32, g32), (v64, g64) = (programs.in_precision(case, wide, end)(inputs, 1.0) for wide in (False, True))
    if v32.dtype != np.float32 or v64.dtype != np.float64:
        yield f"{v32.dtype} from float32, {v64.dtype} from float64"
    scale = np.maximum(np.abs(v64), 1.0 if case.cancels else 1e-30)
    ulps = np.max(np.abs(v32 - v64) / scale, initial=0) / EPS32
    if not ulps <= ulps_allowed:
        yield f"value off by {ulps:.1f} ulp"
    for name in g64:
        if g32[name].dtype != np.float32:
            yield f"gradient in {name} is {g32[name].dtype}"
        largest = np.max(np.abs(g64[name]), initial=0) + 1e-30
        ulps = np.max(np.abs(g32[name] - g64[name]), initial=0) / largest / EPS32
        if not ulps <= 4 * ulps_allowed:
            yield f"gradient in {name} off by {ulps:.1f} ulp"


@law()
def single_precision(case: Case) -> Iterator[str]:
    """float32 against float64 of the same float32 inputs: values to 4 ulp, gradients to 16 of the largest entry."""
    yield from _lost_digits(case, case.ulps)


@law(full=True)
def ends_keep_their_digits(case: Case) -> Iterator[str]:
    """The same at the closed ends of hyperparameters, where a method that serves the middle may lose all: to 40 ulp."""
    if not case.ends:
        raise DoesNotApply("no hyperparameter has a closed end")
    for end, hypers in enumerate(case.ends):
        yield from (f"{dict(hypers)}: {finding}" for finding in _lost_digits(case, 10 * case.ulps, end))


@law()
def product_in_front(case: Case) -> Iterator[str]:
    """A product fused with the loss, under the default flags of the compiler, changes no number.

    The inputs are divided by the factor first, so that the product is legal; the exact loss is that of the product
    rounded to float32, and the compiler may keep it unrounded.
    """
    (values, gradient), (exact, pull) = _behind_a_product(
        case, programs.rounded(case.draw(np.random.default_rng(5), BATCH))
    )
    yield from tree_differences(values, exact, 1e-4, "value")
    yield from tree_differences(gradient, pull, 1e-4, "gradient")


def _behind_a_product(case: Case, inputs: Inputs) -> tuple[programs.Results, programs.Results]:
    """Values and gradients of a fused product that gives about ``inputs``, and the exact ones."""
    factor = np.float32(0.3)
    scaled = differentiable(case, inputs)
    divided = {n: np.asarray(x / factor, np.float32) if n in scaled else x for n, x in inputs.items()}
    product = {n: np.asarray(factor * x, np.float32) if n in scaled else x for n, x in divided.items()}
    exact, pull = programs.in_precision(case, True)(product, 1.0)
    return programs.in_precision(case, False)(divided, float(factor)), (exact, {n: factor * x for n, x in pull.items()})


@law()
def perfect_behind_a_product(case: Case) -> Iterator[str]:
    """A perfect prediction keeps its slope of 0 behind a fused product, which leaves a residue in differences.

    A kink at the minimum turns a residue of any size into a full slope; errors are relative to an ordinary slope.
    """
    if case.perfect is None:
        raise DoesNotApply("no perfect prediction is declared")
    rng = np.random.default_rng(5)
    _, (_, usual) = _behind_a_product(case, programs.rounded(case.draw(rng, BATCH)))
    (_, gradient), (_, pull) = _behind_a_product(case, programs.rounded(case.perfect(rng, BATCH)))
    for name, slope in gradient.items():
        error = np.max(np.abs(slope - pull[name]), initial=0) / (np.max(np.abs(usual[name]), initial=0) + 1e-30)
        if not error <= 1e-4:
            yield f"gradient in {name} off by {error:.1e} of an ordinary one"


SPLIT = np.array([0.3, 0.7], np.float32)

FORMS: dict[str, Callable[[Any], Any]] = {
    "division": lambda x: x / jnp.asarray(3.3, x.dtype),
    "negation": lambda x: -x,
    "matrix product": lambda x: x @ jnp.asarray(SPLIT, x.dtype),
}
"""What users put in front of a loss, beside the product."""

INVERSES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "division": lambda x: x * np.float32(3.3),
    "negation": lambda x: -x,
    "matrix product": lambda x: np.float32(0.5) * x[..., None] / SPLIT,
}
"""Inputs at which each of them gives legal numbers again."""


@law(full=True)
def operations_in_front(case: Case) -> Iterator[str]:
    """The same for a division, a negation and a matrix product, in one program."""
    inputs = programs.rounded(case.draw(np.random.default_rng(5), BATCH))
    scaled = differentiable(case, inputs)
    behind = {form: {n: inverse(inputs[n]) for n in scaled} for form, inverse in INVERSES.items()}
    hypers = cast_hypers(round_hypers(settings(case)[-1]), np.float32)

    def results(everything: dict[str, Any]) -> dict[str, Any]:
        found = {}
        for form, operation in FORMS.items():
            run = lambda some, operation=operation: call(
                case, {**inputs, **{n: operation(x) for n, x in some.items()}}, **hypers, reduction="none"
            )
            found[form] = slopes(run, everything[form])
        return found

    given = {form: cast(some, np.float32) for form, some in behind.items()}
    actual = jax.device_get(jax.jit(results, compiler_options=programs.defaults())(given))
    for form, operation in FORMS.items():
        moved, pull_back = jax.vjp(functools.partial(jax.tree.map, operation), given[form])
        exact, pull = programs.in_precision(case, True)({**inputs, **jax.device_get(moved)}, 1.0)
        gradient, values = actual[form]
        (pulled,) = pull_back(cast(pull, np.float32))
        yield from tree_differences(values, exact, 1e-4, f"value behind a {form}")
        yield from tree_differences(gradient, jax.device_get(pulled), 1e-4, f"gradient behind a {form}")


@law(full=True)
def half_precision(case: Case) -> Iterator[str]:
    """16-bit inputs: computed and returned as float32, gradients in the dtype of the inputs."""
    hypers = settings(case)[-1]
    drawn = (case.half or case.draw)(generator(), (16,))
    halves = {str(jnp.dtype(dtype)): cast(drawn, dtype) for dtype in (jnp.bfloat16, jnp.float16)}

    def value_and_gradient(inputs: Mapping[str, Any], dtype: Any) -> Any:
        fn, at = of_floats(case, inputs, **cast_hypers(hypers, dtype))
        return jax.value_and_grad(fn)(at)

    actual = jax.jit(lambda several: {n: value_and_gradient(x, np.float32) for n, x in several.items()})(halves)
    with jax.enable_x64(True):
        program = jax.jit(lambda x: value_and_gradient(x, np.float64))
        widen = lambda x: np.asarray(x, np.float64) if jnp.issubdtype(x.dtype, jnp.floating) else np.asarray(x)
        expected = {n: program({k: widen(x) for k, x in inputs.items()}) for n, inputs in halves.items()}
    for dtype, (value, gradient) in actual.items():
        exact, pull = expected[dtype]
        if value.dtype != jnp.float32:
            yield f"{value.dtype} from {dtype}"
        yield from differences(value, exact, f"{dtype}: value", rtol=1e-5, atol=1e-5 if case.cancels else 1e-7)
        for name, slope in gradient.items():
            if str(slope.dtype) != dtype:
                yield f"{dtype}: gradient in {name} is {slope.dtype}"
            largest = np.max(np.abs(pull[name]), initial=0) + 1e-6
            error = np.max(np.abs(np.asarray(slope, np.float64) - np.asarray(pull[name])), initial=0)
            if not error <= 2 * float(jnp.finfo(jnp.dtype(dtype)).eps) * largest:
                yield f"{dtype}: gradient in {name} off by {error / largest:.1e} of its largest entry"


@law()
def numbers_of_numpy_do_not_promote(case: Case) -> Iterator[str]:
    """Hyperparameters of type ``numpy.float64`` leave a float32 loss float32."""
    for hypers in all_settings(case):
        numbers = {n: np.float64(v) if isinstance(v, float) else v for n, v in hypers.items()}
        with jax.enable_x64(True):
            inputs = cast(case.draw(generator(), (4,)), np.float32)
            fn, at = of_floats(case, inputs, **numbers)
            dtype = jax.eval_shape(fn, at).dtype
        if dtype != jnp.float32:
            yield f"{dtype} at {numbers}"
