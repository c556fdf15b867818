"""Units, ranks and the probe of plasticity, against the definitions of their papers in NumPy."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss
from jaxloss.inspect.diagnostics import cues, embeddings, groups, pairs, plasticity, ranks, saturation, triplets, units
from tests.inspect.diagnostics.batches import DRAWN


def layer() -> tuple[np.ndarray, np.ndarray]:
    """Activations of 64 examples and 10 units, some of them dead, dormant, constant, without a gradient."""
    rng = np.random.default_rng(2)
    h = np.maximum(rng.normal(size=(64, 10)), 0)
    h[:, 0] = 0
    h[:, 1] *= 0.01
    h[:, 2] = 0.8 + 1e-4 * h[:, 2]
    slopes = rng.normal(size=(64, 10))
    slopes[:, 4] = slopes[:, 5] = 1e-4
    return h.astype(np.float32), slopes.astype(np.float32)


def test_units_are_their_definitions() -> None:
    h, slopes = layer()
    found = units.read(units.update(units.init(10), h, slopes, bounds=(0.0, 1.0)))
    score = np.abs(h).mean(0) / np.abs(h).mean(0).mean()
    gradient_score = np.abs(slopes).mean(0) / np.abs(slopes).mean(0).mean()
    assert float(found["dormant"]) == np.float32((score <= 0.025).mean()) == np.float32(0.2)
    assert float(found["gradient_dormant"]) == np.float32((gradient_score <= 0.01).mean()) == np.float32(0.2)
    assert float(found["dead"]) == np.float32(((h > 0).mean(0) < 0.01).mean()) == np.float32(0.1)
    assert float(found["constant"]) == np.float32((h.std(0) <= 0.01 * np.abs(h).mean()).mean()) == np.float32(0.2)
    np.testing.assert_allclose(found["saturated"], ((h < 0.05) | (h > 0.95)).mean(), rtol=1e-6)
    assert units.dormant_units(units.update(units.init(10), h)).tolist() == (score <= 0.025).tolist()


def test_what_was_not_given_is_not_known() -> None:
    found = units.read(units.update(units.init(10), layer()[0]))
    assert np.isnan(found["gradient_dormant"])
    assert np.isnan(found["saturated"])
    assert np.isfinite([found["dormant"], found["dead"], found["constant"]]).all()


def test_a_layer_that_is_0_is_dead_and_dormant() -> None:
    found = units.read(units.update(units.init(3), jnp.zeros((5, 3)), jnp.zeros((5, 3))))
    assert [float(found[n]) for n in ("dormant", "gradient_dormant", "dead", "constant")] == [1, 1, 1, 1]


def test_a_saturated_tanh_is_not_dormant() -> None:
    """Why one definition is not enough."""
    h = jnp.tanh(20 * jnp.asarray(DRAWN["other"]))
    found = units.read(units.update(units.init(6), h, bounds=(-1, 1)))
    assert float(found["dormant"]) == 0
    assert float(found["saturated"]) > 0.9


def test_slopes_of_preactivations_need_no_hooks() -> None:
    """Zeros that are added and differentiated: the recipe of the docstring."""
    w, x = jnp.asarray(DRAWN["other"][:6]), jnp.asarray(DRAWN["features"])

    def loss(zeros: jax.Array) -> jax.Array:
        return jnp.sum(jnp.square(jax.nn.relu(x @ w + zeros)))

    pre = x @ w
    np.testing.assert_allclose(jax.grad(loss)(jnp.zeros_like(pre)), 2 * jax.nn.relu(pre), rtol=1e-5)


def spectrum(h: np.ndarray) -> np.ndarray:
    return np.linalg.svd(h.astype(np.float64), compute_uv=False)


@pytest.mark.parametrize("rank", [1, 3, 10])
def test_ranks_are_their_definitions(rank: int) -> None:
    rng = np.random.default_rng(rank)
    h = (rng.normal(size=(200, rank)) @ (rng.normal(size=(rank, 10)) * rng.uniform(0.1, 1, size=10))).astype(np.float32)
    state = ranks.update(ranks.init(10), h)
    sigma = spectrum(h)
    p = sigma / sigma.sum()
    p = p[p > 1e-6]
    np.testing.assert_allclose(ranks.singular_values(state)[:rank], sigma[:rank], rtol=2e-4)
    np.testing.assert_allclose(ranks.effective_rank(state), np.exp(-(p * np.log(p)).sum()), rtol=2e-3)
    assert float(ranks.srank(state)) == np.argmax(np.cumsum(p) >= 0.99) + 1
    np.testing.assert_allclose(ranks.stable_rank(state), (sigma**2).sum() / sigma[0] ** 2, rtol=1e-4)


def test_rounding_does_not_make_rank() -> None:
    """The root of a rounding error is a thousand times as large: 256 of them would be a rank of their own."""
    rng = np.random.default_rng(0)
    h = rng.normal(size=(300, 1)) @ rng.normal(size=(1, 256))
    assert float(ranks.effective_rank(ranks.update(ranks.init(256), h.astype(np.float32)))) < 1.05


def test_ranks_of_nothing_are_not_known() -> None:
    found = ranks.read(ranks.update(ranks.init(3), jnp.zeros((4, 3))))
    assert all(np.isnan(value) for value in found.values())


def test_the_probe_sees_lost_plasticity_and_leaves_the_state_alone() -> None:
    """A network whose hidden units are dead learns random labels no more."""
    inputs = jnp.asarray(np.random.default_rng(0).normal(size=(32, 8)), jnp.float32)

    def step(params: dict[str, jax.Array], inputs: jax.Array, labels: jax.Array) -> tuple[dict, jax.Array]:
        def loss(p: dict[str, jax.Array]) -> jax.Array:
            logits = jax.nn.relu(inputs @ p["w"] + p["b"][None, :]) @ p["v"]
            return jaxloss.softmax_cross_entropy_with_integer_labels(logits, labels)

        value, slopes = jax.value_and_grad(loss)(params)
        return jax.tree.map(lambda p, g: p - 0.1 * g, params, slopes), value

    alive = {
        "w": jax.random.normal(jax.random.key(0), (8, 64)),
        "b": jnp.zeros(64),
        "v": jnp.zeros((64, 4)),
    }
    dead = alive | {"b": jnp.full(64, -100.0)}
    run = jax.jit(lambda p: plasticity.probe(step, p, inputs, jax.random.key(1), classes=4, steps=30))
    healthy, lost = run(alive), run(dead)
    np.testing.assert_allclose([healthy[0], lost[0]], np.log(4), rtol=1e-5)
    assert float(healthy[-1]) < 1
    np.testing.assert_allclose(lost, np.log(4), rtol=1e-5)
    assert float(alive["b"].sum()) == 0
    with pytest.raises(ValueError, match="leading axis is that of the examples"):
        plasticity.probe(step, alive, jnp.array(1.0), jax.random.key(1), classes=4)


def test_stuck_wrong_examples() -> None:
    slopes = jnp.array([[0.3, 0.4], [0.0, 0.01], [0.0, 0.0], [1.0, 0.0]])
    wrong = jnp.array([True, True, False, False])
    found = saturation.read(saturation.update(saturation.init(), slopes, wrong, bound=1.0))
    assert float(found["stuck"]) == 0.5
    assert float(found["error"]) == 0.5
    everything = saturation.update(saturation.init(), slopes, wrong, bound=1.0, fraction=0.6)
    assert float(saturation.read(everything)["stuck"]) == 1
    with pytest.raises(ValueError, match="bound must be > 0"):
        saturation.update(saturation.init(), slopes, wrong, bound=0.0)
    with pytest.raises(TypeError, match="wrong must be boolean"):
        saturation.update(saturation.init(), slopes, jnp.ones(4), bound=1.0)


def test_embeddings_are_their_definitions() -> None:
    z = DRAWN["other"].astype(np.float64)
    unit = z / np.linalg.norm(z, axis=1, keepdims=True)
    found = embeddings.read(embeddings.update(embeddings.init(6), DRAWN["other"]))
    covariance = np.cov(unit.T, bias=True)
    np.testing.assert_allclose(found["variance"], np.trace(covariance), rtol=1e-5)
    sigma = np.sqrt(np.linalg.eigvalsh(covariance))
    p = sigma / sigma.sum()
    np.testing.assert_allclose(found["effective_rank"], np.exp(-(p * np.log(p)).sum()), rtol=1e-4)
    collapsed = embeddings.read(embeddings.update(embeddings.init(6), np.tile(DRAWN["other"][:1], (9, 1))))
    assert float(collapsed["variance"]) < 1e-6


def test_alignment_and_uniformity_are_their_definitions() -> None:
    anchors, positives = DRAWN["other"].astype(np.float64), DRAWN["features"].astype(np.float64) + 0.1
    x, y = (a / np.linalg.norm(a, axis=1, keepdims=True) for a in (anchors, positives))
    state = pairs.update(pairs.init(), anchors.astype(np.float32), positives.astype(np.float32))
    found = pairs.read(state)
    np.testing.assert_allclose(found["alignment"], np.square(x - y).sum(1).mean(), rtol=1e-5)
    squared = np.square(x[:, None] - x[None, :]).sum(-1)[np.triu_indices(len(x), 1)]
    np.testing.assert_allclose(found["uniformity"], np.log(np.exp(-2 * squared).mean()), rtol=1e-4)


def test_active_triplets_are_those_with_a_loss() -> None:
    near, far = jnp.asarray(DRAWN["near"]), jnp.asarray(DRAWN["far"])
    losses = np.maximum(DRAWN["near"] - DRAWN["far"] + 0.2, 0)
    found = triplets.read(triplets.update(triplets.init(), near, far, margin=0.2))
    np.testing.assert_allclose(found["active"], (losses > 0).mean(), rtol=1e-6)
    np.testing.assert_allclose(found["violating"], (DRAWN["near"] > DRAWN["far"]).mean(), rtol=1e-6)


def test_the_worst_group_is_one_with_examples_and_its_error_is_above_zero() -> None:
    """All right or all wrong in a few examples is no certainty: one hit and one miss are added."""
    state = groups.Groups(jnp.array([0.0, 9.0, 2.0]), jnp.array([0.0, 18.0, 0.0]), jnp.array([0.0, 20.0, 4.0]))
    found = groups.read(state)
    np.testing.assert_allclose(found["group_accuracy"], [np.nan, 0.9, 0.0], rtol=1e-6)
    np.testing.assert_allclose(found["group_loss"], [np.nan, 0.45, 0.5], rtol=1e-6)
    np.testing.assert_allclose([found["worst_accuracy"], found["gap"]], [0, 0.75], rtol=1e-6)
    np.testing.assert_allclose(found["gap_error"], np.sqrt(1 / 6 * 5 / 6 / 6), rtol=1e-6)


def test_attribution_is_gradient_times_input() -> None:
    x, g = DRAWN["images"], DRAWN["image_slopes"]
    inside = np.zeros((4, 4), bool)
    inside[1, :2] = True
    found = cues.read(cues.update(cues.init(), x, g, inside))
    share = np.abs(x * g)[:, inside].sum() / np.abs(x * g).sum()
    np.testing.assert_allclose(found["share"], share, rtol=1e-5)
    np.testing.assert_allclose([found["area"], found["concentration"]], [1 / 8, 8 * share], rtol=1e-5)
    each = np.tile(inside, (len(x), 1, 1))
    np.testing.assert_allclose(cues.read(cues.update(cues.init(), x, g, each))["share"], share, rtol=1e-5)
