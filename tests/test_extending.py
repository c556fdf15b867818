"""Losses that a user writes from public names alone: they get the contract and the tail of ours."""

from __future__ import annotations

import inspect
import pickle
import re
from pathlib import Path

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss
from jaxloss import reductions


@jaxloss.elementwise
def log_ratio_loss(predictions, targets, *, power=2, scale=1.0):
    """Power of the log-ratio; infinite at 0, where masked entries must not be put.

    Args:
        predictions: Shape ``[...]``, positive.
        targets: Shape ``[...]``, the same.

    Returns:
        A scalar >= 0.
    """
    return jnp.abs(jnp.log(predictions) - jnp.log(targets)) ** power * scale


@jaxloss.per_example(logits="classes", label="")
def cross_entropy(logits, label, *, temperature=1.0):
    return -jax.nn.log_softmax(logits / temperature)[label]


PREDICTIONS = np.float32([[0.5, 2.0, 3.0], [1.5, 0.1, 1.0]])
TARGETS = np.float32([[1.0, 1.5, 2.0], [1.0, 0.2, 4.0]])
VALUES = np.abs(np.log(PREDICTIONS) - np.log(TARGETS)) ** 2
KEEP = np.array([[True, False, True], [False, True, True]])
WEIGHTS = np.float32([[1.0, 2.0, 0.5], [3.0, 1.0, 1.0]])
LOGITS = np.random.default_rng(0).normal(size=(2, 3, 5)).astype(np.float32)
LABELS = np.int32([[0, 4, 2], [1, 1, 3]])
LOSSES = {"elementwise": (log_ratio_loss, PREDICTIONS, TARGETS), "per_example": (cross_entropy, LOGITS, LABELS)}
REDUCTIONS = {
    "mean": ("mean", lambda v, m: np.sum(v * m) / np.sum(m)),
    "sum": ("sum", lambda v, m: np.sum(v * m)),
    "none": ("none", lambda v, m: v * m),
    "cvar": (reductions.cvar(1.0), lambda v, m: np.sum(v * m) / np.sum(m)),
    "sequences": (reductions.sequence_mean_token_sum(), lambda v, m: np.sum(v * m) / 2),
}


def _values(name: str) -> np.ndarray:
    if name == "elementwise":
        return VALUES
    return np.asarray(jaxloss.softmax_cross_entropy_with_integer_labels(LOGITS, LABELS, reduction="none"))


@pytest.mark.parametrize("jit", [False, True], ids=["eager", "jit"])
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("name", LOSSES)
def test_it_has_the_tail(name, reduction, jit) -> None:
    loss, data, other = LOSSES[name]
    how, formula = REDUCTIONS[reduction]
    fn = lambda x, y: loss(x, y, where=KEEP, weights=WEIGHTS, reduction=how)
    result = (jax.jit(fn) if jit else fn)(jnp.asarray(data), jnp.asarray(other))
    np.testing.assert_allclose(result, formula(_values(name), KEEP * WEIGHTS), rtol=1e-5)
    assert isinstance(loss(data, other, reduction=reductions.term), reductions.Term)


@pytest.mark.parametrize("transform", [lambda f: f, jax.jit], ids=["eager", "jit"])
@pytest.mark.parametrize("hole", [np.nan, 0.0, np.inf])
@pytest.mark.parametrize("name", LOSSES)
def test_masked_entries_are_absent_from_value_and_every_gradient(name, hole, transform) -> None:
    loss, data, other = LOSSES[name]
    keep = KEEP if name == "elementwise" else KEEP[..., None]
    fn = lambda x, s: loss(x, other, where=KEEP, **{"scale" if name == "elementwise" else "temperature": s})
    expected = jax.value_and_grad(fn, (0, 1))(jnp.asarray(data), 1.5)
    spoiled = jnp.where(keep, data, hole)
    found = transform(jax.value_and_grad(fn, (0, 1)))(spoiled, 1.5)
    chex.assert_trees_all_close(found, expected, rtol=1e-5)
    assert not np.any(np.where(keep, 0, found[1][0]))
    assert np.all(np.isfinite(jax.hessian(lambda x: fn(x, 1.5))(spoiled)))


@pytest.mark.parametrize("name", LOSSES)
def test_nothing_counted_is_zero_with_zero_gradient(name) -> None:
    loss, data, other = LOSSES[name]
    value, gradient = jax.value_and_grad(lambda x: loss(x, other, where=False & KEEP))(jnp.zeros_like(data))
    assert value == 0
    assert not np.any(gradient)
    assert loss(data[:0], other[:0]) == 0


@pytest.mark.parametrize("name", LOSSES)
def test_sixteen_bits_come_back_as_single_and_their_gradient_in_sixteen(name) -> None:
    loss, data, other = LOSSES[name]
    value, gradient = jax.value_and_grad(loss)(jnp.asarray(data, jnp.bfloat16), other)
    assert value.dtype == jnp.float32
    assert gradient.dtype == jnp.bfloat16
    with jax.enable_x64(True):
        assert loss(data.astype(np.float64), other).dtype == jnp.float64
        assert loss(data, other, **({"scale": np.float64(2)} if name == "elementwise" else {})).dtype == jnp.float32


def test_hyperparameters_are_traced_without_another_trace_and_never_promote() -> None:
    traced = jax.jit(chex.assert_max_traces(lambda x, s: log_ratio_loss(x, TARGETS, scale=s), 1))
    for scale in (0.5, 2.0):
        np.testing.assert_allclose(traced(PREDICTIONS, scale), scale * np.mean(VALUES), rtol=1e-5)
    sweep = jax.vmap(lambda s: log_ratio_loss(PREDICTIONS, TARGETS, scale=s))(jnp.array([1.0, 3.0]))
    np.testing.assert_allclose(sweep, np.mean(VALUES) * np.array([1, 3]), rtol=1e-5)
    assert float(log_ratio_loss(PREDICTIONS, TARGETS, power=1)) == pytest.approx(np.mean(VALUES**0.5), rel=1e-5)


def test_vmap_equals_a_loop_and_data_may_be_lists_or_keywords() -> None:
    whole = cross_entropy(LOGITS, LABELS, reduction="none")
    np.testing.assert_allclose(jax.vmap(lambda x, y: cross_entropy(x, y, reduction="none"))(LOGITS, LABELS), whole)
    np.testing.assert_allclose(cross_entropy(label=LABELS.tolist(), logits=LOGITS.tolist(), reduction="none"), whole)
    assert cross_entropy(LOGITS[0, 0], 3).shape == ()
    one_batch_axis = jax.jit(cross_entropy).lower(jax.ShapeDtypeStruct((4, 5), "float32"), jnp.zeros(4, jnp.int32))
    assert one_batch_axis.out_info.shape == ()


def test_signature_and_docstring_have_the_tail() -> None:
    for loss in (log_ratio_loss, cross_entropy):
        parameters = inspect.signature(loss).parameters
        tail = [parameters[name] for name in list(parameters)[-3:]]
        assert [p.name for p in tail] == ["where", "weights", "reduction"]
        assert [p.default for p in tail] == [None, None, "mean"]
        assert all(p.kind is p.KEYWORD_ONLY for p in tail)
        assert loss.__doc__.count("    where, weights, reduction: See `jaxloss.reduce`.") == 1
        assert pickle.loads(pickle.dumps(loss)) is loss
    assert "the same.\n    where, weights, reduction: See `jaxloss.reduce`.\n\nReturns:" in log_ratio_loss.__doc__
    assert log_ratio_loss.__name__ == "log_ratio_loss"


MISUSED = {
    "shapes": (
        lambda: log_ratio_loss(jnp.ones(4), jnp.ones((4, 1))),
        ValueError,
        "predictions and targets must have the same shape",
    ),
    "integers": (lambda: log_ratio_loss(jnp.ones(4, int), jnp.ones(4)), TypeError, "predictions must be floating"),
    "mask": (lambda: log_ratio_loss(PREDICTIONS, TARGETS, where=WEIGHTS), TypeError, "Did you mean weights=?"),
    "unknown": (lambda: log_ratio_loss(PREDICTIONS, TARGETS, gain=1), TypeError, "log_ratio_loss() got an unexpected"),
    "vector": (
        lambda: log_ratio_loss(PREDICTIONS, TARGETS, scale=np.ones(2)),
        ValueError,
        "scale must be one number; found shape (2,)",
    ),
    "batch": (lambda: cross_entropy(LOGITS, LABELS[..., None]), ValueError, "Did you mean jnp.squeeze(label, -1)?"),
    "no axis": (lambda: cross_entropy(jnp.ones(()), 1), ValueError, "logits must end with the axes [classes]"),
    "averages": (
        lambda: jaxloss.elementwise(lambda p: jnp.sum(p))(jnp.ones(3)),
        ValueError,
        "<lambda> must return one loss per entry, and must not average them: reduction does that. Expected shape (3,); "
        "found ().",
    ),
    "keeps the axis": (
        lambda: jaxloss.per_example(p="features")(lambda p: p)(jnp.ones((3, 2))),
        ValueError,
        "must return one loss per example: it sums over event axes itself. Expected shape (3,); found (3, 2).",
    ),
    "integer loss": (
        lambda: jaxloss.elementwise(lambda p: p > 0)(jnp.ones(3)),
        TypeError,
        "The result of <lambda> must be floating; found bool",
    ),
    "nothing": (lambda: jaxloss.elementwise(lambda p: None)(1.0), TypeError, "must be an array of numbers"),
    "sizes": (
        lambda: jaxloss.per_example(p="features", t="features")(lambda p, t: p @ t)(jnp.ones((3, 2)), jnp.ones((3, 4))),
        ValueError,
        "p and t must agree in [features]; found 2 and 4.",
    ),
    "positional": (
        lambda: jaxloss.elementwise(lambda p, t, scale=1: p),
        TypeError,
        "must be keyword-only: write *, sca",
    ),
    "clash": (lambda: jaxloss.elementwise(lambda p, *, where: p), ValueError, "must not have an argument where"),
    "variadic": (lambda: jaxloss.elementwise(lambda *p: p), TypeError, "must name its arguments; found *p"),
    "no data": (lambda: jaxloss.elementwise(lambda *, p: p), TypeError, "must have a positional argument"),
    "no function": (lambda: jaxloss.elementwise(3), TypeError, "Only functions can be made into losses; found int"),
    "axes missing": (lambda: jaxloss.per_example(lambda p: p), TypeError, "write @jaxloss.per_example(logits="),
    "axes incomplete": (
        lambda: jaxloss.per_example(p="features")(lambda p, t: p),
        TypeError,
        "per_example must name the axes of the positional arguments of <lambda>, p, t; found p.",
    ),
}


@pytest.mark.parametrize("name", MISUSED)
def test_misuse_says_what_to_write(name) -> None:
    call, error, message = MISUSED[name]
    with pytest.raises(error, match=re.escape(message)):
        call()


def test_examples_never_meet_in_a_loss_per_example() -> None:
    spoiled = LOGITS.copy()
    spoiled[0, 1, 2] = np.nan
    np.testing.assert_array_equal(
        np.isnan(cross_entropy(spoiled, LABELS, reduction="none")), [[False, True, False], [False] * 3]
    )


def test_the_losses_of_the_guide_run_and_protect_their_gradients() -> None:
    guide = (Path(__file__).parent.parent / "CONTRIBUTING.md").read_text()
    section = guide.split("## Write your own loss")[1].split("\n## ")[0]
    names: dict = {}
    for block in re.findall(r"```python\n(.*?)```", section, re.DOTALL):
        exec(block, names)
    np.testing.assert_allclose(names["value"], np.log1p(0.25), rtol=1e-6)
    assert np.all(np.isfinite(names["gradient"]))
    scores, targets, keep = jnp.array([1.0, jnp.nan, 0.5]), jnp.array([1.0, 2.0, 0.0]), np.array([True, False, True])
    value, gradient = jax.value_and_grad(names["pairwise_hinge"])(scores, targets, where=keep)
    np.testing.assert_allclose(value, 0.25)
    np.testing.assert_allclose(gradient, [-0.5, 0.0, 0.5])
