"""Derivatives against finite differences, against each other, and against formulas."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxloss.inspect.calls import (
    call,
    cast,
    cast_hypers,
    differentiable,
    free_numbers,
    free_settings,
    generator,
    settings,
    slopes,
)
from jaxloss.inspect.case import Case, Inputs, Shape
from jaxloss.inspect.findings import differences, infinities, inner, norm, tree_differences
from jaxloss.inspect.law import DoesNotApply, law

__all__ = [
    "constants_have_no_slope",
    "derivatives",
    "derivatives_in_other_sizes",
    "slopes_equal_their_oracle",
]

STEP = 1e-6


@law()
def derivatives(case: Case) -> Iterator[str]:
    """Finite differences, reverse and forward mode agree, to second order, under a random cotangent.

    In the inputs and in the hyperparameters, which may be traced and so may be learned.
    """
    yield from _derivatives(case, case.draw, settings(case)[-1])


@law(full=True)
def derivatives_in_other_sizes(case: Case) -> Iterator[str]:
    """The same in the other structural sizes, where a loss may be constant: a slope is told from 0 absolutely."""
    if not case.structures or case.slopes is not None or "derivatives" in case.exempt:
        raise DoesNotApply("no other size is declared, or the gradient is not the derivative of the value")
    for name, draw in case.structures.items():
        for finding in _derivatives(case, draw, free_settings(case), floor=1e-2):
            yield f"the structure {name!r}: {finding}"


def _derivatives(
    case: Case, draw: Callable[[np.random.Generator, Shape], Inputs], hypers: Mapping[str, Any], floor: float = 0.0
) -> Iterator[str]:
    rng = generator()
    batch = (5,)
    with jax.enable_x64(True):
        inputs = cast(draw(rng, batch), np.float64)
        cotangent = jnp.asarray(rng.normal(size=case.unreduced(batch)) + 2)
        everything = {**inputs, **cast_hypers(hypers, np.float64)}
        moving = [*differentiable(case, inputs), *free_numbers(case, hypers)]
        at = {n: np.asarray(everything[n], np.float64) for n in moving if n not in case.constant}

        def contracted(some: dict[str, Any]) -> Any:
            return jnp.sum(call(case, {**everything, **some}, reduction="none") * cotangent)

        program = jax.jit(lambda x, v: jax.jvp(jax.value_and_grad(contracted), (x,), (v,)))
        for name in at:
            # An entry of 0 in an array of hyperparameters, such as a weight, is an end of its range.
            steps = rng.normal(size=at[name].shape) * (1 if name in inputs else at[name] != 0)
            along = {n: np.zeros_like(x) for n, x in at.items()} | {name: steps}
            move = lambda step, along=along: {n: x + step * along[n] for n, x in at.items()}
            (value, gradient), (slope, second) = program(at, along)
            (ahead, gradient_ahead), _ = program(move(STEP), along)
            (behind, gradient_behind), _ = program(move(-STEP), along)
            expected = inner({name: gradient[name]}, along)
            scale = norm({name: gradient[name]}) * norm(along) + abs(float(value)) * 1e-4 + 1e-12 + floor
            difference = (float(ahead) - float(behind)) / (2 * STEP)
            if not abs(difference - expected) <= 2e-6 * scale:
                yield f"gradient in {name}: {expected}, finite differences {difference}"
            if not abs(float(slope) - expected) <= 1e-12 * scale:
                yield f"forward mode along {name}: {float(slope)}, reverse mode {expected}"
            yield from infinities(second, f"Hessian-vector product along {name}")
            for n, bend in second.items():
                changed = (np.asarray(gradient_ahead[n]) - np.asarray(gradient_behind[n])) / (2 * STEP)
                size = norm({n: bend}) + norm({n: gradient[n]}) * 1e-2 + 1e-9 + floor
                if not (error := norm({n: np.asarray(bend) - changed})) <= 1e-4 * size:
                    yield f"Hessian in {n} along {name}: off by {error / size:.1e} of its size"


def _of(case: Case, inputs: dict[str, Any], names: list[str], hypers: Any) -> tuple[dict[str, Any], Any]:
    """Gradient of the summed loss in some inputs, fixed ones too, and the unreduced loss."""
    fn = lambda some: call(case, {**inputs, **some}, **cast_hypers(hypers, np.float64), reduction="none")
    return slopes(fn, {n: inputs[n] for n in names})


@law()
def slopes_equal_their_oracle(case: Case) -> Iterator[str]:
    """The gradient of a loss whose gradient is not the derivative of its value."""
    if case.slopes is None:
        raise DoesNotApply("its gradient is the derivative of its value")
    rng = generator()
    drawn = [(case.draw(rng, (5,)), hypers) for hypers in settings(case)]
    drawn += [(draw(rng, (5,)), free_settings(case)) for draw in case.structures.values()]
    for inputs, hypers in drawn:
        expected = {n: np.asarray(x, np.float64) for n, x in case.slopes(**inputs, **hypers).items()}
        with jax.enable_x64(True):
            program = jax.jit(functools.partial(_of, case, names=sorted(expected), hypers=hypers))
            actual, _ = program(cast(inputs, np.float64))
        yield from tree_differences(actual, expected, 100 * case.tolerance, f"at {dict(hypers)}")


@law()
def constants_have_no_slope(case: Case) -> Iterator[str]:
    """Behind a `stop_gradient`: the value depends on the input, the gradient is exactly 0."""
    if not case.constant:
        raise DoesNotApply("no input is a constant of differentiation")
    rng = generator()
    hypers = dict(settings(case)[-1])
    numbers = {n: np.asarray(hypers.pop(n)) for n in case.constant if n in hypers}
    with jax.enable_x64(True):
        inputs, others = (cast(case.draw(rng, (5,)) | numbers, np.float64) for _ in range(2))
        program = jax.jit(functools.partial(_of, case, names=sorted(case.constant), hypers=hypers))
        gradient, values = program(inputs)
        for name in case.constant:
            yield from differences(gradient[name], np.zeros(gradient[name].shape), f"gradient in {name}")
            # A draw may give all examples the same numbers, such as the atoms of a distribution.
            other = others[name] if np.any(others[name] != inputs[name]) else 1.0625 * inputs[name]
            _, moved = program({**inputs, name: other})
            if np.array_equal(values, moved):
                yield f"the value does not depend on {name}"
