"""Divergences of gamma and Dirichlet distributions against torch, and the digits of small ones."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss


def positive(*shape, seed=0):
    return 0.2 + np.random.default_rng(seed).gamma(2.0, size=shape)


def test_they_are_those_of_torch():
    torch = pytest.importorskip("torch")
    distributions = torch.distributions
    a, b = positive(2, 5, 3)
    pair = [distributions.Dirichlet(torch.tensor(x)) for x in (a, b)]
    with jax.enable_x64(True):
        np.testing.assert_allclose(
            jaxloss.dirichlet_kl(a, b, reduction="none"), distributions.kl_divergence(*pair), rtol=1e-9
        )
        pair = [distributions.Beta(*torch.tensor(np.moveaxis(x[:, :2], -1, 0))) for x in (a, b)]
        np.testing.assert_allclose(
            jaxloss.dirichlet_kl(a[:, :2], b[:, :2], reduction="none"), distributions.kl_divergence(*pair), rtol=1e-9
        )
        r, s = positive(2, 5, 3, seed=1)
        pair = [distributions.Gamma(*map(torch.tensor, x)) for x in ((a, r), (b, s))]
        np.testing.assert_allclose(
            jaxloss.gamma_kl(a, r, b, s, reduction="none"), distributions.kl_divergence(*pair), rtol=1e-9
        )


@pytest.mark.parametrize("step", [1e-2, 1e-3, 1e-4])
def test_small_divergences_have_digits(step):
    """Of gamma distributions with different concentrations: half the trigamma function times the squared step."""
    a, one = np.array([0.3, 2.0, 50.0], np.float32), np.ones(3, np.float32)
    b = a * np.float32(1 + step)
    with jax.enable_x64(True):
        wide = [np.asarray(x, np.float64) for x in (a, one, b, one)]
        exact = np.asarray(jaxloss.gamma_kl(*wide, reduction="none"))
        fn = lambda b: jaxloss.gamma_kl(wide[0], wide[1], b, wide[3], reduction="sum")
        slopes = np.asarray(jax.grad(fn)(wide[2]))
    found = jaxloss.gamma_kl(a, one, b, one, reduction="none")
    np.testing.assert_allclose(found, exact, rtol=2e-6)
    expected = exact * 2 / (wide[2] - wide[0])
    np.testing.assert_allclose(slopes, expected, rtol=3 * step)


def test_the_two_forms_meet():
    """At a step of half of the concentration the integral and the logarithms give one number."""
    with jax.enable_x64(True):
        for a in (0.01, 1.0, 300.0):
            one = np.ones(2)
            near = jaxloss.gamma_kl(a * one, one, a * np.array([1.5 - 1e-9, 1.5 + 1e-9]), one, reduction="none")
            np.testing.assert_allclose(near[0], near[1], rtol=1e-7)


def test_descent_finds_the_posterior_of_counts():
    """The Dirichlet distribution that is nearest to another is that one."""
    target = jnp.array([3.0, 1.5, 7.0])

    @jax.jit
    def step(logs):
        return logs - 0.2 * jax.grad(lambda x: jaxloss.dirichlet_kl(jnp.exp(x), target))(logs)

    logs = jnp.zeros(3)
    for _ in range(300):
        logs = step(logs)
    np.testing.assert_allclose(jnp.exp(logs), target, rtol=1e-3)
