"""Outside the domain: NaN in value and gradient of that example alone, an error under `jaxloss.checked`."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import jax
import numpy as np

import jaxloss
from jaxloss.inspect import programs
from jaxloss.inspect.calls import call, cast, cast_hypers, settings
from jaxloss.inspect.case import Case, Inputs
from jaxloss.inspect.findings import refusals
from jaxloss.inspect.law import DoesNotApply, law

__all__ = [
    "checks_ignore_what_is_masked",
    "illegal_values_never_train",
    "labels_out_of_range_never_train",
    "refuses_no_classes",
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


@law(full=True)
def checks_ignore_what_is_masked(case: Case) -> Iterator[str]:
    """`jaxloss.checked` accepts legal examples, and any number behind a mask."""
    hypers = cast_hypers(settings(case)[-1], np.float32)
    checked = jaxloss.checked(jax.jit(lambda x, where: call(case, x, **hypers, where=where)))
    garbage = programs.garbage_inputs(case, np.nan)
    for inputs, what in ((programs.clean_inputs(case), "legal inputs"), (garbage, "garbage behind the mask")):
        try:
            checked(cast(inputs, np.float32), programs.KEEP)
        except ValueError as error:
            yield f"{what}: {error}"


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
