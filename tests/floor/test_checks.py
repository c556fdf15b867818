"""What bad input gets: which argument, what was expected, what was found, what to do."""

from __future__ import annotations

import re

import chex
import jax
import jax.export
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss
from jaxloss._floor import checks


@pytest.fixture
def chex_is_off():
    """Assertions of chex are disabled during a test, and enabled after it whatever happens."""
    chex.disable_asserts()
    try:
        chex.assert_rank(1.0, 7)  # the switch works, or the tests below prove nothing
        yield
    finally:
        chex.enable_asserts()


MESSAGES = {
    "shapes": (
        lambda: jaxloss.squared_error(jnp.ones(4), jnp.ones((4, 1))),
        ValueError,
        "predictions and targets must have the same shape, nothing is broadcast; found predictions (4,) and targets "
        "(4, 1). Did you mean jnp.squeeze(targets, -1)?",
    ),
    "float mask": (
        lambda: jaxloss.squared_error(jnp.ones(4), jnp.ones(4), where=jnp.ones(4)),
        TypeError,
        "where must be boolean, True where an entry counts; found float32. Did you mean weights=?",
    ),
    "integer predictions": (
        lambda: jaxloss.squared_error(jnp.ones(4, jnp.int32), jnp.ones(4)),
        TypeError,
        "predictions must be floating; found int32. Are the arguments swapped? Predictions come first. If not, write "
        "x.astype(jnp.float32), or x.astype(jnp.float32) / 255 for the bytes of an image.",
    ),
    "boolean predictions": (
        lambda: jaxloss.squared_error(jnp.ones(4, bool), jnp.ones(4)),
        TypeError,
        "predictions must be floating; found bool. Write x.astype(jnp.float32)",
    ),
    "reduction": (
        lambda: jaxloss.squared_error(jnp.ones(4), jnp.ones(4), reduction="average"),
        ValueError,
        "reduction must be 'mean', 'sum', 'none' or a function (values, weights) -> result; found 'average'. Ready-made "
        "functions are in jaxloss.reductions. Did you mean 'mean'?",
    ),
    "labels": (
        lambda: jaxloss.softmax_cross_entropy_with_integer_labels(jnp.ones((4, 3)), jnp.ones((4, 3))),
        TypeError,
        "labels must be integer; found float32. Labels are class indices; convert with .astype(jnp.int32), or "
        "jnp.argmax(one_hot, axis=-1).",
    ),
    "no classes": (
        lambda: jaxloss.softmax_cross_entropy_with_integer_labels(jnp.ones((4, 0)), jnp.ones(4, jnp.int32)),
        ValueError,
        "logits must end with the axes [classes], none of them empty; found shape (4, 0). Batch axes lead and event axes "
        "are last: move them with jnp.moveaxis.",
    ),
    "hyperparameter": (
        lambda: jaxloss.sigmoid_binary_cross_entropy(jnp.ones(4), jnp.ones(4), label_smoothing=1.5),
        ValueError,
        "label_smoothing must be >= 0 and <= 1; found 1.5.",
    ),
    "hyperparameter with two open ends": (
        lambda: jaxloss.quantile_loss(jnp.ones(4), jnp.ones(4), quantile=50),
        ValueError,
        "quantile must be > 0 and < 1; found 50.0.",
    ),
    "hyperparameter that is no number": (
        lambda: jaxloss.quantile_loss(jnp.ones(4), jnp.ones(4), quantile=float("nan")),
        ValueError,
        "quantile must be > 0 and < 1; found nan.",
    ),
    "vector hyperparameter": (
        lambda: jaxloss.sigmoid_binary_cross_entropy(jnp.ones(4), jnp.ones(4), label_smoothing=jnp.ones(4)),
        ValueError,
        "label_smoothing must be one number; found shape (4,). Sweep it with jax.vmap.",
    ),
    "mask of another shape": (
        lambda: jaxloss.squared_error(jnp.ones((4, 2)), jnp.ones((4, 2)), where=jnp.ones(3, bool)),
        ValueError,
        "where must have the shape of the unreduced loss, (4, 2), with axes of size 1 where it repeats, or be one number; "
        "found (3,). To mask or weight whole examples use shape (4, 1).",
    ),
    "mask of examples": (
        lambda: jaxloss.squared_error(jnp.ones((4, 2, 3)), jnp.ones((4, 2, 3)), where=jnp.ones(4, bool)),
        ValueError,
        "found (4,). To mask or weight whole examples add axes of size 1: where[..., None, None].",
    ),
    "mask with an axis too many": (
        lambda: jaxloss.squared_error(jnp.ones(4), jnp.ones(4), where=jnp.ones((4, 1), bool)),
        ValueError,
        "found (4, 1). Did you mean jnp.squeeze(where, -1)?",
    ),
    "weights of classes": (
        lambda: jaxloss.softmax_cross_entropy(jnp.ones((4, 3)), jnp.ones((4, 3)), weights=jnp.ones(3)),
        ValueError,
        "weights must have the shape of the unreduced loss, (4,), with axes of size 1 where it repeats, or be one number; "
        "found (3,). To mask or weight whole examples use shape (4,), or for one weight per class use class_weights= where the loss has it, else "
        "weights=w[labels].",
    ),
    "weights of examples": (
        lambda: jaxloss.squared_error(jnp.ones((4, 3)), jnp.ones((4, 3)), weights=jnp.ones(4)),
        ValueError,
        "add axes of size 1: weights[..., None], or for one weight per class use class_weights= where",
    ),
    "labels of another shape": (
        lambda: jaxloss.softmax_cross_entropy_with_integer_labels(jnp.ones((4, 3)), jnp.ones((4, 1), jnp.int32)),
        ValueError,
        "labels must have shape (4,) (logits.shape[:-1], the class axis is last); found (4, 1). Did you mean "
        "jnp.squeeze(labels, -1)?",
    ),
    "labels of a loss that takes targets": (
        lambda: jaxloss.softmax_cross_entropy(jnp.ones((4, 3)), jnp.ones(4, jnp.int32)),
        ValueError,
        "found logits (4, 3) and targets (4,). For integer class labels use "
        "jaxloss.softmax_cross_entropy_with_integer_labels, or write jax.nn.one_hot(targets, 3).",
    ),
    "labels as floats": (
        lambda: jaxloss.softmax_cross_entropy(jnp.ones((4, 3)), jnp.ones(4)),
        ValueError,
        "write jax.nn.one_hot(targets.astype(jnp.int32), 3).",
    ),
    "labels of a loss of one shape": (
        lambda: jaxloss.sigmoid_binary_cross_entropy(jnp.ones((4, 3)), jnp.ones(4, jnp.int32)),
        ValueError,
        "For class indices write jax.nn.one_hot(targets, 3). If repeating is intended, write it out: "
        "jnp.broadcast_to(targets[..., None], logits.shape).",
    ),
    "one-hot labels": (
        lambda: jaxloss.softmax_cross_entropy_with_integer_labels(jnp.ones((4, 3)), jnp.ones((4, 3), jnp.int32)),
        ValueError,
        "found (4, 3). If labels are one-hot, use jaxloss.softmax_cross_entropy, or write jnp.argmax(labels, axis=-1).",
    ),
    "a kernel of PyTorch": (
        lambda: jaxloss.linear_softmax_cross_entropy(jnp.ones((4, 3)), jnp.ones((7, 3)), jnp.ones(4, jnp.int32)),
        ValueError,
        "kernel must have shape (3, 3) (features, classes); found (7, 3). Did you mean kernel.T?",
    ),
    "time first": (
        lambda: jaxloss.returns.generalized_advantage_estimation(*jnp.ones((2, 5, 2)), jnp.ones((6, 2))),
        ValueError,
        "values must have shape (5, 3) (one state more than rewards; time is the last axis, or the first with time_major=True)",
    ),
    "labels of one class": (
        lambda: jaxloss.softmax_cross_entropy_with_integer_labels(jnp.ones((4, 1)), jnp.ones((4, 1), jnp.int32)),
        ValueError,
        "found (4, 1). Did you mean jnp.squeeze(labels, -1)?",
    ),
    "channels first": (
        lambda: jaxloss.softmax_cross_entropy_with_integer_labels(
            jnp.ones((2, 3, 8, 8)), jnp.ones((2, 8, 8), jnp.int32)
        ),
        ValueError,
        "labels must have shape (2, 3, 8) (logits.shape[:-1], the class axis is last); found (2, 8, 8). Classes are the "
        "last axis; if they are axis 1 here, jnp.moveaxis(logits, 1, -1).",
    ),
    "channels first, one image": (
        lambda: jaxloss.softmax_cross_entropy_with_integer_labels(jnp.ones((3, 8, 4)), jnp.ones((8, 4), jnp.int32)),
        ValueError,
        "if they are axis 0 here, jnp.moveaxis(logits, 0, -1).",
    ),
    "channels first, targets": (
        lambda: jaxloss.softmax_cross_entropy(jnp.ones((2, 3, 8, 8)), jnp.ones((2, 8, 8), jnp.int32)),
        ValueError,
        "if they are axis 1 here, jnp.moveaxis(logits, 1, -1).",
    ),
    "arguments swapped": (
        lambda: jaxloss.softmax_cross_entropy_with_integer_labels(jnp.ones(4, jnp.int32), jnp.ones((4, 3))),
        TypeError,
        "logits must be floating; found int32. Are the arguments swapped? Predictions come first.",
    ),
    "not numbers": (
        lambda: jaxloss.squared_error("abc", jnp.ones(4)),
        TypeError,
        "predictions must be an array of numbers; found str",
    ),
}


@pytest.mark.parametrize("name", MESSAGES)
@pytest.mark.parametrize("jit", [False, True], ids=["eager", "jit"])
def test_message(name, jit) -> None:
    call, error, message = MESSAGES[name]
    with pytest.raises(error) as raised:
        (jax.jit(call) if jit else call)()
    assert message in str(raised.value)


@pytest.mark.parametrize("name", MESSAGES)
def test_no_message_can_be_switched_off(name, chex_is_off) -> None:
    test_message(name, jit=False)


FIXES = {
    "front": ((3,), (3, 6), "If repeating is intended, write it out: jnp.broadcast_to(x[..., None], (3, 6))."),
    "front of a square": ((3,), (3, 3), "jnp.broadcast_to(x[..., None], (3, 3))"),
    "front, two axes": ((3,), (3, 6, 2), "jnp.broadcast_to(x[..., None, None], (3, 6, 2))"),
    "back": ((6,), (3, 6), "jnp.broadcast_to(x, (3, 6))"),
    "one": ((1, 6), (3, 6), "jnp.broadcast_to(x, (3, 6))"),
    "scalar": ((), (3, 6), "jnp.broadcast_to(x, (3, 6))"),
    "axis lost": ((3,), (3, 1), "Did you mean x[..., None]?"),
    "axis gained": ((3, 1), (3,), "Did you mean jnp.squeeze(x, -1)?"),
    "order": ((6, 3), (3, 6), "The axes seem to be in another order: move them with jnp.moveaxis."),
    "size": ((2,), (3,), "It cannot be repeated to that shape: look where x is made."),
    "too many axes": ((3, 6), (3,), "It cannot be repeated to that shape: look where x is made."),
}


@pytest.mark.parametrize("case", FIXES)
def test_advice_on_a_shape_works_when_it_is_followed(case) -> None:
    found, expected, advice = FIXES[case]
    with pytest.raises(ValueError, match=re.escape(advice)) as raised:
        checks.has_shape(expected, "as asked", x=jnp.ones(found))
    code = re.search(r"(jnp\.broadcast_to|jnp\.squeeze|x\[)[^?]*(?=[.?]$)", str(raised.value))
    if code is not None:
        assert eval(code[0], {"jnp": jnp, "x": jnp.ones(found)}).shape == expected


def test_advice_on_symbolic_shapes() -> None:
    b, k = jax.export.symbolic_shape("b, k")
    scores, turned = (jax.ShapeDtypeStruct(shape, jnp.float32) for shape in ((b, k), (k, b)))
    with pytest.raises(ValueError, match="The axes seem to be in another order"):
        jax.eval_shape(jaxloss.squared_error, scores, turned)
    with pytest.raises(ValueError, match="If labels are one-hot, use jaxloss.softmax_cross_entropy, or write"):
        jax.eval_shape(LOSS, scores, jax.ShapeDtypeStruct((b, k), jnp.int32))


def test_advice_on_one_shape_may_repeat_the_first() -> None:
    message = re.escape("If repeating is intended, write it out: jnp.broadcast_to(a[..., None], b.shape).")
    with pytest.raises(ValueError, match=message):
        checks.same_shape(a=jnp.ones(3), b=jnp.ones((3, 6)))
    with pytest.raises(ValueError, match=re.escape("jnp.broadcast_to(a, b.shape)")):
        checks.same_shape(a=jnp.ones((1, 6)), b=jnp.ones((3, 6)))


@pytest.mark.parametrize(
    "check",
    [
        lambda: checks.same_shape(a=jnp.ones(4), b=jnp.ones((4, 1))),
        lambda: checks.has_shape((3,), "one per class", a=jnp.ones(4)),
        lambda: checks.with_axes("height width", a=jnp.ones(4)),
        lambda: checks.with_axes("classes", a=jnp.ones((4, 0))),
        lambda: checks.with_axes("classes", allow_empty=True, a=jnp.ones(())),
        lambda: checks.scalar("a", jnp.ones(2), jnp.float32),
        lambda: checks.mask(np.ones(2, bool), (3,)),
        lambda: checks.example_weights(np.ones((3, 2)), (3,), jnp.float32),
        lambda: checks.class_vector(3, jnp.float32, a=np.ones(2)),
    ],
)
def test_no_check_of_a_shape_can_be_switched_off(check, chex_is_off) -> None:
    with pytest.raises(ValueError):
        check()


@pytest.mark.parametrize("check", [checks.floating, checks.numeric, checks.integer])
def test_no_check_of_a_dtype_can_be_switched_off(check, chex_is_off) -> None:
    with pytest.raises(TypeError):
        check(a=np.ones(2, bool))
    with pytest.raises(TypeError):
        checks.mask(np.ones(2), (2,))


def test_numbers_and_lists_of_python_are_arrays() -> None:
    assert float(jaxloss.squared_error(3.0, 1)) == 4.0
    assert float(jaxloss.squared_error([3.0, 1.0], [1, 1])) == 2.0
    assert jaxloss.squared_error(np.ones(2), np.zeros(2)).dtype == jnp.float32


def test_integer_targets_do_not_decide_the_dtype() -> None:
    with jax.enable_x64(True):
        value = jaxloss.squared_error(jnp.ones(2, jnp.bfloat16), jnp.ones(2, jnp.int64))
    assert value.dtype == jnp.float32


@pytest.mark.parametrize("dtype", [np.int64, np.uint64])
def test_a_label_of_64_bits_does_not_wrap_into_the_range(dtype) -> None:
    with jax.enable_x64(True):
        loss = jaxloss.softmax_cross_entropy_with_integer_labels
        values = loss(jnp.zeros((2, 3)), jnp.asarray([1, 2**32 + 1], dtype), reduction="none")
    np.testing.assert_array_equal(np.isnan(values), [False, True])


@pytest.mark.parametrize("value", [1, 1.0, np.float64(1), np.float32(1), np.int64(1)])
def test_a_concrete_hyperparameter_is_a_python_number(value) -> None:
    assert type(checks.scalar("x", value, jnp.float32)) is float


def test_a_traced_hyperparameter_takes_the_working_dtype_and_no_range() -> None:
    with jax.enable_x64(True):
        result = jax.jit(lambda x: checks.scalar("x", x, jnp.float32, above=0))(jnp.float64(-1.0))
        assert result.dtype == jnp.float32
    with pytest.raises(ValueError, match="x must be > 0; found -1.0"):
        checks.scalar("x", jnp.asarray(-1.0), jnp.float32, above=0)
    with pytest.raises(TypeError, match="x must be a number"):
        checks.scalar("x", True, jnp.float32)


# ---- checked ---------------------------------------------------------------------------------------------------

BAD = (jnp.zeros((2, 3)), jnp.array([0, 3]))
GOOD = (jnp.zeros((2, 3)), jnp.array([0, 2]))
LOSS = jaxloss.softmax_cross_entropy_with_integer_labels
MESSAGE = r"labels must lie in \[0, 3\); mask padding with where=labels != -100"


def test_checked_raises_eagerly_around_jit_and_inside_it() -> None:
    for wrap in (lambda f: f, jax.jit):
        checked = jaxloss.checked(wrap(LOSS))
        np.testing.assert_allclose(checked(*GOOD), LOSS(*GOOD))
        with pytest.raises(ValueError, match=MESSAGE):
            checked(*BAD)
    inside = jax.jit(jaxloss.checked(LOSS))
    np.testing.assert_allclose(inside(*GOOD), LOSS(*GOOD))
    with pytest.raises(jax.errors.JaxRuntimeError, match=MESSAGE):
        jax.block_until_ready(inside(*BAD))


@pytest.mark.parametrize(
    "wrap", [jax.grad, lambda f: jax.jit(jax.grad(f)), jax.value_and_grad], ids=["grad", "jit", "both"]
)
def test_checked_works_with_gradients(wrap) -> None:
    np.testing.assert_allclose(
        jax.tree.leaves(wrap(jaxloss.checked(LOSS))(*GOOD))[-1], jax.tree.leaves(wrap(LOSS)(*GOOD))[-1]
    )
    with pytest.raises((ValueError, jax.errors.JaxRuntimeError), match=MESSAGE):
        jax.block_until_ready(wrap(jaxloss.checked(LOSS))(*BAD))
    with pytest.raises(ValueError, match=MESSAGE):
        jaxloss.checked(wrap(LOSS))(*BAD)


@pytest.mark.parametrize("result", [3, jnp.ones(())])
def test_checked_takes_a_function(result) -> None:
    message = "checked takes the function, not its result: checked(loss)(x, y)"
    with pytest.raises(TypeError, match=re.escape(message)):
        jaxloss.checked(result)


def test_checked_works_with_vmap() -> None:
    batch = jax.tree.map(lambda x: jnp.stack([x, x]), GOOD)
    np.testing.assert_allclose(jax.vmap(jaxloss.checked(LOSS))(*batch), jax.vmap(LOSS)(*batch))
    with pytest.raises((ValueError, jax.errors.JaxRuntimeError), match=MESSAGE):
        jax.block_until_ready(jax.vmap(jaxloss.checked(LOSS))(*jax.tree.map(lambda x: jnp.stack([x, x]), BAD)))


def test_a_function_compiled_before_is_still_checked() -> None:
    """The switch is part of the cache key: a program compiled without checks is not used under `checked`."""
    compiled = jax.jit(LOSS)
    assert np.isnan(compiled(*BAD))
    with pytest.raises(ValueError, match=MESSAGE):
        jaxloss.checked(compiled)(*BAD)
    assert np.isnan(compiled(*BAD))


def test_checks_look_at_unmasked_entries_only() -> None:
    jaxloss.checked(LOSS)(*BAD, where=jnp.array([True, False]))


def test_checks_are_free_when_off() -> None:
    """The program of a loss is the same text whether or not its value checks exist."""
    shapes = jax.ShapeDtypeStruct((4, 3), jnp.float32), jax.ShapeDtypeStruct((4,), jnp.int32)
    plain = jax.jit(LOSS).lower(*shapes).as_text()
    assert "custom_call" not in plain
    assert plain == jax.jit(LOSS).lower(*shapes).as_text()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: jaxloss.binary_cross_entropy(jnp.array([1.5]), jnp.array([1.0])), "probs must be probabilities"),
        (
            lambda: jaxloss.sigmoid_binary_cross_entropy(jnp.array([1.5]), jnp.array([-1])),
            "targets must be probabilities",
        ),
        (lambda: jaxloss.softmax_cross_entropy(jnp.zeros((1, 2)), jnp.ones((1, 2))), "targets must sum to 1"),
        (lambda: jaxloss.nll_loss(jnp.ones((1, 2)), jnp.array([0])), "log_probs must be <= 0"),
    ],
)
def test_values_that_look_like_something_else(call, message) -> None:
    call()
    with pytest.raises(ValueError, match=message):
        jaxloss.checked(call)()
