"""The barrier at its seam; the augmented Lagrangian on problems whose multipliers are known."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize

import jaxloss


def test_the_barrier_is_smooth_at_its_seam():
    with jax.enable_x64(True):
        for t in (0.5, 3.0, 50.0):
            seam = -1 / t**2
            fn = jax.value_and_grad(lambda g, t=t: jaxloss.log_barrier_penalty(g, sharpness=t))
            (below, slope_below), (above, slope_above) = (fn(seam * (1 + sign * 1e-9)) for sign in (1, -1))
            np.testing.assert_allclose(below, above, rtol=1e-7)
            np.testing.assert_allclose([slope_below, slope_above], t, rtol=1e-7)
        sharp = jaxloss.log_barrier_penalty(jnp.asarray([-0.5, 0.1]), sharpness=1e4, reduction="none")
        assert abs(sharp[0]) < 1e-3
        assert sharp[1] > 900


def solve(objective, h, g, state, start, outer):
    """The method of multipliers, with a quasi-Newton method of SciPy inside."""
    x = np.asarray(start, float)

    @jax.jit
    def value(x, state):
        return objective(x) + jaxloss.augmented_lagrangian(h(x), g(x), state)[0]

    slope = jax.jit(jax.grad(value))
    for _ in range(outer):
        x = scipy.optimize.minimize(
            lambda x, s=state: float(value(x, s)), x, jac=lambda x, s=state: np.asarray(slope(x, s)), tol=1e-12
        ).x
        _, state = jaxloss.augmented_lagrangian(h(x), g(x), state)
    return x, state


def test_a_quadratic_programme_is_solved_with_its_multipliers():
    """min (x-2)^2 + (y-1)^2 + z^2 with x + y + z = 1, x <= 1/2, y >= -9 (idle)."""
    with jax.enable_x64(True):
        objective = lambda x: (x[0] - 2) ** 2 + (x[1] - 1) ** 2 + x[2] ** 2
        h = lambda x: jnp.stack([x[0] + x[1] + x[2] - 1])
        g = lambda x: jnp.stack([x[0] - 0.5, -9 - x[1]])
        first = jaxloss.init_augmented_lagrangian(jnp.zeros(1), jnp.zeros(2))
        x, state = solve(objective, h, g, first, [0.0, 0.0, 0.0], 12)
        np.testing.assert_allclose(x, [0.5, 0.75, -0.25], atol=1e-6)
        np.testing.assert_allclose(state.equality_multipliers, [0.5], atol=1e-5)
        np.testing.assert_allclose(state.inequality_multipliers, [2.5, 0], atol=1e-5)
        assert state.violation < 1e-6


def test_a_penalty_alone_misses_what_the_multiplier_reaches():
    with jax.enable_x64(True):
        objective, h = lambda x: x[0], lambda x: jnp.stack([x[0] ** 2 - 1])
        start = jaxloss.init_augmented_lagrangian(jnp.zeros(1), penalty=10.0)
        once, _ = solve(objective, h, lambda x: None, start, [-0.8], 1)
        often, state = solve(objective, h, lambda x: None, start, [-0.8], 8)
        assert abs(once[0] + 1) > 1e-3
        np.testing.assert_allclose(often, [-1.0], atol=1e-8)
        np.testing.assert_allclose(state.equality_multipliers, [0.5], atol=1e-7)


def test_value_by_the_formula_and_no_gradient_through_the_state():
    with jax.enable_x64(True):
        rng = np.random.default_rng(0)
        h, g = jnp.asarray(rng.normal(size=3)), jnp.asarray(rng.normal(size=(2, 3)))
        lam, mu = jnp.asarray(rng.normal(size=3)), jnp.abs(jnp.asarray(rng.normal(size=(2, 3))))
        state = jaxloss.AugmentedLagrangianState(lam, mu, jnp.asarray(1.7), jnp.asarray(0.1))
        loss, after = jaxloss.augmented_lagrangian(h, g, state, growth=3.0, contraction=0.5)
        expected = sum(a * b + 0.85 * b * b for a, b in zip(lam, h, strict=True))
        expected += sum(
            (max(0, m + 1.7 * v) ** 2 - m * m) / 3.4 for m, v in zip(np.ravel(mu), np.ravel(g), strict=True)
        )
        np.testing.assert_allclose(loss, expected, rtol=1e-12)
        np.testing.assert_allclose(after.equality_multipliers, lam + 1.7 * h, rtol=1e-14)
        np.testing.assert_allclose(after.inequality_multipliers, np.maximum(mu + 1.7 * g, 0), rtol=1e-14)
        np.testing.assert_allclose(after.penalty, 5.1)
        slopes = jax.grad(lambda s: jaxloss.augmented_lagrangian(h, g, s)[0])(state)
        assert not any(np.any(leaf) for leaf in jax.tree.leaves(slopes))
        through = jax.grad(lambda h: jnp.sum(jaxloss.augmented_lagrangian(h, g, state)[1].equality_multipliers))(h)
        assert not np.any(through)
        both = jax.grad(lambda h, g: jaxloss.augmented_lagrangian(h, g, state)[0], (0, 1))(h, g)
        np.testing.assert_allclose(both[0], after.equality_multipliers, rtol=1e-14)
        np.testing.assert_allclose(both[1], after.inequality_multipliers, rtol=1e-14)


def test_the_penalty_grows_only_where_the_violation_does_not_shrink():
    state = jaxloss.init_augmented_lagrangian(jnp.zeros(1), penalty=1.0)
    seen = []
    for h in (1.0, 0.2, 0.19, 0.01):
        _, state = jaxloss.augmented_lagrangian(jnp.array([h]), None, state)
        seen.append(float(state.penalty))
    assert seen == [1, 1, 2, 2]


def test_it_scans_and_refuses():
    first = jaxloss.init_augmented_lagrangian(None, jnp.zeros(2, jnp.bfloat16))
    assert first.penalty.dtype == jnp.float32

    def step(state, g):
        loss, state = jaxloss.augmented_lagrangian(None, g, state)
        return state, loss

    last, losses = jax.lax.scan(step, first, jnp.array([[1.0, -1.0], [0.5, -1.0]], jnp.bfloat16))
    np.testing.assert_allclose(losses, [0.5, 0.5 + 0.125])
    np.testing.assert_allclose(last.inequality_multipliers, [1.5, 0])
    with pytest.raises(ValueError, match="no constraint"):
        jaxloss.init_augmented_lagrangian()
    with pytest.raises(ValueError, match="equalities"):
        jaxloss.augmented_lagrangian(jnp.ones(1), jnp.ones(2), first)
    with pytest.raises(TypeError, match="inequalities"):
        jaxloss.augmented_lagrangian(None, jnp.ones(2, jnp.int32), first)
    for bad in ({"growth": 0.5}, {"contraction": 0.0}, {"contraction": 1.5}):
        with pytest.raises(ValueError, match=next(iter(bad))):
            jaxloss.augmented_lagrangian(None, jnp.ones(2), first, **bad)
