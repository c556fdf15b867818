"""Shares of gradients, terms of objectives and the noise scale, against whole gradients and simulations."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh, PartitionSpec

import jaxloss
from jaxloss import combine
from jaxloss.inspect import diagnostics
from jaxloss.inspect.diagnostics import gradient_shares, noise, terms
from tests.inspect.diagnostics.batches import DRAWN, ROWS

GROUPS = 4


def network(params: dict[str, jax.Array], inputs: jax.Array) -> tuple[jax.Array, jax.Array]:
    features = jax.nn.relu(inputs @ params["hidden"])
    return features, features @ params["last"] + params["bias"][None, :]


@pytest.fixture(scope="module")
def model() -> tuple[dict[str, jax.Array], jax.Array, jax.Array, jax.Array]:
    rng = np.random.default_rng(0)
    shapes = {"hidden": (6, 8), "last": (8, 5), "bias": (5,)}
    params = {name: jnp.asarray(rng.normal(size=shape), jnp.float32) for name, shape in shapes.items()}
    return params, jnp.asarray(DRAWN["other"]), jnp.asarray(DRAWN["labels"]), jnp.asarray(DRAWN["groups"])


def test_shares_are_those_of_whole_gradients_per_example(model: tuple) -> None:
    """Beside the gradient of every example by ``vmap(grad)``, which is what the outer products replace."""
    params, inputs, labels, groups = model
    loss = lambda logits, label: jaxloss.softmax_cross_entropy_with_integer_labels(logits, label)
    features, logits = network(params, inputs)
    slopes = jax.jit(jax.grad(lambda z: loss(z, labels)))(logits)
    state = jax.jit(gradient_shares.update)(gradient_shares.init(GROUPS, 5, 8), slopes, groups, features)

    def of_example(last: jax.Array, bias: jax.Array, x: jax.Array, label: jax.Array) -> jax.Array:
        return loss(network({**params, "last": last, "bias": bias}, x[None])[1], label[None]) / ROWS

    per_example = jax.jit(jax.vmap(jax.grad(of_example, argnums=(0, 1)), (None, None, 0, 0)))
    grads = per_example(params["last"], params["bias"], inputs, labels)
    rows = np.concatenate([np.asarray(g).reshape(ROWS, -1) for g in grads], axis=1).astype(np.float64)
    by_group = np.stack([rows[np.asarray(groups) == k].sum(0) for k in range(GROUPS)])
    total = rows.sum(0)
    lengths = np.linalg.norm(rows, axis=1)
    found = jax.jit(gradient_shares.read)(state)
    np.testing.assert_allclose(found["share"], by_group @ total / (total @ total), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(jnp.sum(found["share"]), 1, rtol=1e-5)
    expected = [lengths[np.asarray(groups) == k].sum() / lengths.sum() for k in range(GROUPS)]
    np.testing.assert_allclose(found["norm_share"], expected, rtol=1e-5)
    np.testing.assert_allclose(found["effective_examples"], lengths.sum() ** 2 / (lengths**2).sum(), rtol=1e-5)
    unit = by_group / np.linalg.norm(by_group, axis=1, keepdims=True)
    np.testing.assert_allclose(found["agreement"], unit @ unit.T, atol=1e-5)


@pytest.mark.parametrize("scale", [1e-25, 1.0, 1e15])
def test_shares_do_not_depend_on_the_scale_of_the_loss(scale: float) -> None:
    """Squares of small gradients underflow in float32; shares and cosines stay."""
    slopes, features = jnp.asarray(DRAWN["slopes"]), jnp.asarray(DRAWN["features"])
    groups = jnp.asarray(DRAWN["groups"])
    update = jax.jit(gradient_shares.update)
    shares = lambda c: gradient_shares.read(update(gradient_shares.init(GROUPS, 3, 6), c * slopes, groups, features))
    for name in ("share", "norm_share", "agreement"):
        np.testing.assert_allclose(shares(scale)[name], shares(1.0)[name], rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("scale", [1e-25, 1.0, 1e25])
def test_norms_do_not_depend_on_the_scale_of_the_features(scale: float) -> None:
    """The gradient of an example has the norm ``|delta| |[h, 1]|``, also where the squares leave float32."""
    slopes, features, groups = (DRAWN[name] for name in ("slopes", "features", "groups"))
    given = (jnp.asarray(slopes), jnp.asarray(groups), jnp.asarray(scale * features, jnp.float32))
    state = jax.jit(gradient_shares.update)(gradient_shares.init(GROUPS, 3, 6), *given)
    lengths = np.linalg.norm(slopes, axis=1) * np.hypot(scale * np.linalg.norm(features.astype(np.float64), axis=1), 1)
    np.testing.assert_allclose(state.lengths, np.bincount(groups, lengths, GROUPS), rtol=1e-5)


def test_bins_of_confidence_agree_with_the_histogram() -> None:
    confidences = jnp.asarray([0.0, 0.1, 0.100001, 0.5, 0.999, 1.0, -0.1, 1.1, jnp.nan])
    assert gradient_shares.confidence_bins(confidences).tolist() == [0, 0, 1, 4, 9, 9, -1, -1, -1]


def test_no_gradient_is_not_a_share() -> None:
    state = gradient_shares.update(gradient_shares.init(2, 1), jnp.zeros((3, 1)), jnp.array([0, 1, 1]))
    assert np.isnan(gradient_shares.shares(state)).all()
    assert np.isnan(gradient_shares.read(state)["effective_share"])
    assert not gradient_shares.agreement(state).any()


def losses(params: dict[str, jax.Array], x: jax.Array, y: jax.Array) -> dict[str, jax.Array]:
    predictions = x @ params["w"] + params["b"]
    return {
        "fit": jaxloss.squared_error(predictions, y),
        "robust": jaxloss.absolute_error(2 * predictions, 3 - y),
        "size": jaxloss.l2_penalty(params),
    }


PARAMS = {"w": jnp.arange(6.0) / 3 - 1, "b": jnp.array(0.5)}


def expected_gram(x: jax.Array, y: jax.Array) -> np.ndarray:
    grads = [jax.grad(lambda p, n=name: jnp.mean(losses(p, x, y)[n]))(PARAMS) for name in ("fit", "robust", "size")]
    rows = np.stack([np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(g)]) for g in grads]).astype(np.float64)
    return rows @ rows.T


@pytest.fixture(scope="module")
def batch() -> tuple[jax.Array, jax.Array]:
    return jnp.asarray(DRAWN["other"]), jnp.asarray(DRAWN["losses"])


@pytest.mark.parametrize("microbatches", [1, 4])
def test_an_objective_records_its_terms_in_one_line(batch: tuple, microbatches: int) -> None:
    plain = combine.objective(losses)
    objective = combine.objective(losses, aggregate=terms.recorded(), microbatches=microbatches)
    state = objective.init(PARAMS, *batch)
    (loss, aux), grads = jax.jit(jax.value_and_grad(objective, has_aux=True))(PARAMS, state, *batch)
    (expected, _), expected_grads = jax.value_and_grad(plain, has_aux=True)(PARAMS, plain.init(PARAMS, *batch), *batch)
    np.testing.assert_allclose(loss, expected, rtol=1e-6)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), grads, expected_grads)
    gram = expected_gram(*batch)
    recorded = aux.state.aggregator.terms
    np.testing.assert_allclose(recorded.gram, gram, rtol=1e-5)
    found = terms.read(recorded)
    lengths = np.sqrt(np.diag(gram))
    np.testing.assert_allclose(found["cosines"], gram / np.outer(lengths, lengths), atol=1e-5)
    np.testing.assert_allclose(found["share"], gram.sum(1) / gram.sum(), rtol=1e-5)
    np.testing.assert_allclose(found["norm"], lengths, rtol=1e-5)
    assert {f"weight/{name}" for name in ("fit", "robust", "size")} <= set(aux.metrics())


def test_the_record_over_devices_is_that_of_the_batch(batch: tuple) -> None:
    objective = combine.objective(losses, aggregate=terms.recorded(combine.upgrad()), axis_name="data")
    mesh = Mesh(np.array(jax.devices()[:8]), ("data",))
    state = objective.init(PARAMS, *batch)
    step = jax.shard_map(
        lambda params, state, x, y: jax.value_and_grad(objective, has_aux=True)(params, state, x, y)[0][1].state,
        mesh=mesh,
        in_specs=(PartitionSpec(), PartitionSpec(), PartitionSpec("data"), PartitionSpec("data")),
        out_specs=PartitionSpec(),
    )
    found = jax.jit(step)(PARAMS, state, *batch)
    np.testing.assert_allclose(found.aggregator.terms.gram, expected_gram(*batch), rtol=1e-5)
    np.testing.assert_allclose(found.aggregator.weights, found.aggregator.inner.weights)


def test_the_record_is_kept_every_few_steps_and_merges(batch: tuple) -> None:
    objective = combine.objective(losses, aggregate=terms.recorded(every=3))
    state = objective.init(PARAMS, *batch)
    step = jax.jit(lambda state: jax.value_and_grad(objective, has_aux=True)(PARAMS, state, *batch)[0][1].state)
    for _ in range(7):
        state = step(state)
    assert float(state.aggregator.terms.counts[0, 0]) == 3
    one = terms.update(terms.init(3), expected_gram(*batch).astype(np.float32))
    merged = diagnostics.merge(diagnostics.merge(one, one), one)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), state.aggregator.terms, merged)


def test_a_term_without_examples_is_absent_from_the_record(batch: tuple) -> None:
    def some(params: dict[str, jax.Array], x: jax.Array, y: jax.Array, where: jax.Array) -> dict[str, jax.Array]:
        return losses(params, x, y) | {"robust": jaxloss.absolute_error(x @ params["w"], jnp.nan * y, where=where)}

    objective = combine.objective(some, aggregate=terms.recorded())
    nothing = jnp.zeros(ROWS, bool)
    state = objective.init(PARAMS, *batch, nothing)
    (_, aux), _ = jax.value_and_grad(objective, has_aux=True)(PARAMS, state, *batch, nothing)
    found = terms.read(aux.state.aggregator.terms)
    assert np.isnan(found["cosines"][1]).all()
    assert float(found["share"][1]) == 0
    assert np.isfinite(found["worst_cosine"])


def test_the_record_of_a_game_is_by_player(batch: tuple) -> None:
    """An aggregator with groups of terms of its own has one row for each of them."""
    game = combine.players(b=("fit",), w=("robust", "size"))
    objective = combine.objective(losses, aggregate=terms.recorded(game))
    state = objective.init(PARAMS, *batch)
    (_, aux), _ = jax.value_and_grad(objective, has_aux=True)(PARAMS, state, *batch)
    gram = expected_gram(*batch)
    first, rest = gram[0, 0], gram[1:, 1:].sum()
    np.testing.assert_allclose(
        aux.state.aggregator.terms.gram, [[first, gram[0, 1:].sum()], [gram[0, 1:].sum(), rest]], rtol=1e-5
    )


def test_cosines_of_very_different_lengths() -> None:
    rows = jnp.array([[1e-15, 0.0], [1e-15, 1e-15], [1e15, 0.0]])
    state = terms.update(terms.init(3), combine.gramian(rows))
    np.testing.assert_allclose(terms.cosines(state)[0], [1, np.sqrt(0.5), 1], rtol=1e-5)
    np.testing.assert_allclose(terms.shares(state), [0, 0, 1], atol=1e-6)


def test_misuse_of_recorded() -> None:
    uncalled: Any = combine.upgrad
    with pytest.raises(TypeError, match="recorded needs an aggregator"):
        terms.recorded(uncalled)
    with pytest.raises(ValueError, match="one row and one column per term"):
        terms.update(terms.init(2), jnp.eye(3))


def test_noise_scale_of_a_known_distribution() -> None:
    """Gradients of examples with mean g and covariance C: the scale is tr C / |g|^2, and both estimates are unbiased."""
    rng = np.random.default_rng(0)
    mean, spread = rng.normal(size=40), rng.uniform(0.5, 3, size=40)
    part, parts, steps = 8, 6, 400
    noises = rng.normal(size=(steps, parts, part, 40)).mean(2) * spread
    gradients = {"w": jnp.asarray(mean + noises, jnp.float32)}
    add = lambda state, grads: (noise.update(state, grads, part=part), None)
    state, _ = jax.lax.scan(add, noise.init(), gradients)
    found = noise.read(state)
    np.testing.assert_allclose(found["trace"], (spread**2).sum(), rtol=0.02)
    np.testing.assert_allclose(found["squared_gradient"], (mean**2).sum(), rtol=0.02)
    np.testing.assert_allclose(found["noise_scale"], (spread**2).sum() / (mean**2).sum(), rtol=0.03)
    halves = [add(noise.init(), {"w": gradients["w"][i]})[0] for i in (0, 1)]
    both, _ = jax.lax.scan(add, noise.init(), {"w": gradients["w"][:2]})
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), diagnostics.merge(*halves), both)


def test_noise_scale_over_devices() -> None:
    parts = jnp.asarray(np.random.default_rng(1).normal(size=(8, 5)), jnp.float32)
    mesh = Mesh(np.array(jax.devices()[:8]), ("data",))
    step = jax.shard_map(
        lambda g: noise.update(noise.init(), {"w": g[0]}, part=4, axis_name="data"),
        mesh=mesh,
        in_specs=PartitionSpec("data"),
        out_specs=PartitionSpec(),
    )
    expected = noise.update(noise.init(), {"w": parts}, part=4)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), jax.jit(step)(parts), expected)


def test_misuse_of_noise() -> None:
    with pytest.raises(ValueError, match="at least two parts"):
        noise.update(noise.init(), {"w": jnp.ones((1, 3))}, part=4)
    with pytest.raises(ValueError, match="one leading axis of parts"):
        noise.update(noise.init(), {"w": jnp.ones((2, 3)), "b": jnp.ones(3)}, part=4)
    with pytest.raises(ValueError, match="at least one array"):
        noise.update(noise.init(), {}, part=4)


def test_what_an_absent_term_holds_is_not_recorded() -> None:
    aggregator = terms.recorded()
    rows = {"w": jnp.array([[1.0, 2.0], [jnp.nan, jnp.inf]])}
    more = {"values": jnp.ones(2), "present": jnp.array([True, False]), "step": jnp.int32(0)}
    grads, state = aggregator.update(rows, aggregator.init({"w": jnp.zeros(2)}, ("a", "b")), **more)
    np.testing.assert_allclose(grads["w"], [1, 2])
    np.testing.assert_allclose(state.terms.gram, [[5, 0], [0, 0]])
    np.testing.assert_allclose(state.terms.counts, [[1, 0], [0, 0]])
