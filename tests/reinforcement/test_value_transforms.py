"""Transforms that squash values: inverses, slopes, accuracy, and the heads of MuZero and Dreamer that they are for."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special

import jaxloss

pytestmark = pytest.mark.full

NUMBERS = np.array([-1e6, -300.0, -1.0, -1e-4, -1e-8, 0.0, 1e-8, 1e-4, 1.0, 300.0, 1e6])
PAIRS = {
    "symlog": (jaxloss.returns.symlog, jaxloss.returns.symexp),
    "hyperbolic": (jaxloss.returns.signed_hyperbolic, jaxloss.returns.signed_parabolic),
    "no linear term": tuple(
        functools.partial(fn, linear_weight=0.0)
        for fn in (jaxloss.returns.signed_hyperbolic, jaxloss.returns.signed_parabolic)
    ),
}


@pytest.mark.parametrize("name", PAIRS)
def test_each_is_the_inverse_of_the_other_to_the_last_digits(name) -> None:
    there, back = PAIRS[name]
    for dtype, rtol in ((np.float32, 2e-5), (np.float64, 1e-13)):
        with jax.enable_x64(dtype is np.float64):
            x = NUMBERS.astype(dtype)
            y = there(x)
            assert y.dtype == dtype
            np.testing.assert_allclose(back(y), x, rtol=rtol)


@pytest.mark.parametrize("name", PAIRS)
def test_slopes_are_right_everywhere_and_positive_at_0(name) -> None:
    with jax.enable_x64(True):
        for fn, x in zip(PAIRS[name], (NUMBERS, NUMBERS / 1e5), strict=True):
            slope = jax.vmap(jax.grad(fn))(x)
            ahead, behind = fn(x + 1e-6), fn(x - 1e-6)
            np.testing.assert_allclose(slope, (ahead - behind) / 2e-6, rtol=1e-4)
            np.testing.assert_allclose(jax.vmap(jax.jacfwd(fn))(x), slope, rtol=1e-12)
            assert np.all(np.isfinite(jax.vmap(jax.hessian(fn))(x)))


def test_the_squashed_square_root_of_small_numbers_keeps_its_digits() -> None:
    """The formula as it stands has none left at 1e-8 in float32, and its inverse loses half of them everywhere."""
    x = np.array([1e-8, 1e-3, 3.0, 1e4], np.float32)
    exact = np.expm1(0.5 * np.log1p(x.astype(float))) + 1e-3 * x.astype(float)
    np.testing.assert_allclose(jaxloss.returns.signed_hyperbolic(x), exact, rtol=3e-7)
    back = jaxloss.returns.signed_parabolic(exact.astype(np.float32))
    np.testing.assert_allclose(back, x, rtol=1e-6)


def test_bad_arguments_are_refused() -> None:
    for fn in (jaxloss.returns.signed_hyperbolic, jaxloss.returns.signed_parabolic):
        with pytest.raises(ValueError, match="linear_weight"):
            fn(jnp.ones(2), linear_weight=-0.1)
    for fn in (jaxloss.returns.symlog, jaxloss.returns.symexp, jaxloss.returns.signed_hyperbolic):
        with pytest.raises(TypeError, match="x"):
            fn(jnp.ones(2, int))


def test_the_value_head_of_muzero(rng) -> None:
    """Classes are integers on the squashed scale, and the mean of the classes, stretched again, is the value."""
    atoms, targets = jnp.linspace(-300.0, 300.0, 601), jnp.array([-1234.5, 0.0, 77.0])
    squashed = np.sign(targets) * (np.sqrt(np.abs(targets) + 1) - 1) + 1e-3 * targets
    low = np.floor(squashed)
    probs = np.zeros((3, 601))
    for row, (k, share) in enumerate(zip((low + 300).astype(int), squashed - low, strict=True)):
        probs[row, k], probs[row, k + 1] = 1 - share, share
    logits = rng.normal(size=(3, 601)).astype(np.float32)
    actual = jaxloss.two_hot_cross_entropy(logits, jaxloss.returns.signed_hyperbolic(targets), atoms, reduction="none")
    expected = -np.sum(probs * scipy.special.log_softmax(logits.astype(float), axis=-1), axis=-1)
    np.testing.assert_allclose(actual, expected, rtol=1e-5)
    np.testing.assert_allclose(
        jaxloss.returns.signed_parabolic(jnp.asarray(probs @ atoms, jnp.float32)), targets, rtol=1e-4
    )


def test_the_loss_of_muzero_is_a_sum_of_our_terms(rng) -> None:
    """Cross-entropies of visits, values and rewards; unrolled K steps, every step's gradient is scaled by 1 / K."""
    visits = scipy.special.softmax(rng.normal(size=(4, 3)), axis=-1).astype(np.float32)
    policy, value = (jnp.asarray(rng.normal(size=(4, n)), jnp.float32) for n in (3, 11))
    atoms, targets = jnp.linspace(-5.0, 5.0, 11), jnp.asarray(10 * rng.normal(size=4), jnp.float32)
    scaled = lambda x, share: share * x + jax.lax.stop_gradient((1 - share) * x)

    def loss(policy, value, share=1.0):
        terms = jaxloss.softmax_cross_entropy(scaled(policy, share), visits)
        squashed = jaxloss.returns.signed_hyperbolic(targets)
        return terms + jaxloss.two_hot_cross_entropy(scaled(value, share), squashed, atoms)

    whole, slopes = jax.value_and_grad(loss, (0, 1))(policy, value)
    fifth, fifths = jax.value_and_grad(functools.partial(loss, share=0.2), (0, 1))(policy, value)
    np.testing.assert_allclose(fifth, whole, rtol=1e-6)
    for one, other in zip(fifths, slopes, strict=True):
        np.testing.assert_allclose(one, 0.2 * other, rtol=1e-4, atol=1e-7)


def test_a_symlog_squared_error_is_a_squared_error_of_the_transform(rng) -> None:
    predictions, targets = rng.normal(size=20), 1e3 * rng.normal(size=20)
    with jax.enable_x64(True):
        ours = jaxloss.symlog_squared_error(predictions, targets)
        np.testing.assert_allclose(
            ours, jaxloss.squared_error(predictions, jaxloss.returns.symlog(targets)), rtol=1e-12
        )
        slope = jax.grad(jaxloss.symlog_squared_error, argnums=1)(predictions, 0 * targets)
        np.testing.assert_allclose(slope, -2 * predictions / 20, rtol=1e-12)
