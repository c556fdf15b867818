"""Reductions, masks and weights: a mask is deletion, a weight is repetition, and garbage behind a mask is inert."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax
import numpy as np

from jaxloss.inspect import programs
from jaxloss.inspect.calls import call, cast, cast_hypers, generator, of_floats, rows, settings, slopes
from jaxloss.inspect.case import Case, floats
from jaxloss.inspect.findings import differences, infinities, tree_differences
from jaxloss.inspect.law import DoesNotApply, law
from jaxloss.reductions import Term

__all__ = [
    "empty_pools_are_absent",
    "garbage_behind_the_mask_is_inert",
    "mask_is_deletion",
    "masks_survive_the_compiler",
    "nan_is_not_hidden",
    "nan_shows_in_large_arrays",
    "nothing_left_is_zero",
    "reductions_agree",
    "weight_is_repetition",
]

KEEP = programs.KEEP
LARGE = 2**14
"""Examples of an array that the compiler takes for a large one."""
COUNTS = np.array([2, 0, 1, 3, 0, 0])
FACTORS = (8.0, 2.0**126, 2.0**-100)
"""Scales of all weights, up to the ends of the range of float32, that leave a mean as it is."""


def _weights() -> np.ndarray:
    return np.random.default_rng(11).uniform(0.5, 2.0, 6)


def _deletes(case: Case, program: programs.Program) -> Iterator[str]:
    """Value and gradient with a mask against those of the inputs without the masked examples."""
    inputs, weights = programs.clean_inputs(case), _weights()
    actual = program(inputs, KEEP, weights)
    expected = programs.whole_rows(case)(inputs, weights)
    for kind in ("mean", "equal sum"):
        masked, alone = actual[kind], expected[kind]
        yield from differences(
            masked["value"], alone["value"], f"{kind}: value", rtol=4e-6, atol=1e-6 if case.cancels else 1e-9
        )
        kept = {}
        for name, slope in masked["gradient"].items():
            if name not in case.shared and np.any(slope[~KEEP]):
                yield f"{kind}: masked examples pull on {name}"
            kept[name] = slope if name in case.shared else slope[KEEP]
        yield from tree_differences(kept, alone["gradient"], 3e-5, f"{kind}: gradient")
    masked = program(inputs, KEEP, np.ones(6))["none"]["value"]
    if not case.pooled:
        if np.any(masked[~KEEP]):
            yield "none: masked examples are not 0"
        masked = masked[KEEP]
    yield from differences(
        masked, expected["none"]["value"], "none: value", rtol=4e-6, atol=1e-6 if case.pooled else 0.0
    )


def _is_deaf(case: Case, program: programs.Program, garbage: float) -> Iterator[str]:
    """Everything with ``garbage`` behind the mask, in inputs and weights, against everything without it."""
    expected = program(programs.clean_inputs(case), KEEP, np.where(KEEP, 1.5, 0.0))
    yield from infinities(expected, "clean inputs")
    result = program(programs.garbage_inputs(case, garbage), KEEP, np.where(KEEP, 1.5, garbage))
    yield from tree_differences(result, expected, 1e-6, f"{garbage} behind the mask:")


@law()
def mask_is_deletion(case: Case) -> Iterator[str]:
    """Value and gradient with a mask are those of the inputs without the masked examples."""
    yield from _deletes(case, programs.tail(case))


@law()
def garbage_behind_the_mask_is_inert(case: Case) -> Iterator[str]:
    """NaN, infinities and absurd labels behind a mask stay out of value, gradient and Hessian."""
    for garbage in (np.nan, np.inf, -np.inf):
        yield from _is_deaf(case, programs.tail(case), garbage)


@law(full=True)
def masks_survive_the_compiler(case: Case) -> Iterator[str]:
    """A mask is deletion, and NaN behind it is inert, in the program that users get."""
    usual = programs.tail_program(case, compiler_options=programs.defaults())
    for finding in (*_deletes(case, usual), *_is_deaf(case, usual, np.nan)):
        yield f"as users compile it: {finding}"


@law()
def weight_is_repetition(case: Case) -> Iterator[str]:
    """A weight of k counts as k copies, 0 as none; the scale of all weights does not move the mean or its slope.

    Where examples meet, a copy would be another negative: there a weight is that of k copies of the anchor's term.
    """
    program, everything = programs.tail(case), np.ones(6, bool)
    inputs = programs.clean_inputs(case)
    weighed = program(inputs, everything, COUNTS)
    mean, total = weighed["mean"]["value"], np.sum(weighed["none"]["value"])
    if case.meets:
        term = weighed["term"]
        sums = np.sum(term.values * term.weights * COUNTS), np.sum(term.weights * COUNTS)
        expected = [sums[0] / sums[1], sums[0]]
    else:
        repeated = program(rows(case, inputs, np.repeat(np.arange(6), COUNTS)), everything, np.ones(6))
        expected = [repeated["mean"]["value"], repeated["equal sum"]["value"]]
    atol = 1e-6 if case.cancels else 1e-9
    yield from differences([mean, total], expected, "mean and sum", rtol=4e-6, atol=atol)
    for factor in FACTORS:
        scaled, what = program(inputs, everything, factor * COUNTS)["mean"], f"weights {factor:.0e} times as large"
        slope = weighed["mean"]["gradient"]
        yield from differences(scaled["value"], mean, f"mean under {what}", rtol=1e-6)
        yield from tree_differences(scaled["gradient"], slope, 1e-5, f"its gradient under {what}")


@law()
def nothing_left_is_zero(case: Case) -> Iterator[str]:
    """An all-masked batch and an empty one give 0 with zero gradient."""
    masked = programs.tail(case)(programs.clean_inputs(case), np.zeros(6, bool), _weights())
    masked.pop("term", None)
    for path, leaf in jax.tree.flatten_with_path(masked)[0]:
        if np.any(leaf):
            yield f"all masked: {jax.tree_util.keystr(path)} is {leaf}"
    hypers = cast_hypers(settings(case)[-1], np.float32)
    batches = {"mean": (0,), "none": (0, 3)}

    @jax.jit
    def program(several: dict[str, dict[str, Any]]) -> dict[str, Any]:
        each = {kind: of_floats(case, x, **hypers, reduction=kind) for kind, x in several.items()}
        return {kind: slopes(fn, at) for kind, (fn, at) in each.items()}

    results = program({kind: cast(case.draw(generator(), batch), np.float32) for kind, batch in batches.items()})
    for kind, batch in batches.items():
        for path, leaf in jax.tree.flatten_with_path(results[kind])[0]:
            if np.any(leaf):
                yield f"batch {batch}, {kind}: {jax.tree_util.keystr(path)} is {leaf}"
    unreduced = results["none"][1].shape
    if unreduced != case.unreduced(batches["none"]):
        yield f"batch {batches['none']}: unreduced shape {unreduced}"


@law()
def empty_pools_are_absent(case: Case) -> Iterator[str]:
    """A pool without an entry, or whose entries have no weight, is 0 and does not count in the mean."""
    if not case.pooled:
        raise DoesNotApply("every example is a loss of its own")
    keep = np.array([[True] * 4, [False] * 4, [True] * 4])
    hypers = cast_hypers(settings(case)[-1], np.float32)

    @jax.jit
    def program(inputs: dict[str, Any]) -> dict[str, Any]:
        tails = {"mask": {"where": keep}, "weights": {"weights": np.asarray(keep, np.float32)}}
        kinds = ("mean", "none")
        return {
            n: [call(case, inputs, **hypers, **tail, reduction=kind) for kind in kinds] for n, tail in tails.items()
        }

    for name, (mean, each) in program(cast(programs.plain_inputs(case), np.float32)).items():
        yield from differences(each[1], np.zeros(()), f"{name}: the empty pool")
        yield from differences(mean, np.mean(each[np.array([0, 2])]), f"{name}: mean", rtol=1e-6, atol=1e-9)


@law()
def reductions_agree(case: Case) -> Iterator[str]:
    """The kinds of reduction are the sums and means of the unreduced loss; the default is the mean."""
    found = programs.plain(case)(programs.plain_inputs(case))
    each, term, default = found["none"], found["term"], found["default"]
    if each.shape != case.unreduced((3, 4)) or np.shape(default):
        yield f"unreduced shape {each.shape}, default shape {np.shape(default)}"
        return
    if not isinstance(term, Term) or not np.shape(term.values) == np.shape(term.weights) == each.shape:
        yield "reductions.term does not give values and weights of the unreduced shape"
        return
    # A sum of losses of either sign is as accurate as its terms are large.
    size = float(np.sum(np.abs(each), dtype=np.float64))
    mean = np.sum(term.values * term.weights) / np.sum(term.weights)
    yield from differences(np.sum(each), found["sum"], "sum", atol=1e-6 * size)
    yield from differences(default, found["mean"], "mean", rtol=1e-6)
    yield from differences(default, mean, "mean of the term", atol=2e-6 * size / np.sum(term.weights))
    yield from differences(term.values * term.weights, each, "term", rtol=1e-6, atol=1e-6)


@law(full=True)
def nan_shows_in_large_arrays(case: Case) -> Iterator[str]:
    """A NaN in one of many examples shows in the mean, in the program that users get.

    Of large arrays XLA on CPU fuses a maximum or a minimum into the sum that follows, and there it loses a NaN.
    """
    inputs = case.draw(generator(), (LARGE // 64, 64) if case.pooled or case.meets else (LARGE,))
    hypers = cast_hypers(settings(case)[-1], np.float32)
    mean = jax.jit(lambda x: call(case, x, **hypers), compiler_options=programs.defaults())
    for name in floats(inputs):
        if name in case.shared:
            continue
        spoiled = {n: np.array(x, order="C") for n, x in inputs.items()}
        spoiled[name].reshape(LARGE, -1)[LARGE // 3, slice(None) if case.labels else 0] = np.nan
        if not np.isnan(value := mean(cast(spoiled, np.float32))):
            yield f"a NaN in {name} of one of {LARGE} examples gives {value}"


@law()
def nan_is_not_hidden(case: Case) -> Iterator[str]:
    """A NaN in an unmasked entry shows in its own example and in no other.

    Where labels select the entries that are read, the NaN is in all entries of the example.
    """
    inputs = programs.plain_inputs(case)
    spoilt_place = np.zeros((3, 4), bool)
    spoilt_place[1, 1] = True
    for name in floats(inputs):
        if name in case.shared:
            continue
        spoiled = {n: np.array(x, order="C") for n, x in inputs.items()}
        spoiled[name].reshape(12, -1)[5, slice(None) if case.labels else 0] = np.nan
        lost = np.isnan(programs.plain(case)(spoiled)["none"])
        expected = spoilt_place.any(-1) if case.pooled else spoilt_place
        if case.meets:  # in one row, or in all of them where there is one state for the whole batch
            others = [i for i in range(12) if i != 5 and (case.carries or 4 <= i < 8)]
            lost, expected = np.delete(lost, others, None), np.delete(expected, others, None)
        if not np.array_equal(lost, expected):
            yield f"a NaN in {name} of example (1, 1) gives NaN at {np.argwhere(lost).tolist()}"
