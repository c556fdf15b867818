"""The divergence of von Mises distributions: its digits at nearly equal and at large concentrations, and its limits."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss

EPS = np.finfo(np.float32).eps


def exact(p: float, a: float, q: float, b: float) -> float:
    mpmath = pytest.importorskip("mpmath")
    with mpmath.workdps(80):
        p, a, q, b = (mpmath.mpf(float(x)) for x in (p, a, q, b))
        scaled = lambda x: mpmath.log(mpmath.besseli(0, x))
        resultant = mpmath.besseli(1, a) / mpmath.besseli(0, a)
        return float(scaled(b) - scaled(a) + resultant * (a - b * mpmath.cos(p - q)))


@pytest.mark.parametrize("step", [1e-1, 1e-3, 1e-5, -1e-4, 3.0, -0.8])
@pytest.mark.parametrize("turn", [0.0, 1e-3, 2.0])
def test_it_keeps_its_digits_in_float32(step: float, turn: float) -> None:
    """The terms of the formula are of the size of the concentration, a divergence may be the square of the step."""
    a = np.float32([1e-3, 0.1, 1, 4.9, 5.1, 30, 1e3, 1e5])
    b = (a * np.float64(1 + step)).astype(np.float32)
    p, q = np.zeros_like(a), np.full_like(a, turn)
    found = jaxloss.von_mises_kl(p, a, q, b, reduction="none")
    np.testing.assert_allclose(found, [exact(*x) for x in zip(p, a, q, b, strict=True)], rtol=20 * EPS)


def test_slopes_keep_their_digits() -> None:
    a, b = np.float32([0.5, 20.0, 1e5]), np.float32([0.5 + 2**-12, 20 + 2**-8, 1e5 + 1])
    zeros = np.zeros(3, np.float32)
    fn = lambda a, b: jaxloss.von_mises_kl(zeros, a, zeros, b, reduction="sum")
    single = jax.grad(fn, argnums=(0, 1))(a, b)
    with jax.enable_x64(True):
        zeros = np.zeros(3)
        wide = jax.grad(fn, argnums=(0, 1))(a.astype(np.float64), b.astype(np.float64))
    np.testing.assert_allclose(single, wide, rtol=16 * EPS)


def test_for_large_concentrations_it_is_that_of_normal_distributions() -> None:
    a, b, q = np.array([1e6, 1e7]), np.array([2e6, 1e7]), np.array([1e-4, 2e-4])
    with jax.enable_x64(True):
        circular = jaxloss.von_mises_kl(np.zeros(2), a, q, b, reduction="none")
        arrays = (x[:, None] for x in (np.zeros(2), -np.log(a), q, -np.log(b)))
        np.testing.assert_allclose(circular, jaxloss.gaussian_kl(*arrays, reduction="none"), rtol=1e-5)


def test_to_and_from_the_uniform_distribution() -> None:
    zeros, twos = jnp.zeros(1), 2 * jnp.ones(1)
    np.testing.assert_allclose(jaxloss.von_mises_kl(zeros, zeros, zeros, twos), np.log(np.i0(2)), rtol=4 * EPS)
    entropy = jaxloss.von_mises_nll(zeros, twos, zeros) + 2 * (1 - 0.6977746579640082)
    np.testing.assert_allclose(
        jaxloss.von_mises_kl(zeros, twos, zeros, zeros), np.log(2 * np.pi) - entropy, rtol=16 * EPS
    )


def test_whole_turns_do_not_count() -> None:
    zeros, ones = jnp.zeros(3), jnp.ones(3)
    turns = 2 * np.pi * np.arange(3)
    found = jaxloss.von_mises_kl(zeros, ones, turns.astype(np.float32), ones, reduction="none")
    np.testing.assert_allclose(found, 0, atol=1e-12)
