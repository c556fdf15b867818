"""Derivatives of fields and the losses of physics-informed networks, on solutions that are known."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss
from jaxloss import combine

PI = np.pi


@pytest.fixture
def x64():
    with jax.enable_x64(True):
        yield


def points(dimension: int, seed: int = 0, count: int = 7, low: float = 0.1) -> jax.Array:
    return jnp.asarray(np.random.default_rng(seed).uniform(low, 0.9, size=(count, dimension)))


def heat(alpha, x):
    """``u_t = alpha * (u_xx + u_yy)``"""
    return jnp.exp(-2 * alpha * PI**2 * x[2]) * jnp.sin(PI * x[0]) * jnp.sin(PI * x[1])


def heat_residual(alpha, x):
    return jaxloss.fields.derivative(heat, -1)(alpha, x) - alpha * jaxloss.fields.laplacian(heat, coordinates=(0, 1))(
        alpha, x
    )


def wave(c, x):
    """``u_tt = c**2 * u_xx``"""
    return jnp.sin(PI * x[0]) * jnp.cos(PI * c * x[1]) + jnp.sin(x[0] - c * x[1])


def wave_residual(c, x):
    return jaxloss.fields.derivative(wave, 1, order=2)(c, x) - c**2 * jaxloss.fields.derivative(wave, 0, order=2)(c, x)


def burgers(nu, x):
    """A travelling front: ``u_t + u * u_x = nu * u_xx``"""
    return 1 - 0.5 * jnp.tanh((x[0] - x[1]) / (4 * nu))


def burgers_residual(nu, x):
    u_x = jaxloss.fields.derivative(burgers, 0)
    u_t = jaxloss.fields.derivative(burgers, 1)
    u_xx = jaxloss.fields.derivative(u_x, 0)
    return u_t(nu, x) + burgers(nu, x) * u_x(nu, x) - nu * u_xx(nu, x)


def poisson(k, x):
    return jnp.prod(jnp.sin(k * x))


def poisson_residual(k, x):
    """``-lap u = f`` with the source of the solution, in three dimensions"""
    return -jaxloss.fields.laplacian(poisson)(k, x) - 3 * k**2 * poisson(k, x)


SOLVED = [
    (heat_residual, 0.3, 3),
    (wave_residual, 1.5, 2),
    (burgers_residual, 0.1, 2),
    (poisson_residual, 2.0, 3),
]


@pytest.mark.parametrize(("residual", "number", "dimension"), SOLVED, ids=["heat", "wave", "burgers", "poisson"])
def test_a_solution_has_no_residual_and_another_has(residual, number, dimension, x64):
    at = points(dimension)
    each = jax.jit(lambda p: jaxloss.pde_residual_loss(residual, p, at, reduction="none"))
    assert np.max(each(number)) < 1e-22  # squares of residuals below 1e-11
    gradient = jax.jit(jax.grad(lambda p: jaxloss.pde_residual_loss(residual, p, at)))(number)
    assert abs(gradient) < 1e-9
    wrong = lambda p, x: residual(p, x) + x[0]
    np.testing.assert_allclose(jaxloss.pde_residual_loss(wrong, number, at, reduction="none"), at[:, 0] ** 2, rtol=1e-8)


def test_the_number_in_an_equation_is_found_from_its_slope(x64):
    """The gradient in a parameter equals differences: it flows through the second derivatives."""
    at, true = points(2), 1.5
    residual = lambda c, x: (
        jaxloss.fields.derivative(wave, 1, order=2)(true, x)
        - c**2 * jaxloss.fields.derivative(wave, 0, order=2)(true, x)
    )
    loss = jax.jit(lambda c: jaxloss.pde_residual_loss(residual, c, at))
    difference = (loss(1.2 + 1e-6) - loss(1.2 - 1e-6)) / 2e-6
    np.testing.assert_allclose(jax.grad(loss)(1.2), difference, rtol=1e-7)
    assert loss(true) < 1e-22


def test_derivatives_of_polynomials_are_exact(x64):
    u = lambda a, x: a * x[0] ** 3 * x[1] ** 2 + x[1]
    x = jnp.asarray([2.0, 3.0])
    assert jaxloss.fields.derivative(u, 0, order=0)(1.0, x) == 75
    assert jaxloss.fields.derivative(u, 0)(2.0, x) == 2 * 3 * 4 * 9
    assert jaxloss.fields.derivative(u, 0, order=3)(1.0, x) == 6 * 9
    assert jaxloss.fields.derivative(jaxloss.fields.derivative(u, 0), -1)(1.0, x) == 3 * 4 * 2 * 3
    np.testing.assert_array_equal(jaxloss.fields.gradient(u)(1.0, x), [108, 49])
    np.testing.assert_array_equal(jaxloss.fields.gradient(u, coordinates=(1,))(1.0, x), [49])
    assert jaxloss.fields.laplacian(u)(1.0, x) == 6 * 2 * 9 + 2 * 8
    assert jaxloss.fields.laplacian(u, coordinates=[0])(1.0, x) == 6 * 2 * 9
    product = jaxloss.fields.hessian_vector_product(u)(1.0, x, jnp.asarray([1.0, -1.0]))
    np.testing.assert_allclose(product, jax.hessian(lambda y: u(1.0, y))(x) @ np.array([1.0, -1.0]), rtol=1e-14)


def test_vector_fields(x64):
    u = lambda a, x: jnp.stack([a * x[0] ** 2 * x[1], x[1] ** 3, x[0] * x[2]])
    x = jnp.asarray([2.0, 3.0, 5.0])
    jacobian = jax.jacrev(lambda y: u(2.0, y))(x)
    np.testing.assert_allclose(jaxloss.fields.gradient(u)(2.0, x), jacobian, rtol=1e-14)
    np.testing.assert_allclose(jaxloss.fields.divergence(u)(2.0, x), np.trace(jacobian), rtol=1e-14)
    np.testing.assert_allclose(jaxloss.fields.laplacian(u)(2.0, x), [2 * 2 * 3, 6 * 3, 0], rtol=1e-14)
    rotation = lambda _, x: jnp.stack([-x[1], x[0]])
    assert jaxloss.fields.divergence(rotation, coordinates=(0, 1))(None, x) == 0
    np.testing.assert_array_equal(jaxloss.fields.derivative(u, 2)(2.0, x), [0, 0, 2])


def test_misuse_of_fields():
    u = lambda _, x: jnp.sum(x)
    with pytest.raises(ValueError, match="coordinate 2"):
        jaxloss.fields.derivative(u, 2)(None, jnp.zeros(2))
    with pytest.raises(ValueError, match=r"vmap"):
        jaxloss.fields.laplacian(u)(None, jnp.zeros((3, 2)))
    with pytest.raises(ValueError, match="order"):
        jaxloss.fields.derivative(u, 0, order=-1)
    with pytest.raises(ValueError, match="one entry per coordinate"):
        jaxloss.fields.divergence(u)(None, jnp.zeros(2))
    with pytest.raises(ValueError, match="same shape"):
        jaxloss.fields.hessian_vector_product(u)(None, jnp.zeros(2), jnp.zeros(3))


# ---- conditions ------------------------------------------------------------------------------------------------


def test_conditions_hold_for_the_solution(x64):
    inside = points(3)
    left, right = inside.at[:, 0].set(0.0), inside.at[:, 0].set(1.0)
    outward = jnp.zeros_like(inside).at[:, 0].set(1.0)
    zero = jnp.zeros(len(inside))
    assert jaxloss.dirichlet_boundary_loss(heat, 0.3, left, zero) < 1e-30
    start = inside.at[:, 2].set(0.0)
    given = jnp.sin(PI * start[:, 0]) * jnp.sin(PI * start[:, 1])
    assert jaxloss.initial_condition_loss(heat, 0.3, start, given) < 1e-30
    speed = -2 * 0.3 * PI**2 * given
    assert jaxloss.initial_condition_loss(heat, 0.3, start, speed, order=1) < 1e-28
    slope = -PI * jnp.exp(-0.6 * PI**2 * right[:, 2]) * jnp.sin(PI * right[:, 1])
    assert jaxloss.neumann_boundary_loss(heat, 0.3, right, outward, slope) < 1e-28
    mixed = {"value_factor": 2.0, "slope_factor": -0.5}
    assert jaxloss.robin_boundary_loss(heat, 0.3, right, outward, -0.5 * slope, **mixed) < 1e-28
    np.testing.assert_allclose(
        jaxloss.robin_boundary_loss(heat, 0.3, right, outward, zero, **mixed), np.mean(0.25 * slope**2), rtol=1e-10
    )
    assert jaxloss.periodic_boundary_loss(heat, 0.3, left, inside.at[:, 0].set(2.0), order=2) < 1e-24
    np.testing.assert_allclose(
        jaxloss.periodic_boundary_loss(heat, 0.3, left, right, order=1, reduction="none"), 4 * slope**2, rtol=1e-10
    )


def test_a_wrong_field_is_off_by_its_squared_error(x64):
    at = points(2)
    u = lambda a, x: jnp.stack([a * x[0], x[1]])
    np.testing.assert_allclose(
        jaxloss.dirichlet_boundary_loss(u, 2.0, at, at, reduction="none"), at[:, 0] ** 2, rtol=1e-12
    )
    normals = jnp.ones_like(at)
    np.testing.assert_allclose(
        jaxloss.neumann_boundary_loss(u, 2.0, at, normals, jnp.zeros_like(at), reduction="none"), np.full(7, 5.0)
    )
    np.testing.assert_allclose(
        jaxloss.robin_boundary_loss(u, 2.0, at, normals, jnp.zeros_like(at), reduction="none"),
        (2 * at[:, 0] + 2) ** 2 + (at[:, 1] + 1) ** 2,
        rtol=1e-12,
    )


def field_losses():
    u = lambda a, x: a * jnp.log(x[0]) * x[1]  # singular at 0, where a masked point must not go
    other = points(2, seed=3)
    given = other[:, 0]
    return {
        "pde": lambda a, x, **tail: jaxloss.pde_residual_loss(jaxloss.fields.laplacian(u), a, x, **tail),
        "dirichlet": lambda a, x, **tail: jaxloss.dirichlet_boundary_loss(u, a, x, given[: len(x)], **tail),
        "neumann": lambda a, x, **tail: jaxloss.neumann_boundary_loss(
            u, a, x, other[: len(x)], given[: len(x)], **tail
        ),
        "robin": lambda a, x, **tail: jaxloss.robin_boundary_loss(u, a, x, other[: len(x)], given[: len(x)], **tail),
        "periodic": lambda a, x, **tail: jaxloss.periodic_boundary_loss(u, a, x, other[: len(x)], order=1, **tail),
        "initial": lambda a, x, **tail: jaxloss.initial_condition_loss(u, a, x, given[: len(x)], order=1, **tail),
    }


@pytest.mark.parametrize("name", ["pde", "dirichlet", "neumann", "robin", "periodic", "initial"])
def test_masked_points_stay_out_of_the_parameters(name, x64):
    """The laws differentiate in the points; here the field is singular where a masked point could go."""
    loss, at = field_losses()[name], points(2)
    keep = np.arange(7) < 5
    spoiled = jnp.where(jnp.asarray(keep)[:, None], at, jnp.nan)
    few, (slope, pull) = jax.jit(jax.value_and_grad(loss, (0, 1)))(1.5, at[:5])
    program = jax.jit(lambda a, x, where: jax.value_and_grad(loss, (0, 1))(a, x, where=where))
    masked, (its_slope, its_pull) = program(1.5, spoiled, keep)
    np.testing.assert_allclose(masked, few, rtol=1e-12)
    np.testing.assert_allclose(its_slope, slope, rtol=1e-12)
    np.testing.assert_allclose(its_pull[:5], pull, rtol=1e-12)
    assert not np.any(its_pull[5:])
    nothing, (gradient, _) = program(1.5, at, np.zeros(7, bool))
    assert nothing == 0
    assert gradient == 0


def test_batches_of_any_rank_and_none():
    residual = lambda a, x: jnp.stack([a * x[0], x[1]])
    at = points(2, count=6).astype(jnp.float32)
    flat = jaxloss.pde_residual_loss(residual, 2.0, at, reduction="none")
    square = jaxloss.pde_residual_loss(residual, 2.0, at.reshape(2, 3, 2), reduction="none")
    np.testing.assert_allclose(square.reshape(6), flat)
    np.testing.assert_allclose(flat, 4 * at[:, 0] ** 2 + at[:, 1] ** 2, rtol=1e-6)
    assert jaxloss.pde_residual_loss(residual, 2.0, at[0], reduction="none").shape == ()
    assert jaxloss.pde_residual_loss(residual, 2.0, at[:0]) == 0
    half = jaxloss.pde_residual_loss(residual, 2.0, at.astype(jnp.bfloat16))
    assert half.dtype == jnp.float32


def test_targets_are_never_broadcast():
    u = lambda a, x: a * x[0]
    at = jnp.ones((4, 2))
    for wrong in (jnp.ones((4, 1)), jnp.ones(3), jnp.ones(())):
        with pytest.raises(ValueError, match="targets"):
            jaxloss.dirichlet_boundary_loss(u, 1.0, at, wrong)
    with pytest.raises(ValueError, match="same shape"):
        jaxloss.neumann_boundary_loss(u, 1.0, at, jnp.ones((4, 3)), jnp.ones(4))
    with pytest.raises(ValueError, match="order"):
        jaxloss.periodic_boundary_loss(u, 1.0, at, at, order=-1)


def test_terms_of_one_problem_combine():
    """Residual, boundary and data are terms of one objective."""
    at = points(2).astype(jnp.float32)
    term = jaxloss.reductions.term
    terms = {
        "pde": jaxloss.pde_residual_loss(wave_residual, 1.5, at, reduction=term),
        "boundary": jaxloss.dirichlet_boundary_loss(wave, 1.5, at, jnp.zeros(7), reduction=term),
    }
    weighed, _ = combine.causal(0.5).update({"pde": terms["pde"]}, (), step=0)
    assert weighed["pde"].values.shape == (7,)
