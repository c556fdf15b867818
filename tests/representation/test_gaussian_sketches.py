"""SIGReg: the authors' code, the closed form of the statistic, what it is for, what it stores."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss


def test_lejepa_equals_the_authors_minimal_code(rng):
    """rbalestr-lab/lejepa, MINIMAL.md, with PyTorch: several views, and the factor N."""
    torch = pytest.importorskip("torch")
    views, raw = rng.normal(size=(3, 16, 5)) * 1.3 + 0.2, rng.normal(size=(7, 5))
    tensor = torch.tensor(views, requires_grad=True)
    units = torch.tensor(raw).T / torch.tensor(raw).T.norm(p=2, dim=0)
    t = torch.linspace(0, 3, 17, dtype=torch.float64)
    weights = torch.full((17,), 2 * 3 / 16, dtype=torch.float64)
    weights[[0, -1]] = 3 / 16
    window = torch.exp(-t.square() / 2)
    waves = (tensor @ units).unsqueeze(-1) * t
    err = (waves.cos().mean(-3) - window).square() + waves.sin().mean(-3).square()
    statistic = ((err @ (weights * window)) * 16).mean()
    expected = 0.05 * statistic + 0.95 * (tensor.mean(0) - tensor).square().mean()
    expected.backward()

    def lejepa(views):
        means = jnp.broadcast_to(jnp.mean(views, 0), views.shape)
        return 0.05 * 16 * jaxloss.sigreg_loss(views, raw) + 0.95 * jaxloss.squared_error(views, means)

    with jax.enable_x64(True):
        value, slope = jax.jit(jax.value_and_grad(lejepa))(jnp.asarray(views))
    np.testing.assert_allclose(value, expected.item(), rtol=1e-12)
    np.testing.assert_allclose(slope, tensor.grad, rtol=1e-10, atol=1e-15)


def test_a_fine_rule_is_the_closed_form_of_epps_and_pulley(rng):
    """The integral over all times is a sum of Gaussian kernels over pairs."""
    x = 1.5 * rng.normal(size=12) + 0.3
    pairs = np.mean(np.exp(-((x[:, None] - x) ** 2) / 2))
    closed = np.sqrt(2 * np.pi) * (pairs - np.sqrt(2) * np.mean(np.exp(-(x**2) / 4)) + 1 / np.sqrt(3))
    with jax.enable_x64(True):
        value = jaxloss.sigreg_loss(x[:, None], np.array([[-2.0]]), max_time=9.0, num_knots=129)
    np.testing.assert_allclose(value, closed, rtol=1e-12)


def test_collapsed_embeddings_spread(rng):
    """From almost one point to the identity as the covariance, by the loss alone."""
    points, directions = jnp.asarray(0.1 * rng.normal(size=(64, 3)), jnp.float32), jnp.asarray(rng.normal(size=(64, 3)))
    step = lambda x, _: (x - 64 * 0.5 * jax.grad(jaxloss.sigreg_loss)(x, directions), None)
    after, _ = jax.lax.scan(step, points, length=300)
    np.testing.assert_allclose(np.cov(after.T), np.eye(3), atol=0.1)
    assert jaxloss.sigreg_loss(after, directions) < 0.02 * jaxloss.sigreg_loss(points, directions)


def test_the_waves_are_not_stored():
    """Value and gradient keep less than one array of examples, directions and times."""
    shapes = [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in ((256, 32), (512, 32))]
    planned = jax.jit(jax.value_and_grad(jaxloss.sigreg_loss)).lower(*shapes).compile().memory_analysis()
    assert planned.temp_size_in_bytes < 4 * 256 * 512 * 17


def test_directions_are_refused(rng):
    x = rng.normal(size=(4, 3))
    with pytest.raises(ValueError, match="directions, features"):
        jaxloss.sigreg_loss(x, rng.normal(size=(5, 2)))
    with pytest.raises(ValueError, match="directions"):
        jaxloss.sigreg_loss(x, np.zeros((0, 3)))
    with pytest.raises(TypeError, match="directions"):
        jaxloss.sigreg_loss(x, np.ones((5, 3), np.int32))
