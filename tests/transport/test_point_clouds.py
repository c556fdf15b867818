"""The chamfer distance: equal clouds, absent points, accuracy far from the origin, memory."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss


def clouds(n=6, m=4, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 3)).astype(np.float32), rng.normal(size=(m, 3)).astype(np.float32)


def test_the_same_points_in_any_order_cost_nothing():
    x, _ = clouds()
    value, gradients = jax.value_and_grad(jaxloss.chamfer_distance, (0, 1))(x, x[::-1])
    assert value == 0
    assert not any(np.any(g) for g in gradients)


def test_absent_points_are_no_neighbours():
    x, y = clouds()
    padded = np.concatenate([x, np.full((2, 3), np.nan, np.float32)])
    there = np.concatenate([y, x[:1]])  # a perfect neighbour, but absent
    fn = jax.value_and_grad(
        lambda x, y: jaxloss.chamfer_distance(
            x, y, prediction_weights=np.array([1.0] * 6 + [0.0] * 2), target_weights=np.array([1.0] * 4 + [0.0])
        ),
        (0, 1),
    )
    value, gradients = jax.jit(fn)(padded, there)
    expected, exact = jax.value_and_grad(jaxloss.chamfer_distance, (0, 1))(x, y)
    np.testing.assert_allclose(value, expected, rtol=1e-6)
    for g, e in zip(gradients, exact, strict=True):
        np.testing.assert_allclose(g[: len(e)], e, rtol=1e-5, atol=1e-7)
        assert not np.any(g[len(e) :])


def test_a_cloud_without_points_and_a_nan():
    x, y = clouds()
    value, gradient = jax.value_and_grad(
        lambda x: jaxloss.chamfer_distance(x, y, target_weights=np.zeros(4, np.float32))
    )(x)
    assert value == 0
    assert not np.any(gradient)
    batch = np.stack([x, x])
    batch[0, 0, 0] = np.nan
    each = jaxloss.chamfer_distance(batch, np.stack([y, y]), reduction="none")
    np.testing.assert_array_equal(np.isnan(each), [True, False])
    with pytest.raises(ValueError, match="targets"):
        jaxloss.chamfer_distance(x, y[:, :2])
    with pytest.raises(ValueError, match="target_weights"):
        jaxloss.chamfer_distance(x, y, target_weights=np.ones(5))


def test_accuracy_far_from_the_origin():
    """The expansion of the square would have an absolute error of about one here."""
    x, y = clouds()
    x, y = (np.float32(1e-3) * c + np.float32(4096.0) for c in (x, y))
    wide = [c.astype(np.float64) for c in (x, y)]
    squares = np.sum((wide[0][:, None] - wide[1][None]) ** 2, -1)
    exact = squares.min(1).mean() + squares.min(0).mean()
    np.testing.assert_allclose(jaxloss.chamfer_distance(x, y), exact, rtol=1e-5)


def test_no_array_of_all_pairs_and_coordinates():
    shapes = set()

    def visit(jaxpr):
        for equation in jaxpr.eqns:
            shapes.update(v.aval.shape for v in equation.outvars)
            for parameter in equation.params.values():
                if hasattr(parameter, "jaxpr"):
                    visit(parameter.jaxpr)

    x, y = jnp.ones((31, 3)), jnp.ones((17, 3))
    visit(jax.make_jaxpr(jax.grad(jaxloss.chamfer_distance))(x, y).jaxpr)
    assert (31, 17) in shapes
    assert max(np.prod(shape) for shape in shapes) == 31 * 17


def test_descent_moves_a_cloud_onto_another():
    x, y = clouds(8, 8)
    step = jax.jit(jax.value_and_grad(jaxloss.chamfer_distance))
    first, _ = step(x, y)
    for _ in range(100):
        _, slope = step(x, y)
        x = x - 0.8 * slope
    assert step(x, y)[0] < 0.3 * first
