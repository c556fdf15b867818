"""What to do about what was found; every sentence says at which numbers it happened."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import get_args

from jaxloss.inspect.cards import DEFECTS, FloatName
from jaxloss.inspect.verdict import Verdict, Word

__all__ = ["advise"]

IN_FLOAT32 = "compute in float32, as `jaxloss.blank` does"
FINITE = "infinity times 0 is NaN in the gradient: keep all numbers on the way finite, in both branches of a jnp.where"
ROOT = "a root and a norm have an infinite slope at 0: put jnp.where(x > 0, x, 1) inside and jnp.where outside"
CHECKED = "start with `jaxloss.checks.values(predictions=predictions, targets=targets)`"

CURES = {
    "nan_value": "an intermediate number is infinite: fold exp and log into jax.nn.softplus, log_sigmoid or logsumexp",
    "nan_gradient": FINITE,
    "infinite_value": f"a number on the way overflows: {IN_FLOAT32}",
    "infinite_gradient": f"a number on the way overflows: {IN_FLOAT32}",
    "negative": f"it is a difference of nearly equal numbers: {IN_FLOAT32}, with log1p, expm1 or a square",
    "lost_gradient": f"a small number is rounded away beside a large one: {IN_FLOAT32}, or select with jnp.where",
    "wrong_gradient": f"digits cancel: {IN_FLOAT32}, or avoid differences of nearly equal numbers",
}
"""Name of a defect of floating-point inputs to what usually mends it."""

CURES_OF_LAWS = {
    "garbage_behind_the_mask_is_inert": (
        "what is masked must not enter the maths, because 0 times NaN is NaN in the gradient: start with "
        "`predictions, targets = jaxloss.blank(where, predictions, targets, fill=1)`, before a log or a root, and end "
        "with `jaxloss.reduce`"
    ),
    "mask_is_deletion": (
        "a masked entry must count neither in the sum nor in the mean: end with "
        "`jaxloss.reduce(values, where=where, weights=weights, reduction=reduction)`"
    ),
    "weight_is_repetition": "a weighted mean divides by the sum of the weights: end with `jaxloss.reduce`",
    "nothing_left_is_zero": "a mean over nothing is 0 / 0: end with `jaxloss.reduce`",
    "refuses_shapes_that_differ": CHECKED,
    "half_precision": f"16 bits hold about 3 digits: {IN_FLOAT32}",
    "single_precision": "digits cancel: write log(1 + x) as log1p, 1 - exp as -expm1 and log(sigmoid) as log_sigmoid",
    "confident_predictions_keep_their_digits": (
        "1 - p has no digits where p is near 1: use jax.nn.log_sigmoid or jax.nn.softplus, or the losses of this "
        "library on logits"
    ),
    "labels_out_of_range_never_train": "a label of -1 or 255 trains some class: mask such examples with `where`",
}
"""Name of a law to what usually mends a loss that breaks it."""


def advise(verdicts: Mapping[str, Verdict], broken: Mapping[str, list[str]]) -> tuple[str, ...]:
    """Advice for a report.

    Args:
        verdicts: Name of a property to what is known about it.
        broken: Name of a broken law to what broke.

    Returns:
        One text per finding: what was found, with its numbers, and what to do.
    """
    refuted = {name: verdict for name, verdict in verdicts.items() if verdict.word is Word.REFUTED}
    found = [text for write in (_push, _gradient, _uphill, _floats, _edges, _shapes) for text in write(refuted)]
    found += [f"{name}: {broken[name][0]}: {cure}" for name, cure in CURES_OF_LAWS.items() if name in broken]
    edges = broken.get("extremes_are_finite")
    if edges and not list(_edges(refuted)):
        found.append(f"extremes_are_finite: {edges[0]}: {ROOT if 'zero' in edges[0] else FINITE}")
    return tuple(found)


def _push(refuted: Mapping[str, Verdict]) -> Iterator[str]:
    if "push_when_wrong" in refuted:
        witness = refuted["push_when_wrong"].evidence["witness"]
        size = "0" if witness["slope"] == 0 else f"only {witness['slope']:.2g}"
        yield (
            f"the gradient is {size} at z = {witness['score']:g}, where the prediction is wrong: such examples do not "
            "learn. Pass logits to jax.nn.log_sigmoid or jaxloss.sigmoid_binary_cross_entropy, and clip nothing"
        )


def _gradient(refuted: Mapping[str, Verdict]) -> Iterator[str]:
    if "gradient" in refuted:
        yield (
            f"{refuted['gradient'].statement}: it is not the derivative of the value. If a stop_gradient or a custom "
            "rule means this, do not judge training by the value"
        )


def _uphill(refuted: Mapping[str, Verdict]) -> Iterator[str]:
    if "pseudo_convex" in refuted:
        yield f"{refuted['pseudo_convex'].statement}: in between, gradient descent leads away from the best prediction"


def _floats(refuted: Mapping[str, Verdict]) -> Iterator[str]:
    for dtype in get_args(FloatName):
        if dtype in refuted:
            witness = refuted[dtype].evidence["witness"]
            defect = witness["defect"]
            # In a card, numbers that are not finite are strings.
            at = {name: f"{float(number):.4g}" for name, number in witness.items() if name != "defect"}
            yield (
                f"{dtype}: {DEFECTS[defect]}; at the input {at['input']} the value is {at['value']} and the gradient "
                f"{at['gradient']}, exactly {at['exact_value']} and {at['exact_gradient']}: {CURES[defect]}"
            )


def _edges(refuted: Mapping[str, Verdict]) -> Iterator[str]:
    if "finite_gradient" in refuted and "at" in refuted["finite_gradient"].evidence["witness"]:
        verdict = refuted["finite_gradient"]
        yield f"{verdict.statement}: {ROOT if 'zero' in verdict.evidence['witness']['at'] else FINITE}"


def _shapes(refuted: Mapping[str, Verdict]) -> Iterator[str]:
    if "same_shapes" in refuted:
        losses = refuted["same_shapes"].evidence["witness"]["losses"]
        yield f"{refuted['same_shapes'].statement}, which gives losses of shape {losses}: {CHECKED}"
