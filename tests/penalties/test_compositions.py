"""Penalties that are other losses, called in a certain way: flooding, graphs, groups of weights, earlier tasks."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss


def test_elastic_weight_consolidation_keeps_what_matters(rng):
    params = {"w": rng.normal(size=(3, 2)), "b": rng.normal(size=2)}
    start, fisher = jax.tree.map(lambda x: x + 1, params), jax.tree.map(np.abs, params)
    with jax.enable_x64(True):
        ours = 0.5 * jaxloss.l2_sp_penalty(params, start, importance=fisher)
        np.testing.assert_allclose(ours, 0.5 * sum(f.sum() for f in fisher.values()), rtol=1e-12)
        of_kernels = jaxloss.l2_sp_penalty(params, start, importance=fisher, mask={"w": True, "b": False})
        np.testing.assert_allclose(of_kernels, fisher["w"].sum(), rtol=1e-12)
        alike = jaxloss.l2_sp_penalty(params, start, importance=jax.tree.map(np.ones_like, params))
        assert alike == jaxloss.l2_sp_penalty(params, start)
    slopes = jax.grad(jaxloss.l2_sp_penalty, argnums=(0, 1))(
        jax.tree.map(jnp.asarray, params), jax.tree.map(jnp.asarray, start), importance=fisher
    )
    np.testing.assert_allclose(slopes[0]["w"], -2 * fisher["w"], rtol=1e-5)
    assert not any(np.any(leaf) for leaf in jax.tree.leaves(slopes[1]))
    nothing = jax.grad(lambda f: jaxloss.l2_sp_penalty(params, start, importance=f))(jax.tree.map(jnp.asarray, fisher))
    assert not any(np.any(leaf) for leaf in jax.tree.leaves(nothing))
    with pytest.raises(TypeError, match="importance must be floating"):
        jaxloss.l2_sp_penalty(params, start, importance={**fisher, "b": np.ones(2, int)})
    with pytest.raises(ValueError, match="importance must have the structure"):
        jaxloss.l2_sp_penalty(params, start, importance={"w": fisher["w"]})
    with pytest.raises(ValueError, match="importance must have the shapes"):
        jaxloss.l2_sp_penalty(params, start, importance={**fisher, "b": fisher["b"][:1]})


def test_a_negative_importance_never_trains():
    params, importance = {"w": jnp.ones(2)}, {"w": jnp.array([1.0, -1.0])}
    penalty = lambda p: jaxloss.l2_sp_penalty(p, {"w": jnp.zeros(2)}, importance=importance)
    value, slope = jax.value_and_grad(penalty)(params)
    assert np.isnan(value)
    assert np.isnan(slope["w"][1])
    with pytest.raises(ValueError, match="importance must be >= 0"):
        jaxloss.checked(penalty)(params)
    free = lambda p: jaxloss.l2_sp_penalty(p, {"w": jnp.zeros(2)}, importance={"w": jnp.array([0.0, 3.0])})
    assert jaxloss.checked(free)(params) == 3
    assert jaxloss.l2_sp_penalty({}, {}, importance={}) == 0
    low = jaxloss.l2_sp_penalty(
        {"w": jnp.ones(2, jnp.bfloat16)}, {"w": jnp.zeros(2)}, importance={"w": jnp.full(2, 3.0)}
    )
    assert low == 6
    assert low.dtype == jnp.float32


def test_consolidation_remembers_the_first_task():
    """Two regressions with one parameter each and a shared one: the important one stays."""
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(2, 100, 2)).astype(np.float32) * np.array([[[1.0, 0.05]], [[0.05, 1.0]]], np.float32)
    targets = [inputs[0] @ np.array([1.0, 0.0]), inputs[1] @ np.array([-1.0, 2.0])]
    loss = lambda w, task: jaxloss.squared_error(inputs[task] @ w, jnp.asarray(targets[task], jnp.float32))

    def trained(w, fn):
        step = jax.jit(lambda w: w - 0.2 * jax.grad(fn)(w))
        for _ in range(200):
            w = step(w)
        return w

    first = trained(jnp.zeros(2), lambda w: loss(w, 0))
    each = lambda x, y: jax.grad(lambda w: jaxloss.squared_error(jnp.vdot(x, w), y))(first + 0.1)
    fisher = jnp.square(jax.vmap(each)(inputs[0], jnp.asarray(targets[0], jnp.float32))).mean(0)
    second = {
        factor: trained(
            first, lambda w, factor=factor: loss(w, 1) + factor * jaxloss.l2_sp_penalty(w, first, importance=fisher)
        )
        for factor in (0.0, 50.0)
    }
    assert loss(second[50.0], 0) < 0.1 * loss(second[0.0], 0)
    assert loss(second[50.0], 1) < 0.05


def test_flooding_turns_round_below_its_level():
    """Ishida et al. (2020), algorithm 1: ``(loss - b).abs() + b``, on the mean of the batch."""
    x = jnp.array([0.1, 0.5])
    flooded = lambda p, level: jaxloss.absolute_error(jaxloss.squared_error(p, jnp.zeros(2)), level) + level
    np.testing.assert_allclose(flooded(x, 0.05), jaxloss.squared_error(x, jnp.zeros(2)), rtol=1e-6)
    above, below = (jax.grad(flooded)(x, level) for level in (0.05, 0.5))
    np.testing.assert_allclose(above, x, rtol=1e-6)
    np.testing.assert_allclose(below, -x, rtol=1e-6)


def test_a_graph_laplacian_is_a_sum_of_squared_differences_over_edges(rng):
    features, adjacency = rng.normal(size=(6, 3)), np.triu(rng.uniform(size=(6, 6)), 1)
    adjacency = np.where(adjacency > 0.4, adjacency, 0)
    both = adjacency + adjacency.T
    senders, receivers = np.nonzero(adjacency)
    strengths = adjacency[senders, receivers][:, None]
    for scaled in (features, features / np.sqrt(both.sum(1, keepdims=True))):
        laplacian = np.diag(both.sum(1)) - both
        with jax.enable_x64(True):
            ours = jaxloss.squared_error(scaled[senders], scaled[receivers], weights=strengths, reduction="sum")
        np.testing.assert_allclose(ours, np.trace(scaled.T @ laplacian @ scaled), rtol=1e-12)


def test_double_backpropagation_is_twice_the_r1_penalty(rng):
    """Drucker and LeCun (1992): the squared gradient of the loss of an example in its input."""
    kernel, inputs, labels = rng.normal(size=(5, 3)), rng.normal(size=(8, 5)), rng.integers(0, 3, size=8)
    loss = lambda w, x: jaxloss.softmax_cross_entropy_with_integer_labels(x @ w, labels, reduction="none")
    with jax.enable_x64(True):
        probs = np.asarray(jax.nn.softmax(jnp.asarray(inputs @ kernel)))
        slopes = (probs - np.eye(3)[labels]) @ kernel.T
        ours = 2 * jaxloss.r1_penalty(loss, kernel, inputs)
        np.testing.assert_allclose(ours, (slopes**2).sum(-1).mean(), rtol=1e-12)
        probes = np.sqrt(5) * np.broadcast_to(np.eye(5)[:, None], (5, 8, 5))
        by_probes = jaxloss.jacobian_penalty(loss, kernel, inputs, probes)
    np.testing.assert_allclose(by_probes, ours, rtol=1e-12)


def test_the_sparse_group_lasso_is_a_sum(rng):
    kernel = rng.normal(size=(4, 3)).astype(np.float32)
    exact = 0.3 * np.abs(kernel).sum() + 0.7 * 2 * np.linalg.norm(kernel, axis=0).sum()
    ours = 0.3 * jaxloss.l1_penalty(kernel) + 0.7 * jaxloss.group_lasso_penalty(kernel)
    np.testing.assert_allclose(ours, exact, rtol=1e-6)
