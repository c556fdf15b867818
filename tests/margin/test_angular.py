"""Angular losses: exact cosines, finite gradients on and opposite the centre, radians, identities."""

from __future__ import annotations

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss

LOSSES = (jaxloss.normalized_softmax_loss, jaxloss.cosface_loss, jaxloss.arcface_loss)


@pytest.fixture(params=LOSSES, ids=lambda fn: fn.__name__)
def angular(request):
    return request.param


def plane(angle: np.ndarray) -> np.ndarray:
    return np.stack([np.cos(angle), np.sin(angle)], axis=-1)


def widened_cosine(angle: np.ndarray, margin: float, scale: float = 1.0) -> np.ndarray:
    """The logit of the true class, from the loss against one rival at right angles to the plane of both."""
    embeddings = np.concatenate([plane(angle), np.zeros((len(angle), 1))], axis=-1)
    kernel = np.array([[1.0, 0.0], [0.0, 0.0], [0.0, 1.0]])
    with jax.enable_x64(True):
        values = jaxloss.arcface_loss(
            embeddings, np.zeros(len(angle), int), kernel, margin=margin, scale=scale, reduction="none"
        )
    return -np.log(np.expm1(np.asarray(values))) / scale


def test_arcface_adds_the_margin_in_radians() -> None:
    angle = np.linspace(0.01, 2.6, 50)
    np.testing.assert_allclose(widened_cosine(angle, 0.5), np.cos(angle + 0.5), atol=1e-12)


def test_arcface_decreases_up_to_the_opposite() -> None:
    for margin in (0.0, 0.3, 0.5, 1.5):
        angle = np.linspace(0.0, np.pi, 400)
        assert np.all(np.diff(widened_cosine(angle, margin)) < 0)
    beyond = np.array([2.8, 3.1])
    np.testing.assert_allclose(widened_cosine(beyond, 0.5), np.cos(beyond) - 0.5 * np.sin(0.5), atol=1e-12)


def test_degrees_are_refused() -> None:
    with pytest.raises(ValueError, match="margin"):
        jaxloss.arcface_loss(jnp.ones((1, 2)), jnp.array([0]), jnp.eye(2), margin=28.6)


def test_without_margin_all_are_the_normalized_softmax(rng: np.random.Generator) -> None:
    embeddings, kernel = rng.normal(size=(9, 5)), rng.normal(size=(5, 7))
    labels = rng.integers(0, 7, size=9)
    for scale in (8.0, 64.0):
        with jax.enable_x64(True):
            expected = jaxloss.normalized_softmax_loss(embeddings, labels, kernel, scale=scale, reduction="none")
            for fn in (jaxloss.cosface_loss, jaxloss.arcface_loss):
                actual = fn(embeddings, labels, kernel, margin=0.0, scale=scale, reduction="none")
                np.testing.assert_allclose(actual, expected, rtol=1e-10)


def test_lengths_do_not_count(angular, rng: np.random.Generator) -> None:
    embeddings, kernel = rng.normal(size=(9, 5)), rng.normal(size=(5, 7))
    labels = rng.integers(0, 7, size=9)
    with jax.enable_x64(True):
        value = angular(embeddings, labels, kernel)
        longer = angular(embeddings * rng.uniform(0.1, 9, (9, 1)), labels, kernel * rng.uniform(0.1, 9, (1, 7)))
    np.testing.assert_allclose(value, longer, rtol=1e-10)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_gradient_is_bounded_on_and_beside_the_axis(angular, dtype) -> None:
    """arccos has an infinite slope there; the slope of these losses is at most 2 * scale."""
    with jax.enable_x64(dtype == jnp.float64):
        kernel = jnp.asarray([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]], dtype)

        @jax.jit
        def slopes(embeddings):
            fn = lambda e, w: angular(e, jnp.array([0]), w, scale=8.0)
            along = jnp.ones_like(embeddings), jnp.ones_like(kernel)
            return jax.jvp(jax.grad(fn, (0, 1)), (embeddings, kernel), along)

        for sign, off in itertools.product((1.0, -1.0), (0.0, 1e-30, 1e-12, 1e-8, 1e-6, 1e-4)):
            gradients, bends = slopes(jnp.asarray([[sign, 0.0, off]], dtype))
            for gradient in gradients:
                assert np.all(np.isfinite(gradient))
                assert np.max(np.abs(gradient)) <= 16
            assert np.all(np.isfinite(bends[0]))


def test_small_angles_keep_their_digits() -> None:
    """sqrt(1 - cos**2) in float32 is 0 or wrong by 100 % at an angle of 1e-4."""
    angle = np.float32([1e-6, 1e-5, 1e-4, 1e-3])
    embeddings = np.stack([np.ones(4), angle, np.zeros(4)], axis=-1)
    kernel = np.array([[1.0, 0.0], [0.0, 0.0], [0.0, 1.0]])
    slopes = {}
    for dtype in (jnp.float32, jnp.float64):
        with jax.enable_x64(dtype == jnp.float64):

            def fn(e, d=dtype):
                return jaxloss.arcface_loss(e, np.zeros(4, int), jnp.asarray(kernel, d), scale=4.0, reduction="sum")

            slopes[dtype] = np.asarray(jax.jit(jax.grad(fn))(jnp.asarray(embeddings, dtype)))
    np.testing.assert_allclose(slopes[jnp.float32][:, 1], slopes[jnp.float64][:, 1], rtol=1e-5)


def test_a_zero_embedding_is_at_right_angles(angular) -> None:
    kernel = jnp.eye(3)
    value, gradient = jax.value_and_grad(lambda e: angular(e, jnp.array(0), kernel, scale=2.0))(jnp.zeros(3))
    own = {"normalized_softmax_loss": 0.0, "cosface_loss": -0.35, "arcface_loss": np.cos(np.pi / 2 + 0.5)}
    np.testing.assert_allclose(value, np.log1p(2 * np.exp(-2 * own[angular.__name__])), rtol=1e-6)
    np.testing.assert_array_equal(gradient, np.zeros(3))


def test_shapes_are_named(angular) -> None:
    embeddings, labels = jnp.ones((3, 4)), jnp.zeros(3, int)
    for kernel in (jnp.ones((5, 2)), jnp.ones((2, 4)), jnp.ones(4), jnp.ones((1, 4, 2)), jnp.ones((4, 0))):
        with pytest.raises(ValueError, match="kernel"):
            angular(embeddings, labels, kernel)
    with pytest.raises(TypeError, match="kernel"):
        angular(embeddings, labels, jnp.ones((4, 2), int))
    with pytest.raises(TypeError, match="labels"):
        angular(embeddings, jnp.zeros(3), jnp.ones((4, 2)))


def test_one_kernel_for_any_batch_axes(angular, rng: np.random.Generator) -> None:
    embeddings, kernel = rng.normal(size=(2, 3, 5)), rng.normal(size=(5, 7))
    labels = rng.integers(0, 7, size=(2, 3))
    values = angular(embeddings, labels, kernel, reduction="none")
    flat = angular(embeddings.reshape(6, 5), labels.reshape(6), kernel, reduction="none")
    np.testing.assert_allclose(values.reshape(6), flat, rtol=1e-5)
    assert angular(embeddings[0, 0], labels[0, 0], kernel).shape == ()
