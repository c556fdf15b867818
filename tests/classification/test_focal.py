"""Traps of the focal, polynomial and multi-label losses, and parity with other packages."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss

HARD = jnp.array([1.0, 0.0, 1.0, 0.0, 1.0, 0.0])
LOGITS = jnp.array([3.0, -20.0, -4.0, 0.0, 60.0, 5.0])


@pytest.mark.parametrize("gamma", [0.0, "traced"])
def test_gamma_zero_is_cross_entropy_exactly(gamma: float | str) -> None:
    wrap = jax.jit if gamma == "traced" else (lambda f: f)
    at = jnp.float32(0) if gamma == "traced" else 0.0
    focal = lambda z, g: jaxloss.sigmoid_focal_loss(z, HARD, gamma=g, reduction="sum")
    plain = lambda z: jaxloss.sigmoid_binary_cross_entropy(z, HARD, reduction="sum")
    for actual, expected in zip(
        wrap(jax.value_and_grad(focal))(LOGITS, at), wrap(jax.value_and_grad(plain))(LOGITS), strict=True
    ):
        np.testing.assert_array_equal(actual, expected)
    rows, labels = jnp.stack([LOGITS, -LOGITS]), jnp.array([2, 4])
    soft = lambda z, g: jaxloss.softmax_focal_loss(z, labels, gamma=g, reduction="sum")
    cross = lambda z: jaxloss.softmax_cross_entropy_with_integer_labels(z, labels, reduction="sum")
    for actual, expected in zip(
        wrap(jax.value_and_grad(soft))(rows, at), wrap(jax.value_and_grad(cross))(rows), strict=True
    ):
        np.testing.assert_array_equal(actual, expected)


def test_gradient_is_finite_where_certain_at_a_root() -> None:
    """The derivative of (1 - p)^0.5 is infinite in p at 1, and tends to 0 in z."""
    for sign in (1.0, -1.0):
        logits = sign * jnp.array([20.0, 50.0, 86.0, 90.0, 200.0, 1e4, 3e38])
        targets = jnp.full(7, sign > 0, jnp.float32)
        for gamma in (0.5, 0.1, jnp.float32(0.5)):
            total = lambda z, g=gamma, t=targets: jaxloss.sigmoid_focal_loss(z, t, gamma=g, reduction="sum")
            gradient = jax.grad(total)(logits)
            assert np.all(np.isfinite(gradient))
            assert np.all(np.abs(gradient[3:]) <= 1e-3)
            assert np.all(np.isfinite(jax.jvp(jax.grad(total), (logits,), (jnp.ones(7),))[1]))
    rows = jnp.array([[200.0, 0.0], [1e4, -1e4]])
    soft = jax.grad(lambda z: jaxloss.softmax_focal_loss(z, jnp.zeros(2, int), gamma=0.5))(rows)
    np.testing.assert_array_equal(soft, np.zeros((2, 2)))


@pytest.mark.parametrize("gamma", [2.0, 5.0])
def test_wrong_float16_logits_stay_finite(gamma: float) -> None:
    logits = jnp.array([13104.0, 32768.0, 65504.0, -65504.0], jnp.float16)
    targets = jnp.array([0, 0, 0, 1])
    value, gradient = jax.value_and_grad(lambda z: jaxloss.sigmoid_focal_loss(z, targets, gamma=gamma))(logits)
    np.testing.assert_allclose(value, np.mean([13104, 32768, 65504, 65504]), rtol=1e-6)
    np.testing.assert_array_equal(gradient, np.array([0.25, 0.25, 0.25, -0.25], np.float16))


def test_slope_at_logit_zero() -> None:
    slope = jax.grad(lambda z: jaxloss.sigmoid_focal_loss(z, jnp.float32(1)))(jnp.float32(0))
    np.testing.assert_allclose(slope, -0.125 - 0.25 * np.log(2.0), rtol=1e-6)


def test_easy_losses_keep_their_relative_accuracy() -> None:
    value = jaxloss.sigmoid_focal_loss(jnp.float32(20), jnp.float32(1), gamma=1.5)
    p = 1 / (1 + np.exp(20.0))
    np.testing.assert_allclose(value, -(p**1.5) * np.log1p(-p), rtol=3e-7)
    poly = jaxloss.poly_loss_cross_entropy(jnp.array([18.0, 0.0]), jnp.array([1.0, 0.0]))
    np.testing.assert_allclose(poly, 3 * np.exp(-18.0), rtol=1e-6)


def test_alpha_is_the_weight_of_the_positive_class() -> None:
    """It is used whenever it is given: Keras needs a second flag."""
    logits, targets = jnp.array([1.0, 1.0]), jnp.array([1.0, 0.0])
    plain = jaxloss.sigmoid_focal_loss(logits, targets, reduction="none")
    balanced = jaxloss.sigmoid_focal_loss(logits, targets, alpha=0.25, reduction="none")
    np.testing.assert_allclose(balanced / plain, [0.25, 0.75], rtol=1e-6)


def test_targets_outside_are_nan() -> None:
    for wrong in (-1.0, 2.0):
        assert np.isnan(jaxloss.sigmoid_focal_loss(jnp.float32(1), jnp.float32(wrong)))
        for fn in (jaxloss.asymmetric_multilabel_loss, jaxloss.multilabel_soft_margin_loss):
            assert np.isnan(fn(jnp.ones(2), jnp.array([0.0, wrong])))
    assert np.isnan(jaxloss.poly_loss_cross_entropy(jnp.ones(2), jnp.array([-0.5, 1.5])))


def test_optax(rng: np.random.Generator) -> None:
    import optax

    logits = jnp.asarray(3 * rng.normal(size=50), jnp.float32)
    for targets in (rng.uniform(size=50), rng.integers(0, 2, size=50)):
        targets = jnp.asarray(targets, jnp.float32)
        for hypers in ({}, {"alpha": 0.3, "gamma": 1.7}, {"gamma": 3.0}):
            expected = optax.losses.sigmoid_focal_loss(logits, targets, **hypers)
            actual = jaxloss.sigmoid_focal_loss(logits, targets, **hypers, reduction="none")
            np.testing.assert_allclose(actual, expected, rtol=2e-5, atol=1e-9)
    rows, soft = jnp.asarray(rng.normal(size=(9, 4)), jnp.float32), jax.nn.softmax(rng.normal(size=(9, 4)))
    for weight in (2.0, -0.5):
        expected = optax.losses.poly_loss_cross_entropy(rows, soft.astype(jnp.float32), epsilon=weight)
        actual = jaxloss.poly_loss_cross_entropy(rows, soft.astype(jnp.float32), poly_weight=weight, reduction="none")
        np.testing.assert_allclose(actual, expected, rtol=1e-5)


def test_without_focus_or_shift_asymmetric_is_binary_cross_entropy() -> None:
    logits = jnp.array([[300.0, -300.0, 20.0, 0.0, -1.0]])
    targets = jnp.array([[0, 1, 0, 1, 0]])
    for zero in (0.0, jnp.float32(0)):
        actual = jaxloss.asymmetric_multilabel_loss(
            logits, targets, gamma_positive=zero, gamma_negative=zero, clip=zero
        )
        expected = jaxloss.sigmoid_binary_cross_entropy(logits, targets, reduction="sum")
        np.testing.assert_allclose(actual, expected, rtol=1e-6)


def test_easy_absent_labels_are_dropped() -> None:
    """Below the shift neither loss nor gradient, on it neither."""
    logits = jnp.array([[-5.0, -3.0]])
    value, gradient = jax.value_and_grad(lambda z: jaxloss.asymmetric_multilabel_loss(z, jnp.zeros((1, 2))))(logits)
    assert value == 0
    assert not np.any(gradient)


def test_official_asymmetric_loss(rng: np.random.Generator) -> None:
    torch = pytest.importorskip("torch")
    z, y = 2 * rng.normal(size=(6, 7)), rng.integers(0, 2, size=(6, 7)).astype(float)
    x, t = torch.tensor(z, requires_grad=True), torch.tensor(y)
    positive, negative = torch.sigmoid(x), (1 - torch.sigmoid(x) + 0.05).clamp(max=1)
    loss = t * torch.log(positive) + (1 - t) * torch.log(negative)
    focus = torch.pow(1 - positive * t - negative * (1 - t), 1.0 * t + 4.0 * (1 - t))
    expected = -(loss * focus).sum(-1)
    expected.sum().backward()
    with jax.enable_x64(True):
        fn = lambda z: jaxloss.asymmetric_multilabel_loss(z, jnp.asarray(y), reduction="none")
        np.testing.assert_allclose(fn(jnp.asarray(z)), expected.detach().numpy(), rtol=1e-10)
        gradient = jax.grad(lambda z: jnp.sum(fn(z)))(jnp.asarray(z))
        np.testing.assert_allclose(gradient, x.grad.numpy(), rtol=1e-9, atol=1e-12)


def test_torch_multilabel_soft_margin(rng: np.random.Generator) -> None:
    torch = pytest.importorskip("torch")
    z, y, c = rng.normal(size=(6, 4)), rng.integers(0, 2, size=(6, 4)).astype(float), rng.uniform(size=4)
    expected = torch.nn.functional.multilabel_soft_margin_loss(
        torch.tensor(z), torch.tensor(y), torch.tensor(c), reduction="none"
    )
    with jax.enable_x64(True):
        actual = jaxloss.multilabel_soft_margin_loss(
            jnp.asarray(z), jnp.asarray(y), class_weights=jnp.asarray(c), reduction="none"
        )
    np.testing.assert_allclose(actual, expected.numpy(), rtol=1e-12)


def test_large_classwise_losses_do_not_overflow_in_the_mean() -> None:
    value = jaxloss.multilabel_soft_margin_loss(jnp.full((1, 4), 3e38), jnp.zeros((1, 4)))
    np.testing.assert_allclose(value, 3e38, rtol=1e-6)


@pytest.mark.parametrize("loss", [jaxloss.sigmoid_focal_loss, jaxloss.quality_focal_loss, jaxloss.gaussian_focal_loss])
def test_infinite_logits_that_are_wrong(loss) -> None:
    """The value is infinite and the slope is the limit, that of the cross-entropy."""
    value, slope = jax.jit(jax.value_and_grad(lambda z: loss(z, jnp.array([0.0, 1.0]), reduction="sum")))(
        jnp.array([jnp.inf, -jnp.inf])
    )
    assert value == jnp.inf
    np.testing.assert_array_equal(slope, [1, -1])


@pytest.mark.parametrize(("alpha", "wrong"), [(1.0, [np.inf, 0.0]), (0.0, [-np.inf, 1.0])])
def test_a_class_of_no_weight_has_no_loss(alpha: float, wrong: list[float]) -> None:
    logit, target = map(jnp.float32, wrong)
    assert jax.value_and_grad(jaxloss.sigmoid_focal_loss)(logit, target, alpha=alpha) == (0, 0)
