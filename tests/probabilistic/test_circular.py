"""Angles: whole turns, the normal limit, the slope in a large concentration, and parity with torch."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import ive

import jaxloss

EPS = np.finfo(np.float32).eps


def test_von_mises_nll_is_that_of_torch() -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    locations, targets = rng.uniform(-3, 3, size=(2, 30))
    concentrations = np.exp(rng.normal(size=30))
    law = torch.distributions.VonMises(*map(torch.tensor, (locations, concentrations)))
    with jax.enable_x64(True):
        ours = jaxloss.von_mises_nll(locations, concentrations, targets, reduction="none")
    # torch has the Bessel function to single precision.
    np.testing.assert_allclose(ours, -law.log_prob(torch.tensor(targets)), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("concentration", [1e-3, 1.0, 4.99, 5.01, 50.0, 1e4, 1e7])
def test_the_slope_in_the_concentration_keeps_its_digits(concentration: float) -> None:
    """It is one minus a quotient of Bessel functions, about ``1 / (2 concentration)``, beside one minus a cosine."""
    concentration, error = np.float32(concentration), np.float32(concentration**-0.5 / 3)
    found = jax.grad(jaxloss.von_mises_nll, argnums=1)(jnp.zeros(()), jnp.asarray(concentration), jnp.asarray(error))
    wide = np.float64(concentration)
    rest = 1 - ive(1, wide) / ive(0, wide) if wide < 1e3 else 1 / (2 * wide) + 1 / (8 * wide**2)
    np.testing.assert_allclose(found, 2 * np.sin(0.5 * np.float64(error)) ** 2 - rest, rtol=40 * EPS)


def test_it_goes_over_into_the_gaussian() -> None:
    errors = np.linspace(-3, 3, 7) * 1e-4
    with jax.enable_x64(True):
        circular = jaxloss.von_mises_nll(np.zeros(7), np.full(7, 1e8), errors, reduction="none")
        gaussian = jaxloss.gaussian_nll(np.zeros(7), np.full(7, 1e-8), errors, reduction="none")
    np.testing.assert_allclose(circular, gaussian, rtol=1e-8)


def test_without_concentration_all_angles_are_alike() -> None:
    values = jaxloss.von_mises_nll(jnp.zeros(3), jnp.zeros(3), jnp.array([0.0, 1.0, 3.0]), reduction="none")
    np.testing.assert_allclose(values, np.log(2 * np.pi), rtol=EPS)


def test_a_fit_finds_a_direction_at_the_seam() -> None:
    """Half of the angles are just below pi and half just above minus pi: their mean is 0, their direction is not."""
    angles = np.random.default_rng(1).vonmises(np.pi, 20.0, size=2000).astype(np.float32)

    @jax.jit
    def fit(params):
        ones = jnp.ones_like(angles)
        loss = lambda p: jaxloss.von_mises_nll(p[0] * ones, jnp.exp(p[1]) * ones, angles)
        return jax.lax.fori_loop(0, 800, lambda _, p: p - jnp.array([0.02, 0.2]) * jax.grad(loss)(p), params)

    direction, log_concentration = fit(jnp.array([2.0, 0.0]))
    assert abs(np.cos(direction) + 1) < 1e-3
    assert abs(np.exp(log_concentration) / 20 - 1) < 0.1
