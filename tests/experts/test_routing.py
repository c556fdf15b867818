"""Losses of routers: their scale, their pools, and one value for all devices."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec

import jaxloss

MESH = jax.sharding.Mesh(np.array(jax.devices("cpu")[:4]), ("data",))


def on_four_devices(fn: Any, *specs: PartitionSpec, out: Any = PartitionSpec()) -> Any:
    return jax.jit(jax.shard_map(fn, mesh=MESH, in_specs=specs, out_specs=out))


def test_uniform_routing_gives_one_whatever_k(rng: np.random.Generator) -> None:
    """Every expert chosen equally often: exactly balanced for any k, where others count k."""
    tokens, experts = np.arange(12), 6
    for k in (1, 2, 3):
        chosen = (tokens[:, None] * k + np.arange(k)) % experts
        logits = jnp.zeros((12, experts)).at[tokens[:, None], chosen].set(3.0)
        balance = jax.jit(lambda z, k=k: jaxloss.load_balancing_loss(z, top_k=k))
        np.testing.assert_allclose(balance(logits), 1, rtol=1e-6)
        probs = jnp.asarray(rng.dirichlet(np.ones(experts), 12), jnp.float32)
        np.testing.assert_allclose(jax.jit(jaxloss.expert_balance_loss)(probs, chosen), 1, rtol=1e-6)


def test_one_expert_gets_everything() -> None:
    logits = jnp.zeros((8, 5)).at[:, 2].set(50.0)
    np.testing.assert_allclose(jaxloss.load_balancing_loss(logits), 5, rtol=1e-6)


def test_layers_are_not_pooled() -> None:
    """Two layers that prefer opposite experts: each is far from balance, together they would look balanced."""
    logits = jnp.zeros((2, 10, 2)).at[0, :, 0].set(5.0).at[1, :, 1].set(5.0)
    assert jaxloss.load_balancing_loss(logits) > 1.98
    np.testing.assert_allclose(jaxloss.load_balancing_loss(logits.reshape(20, 2)), 1, rtol=1e-6)


def test_only_probabilities_have_a_slope(rng: np.random.Generator) -> None:
    """The gradient is that of E f . P with f a constant, as Flaxformer writes it for k = 1."""
    logits = jnp.asarray(rng.normal(size=(9, 4)), jnp.float32)
    share = np.mean(np.eye(4)[np.argmax(logits, -1)], 0)

    def flaxformer(z: jax.Array) -> jax.Array:
        return jnp.mean(jnp.asarray(share, jnp.float32) * jnp.mean(jax.nn.softmax(z), axis=0)) * 4**2

    actual, expected = (jax.jit(jax.value_and_grad(f))(logits) for f in (jaxloss.load_balancing_loss, flaxformer))
    jax.tree.map(lambda a, e: np.testing.assert_allclose(a, e, rtol=1e-5, atol=1e-7), actual, expected)


def test_the_top_k_of_a_softmax_is_the_general_form(rng: np.random.Generator) -> None:
    logits = jnp.asarray(rng.normal(size=(2, 9, 4)), jnp.float32)
    where, weights = jnp.asarray(rng.uniform(size=(2, 9)) < 0.7), jnp.asarray(rng.uniform(size=(2, 9)), jnp.float32)
    experts = jax.lax.top_k(logits, 2)[1]
    tail = {"where": where, "weights": weights}
    one = lambda z: jaxloss.load_balancing_loss(z, top_k=2, **tail)
    other = lambda z: jaxloss.expert_balance_loss(jax.nn.softmax(z), experts, **tail)
    for a, e in zip(*(jax.tree.leaves(jax.jit(jax.value_and_grad(f))(logits)) for f in (one, other)), strict=True):
        np.testing.assert_allclose(a, e, rtol=1e-5, atol=1e-7)


def test_affinities_are_divided_by_their_sum(rng: np.random.Generator) -> None:
    """DeepSeek-V3: sigmoids do not sum to 1, and twice as large ones are the same routing; so no slope along them."""
    affinities = jnp.asarray(rng.uniform(0.1, 1, size=(9, 4)), jnp.float32)
    experts = jnp.asarray(rng.integers(0, 4, (9, 2)), jnp.int32)
    program = jax.jit(jax.value_and_grad(jaxloss.expert_balance_loss))
    value, slope = program(affinities, experts)
    f = np.bincount(np.ravel(experts), minlength=4) * 4 / 18
    np.testing.assert_allclose(value, np.mean(affinities / affinities.sum(-1, keepdims=True), 0) @ f, rtol=1e-6)
    np.testing.assert_allclose(program(3 * affinities, experts)[0], value, rtol=1e-6)
    np.testing.assert_allclose(np.sum(slope * affinities, -1), np.zeros(9), atol=1e-7)
    assert np.any(np.abs(slope) > 1e-3)


POOLED = {
    "load_balancing": lambda z, keep, axes: jaxloss.load_balancing_loss(z, top_k=2, where=keep, axis_name=axes),
    "importance": lambda z, keep, axes: jaxloss.expert_importance_loss(jnp.exp(z), where=keep, axis_name=axes),
    "load": lambda z, keep, axes: jaxloss.expert_load_loss(z, z, noise_std=0.5, where=keep, axis_name=axes),
}
"""Every pooled loss of scores as a function of them, a mask and the mesh axes."""


@pytest.mark.parametrize("name", POOLED)
def test_the_tokens_of_all_devices(rng: np.random.Generator, name: str) -> None:
    """Value and gradient over four devices are those of one, also if masks differ and a device has no token.

    The mean of the devices' own losses is another number: the loss is not linear in the tokens.
    """
    loss = POOLED[name]
    logits = jnp.asarray(rng.normal(size=(2, 16, 4)) + np.arange(4), jnp.float32)
    keep = jnp.asarray(rng.uniform(size=(2, 16)) < 0.7).at[0, 4:8].set(False)
    tokens = PartitionSpec(None, "data")
    everywhere = on_four_devices(lambda z, m: loss(z, m, "data"), tokens, tokens)
    actual = jax.value_and_grad(everywhere)(logits, keep)
    expected = jax.jit(jax.value_and_grad(lambda z: loss(z, keep, None)))(logits)
    jax.tree.map(lambda a, e: np.testing.assert_allclose(a, e, rtol=1e-5, atol=1e-7), actual, expected)
    apart = on_four_devices(lambda z, m: jax.lax.pmean(loss(z, m, ()), "data"), tokens, tokens)(logits, keep)
    assert abs(float(apart) - float(expected[0])) > 1e-3


def test_the_general_form_over_all_devices(rng: np.random.Generator) -> None:
    probs = jnp.asarray(rng.dirichlet(np.ones(4), 16), jnp.float32)
    experts = jnp.asarray(rng.integers(0, 4, (16, 2)), jnp.int32)
    tokens = PartitionSpec("data")
    loss = lambda p, e: jaxloss.expert_balance_loss(p, e, axis_name="data")
    actual = on_four_devices(loss, tokens, tokens)(probs, experts)
    np.testing.assert_allclose(actual, jaxloss.expert_balance_loss(probs, experts), rtol=1e-6)


def test_variation_has_a_slope_of_zero_at_balance() -> None:
    """The square of a standard deviation has a NaN slope there; the loss must not, for any number of experts."""
    for experts in (3, 4, 7):
        gates = jnp.full((6, experts), 1 / experts)
        value, slope = jax.jit(jax.value_and_grad(jaxloss.expert_importance_loss))(gates)
        assert value == 0
        np.testing.assert_array_equal(slope, 0)
    naive = lambda g: jnp.square(jnp.std(jnp.sum(g, 0)) / jnp.sum(jnp.sum(g, 0)))
    assert np.all(np.isnan(jax.grad(naive)(jnp.full((6, 4), 0.25))))


def test_load_counts_chances(rng: np.random.Generator) -> None:
    """Against a simulation of the noise of one expert at a time, and balanced where experts differ by name only."""
    logits = rng.normal(size=(3, 4))
    noisy = logits + 0.3 * rng.normal(size=(3, 4))
    threshold = np.sort(noisy, -1)[:, -2, None]
    drawn = logits + 0.3 * rng.normal(size=(100_000, 3, 4))
    load = np.mean(drawn > threshold, 0).sum(0)
    actual = jaxloss.expert_load_loss(jnp.asarray(logits), jnp.asarray(noisy), noise_std=0.3, top_k=2)
    np.testing.assert_allclose(actual, np.var(load) / np.mean(load) ** 2, rtol=0.03)
    cycle = jnp.asarray(np.stack([np.roll(logits[0], i) for i in range(4)]), jnp.float32)
    np.testing.assert_allclose(jaxloss.expert_load_loss(cycle, cycle, noise_std=0.3), 0, atol=1e-12)


# ---- balance without a loss ------------------------------------------------------------------------------------


def test_bias_follows_the_load() -> None:
    """Experts with too many tokens go down, with too few up, at the mean nowhere; per layer, padding apart."""
    bias = jnp.array([[0.5, 0.0, 0.0], [0.0, 0.0, 1.0]])
    experts = jnp.array([[[0], [0], [1], [9]], [[2], [1], [0], [2]]])
    where = jnp.array([[True, True, True, False], [True, True, True, False]])
    new = jaxloss.update_expert_bias(bias, experts, step_size=0.25, where=where)
    np.testing.assert_allclose(new, [[0.25, 0.0, 0.25], [0.0, 0.0, 1.0]])
    slope = jax.grad(lambda bias: jnp.sum(jaxloss.update_expert_bias(bias, experts, step_size=0.25, where=where)))(bias)
    np.testing.assert_array_equal(slope, np.zeros_like(bias))


def test_bias_balances_a_skewed_router(rng: np.random.Generator) -> None:
    logits = jnp.asarray(rng.normal(size=(256, 8)) + np.linspace(0, 2, 8), jnp.float32)

    def step(bias: jax.Array, _: None) -> tuple[jax.Array, jax.Array]:
        experts = jax.lax.top_k(logits + bias[None], 2)[1]
        load = jnp.bincount(experts.ravel(), length=8)
        return jaxloss.update_expert_bias(bias, experts, step_size=0.02), jnp.max(load) / 64

    _, worst = jax.lax.scan(step, jnp.zeros(8), None, length=200)
    assert worst[0] > 1.8
    assert worst[-1] < 1.15


def test_bias_over_all_devices(rng: np.random.Generator) -> None:
    experts = jnp.asarray(rng.integers(0, 4, (16, 2)), jnp.int32)
    step = lambda e: jaxloss.update_expert_bias(jnp.zeros(4), e, step_size=1.0, axis_name="data")
    actual = on_four_devices(step, PartitionSpec("data"))(experts)
    np.testing.assert_array_equal(actual, jaxloss.update_expert_bias(jnp.zeros(4), experts, step_size=1.0))


def test_bias_refuses() -> None:
    bias, experts = jnp.zeros(3), jnp.array([[0], [1]])
    assert np.all(np.isnan(jaxloss.update_expert_bias(bias, experts + 2)))
    assert jaxloss.update_expert_bias(bias.astype(jnp.bfloat16), experts).dtype == jnp.bfloat16
    with pytest.raises(ValueError, match="step_size"):
        jaxloss.update_expert_bias(bias, experts, step_size=-1.0)
    with pytest.raises(ValueError, match="experts must end with the axes"):
        jaxloss.update_expert_bias(bias, experts[:, 0])
    with pytest.raises(ValueError, match="experts must have shape"):
        jaxloss.update_expert_bias(bias, experts[None])
    with pytest.raises(TypeError, match="experts must be integer"):
        jaxloss.update_expert_bias(bias, experts.astype(jnp.float32))


# ---- misuse ----------------------------------------------------------------------------------------------------


def test_experts_out_of_range() -> None:
    """NaN in value and gradient, an error under `checked`; nothing if the token is masked."""
    probs = jnp.full((3, 2), 0.5)
    for wrong in (-1, 2):
        experts = jnp.array([[0], [wrong], [1]])
        value, slope = jax.jit(jax.value_and_grad(jaxloss.expert_balance_loss))(probs, experts)
        assert np.isnan(value)
        assert np.all(np.isnan(slope))
        with pytest.raises(ValueError, match="experts"):
            jaxloss.checked(jaxloss.expert_balance_loss)(probs, experts)
        where = jnp.array([True, False, True])
        np.testing.assert_allclose(jaxloss.expert_balance_loss(probs, experts, where=where), 1)


def test_shapes_are_checked() -> None:
    with pytest.raises(ValueError, match="logits must end with the axes"):
        jaxloss.load_balancing_loss(jnp.zeros(4))
    with pytest.raises(ValueError, match="logits must end with the axes"):
        jaxloss.load_balancing_loss(jnp.zeros((4, 0)))
    with pytest.raises(ValueError, match="experts must have shape"):
        jaxloss.expert_balance_loss(jnp.ones((4, 3)), jnp.zeros((3, 1), jnp.int32))
