"""How a user's function is read, and what it is told where that makes no sense."""

from __future__ import annotations

import functools
import inspect

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxloss
from jaxloss.inspect.checking import check_loss
from jaxloss.inspect.checking.inputs import INPUTS
from jaxloss.inspect.checking.reading import Refused, read
from jaxloss.inspect.law import DoesNotApply
from tests.inspect.checking import losses


def squared(y_pred, y_true):
    return (y_pred - y_true) ** 2


def test_a_function_of_one_number_becomes_one_of_prediction_and_target() -> None:
    found = read(lambda r: jax.lax.cond(r > 0, lambda: 3 * r, lambda: -r), "residual")
    values = found.loss(jnp.array([1.0, 0.0]), jnp.array([-1.0, 4.0]), reduction="none")
    assert values.tolist() == [6.0, 4.0]
    assert found.own(residuals=jnp.array([2.0, -4.0]), reduction="none").tolist() == [6.0, 4.0]
    assert found.one
    assert not found.whole


@pytest.mark.parametrize(
    ("kind", "first", "target", "number"),
    [("residual", 3.0, 5.0, -2.0), ("margin", 3.0, -1.0, -3.0), ("logit", 3.0, 0.0, -3.0), ("logit", 3.0, 1.0, 3.0)],
)
def test_what_number_prediction_and_target_make(kind: str, first: float, target: float, number: float) -> None:
    found = read(lambda x: x, kind)
    assert found.loss(jnp.array([first]), jnp.array([target]), reduction="none").tolist() == [number]


def test_names_of_data_are_those_of_the_library() -> None:
    found = read(squared, "residual")
    assert list(inspect.signature(found.loss).parameters) == ["predictions", "targets", "where", "weights", "reduction"]
    assert found.form == "a function of y_pred and y_true, here called predictions and targets"
    assert found.loss(predictions=jnp.ones(2), targets=jnp.zeros(2)) == 1
    assert found.loss.__name__ == "squared"


def test_hyperparameters_keep_their_defaults_and_may_be_filled_in() -> None:
    found = read(functools.partial(optax.sigmoid_focal_loss, gamma=3.0), "logit")
    assert list(inspect.signature(found.loss).parameters)[:3] == ["logits", "targets", "gamma"]
    expected = optax.sigmoid_focal_loss(jnp.ones(2), jnp.zeros(2), gamma=3.0)
    assert np.array_equal(found.loss(jnp.ones(2), jnp.zeros(2), reduction="none"), expected)
    assert found.loss.__name__ == "sigmoid_focal_loss"


def test_what_a_function_lacks_does_not_apply() -> None:
    found = read(squared, "residual")
    assert found.loss(jnp.ones(4), jnp.zeros(4), reduction="sum") == 4
    with pytest.raises(DoesNotApply, match="where, weights and reduction"):
        found.loss(jnp.ones(2), jnp.zeros(2), where=jnp.ones(2, bool))
    with pytest.raises(DoesNotApply, match="lists"):
        found.loss([1.0], [2.0])


def test_the_tail_of_the_library_is_handed_on() -> None:
    found = read(losses.good, "residual")
    assert found.whole
    keep = jnp.array([True, False])
    expected = losses.good(jnp.array([0.5, jnp.nan]), jnp.zeros(2), where=keep, weights=jnp.array([2.0, 1.0]))
    assert found.loss(jnp.array([0.5, jnp.nan]), jnp.zeros(2), where=keep, weights=jnp.array([2.0, 1.0])) == expected


def test_part_of_the_tail_is_said_to_be_a_part() -> None:
    found = read(optax.cosine_distance, "vectors")
    assert not found.whole
    assert found.form.endswith("it takes where only, and the laws of masks need where, weights, reduction")


def test_errors_of_the_function_are_refusals_in_its_own_words() -> None:
    found = read(losses.good, "residual")
    with pytest.raises(Refused, match="ValueError: .*shape") as raised:
        found.loss(jnp.ones(3), jnp.ones(4))
    assert isinstance(raised.value, TypeError)
    assert isinstance(raised.value.__cause__, ValueError)
    assert "any word" in str(raised.value)


def test_a_loss_of_the_library_is_read_as_it_is() -> None:
    found = read(jaxloss.huber_loss, "residual")
    assert found.whole
    assert inspect.signature(found.loss).parameters["delta"].default == 1.0


@pytest.mark.parametrize(
    ("fn", "kind", "error", "words"),
    [
        (squared, "residue", ValueError, "never guessed: 'residual': prediction minus target.*Found 'residue'"),
        (3.0, "residual", TypeError, "fn must be a function; found float"),
        (lambda a, b, c: a, "residual", ValueError, "predictions and targets for kind='residual'.*a, b, c"),
        (lambda: 1.0, "residual", ValueError, "without a default: none"),
        (lambda r: r, "classes", ValueError, "logits and labels for kind='classes'"),
        (lambda a, b, *, c: a, "residual", ValueError, "fn requires c: fill it in with functools.partial"),
        (
            lambda p, t: jnp.mean(p - t),
            "residual",
            ValueError,
            r"one loss per entry, shape \[3, 4\] here; found shape \[\]",
        ),
        (lambda p, t: (p, t), "residual", ValueError, "found tuple"),
        (lambda p, t: p[..., None, 7] @ t, "residual", ValueError, r"failed at predictions float32\[3, 4\], targets"),
    ],
)
def test_what_is_no_loss_is_refused_in_words(fn, kind: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        read(fn, kind)


@pytest.mark.parametrize(
    ("fn", "kind", "words"),
    [
        (lambda p, t: p - t * jnp.log(p), "residual", "more than predictions minus targets: it is kind='prediction'"),
        (lambda z, t: 0 * z, "logit", "does not depend on logits"),
    ],
)
def test_a_kind_that_contradicts_the_function_is_refused(fn, kind: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        check_loss(fn, kind=kind)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"dtypes": ("bf16",)}, "dtypes must be among bfloat16, float16, float32; found 'bf16'"),
        ({"kinks": (float("inf"),)}, "kinks must be finite"),
        ({"domain": (1.0, 1.0)}, "domain must be two finite numbers"),
    ],
)
def test_arguments_out_of_range_are_refused(more, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        check_loss(squared, kind="residual", **more)


@pytest.mark.parametrize("kind", sorted(INPUTS))
def test_inputs_are_legal_and_have_the_batch_that_was_asked_for(kind: str, rng) -> None:
    about = INPUTS[kind]
    for inputs in (about.draw(rng, (3, 4)), *about.extremes.values()):
        assert tuple(inputs) == about.data
    drawn = about.draw(rng, (3, 4))
    assert all(x.shape[:2] == (3, 4) for x in drawn.values())
    if kind in ("logit", "probability"):
        assert set(np.unique(drawn["targets"])) == {0.0, 1.0}
    if kind == "prediction":
        assert all((x > 0).all() for x in drawn.values())
