"""Energies and slopes of functions: known minima, molecules, shapes that are learned."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss

PI = np.pi


def _polynomial(params, x):
    return jnp.vdot(params, jnp.stack([x[0] ** k for k in range(params.size)]))


def _sine(params, x):
    """Zero on the boundary of the unit square."""
    return params * jnp.sin(PI * x[0]) * jnp.sin(PI * x[1])


def test_the_ritz_energy_is_least_at_the_solution():
    """``-lap u = 2 pi^2 sin sin`` has the solution of height 1, of energy ``-pi^2 / 4``, by Gauss's quadrature."""
    nodes, weights = np.polynomial.legendre.leggauss(20)
    x, w = (nodes + 1) / 2, weights / 2
    points = np.stack(np.meshgrid(x, x), -1).reshape(-1, 2)
    quadrature = np.outer(w, w).ravel()
    with jax.enable_x64(True):
        sources = 2 * PI**2 * np.sin(PI * points[:, 0]) * np.sin(PI * points[:, 1])
        energy = lambda h: jaxloss.deep_ritz_loss(_sine, h, points, sources, weights=quadrature, reduction="sum")
        value, slope = jax.value_and_grad(energy)(1.0)
        np.testing.assert_allclose(value, -(PI**2) / 4, rtol=1e-10)
        assert abs(slope) < 1e-9
        residual = lambda h, x: jaxloss.fields.laplacian(_sine)(h, x) + 2 * PI**2 * _sine(1.0, x)
        assert jaxloss.pde_residual_loss(residual, 1.0, points) < 1e-20


def test_forces_are_minus_the_gradient_of_the_energy(rng):
    """Lennard-Jones molecules: a pair potential against its forces in closed form."""
    positions = rng.uniform(size=(4, 3, 3)) + 2 * np.arange(3)[:, None]

    def energy(depth, x):
        gaps = x[:, :, None] - x[:, None] + jnp.eye(3)[None, :, :, None]
        inverse = 1 / jnp.sum(gaps**2, axis=-1) ** 3
        pairs = jnp.triu(jnp.ones((3, 3)), 1)[None]
        return jnp.sum(4 * depth * (inverse**2 - inverse) * pairs, axis=(1, 2))

    energies, forces = np.zeros(4), np.zeros((4, 3, 3))
    for n, i, j in np.ndindex(4, 3, 3):
        if i != j:
            gap = positions[n, i] - positions[n, j]
            inverse = 1 / (gap @ gap) ** 3
            energies[n] += 2 * (inverse**2 - inverse)
            forces[n, i] += 4 * (12 * inverse**2 - 6 * inverse) * gap / (gap @ gap)
    with jax.enable_x64(True):
        matched = jaxloss.force_matching_loss(energy, 1.0, positions, energies, forces)
        assert matched < 1e-25
        off = jaxloss.force_matching_loss(energy, 2.0, positions, energies, forces, energy_weight=0.1, reduction="none")
        expected = 0.1 * energies**2 + (forces**2).sum((1, 2)) / 3
        np.testing.assert_allclose(off, expected, rtol=1e-10)
    with pytest.raises(ValueError, match="forces"):
        jaxloss.force_matching_loss(energy, 1.0, positions, energies, forces[:, :2])
    with pytest.raises(ValueError, match="one energy per molecule"):
        jaxloss.force_matching_loss(lambda p, x: x[..., 0, 0, None], 1.0, positions, energies, forces)


def test_forces_teach_an_energy_up_to_a_constant():
    rng = np.random.default_rng(0)
    positions = rng.normal(size=(16, 2, 2)).astype(np.float32)
    energy = lambda params, x: params["k"] * jnp.sum(x**2, axis=(1, 2)) + params["constant"]
    truth = {"k": jnp.float32(0.7), "constant": jnp.float32(3.0)}
    energies, forces = energy(truth, positions), -1.4 * positions
    loss = lambda p: jaxloss.force_matching_loss(energy, p, positions, energies, forces, energy_weight=0.0)
    params = {"k": jnp.float32(0.0), "constant": jnp.float32(0.0)}
    step = jax.jit(lambda p: jax.tree.map(lambda x, g: x - 0.05 * g, p, jax.grad(loss)(p)))
    for _ in range(100):
        params = step(params)
    np.testing.assert_allclose(params["k"], 0.7, rtol=1e-4)
    assert params["constant"] == 0


def test_sobolev_matches_a_teacher_and_its_derivatives(rng):
    points = rng.normal(size=(7, 2))
    teacher = lambda params, x: jnp.stack([jnp.sin(params * x[0]) * x[1], x[0] ** 2])
    with jax.enable_x64(True):
        targets = jax.vmap(lambda x: teacher(1.0, x))(points)
        gradients = jax.vmap(jax.jacobian(lambda x: teacher(1.0, x)))(points)
        hessians = jax.vmap(jax.hessian(lambda x: teacher(1.0, x)))(points)
        assert jaxloss.sobolev_loss(teacher, 1.0, points, targets, gradients) == 0
        student = jax.vmap(lambda x: teacher(1.5, x))(points)
        bends = jax.vmap(jax.jacobian(lambda x: teacher(1.5, x)))(points)
        expected = np.sum((student - targets) ** 2, 1) + 0.3 * np.sum((bends - gradients) ** 2, (1, 2))
        ours = jaxloss.sobolev_loss(teacher, 1.5, points, targets, gradients, gradient_weight=0.3, reduction="none")
        np.testing.assert_allclose(ours, expected, rtol=1e-12)
        second = jaxloss.sobolev_loss(jaxloss.fields.gradient(teacher), 1.0, points, gradients, hessians)
        assert second < 1e-28
    with pytest.raises(ValueError, match="target_gradients"):
        jaxloss.sobolev_loss(teacher, 1.5, points, targets, gradients[..., :1])


def test_known_slopes_teach_with_few_points():
    """Three values alone leave a quintic open, with their slopes they determine it."""
    points = np.array([[-1.0], [0.0], [1.0]])
    with jax.enable_x64(True):
        at = jnp.linspace(-1, 1, 21)[:, None]
        truth = np.array([0.0, 1.0, 0.5, -1.0, 0.25, 0.5])
        f, df = np.polynomial.Polynomial(truth), np.polynomial.Polynomial(truth).deriv()

        def off(gradient_weight):
            fn = lambda p: jaxloss.sobolev_loss(
                _polynomial, p, points, f(points[:, 0]), df(points), gradient_weight=gradient_weight
            )
            hessian, slope = jax.hessian(fn)(jnp.zeros(6)), jax.grad(fn)(jnp.zeros(6))
            params = -jnp.linalg.pinv(hessian) @ slope
            return jaxloss.dirichlet_boundary_loss(_polynomial, params, at, f(np.asarray(at)[:, 0]))

        assert off(1.0) < 1e-20
        assert off(0.0) > 1e-3


def test_monotonicity_is_that_of_an_inequality(rng):
    """Along the first coordinate: the penalty on the inequality ``-df/dx <= 0``."""
    u = lambda params, x: jnp.sin(params * x[0]) + x[1]
    points = rng.normal(size=(9, 2))
    along = np.broadcast_to(np.array([1.0, 0.0]), (9, 2))
    with jax.enable_x64(True):
        slopes = jax.vmap(lambda x: jaxloss.fields.derivative(u, 0)(2.0, x))(points)
        curvatures = jax.vmap(lambda x: jaxloss.fields.derivative(u, 0, order=2)(2.0, x))(points)
        for fn, values in ((jaxloss.monotonicity_penalty, slopes), (jaxloss.convexity_penalty, curvatures)):
            each = fn(u, 2.0, points, along, reduction="none")
            np.testing.assert_allclose(each, jaxloss.inequality_penalty(-values, reduction="none"), rtol=1e-12)
        falling = jaxloss.monotonicity_penalty(u, 2.0, points, -along, reduction="none")
        np.testing.assert_allclose(falling, jaxloss.inequality_penalty(slopes, reduction="none"), rtol=1e-12)


def test_random_directions_ask_for_a_convex_function(rng):
    """A saddle is convex along some directions; a bowl along all of them."""
    saddle = lambda sign, x: x[0] ** 2 + sign * x[1] ** 2
    points, directions = rng.normal(size=(2, 200, 2))
    assert jaxloss.convexity_penalty(saddle, 1.0, points, directions) == 0
    each = jaxloss.convexity_penalty(saddle, -1.0, points, directions, reduction="none")
    assert np.any(each > 0)
    np.testing.assert_array_equal(each > 0, np.abs(directions[:, 1]) > np.abs(directions[:, 0]))


@pytest.mark.parametrize("shape", ["rising", "convex"])
def test_a_noisy_fit_gets_its_shape(shape):
    rng = np.random.default_rng(1)
    x = np.linspace(-1, 1, 12)
    y = (x + x**2 / 2 + 0.3 * rng.normal(size=12)).astype(np.float32)
    data, grid = jnp.asarray(x[:, None], jnp.float32), jnp.linspace(-1, 1, 41)[:, None]
    fn = jaxloss.monotonicity_penalty if shape == "rising" else jaxloss.convexity_penalty
    penalty = lambda p: fn(_polynomial, p, grid, jnp.ones_like(grid))

    def fitted(factor):
        loss = lambda p: jaxloss.dirichlet_boundary_loss(_polynomial, p, data, y) + factor * penalty(p)
        step = jax.jit(lambda p: p - jnp.linalg.solve(jax.hessian(loss)(p) + 1e-4 * jnp.eye(8), jax.grad(loss)(p)))
        params = jnp.zeros(8)
        for _ in range(20):
            params = step(params)
        return params

    assert penalty(fitted(0.0)) > 0.05
    assert penalty(fitted(100.0)) < 1e-3
