"""Gromov-Wasserstein, by a plan that another package finds: the cost of a given plan is a weighted squared error.

The plan is a constant at its optimum (the envelope theorem), so its cost has the right gradient.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss

ot = pytest.importorskip("ot")

X, Y = (np.random.default_rng(seed).normal(size=size) for seed, size in ((0, (7, 3)), (1, (5, 2))))
FEATURES = np.random.default_rng(2).normal(size=(7, 5)) ** 2


def squares(points):
    return jnp.sum(jnp.square(points[:, None] - points[None]), axis=-1)


def gromov_wasserstein(plan, x, y):
    """The recipe of `jaxloss.transport`."""
    pairs = (7, 7, 5, 5)
    within_x = jnp.broadcast_to(squares(x)[:, :, None, None], pairs)
    within_y = jnp.broadcast_to(squares(y)[None, None], pairs)
    both = plan[:, None, :, None] * plan[None, :, None, :]
    return jaxloss.squared_error(within_x, within_y, weights=jax.lax.stop_gradient(both), reduction="sum")


def test_the_cost_of_a_plan_is_that_of_pot() -> None:
    plan, log = ot.gromov.gromov_wasserstein(
        np.asarray(squares(X)), np.asarray(squares(Y)), np.full(7, 1 / 7), np.full(5, 1 / 5), log=True
    )
    with jax.enable_x64(True):
        np.testing.assert_allclose(gromov_wasserstein(jnp.asarray(plan), X, Y), log["gw_dist"], rtol=1e-5)


def test_the_fused_cost_adds_that_of_features() -> None:
    plan, log = ot.gromov.fused_gromov_wasserstein(
        FEATURES,
        np.asarray(squares(X)),
        np.asarray(squares(Y)),
        np.full(7, 1 / 7),
        np.full(5, 1 / 5),
        alpha=0.3,
        log=True,
    )
    with jax.enable_x64(True):
        ours = 0.3 * gromov_wasserstein(jnp.asarray(plan), X, Y) + 0.7 * np.sum(plan * FEATURES)
    np.testing.assert_allclose(ours, log["fgw_dist"], rtol=1e-5)


@pytest.mark.full
@jax.numpy_rank_promotion("allow")  # ott-jax broadcasts
@jax.numpy_dtype_promotion("standard")
def test_the_plan_of_ott_does_under_jit_and_has_a_gradient() -> None:
    pytest.importorskip("ott")
    from ott.geometry.pointcloud import PointCloud
    from ott.problems.quadratic.quadratic_problem import QuadraticProblem
    from ott.solvers.linear.sinkhorn import Sinkhorn
    from ott.solvers.quadratic.gromov_wasserstein import GromovWasserstein

    solver = GromovWasserstein(Sinkhorn(max_iterations=5000), epsilon=1e-2, max_iterations=50)

    @jax.jit
    def loss(x, y):
        plan = solver(QuadraticProblem(PointCloud(jax.lax.stop_gradient(x)), PointCloud(y))).matrix
        return gromov_wasserstein(plan, x, y)

    x, y = (jnp.asarray(points, jnp.float32) for points in (X, Y))
    exact = ot.gromov_wasserstein2(
        *(np.asarray(squares(points), float) for points in (X, Y)), np.full(7, 1 / 7), np.full(5, 1 / 5)
    )
    value, slope = jax.value_and_grad(loss)(x, y)
    np.testing.assert_allclose(value, exact, rtol=1e-2)
    assert loss(x - 1e-3 * slope, y) < value
    turned = x[::-1] @ jnp.linalg.qr(jnp.asarray(np.random.default_rng(3).normal(size=(3, 3)), jnp.float32))[0]
    rigid = jax.jit(lambda x, y: solver(QuadraticProblem(PointCloud(x), PointCloud(y))).matrix)(x, turned)
    assert np.argmax(rigid, axis=1).tolist() == [*range(6, -1, -1)]


def test_a_small_regularization_nears_the_linear_program_of_unequal_masses() -> None:
    """`jaxloss.entropic_transport_loss` is the exact cost from above, within its divergence."""
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(6, 2)), rng.normal(size=(4, 2))
    a, b = rng.dirichlet(np.ones(6)), rng.dirichlet(np.ones(4))
    exact = ot.emd2(a, b, ot.dist(x, y))
    with jax.enable_x64(True):
        for strength in (1e-1, 1e-2, 1e-3):
            value = jaxloss.entropic_transport_loss(
                x, y, regularization=strength, prediction_weights=a, target_weights=b
            )
            assert exact - 1e-7 <= value <= exact - strength * np.sum(b * np.log(b)) + 1e-7
