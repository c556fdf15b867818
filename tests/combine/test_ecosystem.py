"""One objective in the training loops people write: Flax NNX and Linen, Equinox, optax, orbax, 16-bit loss scaling."""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

import jaxloss
from jaxloss import combine, reductions
from jaxloss.combine.structure.terms import lift

RNG = np.random.default_rng(1)
BATCH = {
    "x": jnp.asarray(RNG.normal(size=(16, 5)), jnp.float32),
    "y": jnp.asarray(RNG.integers(0, 3, 16), jnp.int32),
    "valid": jnp.asarray(RNG.uniform(size=16) > 0.3),
}
TRANSFORMS = (
    combine.on("ce", combine.top_fraction(0.5)),
    combine.weigh(balance=optax.linear_schedule(0.0, 0.1, 5)),
)

pytestmark = [
    pytest.mark.full,
    # Equinox, Flax, optax and orbax promote dtypes and still use interfaces that newer releases deprecate.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]


@pytest.fixture(autouse=True)
def _standard_promotion() -> Any:
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield


def cross_entropy(logits: Any, batch: Any) -> Any:
    return jaxloss.softmax_cross_entropy_with_integer_labels(
        logits, batch["y"], where=batch["valid"], reduction=reductions.term
    )


def balance(hidden: Any) -> Any:
    """A per-example loss that a layer leaves behind."""
    return jnp.sum(hidden**2, -1)


def falls(history: list[Any]) -> None:
    assert np.all(np.isfinite(history))
    assert history[-1] < 0.7 * history[0]


class Block(nnx.Module):
    def __init__(self, width: int, rngs: nnx.Rngs) -> None:
        self.linear = nnx.Linear(width, 8, rngs=rngs)

    def __call__(self, x: Any) -> Any:
        hidden = jnp.tanh(self.linear(x))
        self.sow(nnx.Intermediate, "balance", balance(hidden))
        return hidden


class Net(nnx.Module):
    def __init__(self, rngs: nnx.Rngs) -> None:
        self.blocks = nnx.List([Block(5, rngs), Block(8, rngs)])
        self.head = nnx.Linear(8, 3, rngs=rngs)

    def __call__(self, x: Any) -> Any:
        for block in self.blocks:
            x = block(x)
        return self.head(x)


def nnx_losses(model: Net, batch: Any) -> dict[str, Any]:
    logits, sown = nnx.capture(model, nnx.Intermediate)(batch["x"])
    return {"ce": cross_entropy(logits, batch), **combine.collect(nnx.to_pure_dict(sown), reduce="mean")}


@pytest.mark.parametrize(
    "options", [{}, {"microbatches": 2}, {"aggregate": combine.upgrad()}], ids=["plain", "micro-batches", "upgrad"]
)
def test_flax_nnx(options: Any) -> None:
    model = Net(nnx.Rngs(0))
    optimizer = nnx.Optimizer(model, optax.adam(0.03), wrt=nnx.Param)
    objective = combine.objective(nnx_losses, *TRANSFORMS, **options)
    state = objective.init(model, BATCH)

    @nnx.jit
    def step(model: Net, optimizer: nnx.Optimizer, state: Any, batch: Any) -> Any:
        (loss, aux), gradient = nnx.value_and_grad(objective, has_aux=True)(model, state, batch)
        optimizer.update(model, gradient)
        return aux.state, loss, aux.metrics()

    history = []
    for _ in range(30):
        state, loss, metrics = step(model, optimizer, state, BATCH)
        history.append(float(loss))
    falls(history)
    assert float(metrics["count/balance"]) == 2 * 16
    assert int(state.step) == 30


class Stateful(nnx.Module):
    def __init__(self, rngs: nnx.Rngs) -> None:
        self.linear = nnx.Linear(5, 3, rngs=rngs)
        self.norm = nnx.BatchNorm(3, rngs=rngs)

    def __call__(self, x: Any) -> Any:
        return self.norm(self.linear(x))


def test_batch_statistics_return_through_has_aux() -> None:
    """Where parts are evaluated apart a change in place would be lost: it raises, and a merged copy works."""
    graph, params, rest = nnx.split(Stateful(nnx.Rngs(0)), nnx.Param, ...)

    def losses(params: Any, batch: Any, rest: Any) -> Any:
        model = nnx.merge(graph, params, rest, copy=True)
        terms = {"ce": cross_entropy(model(batch["x"]), batch)}
        return terms, nnx.state(model, nnx.Not(nnx.Param))

    objective = combine.objective(losses, microbatches=2, has_aux=True)
    state = objective.init(params, BATCH, rest)
    (_, aux), gradient = jax.value_and_grad(objective, has_aux=True)(params, state, BATCH, rest)
    assert jax.tree.structure(gradient) == jax.tree.structure(params)
    assert np.any(aux.extra["norm"]["mean"][...] != 0)

    in_place = combine.objective(lambda m, b: {"ce": cross_entropy(m(b["x"]), b)}, microbatches=2)
    model = Stateful(nnx.Rngs(0))
    with pytest.raises(TypeError, match="in place"):
        in_place(model, combine.ObjectiveState(jnp.int32(0), (), ()), BATCH)


class Linen(nn.Module):
    @nn.compact
    def __call__(self, x: Any) -> Any:
        for _ in range(2):
            x = jnp.tanh(nn.Dense(8)(x))
            self.sow("losses", "balance", balance(x))
        return nn.Dense(3)(x)


def test_flax_linen() -> None:
    model, optimizer = Linen(), optax.adam(0.03)
    params = model.init(jax.random.key(0), BATCH["x"])["params"]

    def losses(params: Any, batch: Any) -> dict[str, Any]:
        logits, sown = model.apply({"params": params}, batch["x"], mutable=["losses"])
        return {"ce": cross_entropy(logits, batch), **combine.collect(sown["losses"], reduce="sum")}

    falls(train(losses, params, optimizer))


def test_equinox() -> None:
    eqx = pytest.importorskip("equinox")
    model = eqx.nn.MLP(5, 3, 8, 1, key=jax.random.key(0))  # holds its activation functions as leaves
    objective = combine.objective(
        lambda m, batch: {
            "ce": cross_entropy(jax.vmap(m)(batch["x"]), batch),
            "balance": jnp.sum(m.layers[0].bias ** 2),
        },
        *TRANSFORMS,
        microbatches=2,
    )
    optimizer = optax.adam(0.03)
    state, memory = objective.init(model, BATCH), optimizer.init(eqx.filter(model, eqx.is_inexact_array))

    @eqx.filter_jit
    def step(model: Any, state: Any, memory: Any) -> Any:
        (loss, aux), gradient = eqx.filter_value_and_grad(objective, has_aux=True)(model, state, BATCH)
        updates, memory = optimizer.update(gradient, memory)
        return eqx.apply_updates(model, updates), aux.state, memory, loss

    history = []
    for _ in range(30):
        model, state, memory, loss = step(model, state, memory)
        history.append(float(loss))
    falls(history)


@pytest.mark.parametrize(
    "options", [{}, {"microbatches": 2}, {"aggregate": combine.upgrad()}], ids=["plain", "micro-batches", "upgrad"]
)
def test_equinox_with_dropout_whole(options: Any) -> None:
    """Dropout branches in Python on a flag and a rate that are leaves of the model, beside its functions."""
    eqx = pytest.importorskip("equinox")
    key = jax.random.key(0)
    model = eqx.nn.Sequential([eqx.nn.MLP(5, 3, 8, 1, key=key), eqx.nn.Dropout(0.5)])

    def losses(model: Any, batch: Any, key: Any) -> dict[str, Any]:
        keys = jax.random.split(key, len(batch["x"]))
        logits = jax.vmap(lambda x, key: model(x, key=key))(batch["x"], keys)
        return {"ce": cross_entropy(logits, batch), "balance": balance(logits)}

    for inference in (False, True):
        given = eqx.nn.inference_mode(model, inference)
        objective = combine.objective(losses, *TRANSFORMS, **options)
        state = objective.init(given, BATCH, key)
        _, gradient = eqx.filter_jit(eqx.filter_value_and_grad(objective, has_aux=True))(given, state, BATCH, key)
        slopes = jax.tree.leaves(eqx.filter(gradient, eqx.is_inexact_array))
        assert len(slopes) == 4
        assert all(np.isfinite(slope).all() and np.any(slope) for slope in slopes)


PARAMS = {"w": jnp.asarray(RNG.normal(size=(5, 3)), jnp.float32), "b": jnp.zeros(3)}


def plain(params: Any, batch: Any) -> dict[str, Any]:
    logits = batch["x"] @ params["w"] + params["b"]
    return {"ce": cross_entropy(logits, batch), "balance": balance(logits)}


def train(losses: Any, params: Any, optimizer: Any, steps: int = 30, **options: Any) -> list[float]:
    objective = combine.objective(losses, *TRANSFORMS, **options)

    def step(carry: Any, _: None) -> Any:
        params, state, memory = carry
        (loss, aux), gradient = jax.value_and_grad(objective, has_aux=True)(params, state, BATCH)
        updates, memory = optimizer.update(gradient, memory, params)
        return (optax.apply_updates(params, updates), aux.state, memory), loss

    start = (params, objective.init(params, BATCH), optimizer.init(params))
    return np.asarray(jax.jit(lambda carry: jax.lax.scan(step, carry, length=steps))(start)[1]).tolist()


def test_plain_pytrees_and_micro_batches_instead_of_multi_steps() -> None:
    whole = train(plain, PARAMS, optax.adam(0.03))
    falls(whole)
    np.testing.assert_allclose(train(plain, PARAMS, optax.adam(0.03), microbatches=4), whole, rtol=2e-5)


def test_multi_steps_average_means_and_are_wrong_under_masks() -> None:
    """Why `microbatches` and not `optax.MultiSteps`: the mean of the means of unequal parts is not the mean."""
    objective = combine.objective(lambda p, b: {"ce": plain(p, b)["ce"]}, microbatches=2)
    state = objective.init(PARAMS, BATCH)
    exact = jax.grad(lambda p: objective(p, state, BATCH)[0])(PARAMS)
    alone = combine.objective(lambda p, b: {"ce": plain(p, b)["ce"]})
    halves = [jax.tree.map(lambda leaf, part=part: leaf[part], BATCH) for part in (slice(0, 8), slice(8, 16))]
    assert len({int(jnp.sum(half["valid"])) for half in halves}) == 2
    each = [jax.grad(lambda p, half=half: alone(p, state, half)[0])(PARAMS) for half in halves]
    averaged = jax.tree.map(lambda a, b: (a + b) / 2, *each)
    full = jax.grad(lambda p: alone(p, state, BATCH)[0])(PARAMS)
    np.testing.assert_allclose(exact["w"], full["w"], rtol=1e-5)
    assert np.max(np.abs(averaged["w"] - full["w"])) > 1e-3


def test_orbax_continues_bit_for_bit(tmp_path: Any) -> None:
    ocp = pytest.importorskip("orbax.checkpoint")
    optimizer = optax.adam(0.03)
    objective = combine.objective(plain, *TRANSFORMS, combine.uncertainty(optax.adam(0.01)), aggregate=combine.pcgrad())

    @jax.jit
    def step(carry: Any) -> Any:
        params, state, memory = carry
        (loss, aux), gradient = jax.value_and_grad(objective, has_aux=True)(params, state, BATCH)
        updates, memory = optimizer.update(gradient, memory, params)
        return (optax.apply_updates(params, updates), aux.state, memory), loss

    carry = (PARAMS, objective.init(PARAMS, BATCH), optimizer.init(PARAMS))
    for _ in range(3):
        carry, _ = step(carry)
    with ocp.StandardCheckpointer() as checkpointer:
        checkpointer.save(tmp_path / "state", jax.tree.leaves(carry))
        checkpointer.wait_until_finished()
        restored = checkpointer.restore(tmp_path / "state", jax.tree.leaves(carry))
    again = jax.tree.unflatten(jax.tree.structure(carry), restored)
    for _ in range(3):
        (carry, loss), (again, same) = step(carry), step(again)
        assert float(loss) == float(same)
    bits = lambda leaf: jax.random.key_data(leaf) if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key) else leaf
    for one, other in zip(map(bits, jax.tree.leaves(carry)), map(bits, jax.tree.leaves(again)), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("options", [{}, {"microbatches": 2}], ids=["plain", "micro-batches"])
def test_loss_scaling_of_float16(options: Any) -> None:
    """Gradients too small for float16 survive a factor at the end of the chain, which the step divides away."""
    scale = 2.0**14
    tiny = lambda params, batch: {"fit": 1e-4 * jnp.sum((batch["x"] * params["w"][:, 0]).astype(jnp.float32), -1)}
    half = jax.tree.map(lambda leaf: leaf.astype(jnp.float16), PARAMS)
    batch = {"x": 1e-4 * BATCH["x"].astype(jnp.float16)}

    def gradient(*transforms: Any) -> Any:
        objective = combine.objective(tiny, *transforms, **options)
        return jax.grad(lambda p: objective(p, objective.init(p, batch), batch)[0])(half)["w"][:, 0]

    exact = 1e-4 * np.mean(np.asarray(batch["x"], np.float64), 0)
    plain, scaled = gradient(), gradient(combine.scale(scale))
    assert plain.dtype == scaled.dtype == jnp.float16
    np.testing.assert_allclose(np.asarray(scaled, np.float64) / scale, exact, rtol=2e-2, atol=1e-10)
    assert np.max(np.abs(np.asarray(plain, np.float64) - exact) / np.abs(exact)) > 0.5


def test_a_gan_in_one_call_with_lazy_penalty() -> None:
    """Both players in one gradient: each gets the gradient of its own terms."""
    params = {"gen": {"w": jnp.array([0.5, -0.2])}, "disc": {"w": jnp.array([0.3, 0.8])}}

    def losses(params: Any, batch: Any, step: Any) -> dict[str, Any]:
        fake = batch["z"] * params["gen"]["w"]
        score = lambda w, x: jnp.tanh(x @ w)
        w = params["disc"]["w"]
        slope = jax.vmap(jax.grad(lambda x: score(w, x)))
        return {
            "real": jax.nn.softplus(-score(w, batch["x"])),
            "fake": jax.nn.softplus(score(w, fake)),
            "r1": combine.every(2, step, lambda: jnp.sum(slope(batch["x"]) ** 2, -1)),
            "gen": jax.nn.softplus(-score(w, fake)),
        }

    batch = {"x": BATCH["x"][:, :2], "z": BATCH["x"][:, 2:4]}
    players = combine.players(disc=("real", "fake", "r1"), gen=("gen",))
    objective = combine.objective(losses, combine.weigh(r1=2 * 5.0), aggregate=players)
    state = objective.init(params, batch, jnp.int32(0))
    for step in range(2):
        gradient, aux = jax.grad(objective, has_aux=True)(params, state, batch, state.step)
        mean = {
            name: lambda p, name=name, step=step: (
                reductions.summarize(lift(losses(p, batch, jnp.int32(step)))[name]).values
            )
            for name in ("real", "fake", "r1", "gen")
        }
        disc = jax.grad(lambda p: mean["real"](p) + mean["fake"](p) + 10.0 * mean["r1"](p))(params)["disc"]
        gen = jax.grad(mean["gen"])(params)["gen"]
        np.testing.assert_allclose(gradient["disc"]["w"], disc["w"], rtol=1e-5)
        np.testing.assert_allclose(gradient["gen"]["w"], gen["w"], rtol=1e-5)
        assert float(aux.terms["r1"].weights) == (16.0 if step == 0 else 0.0)
        state = aux.state
