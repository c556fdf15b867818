"""Outside the domain: NaN in value and gradient of that example alone, an error under `jaxloss.checked`."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import jax
import numpy as np

import jaxloss
from jaxloss.inspect import programs
from jaxloss.inspect.calls import call, cast, cast_hypers, settings
from jaxloss.inspect.case import Case, Inputs, floats
from jaxloss.inspect.findings import refusals
from jaxloss.inspect.law import DoesNotApply, law

__all__ = [
    "checks_accept_what_is_legal",
    "illegal_values_never_train",
    "labels_out_of_range_never_train",
    "refuses_no_classes",
    "value_and_gradient_are_lost_together",
]

OTHERS = np.arange(6) != 1


def _spoiled(case: Case, name: str, value: float) -> Inputs:
    """Six examples, one entry of the second of which is ``value``; of a shared input the first entry."""
    inputs = {n: np.array(x, order="C") for n, x in programs.clean_inputs(case).items()}
    if name in case.shared:
        inputs[name].reshape(-1)[0] = value
    else:
        inputs[name].reshape(6, -1)[1, 0] = value
    return inputs


def _never_trains(case: Case, name: str, values: tuple[float, ...]) -> Iterator[str]:
    """NaN where ``name`` is illegal, and only there; an error under `checked`, unless it is masked."""
    hypers = cast_hypers(settings(case)[-1], np.float32)
    alone = not (case.pooled or case.meets or name in case.shared)
    program = programs.tail(case)
    checked = jaxloss.checked(jax.jit(lambda x, where: call(case, x, **hypers, where=where)))
    for value in values:
        spoiled = _spoiled(case, name, value)
        found = program(spoiled, np.ones(6, bool), np.ones(6))["none"]
        lost = np.isnan(found["value"])
        if not (lost.any() if case.pooled or name in case.shared else lost[1]):
            yield f"{name} {value}: the value of its example is not NaN: {found['value']}"
        if alone and lost[OTHERS].any():
            yield f"{name} {value}: other examples are NaN"
        batched = {n: np.isnan(g).reshape(6, -1).any(-1) for n, g in found["gradient"].items() if n not in case.shared}
        if batched and not any(g.any() if name in case.shared else g[1] for g in batched.values()):
            yield f"{name} {value}: no gradient of its example is NaN"
        if alone and any(g[OTHERS].any() for g in batched.values()):
            yield f"{name} {value}: gradients of other examples are NaN"
        given = cast(spoiled, np.float32)
        run = functools.partial(checked, given, np.ones(6, bool))
        yield from refusals(run, ValueError, name, f"{name} {value} under checked")
        if name not in case.shared:
            checked(given, OTHERS)


@law()
def labels_out_of_range_never_train(case: Case) -> Iterator[str]:
    """NaN in the value and in the gradient of the example, an error under `checked`, nothing if masked."""
    if case.labels is None:
        raise DoesNotApply("no class labels")
    inputs = programs.clean_inputs(case)
    classes = case.classes(inputs) if case.classes else next(iter(inputs.values())).shape[-1]
    yield from _never_trains(case, case.labels, (-1, -100, classes, 10**6))


@law()
def illegal_values_never_train(case: Case) -> Iterator[str]:
    """The same for the values that the Case declares to be outside the domain of an input."""
    if not case.illegal:
        raise DoesNotApply("no value is declared illegal")
    for name, values in case.illegal.items():
        yield from _never_trains(case, name, values)


@law()
def value_and_gradient_are_lost_together(case: Case) -> Iterator[str]:
    """At numbers that may lie outside the domain: NaN in both or in neither, whatever the Case declares.

    A value that is NaN with a gradient that is not trains on; a finite value with a gradient that is NaN ends a run.
    The numbers are those of floating inputs, and the labels, lengths and indices of integer ones.
    """
    program = programs.tail(case)
    inputs = programs.clean_inputs(case)
    whole = [n for n, x in inputs.items() if np.issubdtype(x.dtype, np.integer)]
    numbers = dict.fromkeys(floats(inputs), (-1.0, 0.0, 2.0)) | dict.fromkeys(whole, (-1, 10**6))
    for name in (n for n in numbers if n not in case.shared):
        for value in numbers[name]:
            found = program(_spoiled(case, name, value), np.ones(6, bool), np.ones(6))["none"]
            rows = [np.isnan(g).reshape(6, -1).any(-1) for n, g in found["gradient"].items() if n not in case.shared]
            if not rows:
                raise DoesNotApply("no gradient by example")
            lost, untrained = np.isnan(found["value"]), np.any(rows, axis=0)
            together = lost.any() == untrained.any() if case.pooled or case.meets else np.array_equal(lost, untrained)
            if not together and not np.any(np.isinf(found["value"])):
                where = f"values {np.flatnonzero(lost)}, gradients {np.flatnonzero(untrained)}"
                yield f"{name} {value}: NaN in other examples of the {where}"


@law(full=True)
def checks_accept_what_is_legal(case: Case) -> Iterator[str]:
    """`jaxloss.checked` accepts legal examples, the edges of the domain, and any number behind a mask."""
    for hypers in (settings(case)[-1], *case.ends):
        fixed = cast_hypers(hypers, np.float32)
        checked = jaxloss.checked(jax.jit(lambda x, where, fixed=fixed: call(case, x, **fixed, where=where)))
        drawn = {"legal inputs": programs.clean_inputs(case), "garbage": programs.garbage_inputs(case, np.nan)}
        for what, inputs in {**drawn, **case.extremes}.items():
            try:
                checked(cast(inputs, np.float32), programs.KEEP if what in drawn else None)
            except ValueError as error:
                yield f"{what} at {dict(hypers)}: {error}"


@law()
def refuses_no_classes(case: Case) -> Iterator[str]:
    """A class axis of size 0 is an error."""
    if case.labels is None or case.classes:
        raise DoesNotApply("no class axis")
    inputs = programs.clean_inputs(case)
    first = next(iter(inputs))
    empty = cast({**inputs, first: inputs[first][..., :0]}, np.float32)
    yield from refusals(
        lambda: jax.eval_shape(lambda x: call(case, x, **settings(case)[-1]), empty), ValueError, first, "no class"
    )
