"""Every law can fail: small losses with one fault each, which the law of that fault must find.

A sound loss beside them passes all laws, so what is caught is the fault and not the frame around it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.lax import all_gather

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.reduction import blank, pool_mass, pool_mean, promote, reduce
from jaxloss._floor.spread import whole_pool
from jaxloss.inspect.case import Case, Inputs, Shape
from jaxloss.inspect.laws import LAWS, DoesNotApply
from tests import draws

DOCSTRING = """Half the squared error, times a scale.

.. math:: s (p - t)^2 / 2

Args:
    predictions, targets: Shape ``[...]``.
    scale: A factor > 0.
    where, weights, reduction: See `jaxloss.reduce`.

Returns:
    A scalar >= 0.

Raises:
    ValueError: If the shapes differ.

Example:
    >>> 1 + 1
    2

Reference:
    Gauss (1809), Theoria Motus. https://doi.org/10.1017/CBO9780511841705
"""


def contract(where: Any, predictions: Any, targets: Any) -> tuple[Any, ...]:
    return blank(where, *checks.values(predictions=predictions, targets=targets))


def half_square(predictions: Any, targets: Any, scale: Any) -> Any:
    return scale * 0.5 * jnp.square(predictions - targets)


def positive(scale: Any, dtype: Any) -> Any:
    return checks.scalar("scale", scale, dtype, above=0)


def loss(
    values: Callable[..., Any] = half_square, prepare: Any = contract, tail: Any = reduce, hyper: Any = positive
) -> Callable[..., Any]:
    """A loss in its three movements, each of which can be replaced by one with a fault."""

    def fn(predictions, targets, *, scale=1.0, where=None, weights=None, reduction="mean"):
        predictions, targets = prepare(where, predictions, targets)
        each = values(predictions, targets, hyper(scale, predictions.dtype))
        return tail(each, where=where, weights=weights, reduction=reduction)

    fn.__doc__ = DOCSTRING
    return fn


def case(fn: Callable[..., Any], **changes: Any) -> Case:
    plain = {
        "draw": draws.pair(),
        "oracle": lambda predictions, targets, scale=1.0: scale * 0.5 * (predictions - targets) ** 2,
        "source": "the formula",
        "hypers": {"scale": 0.5},
        "bad_hypers": ({"scale": 0.0},),
        "perfect": draws.equal_pair(),
        "convex": True,
        "extremes": {"equal": {"predictions": np.zeros(2), "targets": np.zeros(2)}},
    }
    return Case(fn=fn, **{**plain, **changes})


# ---- faults of values and derivatives --------------------------------------------------------------------------


def _spread_of_raw_differences(predictions: Any, targets: Any, scale: Any) -> Any:
    gap = predictions - targets
    return scale * jnp.mean(jnp.square(gap - jnp.mean(gap, -1, keepdims=True)), -1)


@jax.custom_jvp
def _no_cotangent(x: Any) -> Any:
    return 0.5 * jnp.square(x)


_no_cotangent.defjvp(lambda primals, tangents: (_no_cotangent(*primals), primals[0] * (0 * tangents[0] + 1)))


def _square_of_wrong_slope(x: Any) -> Any:
    """Its value is half the square, its slope half of what it should be."""
    return 0.25 * jnp.square(x) + jax.lax.stop_gradient(0.25 * jnp.square(x))


def _constant_target(predictions: Any, targets: Any, scale: Any) -> Any:
    return half_square(predictions, jax.lax.stop_gradient(targets), scale)


def _count_of_maxima(predictions: Any, targets: Any, scale: Any) -> Any:
    """Asks a computed number whether it is exactly 0, where a fused product leaves a residue."""
    shifted = predictions - jnp.max(predictions, -1, keepdims=True)
    return scale * 0.5 * jnp.square(targets) * jnp.sum(jnp.where(shifted == 0, 1.0, 0.0).astype(targets.dtype), -1)


def _vectors_and_numbers(where: Any, predictions: Any, targets: Any) -> tuple[Any, ...]:
    return blank(where, predictions, event_ndim=1)[0], blank(where, targets)[0]


VECTORS: dict[str, Any] = {
    "draw": lambda rng, batch: {"predictions": rng.normal(size=(*batch, 3)), "targets": rng.normal(size=batch)},
    "oracle": lambda predictions, targets, scale=1.0: scale * 0.5 * targets**2,
    "fixed": {},
    "perfect": None,
}


def _sum_of_rows(predictions: Any, targets: Any, scale: Any) -> Any:
    """Right where there are three columns, as in every draw of its Case."""
    return scale * jnp.sum(predictions, -1) / 3


def _other_rows(rng: np.random.Generator, batch: Shape) -> Inputs:
    return {"predictions": rng.normal(size=(*batch, 2)), "targets": rng.normal(size=batch)}


MEAN_OF_ROWS: dict[str, Any] = {
    **VECTORS,
    "oracle": lambda predictions, targets, scale=1.0: scale * predictions.mean(-1),
    "structures": {"two columns": _other_rows},
    "bound": None,
}


def _flat_far_out(predictions: Any, targets: Any, scale: Any) -> Any:
    stopped = jax.lax.stop_gradient(predictions)
    return half_square(jnp.where(predictions > 50, stopped, predictions), targets, scale)


def _far_out(rng: np.random.Generator, batch: Any) -> dict[str, np.ndarray]:
    return {"predictions": 100 + rng.normal(size=batch), "targets": rng.normal(size=batch)}


def _nll_of_softmax(logits: Any, labels: Any, where: Any) -> Any:
    logits, labels = checks.scores_and_labels(logits=logits, labels=labels)
    (logits,) = blank(where, logits, event_ndim=1)
    inside = jnp.clip(labels, 0, logits.shape[-1] - 1)
    return labels == inside, -jnp.log(jnp.take_along_axis(jax.nn.softmax(logits), inside[..., None], -1)[..., 0])


def _label_of_softmax(logits, labels, *, where=None, weights=None, reduction: Any = "mean"):
    """Rounds the probability of the label before its logarithm."""
    legal, values = _nll_of_softmax(logits, labels, where)
    return reduce(numerics.poison(values, legal), where=where, weights=weights, reduction=reduction)


def _value_without_slope(logits, labels, *, where=None, weights=None, reduction: Any = "mean"):
    """A label out of range gives a NaN that no gradient sees."""
    legal, values = _nll_of_softmax(logits, labels, where)
    return reduce(jnp.where(legal, values, jnp.nan), where=where, weights=weights, reduction=reduction)


LABELS: dict[str, Any] = {"draw": draws.scores_and_labels(), "hypers": {}, "labels": "labels"}

VALUES = {
    "a wrong coefficient": ("equals_its_oracle", case(loss(lambda p, t, s: 0.8 * half_square(p, t, s)))),
    "a wrong default": (
        "equals_its_oracle",
        case(loss(hyper=lambda s, d: 1.5 if isinstance(s, float) and s == 1.0 else s)),
    ),
    "a wrong end": (
        "equals_its_oracle",
        case(loss(lambda p, t, s: half_square(p, t, s if s else 1.0), hyper=lambda s, d: s), ends=({"scale": 0.0},)),
    ),
    "a size taken for granted": ("equals_its_oracle", case(loss(_sum_of_rows, _vectors_and_numbers), **MEAN_OF_ROWS)),
    "a rule that drops the cotangent": ("derivatives", case(loss(lambda p, t, s: s * _no_cotangent(p - t)))),
    "a rule that drops a summand": ("derivatives", case(loss(lambda p, t, s: s * _square_of_wrong_slope(p - t)))),
    "a hyperparameter that cannot be learned": (
        "derivatives",
        case(loss(lambda p, t, s: half_square(p, t, jax.lax.stop_gradient(s)))),
    ),
    "a slope lost in another size": (
        "derivatives_in_other_sizes",
        case(loss(_flat_far_out), structures={"far out": _far_out}),
    ),
    "a gradient that is not the paper's": (
        "slopes_equal_their_oracle",
        case(
            loss(lambda p, t, s: s * _square_of_wrong_slope(p - t)),
            slopes=lambda predictions, targets, scale=1.0: {"predictions": scale * (predictions - targets)},
        ),
    ),
    "a dropped stop_gradient": ("constants_have_no_slope", case(loss(), constant={"targets": "they are a constant"})),
    "an unused constant": (
        "constants_have_no_slope",
        case(loss(lambda p, t, s: half_square(p, 0 * t, s)), constant={"targets": "they are a constant"}),
    ),
    "an infinite slope": (
        "extremes_are_finite",
        case(loss(lambda p, t, s: s * jnp.sqrt(jnp.square(p - t)))),
    ),
    "a slope at a perfect fit": ("perfect_prediction", case(loss(lambda p, t, s: s * jnp.where(p >= t, p - t, t - p)))),
    "a negative zero of rounding": ("bound", case(loss(lambda p, t, s: s * (p * p - 2 * p * t + t * t)))),
    "a bend downwards": ("convex", case(loss(lambda p, t, s: s * jnp.log1p(jnp.square(p - t))))),
    "cancellation": (
        "single_precision",
        case(loss(lambda p, t, s: half_square(p + 100, t + 100, s))),
    ),
    "cancellation at an end": (
        "ends_keep_their_digits",
        case(loss(lambda p, t, s: half_square(p + 100 * (s == 2), t + 100 * (s == 2), s)), ends=({"scale": 2.0},)),
    ),
    "a test for equality": ("product_in_front", case(loss(_count_of_maxima, _vectors_and_numbers), **VECTORS)),
    "a residue at a kink": ("perfect_behind_a_product", case(loss(lambda p, t, s: s * numerics.magnitude(p - t)))),
    "the same behind a division": (
        "operations_in_front",
        case(loss(_count_of_maxima, _vectors_and_numbers), **VECTORS),
    ),
    "a probability subtracted from 1": ("confident_predictions_keep_their_digits", case(_label_of_softmax, **LABELS)),
    "differences of what was rounded": (
        "close_predictions_keep_their_digits",
        case(loss(lambda p, t, s: half_square(p / 3 - t / 3, 0, 9 * s))),
    ),
    "a difference of what is far apart": (
        "moved_inputs_keep_the_digits_of_the_others",
        case(loss(_spread_of_raw_differences), pooled=True, translates=(("predictions",), ("targets",))),
    ),
    "16 bits": ("half_precision", case(loss(prepare=lambda where, p, t: (p, t)))),
    "a number that promotes": ("numbers_of_numpy_do_not_promote", case(loss(hyper=lambda s, d: jnp.asarray(s)))),
}


# ---- faults of masks, weights and the domain -------------------------------------------------------------------


def _tail(
    values: Any, where: Any, weights: Any, reduction: Any, *, by: Callable[[Any, Any], Any], total: Any = jnp.sum
) -> Any:
    """A tail of its own: ``by`` masks, and a mean divides by ``total`` of the mass."""
    keep = jnp.ones(values.shape, bool) if where is None else jnp.asarray(where)
    mass = keep * (1.0 if weights is None else jnp.asarray(weights, values.dtype))
    if callable(reduction):
        return reduction(values, mass)
    each = by(keep, values) * jnp.where(keep, mass, 0)
    if reduction == "none":
        return each
    return jnp.sum(each) / (total(mass) if reduction == "mean" else 1)


def tail(**kwargs: Any) -> Callable[..., Any]:
    return lambda values, **given: _tail(values, **given, **kwargs)


SELECT = lambda keep, values: jnp.where(keep, values, 0)
COUNTED = lambda mass: jnp.maximum(jnp.sum(mass), 1e-30)


def _logarithm(poisoned: bool) -> Callable[..., Any]:
    def fn(probs, *, where=None, weights=None, reduction="mean"):
        (probs,) = blank(where, *checks.floating(probs=probs), fill=1.0)
        values = -jnp.log(probs)
        if poisoned:
            value_checks.ensure_probabilities(probs=probs)
            values = numerics.poison(values, (probs >= 0) & (probs <= 1))
        return reduce(values, where=where, weights=weights, reduction=reduction)

    return fn


def _checked_before_the_mask(probs, *, where=None, weights=None, reduction="mean"):
    value_checks.ensure_probabilities(probs=probs)
    return _logarithm(poisoned=True)(probs, where=where, weights=weights, reduction=reduction)


PROBS: dict[str, Any] = {
    "draw": lambda rng, batch: {"probs": rng.uniform(0.1, 0.9, batch)},
    "oracle": lambda probs: -np.log(probs),
    "hypers": {},
    "illegal": {"probs": (-0.1, 1.5)},
    "bad_hypers": (),
    "perfect": None,
    "extremes": {"certain": {"probs": np.array([1.0, 0.5])}},
}


def _last_class(logits, labels, *, where=None, weights=None, reduction="mean"):
    """Counts labels from the end, as NumPy does."""
    logits, labels = checks.scores_and_labels(logits=logits, labels=labels)
    (logits,) = blank(where, logits, event_ndim=1)
    labels = jnp.where(labels < 0, labels + logits.shape[-1], labels) % logits.shape[-1]
    values = -jnp.take_along_axis(jax.nn.log_softmax(logits), labels[..., None], -1)[..., 0]
    return reduce(values, where=where, weights=weights, reduction=reduction)


def _with_axes_added(values: Any, *, where: Any, weights: Any, reduction: Any) -> Any:
    """Masks and weights that NumPy's rules of broadcasting align with the last axes."""
    aligned = (None if x is None else np.broadcast_to(x, values.shape) for x in (where, weights))
    return reduce(values, **dict(zip(("where", "weights"), aligned, strict=True)), reduction=reduction)


def _rival_behind_the_mask(predictions: Any, targets: Any, scale: Any) -> Any:
    """Every entry meets the mean of all, in which masked ones are counted as zeros."""
    return scale * (predictions - jnp.sum(predictions, -1, keepdims=True) / predictions.shape[-1])


MASKS = {
    "a mask by multiplication": (
        "garbage_behind_the_mask_is_inert",
        case(loss(prepare=lambda where, p, t: promote(p, t), tail=tail(by=lambda keep, x: keep * x, total=COUNTED))),
    ),
    "a mask after the maths": (
        "garbage_behind_the_mask_is_inert",
        case(loss(lambda p, t, s: s * jnp.sqrt(1 + jnp.square(p - t)), prepare=lambda where, p, t: promote(p, t))),
    ),
    "a mean over the padded size": (
        "mask_is_deletion",
        case(loss(tail=tail(by=SELECT, total=lambda mass: mass.size))),
    ),
    "a masked rival": ("mask_is_deletion", case(loss(_rival_behind_the_mask), meets=True)),
    "an empty mean": ("nothing_left_is_zero", case(loss(tail=tail(by=SELECT)))),
    "squared weights": (
        "weight_is_repetition",
        case(
            loss(
                tail=lambda v, where, weights, reduction: reduce(
                    v, where=where, weights=None if weights is None else jnp.square(weights), reduction=reduction
                )
            )
        ),
    ),
    "a sum of weights beyond the range": ("weight_is_repetition", case(loss(tail=tail(by=SELECT, total=COUNTED)))),
    "an empty pool that counts": (
        "empty_pools_are_absent",
        case(
            loss(
                tail=lambda v, where, weights, reduction: reduce(
                    pool_mean(v, pool_mass(where, weights, v)[0]), reduction=reduction
                )
            ),
            pooled=True,
        ),
    ),
    "a default that sums": (
        "reductions_agree",
        case(
            loss(
                tail=lambda v, where, weights, reduction: reduce(
                    v, where=where, weights=weights, reduction="sum" if reduction == "mean" else reduction
                )
            )
        ),
    ),
    "a hidden NaN": ("nan_is_not_hidden", case(loss(lambda p, t, s: jnp.nan_to_num(half_square(p, t, s))))),
    "a NaN that a compiler loses": (
        "nan_shows_in_large_arrays",
        case(loss(lambda p, t, s: jnp.minimum(half_square(p, t, s), 1e6))),
    ),
    "a NaN that spreads": ("nan_is_not_hidden", case(loss(lambda p, t, s: half_square(p, t, s) + 0 * jnp.sum(p)))),
    "a label -1 that trains": ("labels_out_of_range_never_train", case(_last_class, **LABELS)),
    "a probability above 1": ("illegal_values_never_train", case(_logarithm(poisoned=False), **PROBS)),
    "a slope that lives on": (
        "value_and_gradient_are_lost_together",
        case(_logarithm(poisoned=False), **{**PROBS, "illegal": {}}),
    ),
    "a label without a slope": (
        "value_and_gradient_are_lost_together",
        case(_value_without_slope, **{**LABELS, "labels": None}),
    ),
    "a value below its bound": (
        "extremes_are_finite",
        case(
            loss(lambda p, t, s: s * (p - t)), extremes={"below": {"predictions": np.zeros(2), "targets": np.ones(2)}}
        ),
    ),
    "no edges of the domain": ("extremes_are_finite", case(loss(), extremes={})),
    "a check of what is masked": ("checks_accept_what_is_legal", case(_checked_before_the_mask, **PROBS)),
    "no class": (
        "refuses_no_classes",
        case(lambda logits, labels, **tail: reduce(jnp.sum(logits, -1), **tail), **LABELS),
    ),
}


# ---- faults of transformations, contract and form --------------------------------------------------------------


def _branches(predictions: Any, targets: Any, scale: Any) -> Any:
    if jnp.any(jnp.isnan(predictions)):
        raise ValueError("NaN")
    return half_square(predictions, targets, scale)


def _eager_twice(predictions: Any, targets: Any, scale: Any) -> Any:
    return half_square(predictions, targets, scale if isinstance(predictions, jax.core.Tracer) else 2 * scale)


def _loop_of_its_own(predictions: Any, targets: Any, scale: Any) -> Any:
    add = lambda _, total: total + half_square(predictions, targets, scale)
    return jax.lax.fori_loop(0, 1, add, jnp.zeros_like(predictions))


def _bare_conditional(predictions: Any, targets: Any, scale: Any) -> Any:
    """Whose functions are the same in every call, so that only its gradient is new."""
    return jax.lax.cond(jnp.all(predictions == targets), jnp.zeros_like, jnp.square, scale * (predictions - targets))


def _no_lists(where: Any, predictions: Any, targets: Any) -> tuple[Any, ...]:
    return blank(where, predictions.astype(jnp.float32), targets.astype(jnp.float32))


def _documented(old: str, new: str) -> Callable[..., Any]:
    fn = loss()
    assert old in DOCSTRING
    fn.__doc__ = DOCSTRING.replace(old, new)
    return fn


def _axis_last(predictions, targets, *, scale=1.0, where=None, weights=None, reduction="mean", axis=-1):
    """Has an argument too many."""


KEPT: list[Any] = []


@jax.custom_jvp
def _gap(x, y):
    return jax.lax.stop_gradient(x - y)


_gap.defjvp(lambda primals, tangents: (_gap(*primals), tangents[0] - tangents[1]))


@jax.custom_jvp
def _half_square_of_gap(x, y):
    return 0.5 * jnp.square(x - y)


_half_square_of_gap.defjvp(lambda p, t: (_half_square_of_gap(*p), _gap(*p) * (t[0] - t[1])))


def _square_by_rule(predictions, targets, scale):
    return scale * _half_square_of_gap(predictions, targets)


FORM = {
    "a branch on values": ("one_trace_for_all_hyperparameters", case(loss(_branches))),
    "other numbers when not compiled": ("eager_equals_jit", case(loss(_eager_twice))),
    "a loop that is new in every call": ("eager_calls_compile_once", case(loss(_loop_of_its_own))),
    "a conditional that is new in every gradient": ("eager_calls_compile_once", case(loss(_bare_conditional))),
    "no lists": ("lists_are_accepted", case(loss(prepare=_no_lists))),
    # JAX 0.12 keeps the rule.
    **(
        {"a rule that a scan forgets": ("second_derivatives_pass_through_scan", case(loss(_square_by_rule)))}
        if jax.__version_info__ < (0, 11)
        else {}
    ),
    "a number that recompiles": (
        "one_trace_for_all_hyperparameters",
        case(loss(hyper=lambda s, d: float(s))),
    ),
    "a tracer that is kept": (
        "vmap_and_scan_equal_a_loop",
        case(loss(lambda p, t, s: KEPT.append(p) or half_square(p, t, s))),
    ),
    "shapes that broadcast": (
        "refuses_shapes_that_differ",
        case(loss(prepare=lambda where, p, t: blank(where, jnp.asarray(p), jnp.asarray(t)))),
    ),
    "integers taken for predictions": (
        "refuses_wrong_dtypes",
        case(loss(prepare=lambda where, p, t: blank(where, *checks.numeric(predictions=p, targets=t)))),
    ),
    "weights taken for a mask": (
        "refuses_a_wrong_tail",
        case(loss(tail=tail(by=SELECT))),
    ),
    "a mask of examples taken for columns": (
        "adds_no_axis_to_a_tail",
        case(
            loss(tail=_with_axes_added, prepare=lambda where, p, t: promote(*checks.values(predictions=p, targets=t)))
        ),
    ),
    "pools of one entry": (
        "refuses_a_column_of_pools",
        case(
            loss(tail=lambda v, where, weights, reduction: reduce(pool_mean(v, None), reduction=reduction)), pooled=True
        ),
    ),
    "a mask taken for numbers": (
        "takes_masks_for_targets",
        case(loss(prepare=lambda where, p, t: blank(where, p, checks.marks(t)))),
    ),
    "a mistake that nobody notices": (
        "mistakes_are_noticed",
        case(loss(), mistakes={"targets": lambda inputs: {**inputs, "targets": inputs["targets"] + 9}}),
    ),
    "no range": ("refuses_hyperparameters_out_of_range", case(loss(hyper=lambda s, d: checks.scalar("scale", s, d)))),
    "an axis": ("signature", case(_axis_last)),
    "a default in the Case": ("hypers_are_all_off_default", case(loss(), hypers={"scale": 1.0})),
    "no formula": ("docstring", case(_documented(".. math::", ".. code::"))),
    "no year": ("docstring", case(_documented("(1809)", ""))),
    "an undescribed argument": ("docstring", case(_documented("    scale: A factor > 0.\n", ""))),
    "a wrong example": ("example_runs", case(_documented("    2\n", "    3\n"))),
    "no example": ("example_runs", case(_documented("    >>> 1 + 1\n    2\n", "    Two.\n"))),
}


def _logits(logits: Any, targets: Any, **rest: Any) -> Any:
    return loss()(logits, targets, **rest)


def pooling(mean: Callable[..., Any] = pool_mean, gather: Callable[..., Any] = whole_pool) -> Callable[..., Any]:
    """Mean square of pools that may lie on several devices."""

    def fn(predictions, targets, *, scale=1.0, axis_name=None, where=None, weights=None, reduction="mean"):
        predictions, targets = contract(where, predictions, targets)
        checks.with_pool("entries", predictions=predictions)
        scale = positive(scale, predictions.dtype)
        where, weights, predictions, targets = gather(axis_name, where, weights, predictions, targets)
        mass, present = pool_mass(where, weights, predictions)
        each = mean(half_square(predictions, targets, scale), mass)
        return reduce(each, where=present, reduction=reduction)

    fn.__doc__ = DOCSTRING.replace("    where,", "    axis_name, where,")
    return fn


def _here(axis_name: Any, where: Any, weights: Any, *arrays: Any) -> tuple[Any, ...]:
    """Nothing is gathered: the mean over devices that follows forgets how many entries each has."""
    return where, weights, *arrays


def _mean_of_means(values: Any, mass: Any) -> Any:
    return jax.lax.pmean(pool_mean(values, mass), "data")


def _untyped(axis_name: Any, where: Any, weights: Any, *arrays: Any) -> tuple[Any, ...]:
    """Its transpose is a slice, also where a sum over devices has to be transposed to a sum."""
    gather = lambda x: x if x is None or not axis_name else all_gather(x, axis_name, tiled=True, to="invarying")
    return tuple(map(gather, (where, weights, *arrays)))


def _last_chunk_twice(predictions, targets, *, scale=1.0, chunk_size=None, where=None, weights=None, reduction="mean"):
    """A chunk that overlaps the one before it where the size does not divide the rows."""
    result = loss()(predictions, targets, scale=scale, where=where, weights=weights, reduction=reduction)
    return result if chunk_size is None or predictions.shape[0] % chunk_size == 0 else result * (1 + 1 / chunk_size)


def _chunks_of_one_device(
    predictions, targets, *, scale=1.0, chunk_size=None, axis_name=None, where=None, weights=None, reduction="mean"
):
    """In chunks the pools of other devices are forgotten."""
    pools = pooling() if chunk_size is None else pooling(_mean_of_means, _here)
    return pools(
        predictions,
        targets,
        scale=scale,
        axis_name=axis_name,
        where=where,
        weights=weights,
        reduction=reduction,
    )


POOLS: dict[str, Any] = {"oracle": lambda predictions, targets, scale=1.0: np.mean((predictions - targets) ** 2, -1)}

SPREADING = {
    "branches of unlike types": (
        "each_device_computes_its_own_examples",
        case(
            loss(lambda p, t, s: jax.lax.cond(jnp.all(p > t), lambda: half_square(p, t, s), lambda: jnp.ones((1, 2))))
        ),
    ),
    "a pool without its devices": ("says_where_its_examples_are", case(loss(), pooled=True)),
    "a mean of means": ("spread_equals_whole", case(pooling(_mean_of_means, _here), pooled=True, **POOLS)),
    "a part taken for the batch": ("refuses_a_part_of_the_batch", case(pooling(gather=_here), pooled=True, **POOLS)),
    "a chunk that overlaps": ("chunks_change_nothing", case(_last_chunk_twice)),
    "chunks of one device": ("chunks_spread", case(_chunks_of_one_device, pooled=True, **POOLS)),
    "a gather of one transpose": (
        "every_way_of_spreading_gives_the_whole",
        case(pooling(gather=_untyped), pooled=True, **POOLS),
    ),
    "squares before the difference": (
        "translation",
        case(loss(lambda p, t, s: s * 0.5 * (p * p - 2 * p * t + t * t)), translates=(("predictions", "targets"),)),
    ),
    "what is far against what is near": (
        "translation_beside_what_stays",
        case(
            loss(lambda p, t, s: s * 0.5 * jnp.square((p[..., 0] - t) - p[..., 1]), prepare=_vectors_and_numbers),
            **VECTORS,
            translates=(("predictions",),),
        ),
    ),
    "no absent class": (
        "infinite_logits_are_tried",
        case(_logits, draw=lambda rng, batch: {"logits": rng.normal(size=batch), "targets": rng.normal(size=batch)}),
    ),
    "a NaN that is thrown away": (
        "no_nan_is_made_of_legal_inputs",
        case(loss(lambda p, t, s: jnp.where(p * p >= 0, half_square(p, t, s), jnp.log(-1 - p * p)))),
    ),
    "the same at an edge of the domain": (
        "no_nan_is_made_of_legal_inputs",
        case(
            loss(lambda p, t, s: jnp.where(jnp.abs(p) > 1e18, s, s * p * p / (1 + p * p))),
            extremes={"far": {"predictions": np.array([1e30, 1.0]), "targets": np.zeros(2)}},
        ),
    ),
    "a size that has to be known": (
        "exports_with_a_symbolic_batch",
        case(loss(lambda p, t, s: half_square(p, t, s) * (1 + 0 * int(p.shape[0])))),
    ),
}

FAULTS = {**VALUES, **MASKS, **FORM, **SPREADING}


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_is_caught(fault: str) -> None:
    name, faulty = FAULTS[fault]
    try:
        found = LAWS[name](faulty)
    except DoesNotApply as reason:
        pytest.fail(f"the law does not apply: {reason}")
    except Exception as raised:
        found = [f"raised {type(raised).__name__}"]
    assert found


UNTOUCHED = {"exports_for_every_platform", "sharded_equals_single_device", "masks_survive_the_compiler"}


def test_every_law_catches_something() -> None:
    """But for the laws that run what others check in one more compiler, whose faults are not ours to plant."""
    assert {name for name, _ in FAULTS.values()} | UNTOUCHED == set(LAWS)


def _with_state(state, predictions, targets, *, scale=1.0, where=None, weights=None, reduction="mean"):
    return loss()(predictions, targets, scale=scale, where=where, weights=weights, reduction=reduction), state + 1


_with_state.__doc__ = DOCSTRING.replace("Args:\n", "Args:\n    state: A number.\n")

SOUND = {
    "plain": case(loss()),
    "with a state": case(_with_state, leading=(np.ones(()),), carries=True),
    "with constants": case(loss(_constant_target), constant={"targets": "they are a constant"}),
    "with illegal inputs": case(_logarithm(poisoned=True), **PROBS),
    "with pools": case(
        pooling(),
        pooled=True,
        oracle=lambda predictions, targets, scale=1.0: scale * 0.5 * np.mean((predictions - targets) ** 2, -1),
    ),
}


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("sound", SOUND)
def test_sound_loss_passes(sound: str, law: str) -> None:
    form = ("docstring", "example_runs", "refuses_shapes_that_differ")
    if (sound == "with illegal inputs" and law in form) or (LAWS[law].full and sound != "plain"):
        pytest.skip("the plain loss shows it")
    try:
        found = LAWS[law](SOUND[sound])
    except DoesNotApply:
        return
    assert not found, "\n".join(found)


def test_case_is_hashed_by_identity() -> None:
    """Programs are remembered per Case, whose fields are dicts."""
    one = case(loss())
    assert len({one, one, dataclasses.replace(one)}) == 2
