"""What a loss is worth: its oracle, its minimum, its bound, its convexity."""

from __future__ import annotations

from collections.abc import Iterator
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
    free_settings,
    generator,
    of_floats,
    settings,
    slopes,
)
from jaxloss.inspect.case import Case, floats
from jaxloss.inspect.findings import differences, infinities, tree_differences
from jaxloss.inspect.law import DoesNotApply, law

__all__ = [
    "bound",
    "convex",
    "equals_its_oracle",
    "extremes_are_finite",
    "infinite_logits_are_tried",
    "perfect_prediction",
    "translation",
    "translation_beside_what_stays",
]


@law()
def equals_its_oracle(case: Case) -> Iterator[str]:
    """The unreduced loss in float64, at the closed ends of hyperparameters and in other structural sizes too."""
    rng = generator()
    drawn = [
        (f"batch {batch}, {dict(hypers)}", batch, case.draw(rng, batch), hypers)
        for batch in ((7,), (3, 4))
        for hypers in settings(case)
    ]
    drawn += [(f"the end {dict(hypers)}", (7,), case.draw(rng, (7,)), hypers) for hypers in case.ends]
    free = free_settings(case)
    drawn += [(f"the structure {name!r}", (5,), draw(rng, (5,)), free) for name, draw in case.structures.items()]
    with jax.enable_x64(True):

        def program(inputs: list[dict[str, Any]]) -> list[jax.Array]:
            at = zip(inputs, drawn, strict=True)
            return [call(case, x, **cast_hypers(d[-1], np.float64), reduction="none") for x, d in at]

        values = jax.jit(program)([cast(inputs, np.float64) for _, _, inputs, _ in drawn])
        for value, (what, batch, inputs, hypers) in zip(values, drawn, strict=True):
            expected = np.asarray(case.oracle(**inputs, **hypers), np.float64)
            if expected.shape != case.unreduced(batch):
                yield f"{what}: the oracle has shape {expected.shape}"
            if value.dtype != jnp.float64:
                yield f"{what}: {value.dtype} from float64"
            yield from differences(value, expected, what, rtol=case.tolerance, atol=1e-14)


@law()
def extremes_are_finite(case: Case) -> Iterator[str]:
    """Value and gradient at the edges of the domain, at the closed ends of hyperparameters too; and above the bound."""
    chosen = all_settings(case)
    if not case.extremes:
        yield "the Case declares no inputs at the edges of the domain"

    @jax.jit
    def program(inputs: dict[str, Any]) -> list[Any]:
        pairs = [of_floats(case, inputs, **cast_hypers(hypers, np.float32)) for hypers in chosen]
        return [jax.value_and_grad(fn)(at) for fn, at in pairs]

    for name, inputs in case.extremes.items():
        for hypers, (value, gradient) in zip(chosen, program(cast(inputs, np.float32)), strict=True):
            yield from infinities(value, f"value at {name}, {dict(hypers)}")
            if case.bound is not None and value < case.bound:
                yield f"{float(value)} is below {case.bound} at {name}, {dict(hypers)}"
            yield from infinities(gradient, f"gradient at {name}, {dict(hypers)}")


@law()
def infinite_logits_are_tried(case: Case) -> Iterator[str]:
    """The edges of a loss of ``logits`` hold infinite ones: an absent class, or an answer that is certain and right."""
    if next(iter(case.draw(generator(), (2,))), "") != "logits":
        raise DoesNotApply("the first input is not called logits")
    if not any(np.isinf(inputs["logits"]).any() for inputs in case.extremes.values()):
        yield "no logit of the extremes is infinite: a masked class is a logit of -inf"


@law(full=True)
def perfect_prediction(case: Case) -> Iterator[str]:
    """Exactly the stated minimum, with zero gradient, in float32 and float64."""
    if case.perfect is None:
        raise DoesNotApply("no prediction is perfect, or its loss has no fixed value")
    inputs = case.perfect(generator(), (9,))
    for dtype in (np.float32, np.float64):
        with jax.enable_x64(dtype == np.float64):

            @jax.jit
            def program(inputs: dict[str, Any], dtype: Any = dtype) -> list[Any]:
                found = []
                for hypers in settings(case):
                    fn, at = of_floats(case, inputs, **cast_hypers(hypers, dtype), reduction="none")
                    gradient, values = slopes(fn, at)
                    found.append((values, gradient[next(iter(at))]))
                return found

            for hypers, (values, gradient) in zip(settings(case), program(cast(inputs, dtype)), strict=True):
                what = f"{np.dtype(dtype)}, {dict(hypers)}"
                yield from differences(values, np.full(np.shape(values), case.best), f"value, {what}")
                yield from differences(gradient, np.zeros(np.shape(gradient)), f"gradient, {what}")


def _many(case: Case) -> tuple[int, ...]:
    """Where examples meet, in groups of sixteen: every further one is paired with all others."""
    return (32, 16) if case.meets else (512,)


@law(full=True)
def bound(case: Case) -> Iterator[str]:
    """No value falls below the declared bound, not by rounding either."""
    if case.bound is None:
        raise DoesNotApply("unbounded below")
    chosen = all_settings(case)
    rng = generator()
    batch = _many(case)
    draws = [case.draw(rng, batch)] + ([case.perfect(rng, batch)] if case.perfect else [])
    program = jax.jit(
        lambda x: [
            jnp.min(call(case, x, **cast_hypers(hypers, np.float32), reduction="none"), initial=jnp.inf)
            for hypers in chosen
        ]
    )
    for inputs in draws:
        for wiggle in (0.0, 1e-7, 1e-3):
            moved = dict(inputs)
            first = next(iter(floats(inputs)))
            if first not in case.fixed:
                moved[first] = inputs[first] * (1 - wiggle)
            for hypers, least in zip(chosen, program(cast(moved, np.float32)), strict=True):
                if not least >= case.bound:
                    yield f"{float(least)} is below {case.bound} at {dict(hypers)}"


@law(full=True)
def convex(case: Case) -> Iterator[str]:
    """The value between two inputs is not above the mean of their values."""
    if not case.convex:
        raise DoesNotApply("not declared convex")
    rng = generator()
    with jax.enable_x64(True):
        program = jax.jit(
            lambda x: [call(case, x, **cast_hypers(h, np.float64), reduction="none") for h in settings(case)]
        )
        one, other = (case.draw(rng, _many(case)) for _ in range(2))
        first = next(iter(one))
        points = (one[first], (one[first] + other[first]) / 2, other[first])
        results = [program(cast({**one, first: x}, np.float64)) for x in points]
        for hypers, left, middle, right in zip(settings(case), *results, strict=True):
            ends = (np.asarray(left) + np.asarray(right)) / 2
            if np.any(middle > ends + 1e-12 * (1 + np.abs(ends))):
                yield f"not convex in {first} at {dict(hypers)}"


@law()
def translation(case: Case) -> Iterator[str]:
    """Far from the origin, value and gradient are what they are near it, for inputs that the Case moves together.

    The inputs are rounded first, so that the move is exact and a difference is the error of the loss.
    """
    yield from _moves(case, {n for group in case.translates for n in group})


@law()
def translation_beside_what_stays(case: Case) -> Iterator[str]:
    """The same beside inputs that are not rounded: what is far is subtracted from its like before it meets others."""
    yield from _moves(case, set())


def _moves(case: Case, rounded: set[str]) -> Iterator[str]:
    """What changes when a group of inputs is moved, which is rounded like those named.

    Where entries meet, with a mask too: it may move what they have in common, and may not cost them digits.
    """
    if not case.translates:
        raise DoesNotApply("no inputs are declared that may be moved together")
    program, inputs, weights = programs.tail(case), programs.clean_inputs(case), np.ones(6)
    every, some = np.ones(6, bool), np.array([1, 1, 0, 1, 0, 1], bool)
    masks = (every, some) if case.meets or case.pooled else (every,)
    for group in case.translates:
        near = {n: np.round(x * 2**12) / 2**12 if n in rounded | {*group} else x for n, x in inputs.items()}
        far = {n: x + 1000 if n in group else x for n, x in near.items()}
        for keep in masks:
            here, there = (program(x, keep, weights)["none"] for x in (near, far))
            scale = max(float(case.cancels != ""), np.max(np.abs(here["value"])))
            what = f"after a move of {' and '.join(group)}{', masked' if keep is some else ''}"
            yield from differences(there["value"], here["value"], f"value {what}", atol=1e-5 * scale)
            yield from tree_differences(there["gradient"], here["gradient"], 1e-5, f"gradient {what}")
