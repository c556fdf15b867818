"""The cross-entropy core: the full product of its options, and the traps that others fell into."""

from __future__ import annotations

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special

import jaxloss

INTEGER = jaxloss.softmax_cross_entropy_with_integer_labels
DENSE = jaxloss.softmax_cross_entropy
N, K = 6, 5
CLASS_WEIGHTS = np.array([0.5, 2.0, 1.0, 0.25, 1.5])


def oracle(logits, targets, smoothing, class_weights, z_loss, keep, weights, reduction):
    """Everything at once in float64, one example after the other."""
    c = np.ones(K) if class_weights is None else class_weights
    values, masses = [], []
    for row, t, k, w in zip(logits, targets, keep, weights, strict=True):
        present = np.isfinite(row)
        log_probs = row - scipy.special.logsumexp(row)
        asked = (1 - smoothing) * t + smoothing * present / present.sum()
        mass = (c * t).sum() if class_weights is not None else 1.0
        value = -(c * asked * np.where(present, log_probs, 0))[present].sum()
        value += mass * z_loss * scipy.special.logsumexp(row) ** 2
        values.append(k * w * value)
        masses.append(k * w * mass)
    if reduction == "none":
        return np.array(values)
    return np.sum(values) / (np.sum(masses) if reduction == "mean" else 1.0)


@pytest.mark.parametrize("absent", [False, True], ids=["all classes", "an absent class"])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_every_combination_of_options(absent, reduction) -> None:
    rng = np.random.default_rng(0)
    logits = 2 * rng.normal(size=(N, K))
    labels = rng.integers(0, K - 1, size=N).astype(np.int32)
    if absent:
        logits[:, -1] = -np.inf
    soft = rng.gamma(1.0, size=(N, K)) * np.isfinite(logits)
    soft /= soft.sum(-1, keepdims=True)
    keep, weights = np.arange(N) != 2, rng.uniform(0.5, 2, N)
    options = itertools.product([0.0, 0.2], [None, CLASS_WEIGHTS], [0.0, 0.1], [False, True], [False, True])
    with jax.enable_x64(True):
        for smoothing, c, z_loss, masked, weighed in options:
            arguments = {"label_smoothing": smoothing, "class_weights": c, "z_loss": z_loss, "reduction": reduction}
            tail = {"where": keep if masked else None, "weights": weights if weighed else None}
            rest = (
                smoothing,
                c,
                z_loss,
                keep if masked else np.ones(N, bool),
                weights if weighed else np.ones(N),
                reduction,
            )
            for fn, targets, dense in (
                (INTEGER, labels, np.eye(K)[labels]),
                (DENSE, np.eye(K)[labels], np.eye(K)[labels]),
                (DENSE, soft, soft),
            ):
                call = lambda z: fn(z, targets, **arguments, **tail)
                expected = oracle(logits, dense, *rest)
                np.testing.assert_allclose(call(logits), expected, rtol=1e-12, atol=1e-14)
                gradient = jax.grad(lambda z: jnp.sum(call(z)))(jnp.asarray(logits))
                for i, j in ((0, 1), (3, 0), (2, 2), (5, K - 1)):
                    up, down = logits.copy(), logits.copy()
                    up[i, j] += 1e-6
                    down[i, j] -= 1e-6
                    slope = (
                        np.sum(oracle(up, dense, *rest) - oracle(down, dense, *rest)) / 2e-6
                        if np.isfinite(logits[i, j])
                        else 0.0
                    )
                    np.testing.assert_allclose(gradient[i, j], slope, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("margin", [5.0, 18.0, 40.0, 80.0])
def test_nearly_certain_predictions_keep_their_relative_accuracy(margin) -> None:
    logits = jnp.array([[0.0, margin, 0.0]])
    labels, one_hot = jnp.array([1]), jnp.array([[0.0, 1.0, 0.0]])
    exact = np.log1p(2 * np.exp(-np.float64(margin)))
    slope = -2 / (np.exp(np.float64(margin)) + 2)
    for fn, targets in ((INTEGER, labels), (DENSE, one_hot)):
        value, gradient = jax.value_and_grad(fn)(logits, targets)
        np.testing.assert_allclose(value, exact, rtol=4e-7)
        np.testing.assert_allclose(gradient[0], [-slope / 2, slope, -slope / 2], rtol=1e-6)


def test_large_common_offsets_do_not_matter() -> None:
    rng = np.random.default_rng(0)
    logits = np.round(rng.normal(size=(4, 7)) * 64) / 64
    labels = np.array([0, 3, 6, 2])
    for offset in (0.0, 2.0**13, -(2.0**16)):
        value, gradient = jax.value_and_grad(INTEGER)(jnp.float32(logits + offset), labels, label_smoothing=0.1)
        expected, slopes = jax.value_and_grad(INTEGER)(jnp.float32(logits), labels, label_smoothing=0.1)
        np.testing.assert_allclose(value, expected, rtol=5e-7)
        np.testing.assert_allclose(gradient, slopes, atol=2e-7)


def test_ties_and_single_classes() -> None:
    np.testing.assert_allclose(INTEGER(jnp.full((1, 4), 3.0), jnp.array([2])), np.log(4), rtol=1e-7)
    np.testing.assert_allclose(DENSE(jnp.full((1, 4), 3.0), jnp.full((1, 4), 0.25)), np.log(4), rtol=1e-7)
    assert float(INTEGER(jnp.array([[7.0]]), jnp.array([0]))) == 0.0
    np.testing.assert_array_equal(jax.grad(INTEGER)(jnp.array([[7.0]]), jnp.array([0])), [[0.0]])


def test_an_absent_class_is_absent() -> None:
    """Value and gradient with a class at -inf are those without the class; of the label's own class, +inf."""
    logits, labels = jnp.array([[1.0, -jnp.inf, 2.0]]), jnp.array([1])
    for smoothing in (0.0, 0.3):
        one = jax.value_and_grad(INTEGER)(logits, jnp.array([2]), label_smoothing=smoothing, z_loss=0.1)
        other = jax.value_and_grad(INTEGER)(
            jnp.array([[1.0, 2.0]]), jnp.array([1]), label_smoothing=smoothing, z_loss=0.1
        )
        np.testing.assert_allclose(one[0], other[0], rtol=1e-6)
        np.testing.assert_allclose(one[1][0], [other[1][0, 0], 0, other[1][0, 1]], rtol=1e-6)
    assert np.isposinf(INTEGER(logits, labels))
    assert np.all(np.isfinite(jax.grad(INTEGER)(logits, labels)))
    gradient = jax.grad(DENSE, argnums=(0, 1))(logits, jnp.array([[0.5, 0.0, 0.5]]))
    assert np.all(np.isfinite(gradient[0]))
    assert np.all(np.isfinite(gradient[1]))


def test_targets_need_not_sum_to_one() -> None:
    """Rows of zeros have loss and gradient 0; rows of sum 2 have the gradient of their sum (not softmax - targets)."""
    logits = jnp.array([[0.3, -1.0, 2.0]])
    value, gradient = jax.value_and_grad(DENSE)(logits, jnp.zeros((1, 3)))
    assert float(value) == 0
    assert not np.any(gradient)
    doubled = jax.grad(DENSE)(logits, 2 * jnp.eye(3)[:1])
    np.testing.assert_allclose(doubled, 2 * jax.grad(DENSE)(logits, jnp.eye(3)[:1]), rtol=1e-6)


def test_a_negative_target_is_nan() -> None:
    assert np.isnan(DENSE(jnp.zeros((1, 3)), jnp.array([[1.5, -0.5, 0.0]])))


@pytest.mark.parametrize("target", [-1.0, 1.5, 2.0])
def test_binary_targets_outside_the_unit_interval_are_nan(target) -> None:
    for fn, score in ((jaxloss.sigmoid_binary_cross_entropy, 0.3), (jaxloss.binary_cross_entropy, 0.3)):
        value, gradient = jax.value_and_grad(lambda s, fn=fn: fn(s, jnp.float32(target)))(jnp.float32(score))
        assert np.isnan(value)
        assert np.isnan(gradient)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float16, jnp.bfloat16])
def test_certain_and_wrong_probabilities_still_train(dtype) -> None:
    """Finite loss, finite gradient that is not zero: a saturated wrong model recovers."""
    probs, targets = jnp.array([0.0, 1.0], dtype), jnp.array([1.0, 0.0], dtype)
    value, gradient = jax.value_and_grad(jaxloss.binary_cross_entropy)(probs, targets)
    assert np.isfinite(value)
    assert np.all(np.isfinite(gradient))
    assert gradient[0] < 0 < gradient[1]


def test_small_binary_losses_keep_their_relative_accuracy() -> None:
    logits = np.float32([20.0, 50.0, 87.0])
    exact = np.log1p(np.exp(-logits.astype(np.float64)))
    for sign, target in ((1, 1.0), (-1, 0.0)):
        values = jaxloss.sigmoid_binary_cross_entropy(sign * logits, np.full(3, target, np.float32), reduction="none")
        np.testing.assert_allclose(values, exact, rtol=4e-7)
    values = jaxloss.binary_cross_entropy(np.float32([1e-9, 1e-20]), np.zeros(2, np.float32), reduction="none")
    np.testing.assert_allclose(values, [1e-9, 1e-20], rtol=1e-6)


def test_agrees_with_optax_on_bfloat16_only_more_precisely() -> None:
    """The loss of 16-bit logits is that of the same logits in float64, not one rounded to 16 bits."""
    import optax

    rng = np.random.default_rng(0)
    logits = jnp.asarray(3 * rng.normal(size=(64, 1000)), jnp.bfloat16)
    labels = rng.integers(0, 1000, 64)
    exact = np.mean(
        scipy.special.logsumexp(np.asarray(logits, np.float64), -1)
        - np.asarray(logits, np.float64)[np.arange(64), labels]
    )
    np.testing.assert_allclose(INTEGER(logits, labels), exact, rtol=1e-6)
    assert abs(float(optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()) - exact) > 1e-4


@pytest.mark.parametrize("classes", [5, 150])
def test_forward_mode_and_hessian_of_the_core(classes) -> None:
    with jax.enable_x64(True):
        z = np.random.default_rng(0).normal(size=(1, classes))
        p, eye = scipy.special.softmax(z[0]), np.eye(classes)
        for fn, target in ((INTEGER, np.array([3])), (DENSE, eye[[3]])):
            for hessian in (jax.hessian, lambda fn: jax.jacrev(jax.jacrev(fn)), lambda fn: jax.jacrev(jax.jacfwd(fn))):
                found = jax.jit(hessian(fn))(z, target).reshape(classes, classes)
                np.testing.assert_allclose(found, np.diag(p) - np.outer(p, p), rtol=1e-12, atol=1e-15)
            forward = jax.jacfwd(fn)(z, target)
            np.testing.assert_allclose(forward[0], p - eye[3], rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, jnp.bfloat16])
@pytest.mark.parametrize("classes", [63, 64, 150, 256, 251])
@pytest.mark.parametrize("oddity", ["none", "absent classes", "masked rows", "NaN", "a label outside"])
def test_gradients_of_many_classes(classes, oddity, dtype) -> None:
    """With many classes the label's entry goes ways of its own, in the sums and in the gradient."""
    rng = np.random.default_rng(classes)
    logits, labels = np.asarray(3 * rng.normal(size=(N, classes)), dtype), rng.integers(0, classes - 2, N)
    logits[0, labels[0]] = 30  # almost certain, and right
    scale, keep = rng.uniform(0.5, 2, classes), np.ones(N, bool)
    lost = np.zeros(N, bool)
    if oddity == "absent classes":
        logits[1:3, -2:] = -np.inf
    elif oddity == "masked rows":
        logits[2], labels[3], keep[2:4] = np.nan, classes + 5, False
    elif oddity == "NaN":
        logits[1, 7], lost[1] = np.nan, True
    elif oddity == "a label outside":
        labels[1], lost[1] = classes, True
    alone = keep & ~lost
    z, y = logits[alone].astype(float), labels[alone]
    p, own = scipy.special.softmax(z, -1), np.eye(classes)[y]
    certain = np.where(own > 0, -(np.where(own > 0, 0, p).sum(-1, keepdims=True)), p)  # p - 1 with its digits
    spread, present = scipy.special.logsumexp(z, -1)[:, None], np.isfinite(z)
    even = (p * (present * scale).sum(-1, keepdims=True) - present * scale) / present.sum(-1, keepdims=True)
    step = lambda z, **options: INTEGER(z, labels, where=keep, reduction="sum", **options)
    for options, exact in (
        ({}, certain),
        ({"z_loss": 0.01}, certain + 0.02 * spread * p),
        (
            {"label_smoothing": 0.2, "class_weights": scale},
            0.8 * scale[y][:, None] * certain + 0.2 * even,
        ),
    ):
        slope = functools.partial(step, **options)
        gradient = jax.jit(jax.grad(slope))(logits)
        assert gradient.dtype == dtype
        gradient, tolerance = np.asarray(gradient, float), 4e-7 if dtype == np.float32 else 2**-8
        np.testing.assert_allclose(gradient[alone], exact, rtol=4 * tolerance, atol=tolerance * 1e-1)
        assert np.isnan(gradient[lost]).all()
        assert (gradient[~keep] == 0).all()
        tangent = np.asarray(rng.normal(size=logits.shape), dtype)
        moved = jax.jit(lambda z, t, slope=slope: jax.jvp(slope, (z,), (t,))[1])(logits, tangent)
        along = np.sum(exact * tangent[alone].astype(float)) if not lost.any() else np.nan
        np.testing.assert_allclose(moved, along, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_no_copy_of_the_logits_in_the_forward_pass(dtype) -> None:
    shapes = jax.ShapeDtypeStruct((256, 4096), dtype), jax.ShapeDtypeStruct((256,), "int32")
    memory = jax.jit(INTEGER).lower(*shapes).compile().memory_analysis()
    assert memory.temp_size_in_bytes < 256 * 4096 / 8


@pytest.mark.parametrize("margin", [0.0, 18.0])
@pytest.mark.parametrize("classes", [64, 128, 1000, 8192, 8209])
def test_many_classes_keep_the_digits_of_every_loss(classes, margin) -> None:
    """Sums of many classes take other ways than those of a few."""
    rng = np.random.default_rng(classes)
    logits, labels = rng.normal(size=(7, classes)).astype(np.float32), rng.integers(0, classes, 7)
    logits[np.arange(7), labels] += np.float32(margin)
    wide = logits.astype(np.float64)
    others = np.where(np.eye(classes, dtype=bool)[labels], 0, np.exp(wide - wide[np.arange(7), labels][:, None]))
    exact = np.log1p(others.sum(axis=-1))
    targets = np.eye(classes, dtype=np.float32)[labels]
    for fn, target in ((INTEGER, labels), (DENSE, targets)):
        each = lambda z, fn=fn, target=target: fn(z, target, reduction="none")
        values, pull = jax.jit(lambda z, each=each: jax.vjp(each, z))(logits)
        np.testing.assert_allclose(values, exact, rtol=1e-6)
        np.testing.assert_allclose(jax.jit(each)(logits), exact, rtol=1e-6)
        slopes = np.asarray(pull(np.ones(7, np.float32))[0])[np.arange(7), labels]
        np.testing.assert_allclose(slopes, np.expm1(-exact), rtol=1e-6)


@pytest.mark.parametrize("absent", [False, True])
def test_soft_targets_with_and_without_an_absent_class(absent) -> None:
    """Without one nothing is selected; one absent class in one row takes the other way, with the same numbers."""
    rng = np.random.default_rng(0)
    logits, targets = rng.normal(size=(5, 12)).astype(np.float32), rng.dirichlet(np.ones(12), 5).astype(np.float32)
    if absent:
        logits[2, 3], targets[2, 3] = -np.inf, 0
    p = scipy.special.softmax(logits.astype(np.float64), -1)
    wide = targets.astype(np.float64)
    exact = -np.sum(wide * np.where(p > 0, np.log(np.where(p > 0, p, 1)), 0), -1)
    values = jax.jit(lambda z: DENSE(z, targets, reduction="none"))(logits)
    np.testing.assert_allclose(values, exact, rtol=4e-7)
    gradient = jax.jit(jax.grad(lambda z: DENSE(z, targets, reduction="sum")))(logits)
    np.testing.assert_allclose(gradient, wide.sum(-1, keepdims=True) * p - wide, atol=2e-7)
    np.testing.assert_allclose(jax.vmap(DENSE)(logits, targets), exact, rtol=4e-7)


@pytest.mark.parametrize("odd", ["nothing", "an absent class", "a certain row", "a masked NaN", "a masked infinity"])
def test_soft_targets_of_a_row_do_not_depend_on_the_others(odd) -> None:
    """A batch takes other formulas where one of its rows has an absent class, or is almost certain."""
    rng = np.random.default_rng(3)
    logits = rng.normal(size=(6, 9)).astype(np.float32)
    targets = rng.dirichlet(np.ones(9), size=6).astype(np.float32)
    keep = np.ones(6, bool)
    if odd == "an absent class":
        logits[1, 2], targets[1, 2] = -np.inf, 0
    elif odd == "a certain row":
        logits[1, 4] = 18
    elif odd != "nothing":
        logits[1, 4], targets[1, 3], keep[1] = (np.nan, 1, False) if odd == "a masked NaN" else (np.inf, np.nan, False)
    step = lambda z, t, where: jaxloss.softmax_cross_entropy(z, t, where=where, reduction="none")
    values, pull = jax.vjp(jax.jit(step), logits, targets, keep)
    slope, towards, _ = pull(jnp.ones(6))
    with np.errstate(invalid="ignore"):
        log_probs = scipy.special.log_softmax(logits.astype(float), -1)
        exact = -np.where(targets == 0, 0, targets * log_probs).sum(-1)
        pulled = targets.astype(float).sum(-1, keepdims=True) * np.exp(log_probs) - targets
    np.testing.assert_allclose(values, np.where(keep, exact, 0), rtol=5e-7)
    np.testing.assert_allclose(slope, np.where(keep[:, None], pulled, 0), atol=1e-7)
    np.testing.assert_allclose(towards[keep], np.where(np.isinf(log_probs), 0, -log_probs)[keep], rtol=1e-6)


def test_masked_rows_cost_no_memory_in_the_gradient() -> None:
    logits, labels = jax.ShapeDtypeStruct((256, 4096), "float32"), jax.ShapeDtypeStruct((256,), "int32")
    keep = jax.ShapeDtypeStruct((256,), "bool")
    step = jax.jit(jax.value_and_grad(lambda z, y, keep: INTEGER(z, y, where=keep)))
    assert step.lower(logits, labels, keep).compile().memory_analysis().temp_size_in_bytes < 256 * 4096 / 8


def test_parity_with_torch() -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(8, 5)), rng.integers(0, 5, 8)
    labels[3] = -100
    c = rng.uniform(0.5, 2, 5)
    with jax.enable_x64(True):
        for smoothing, weight, reduction in itertools.product([0.0, 0.2], [None, c], ["mean", "sum", "none"]):
            theirs = torch.nn.functional.cross_entropy(
                torch.tensor(logits),
                torch.tensor(labels),
                reduction=reduction,
                label_smoothing=smoothing,
                weight=None if weight is None else torch.tensor(weight),
                ignore_index=-100,
            )
            ours = INTEGER(
                logits,
                labels,
                label_smoothing=smoothing,
                class_weights=weight,
                where=labels != -100,
                reduction=reduction,
            )
            np.testing.assert_allclose(ours, theirs.numpy(), rtol=1e-12)
        y = rng.uniform(size=(8, 5))
        theirs = torch.nn.functional.binary_cross_entropy_with_logits(
            torch.tensor(logits), torch.tensor(y), pos_weight=torch.tensor(2.5)
        )
        ours = jaxloss.sigmoid_binary_cross_entropy(logits, y, pos_weight=2.5)
        np.testing.assert_allclose(ours, theirs.numpy(), rtol=1e-12)
        theirs = torch.nn.functional.binary_cross_entropy_with_logits(
            torch.tensor(logits), torch.tensor(y), pos_weight=torch.tensor(c)
        )
        ours = jaxloss.sigmoid_binary_cross_entropy(logits, y, pos_weight=c)
        np.testing.assert_allclose(ours, theirs.numpy(), rtol=1e-12)


@pytest.mark.parametrize(
    ("logit", "target", "value", "slope"),
    [
        (np.inf, 1, 0, 0),
        (-np.inf, 0, 0, 0),
        (np.inf, 0, np.inf, 1),
        (-np.inf, 1, np.inf, -1),
        (np.inf, 0.5, np.inf, 0.5),
    ],
)
@pytest.mark.parametrize("wrap", [jax.jit, lambda f: f], ids=["jit", "eager"])
def test_an_infinite_logit_is_certain(logit: float, target: float, value: float, slope: float, wrap) -> None:
    """The slope is sigmoid minus target there too, and the slope in a right target is finite."""
    loss = wrap(jax.value_and_grad(jaxloss.sigmoid_binary_cross_entropy))
    assert loss(jnp.float32(logit), jnp.float32(target)) == (value, slope)
    if value == 0:
        assert np.isfinite(jax.grad(jaxloss.sigmoid_binary_cross_entropy, 1)(jnp.float32(logit), jnp.float32(target)))


def test_an_infinite_logit_is_never_certain_of_smoothed_labels() -> None:
    loss = jaxloss.sigmoid_binary_cross_entropy(jnp.array([jnp.inf]), jnp.ones(1), label_smoothing=0.1)
    assert loss == jnp.inf


@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_a_target_that_is_computed_is_certain_too(scale: float) -> None:
    """A compiler may fuse the product with the difference from 1, and leave its rounding times infinity."""
    loss = jax.jit(lambda z, t: jaxloss.sigmoid_binary_cross_entropy(z, t * (1 / scale)))
    assert loss(jnp.full(9, jnp.inf), jnp.full(9, scale)) == 0


@pytest.mark.parametrize(
    "options", [{}, {"label_smoothing": 0.1}, {"z_loss": 0.1}], ids=["plain", "smoothing", "z-loss"]
)
@pytest.mark.parametrize("classes", [20, 150])
def test_rows_stay_on_their_devices(classes, options) -> None:
    """Under plain jit with a batch over devices nothing travels but sums; of labels that are written apart, too."""
    on = jax.sharding.Mesh(np.array(jax.devices("cpu")[:4]), ("data",))
    rows = jax.sharding.NamedSharding(on, jax.sharding.PartitionSpec("data"))
    logits = jax.ShapeDtypeStruct((8, classes), "float32", sharding=rows)
    labels = jax.ShapeDtypeStruct((8,), "int32", sharding=rows)
    step = jax.jit(jax.value_and_grad(lambda z, y: INTEGER(z, y, **options)))
    text = step.lower(logits, labels).compile().as_text()
    assert "all-reduce" in text
    for kind in ("all-gather", "all-to-all", "collective-permute"):
        assert kind not in text
