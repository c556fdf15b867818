"""What reaches the losses of an objective: Python values as they are, modules as parameters, parts of the batch."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss
from jaxloss import combine, reductions
from jaxloss.combine.gradients.aggregator import Aggregator
from tests.combine.test_aggregation import AGGREGATORS

X, Y = np.random.default_rng(0).normal(size=(2, 8)).astype(np.float32)
WAYS: dict[str, dict[str, Any]] = {
    "plain": {},
    "micro-batches": {"microbatches": 2},
    "aggregated": {"aggregate": combine.upgrad()},
}


def run(objective: combine.Objective, params: Any, *args: Any, **kwargs: Any) -> Any:
    state = objective.init(params, *args, **kwargs)
    return jax.value_and_grad(lambda p: objective(p, state, *args, **kwargs), has_aux=True)(params)


# ---- Python values ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "given",
    [True, 3, 0.5, "name", None, np.bool_(True), np.float32(0.5), jnp.tanh, {"rate": 0.1, "deep": [False]}],
    ids=["bool", "int", "float", "str", "None", "np.bool", "np.float32", "function", "dict"],
)
def test_init_gives_the_losses_what_an_evaluation_gives_them(given: Any, way: str) -> None:
    seen = []

    def losses(params: Any, x: Any, option: Any, *, named: Any) -> Any:
        seen.append((option, named))
        return {"a": (params["w"] * x) ** 2, "b": params["w"] ** 2}

    run(combine.objective(losses, **WAYS[way]), {"w": jnp.float32(2)}, X, given, named=given)
    assert len(seen) >= 2
    for option, named in seen:
        assert option == given
        assert named == given
        assert jax.tree.map(type, option) == jax.tree.map(type, given) == jax.tree.map(type, named)


@jax.tree_util.register_dataclass
@dataclasses.dataclass
class Layer:
    """A module as Equinox has them: arrays, a function, a flag and a rate, all leaves."""

    weight: Any
    activation: Callable[..., Any] = jnp.tanh
    rate: float = 0.5
    training: bool = True

    def __call__(self, x: Any) -> Any:
        return self.activation(x * self.weight) * (1 - self.rate if self.training and self.rate > 0 else 1)


@jax.tree_util.register_dataclass
@dataclasses.dataclass
class Pair:
    gen: Layer
    disc: Layer
    activation: Callable[..., Any] = jnp.tanh
    rate: float = 0.5


class Tuple(NamedTuple):
    gen: Layer
    disc: Layer


def pair(kind: Any) -> Any:
    return kind(gen=Layer(jnp.float32(0.7)), disc=Layer(jnp.float32(-0.4)))


def both(model: Any, x: Any, y: Any) -> Any:
    entry = (lambda name: model[name]) if isinstance(model, dict) else (lambda name: getattr(model, name))
    fit = jaxloss.squared_error(entry("gen")(x), y, reduction=reductions.term)
    return {"a": fit, "b": entry("disc")(x) ** 2, "c": entry("gen").weight ** 2}


def gradient(objective: combine.Objective, model: Any, *args: Any) -> Any:
    """By the arrays of a module, as ``eqx.filter_grad`` takes it."""
    leaves, structure = jax.tree.flatten(model)
    arrays = [isinstance(leaf, jax.Array) for leaf in leaves]
    state = objective.init(model, *args)

    def value(floating: list[Any]) -> Any:
        given = iter(floating)
        joined = [next(given) if array else leaf for array, leaf in zip(arrays, leaves, strict=True)]
        return objective(jax.tree.unflatten(structure, joined), state, *args)

    return jax.grad(value, has_aux=True)([leaf for leaf, array in zip(leaves, arrays, strict=True) if array])


@pytest.mark.parametrize("name", AGGREGATORS)
def test_aggregators_take_modules(name: str) -> None:
    aggregate: Aggregator = AGGREGATORS[name]()
    module, aux = gradient(combine.objective(both, aggregate=aggregate), pair(Pair), X, Y)
    arrays, plain = gradient(
        combine.objective(lambda p, x, y: both(Pair(Layer(p[0]), Layer(p[1])), x, y), aggregate=AGGREGATORS[name]()),
        [jnp.float32(0.7), jnp.float32(-0.4)],
        X,
        Y,
    )
    np.testing.assert_allclose(module, arrays, rtol=1e-5)
    assert jax.tree.structure(aux.state) == jax.tree.structure(plain.state)


@pytest.mark.parametrize("kind", [dict, Pair, Tuple])
def test_players_are_entries_by_name(kind: Any) -> None:
    game = combine.objective(both, aggregate=combine.players(gen=("a", "c"), disc="b"))
    (first, second), _ = gradient(game, pair(kind), X, Y)
    names = ("disc", "gen") if kind is dict else ("gen", "disc")  # JAX sorts a dict
    found = dict(zip(names, (first, second), strict=True))
    alone = jax.grad(lambda w: jnp.mean((Layer(w)(X) - Y) ** 2) + w**2)(jnp.float32(0.7))
    other = jax.grad(lambda w: jnp.mean(Layer(w)(X) ** 2))(jnp.float32(-0.4))
    np.testing.assert_allclose([found["gen"], found["disc"]], [alone, other], rtol=1e-5)


def test_players_need_named_entries_for_all_that_is_trained() -> None:
    game = combine.players(gen=("a", "b", "c"))
    with pytest.raises(KeyError, match=r"the players are \['gen'\], the entries of params are \['activation', 'disc'"):
        game.init(pair(Pair), ("a", "b", "c"))
    with pytest.raises(TypeError, match="params must be a dict with the entries"):
        game.init([jnp.zeros(2)], ("a", "b", "c"))


# ---- parts of a batch ------------------------------------------------------------------------------------------


def regression(params: Any, x: Any, y: Any, table: Any = 1.0, *, where: Any = None, more: Any = None) -> Any:
    scale = jnp.sum(jnp.asarray(table)) * (1.0 if more is None else more["factor"])
    fit = jaxloss.squared_error(params["w"] * x * scale, y, where=where, reduction=reductions.term)
    shift = 0.0 if more is None else jnp.ravel(more["deep"][0])
    return {"fit": fit, "size": params["w"] ** 2 + 0 * y + shift}


@pytest.mark.parametrize("microbatches", [2, 4, 8])
def test_every_array_with_the_rows_of_the_batch_is_split(microbatches: int) -> None:
    where = np.arange(8) % 3 > 0
    more = {"deep": [Y[:, None]], "factor": jnp.float32(0.5)}
    args, kwargs = (X, Y, np.ones((3, 2), np.float32)), {"where": where, "more": more}
    params = {"w": jnp.float32(0.3)}
    expected = run(combine.objective(regression), params, *args, **kwargs)
    found = run(combine.objective(regression, microbatches=microbatches), params, *args, **kwargs)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), found, expected)


def test_an_array_with_the_rows_by_chance_is_hidden_behind_an_axis() -> None:
    losses = lambda p, x, table: {"fit": (p * x * jnp.sum(table[0])) ** 2}
    expected = run(combine.objective(losses), 0.5, X, Y[None])
    found = run(combine.objective(losses, microbatches=4), 0.5, X, Y[None])
    np.testing.assert_allclose(found[1], expected[1], rtol=1e-5)


@pytest.mark.parametrize(
    ("losses", "args", "error", "message"),
    [
        (
            lambda p, x: {"a": p * jnp.ones(8)},
            (X,),
            ValueError,
            r"term 'a' has an array of shape \(8,\).* the 4 examples",
        ),
        (
            lambda p, x, y: {"a": p * x, "b": p * y},
            (X, Y[:6]),
            ValueError,
            r"term 'b' has an array of shape \(6,\).*leading axis of a term must be",
        ),
        (
            lambda p, x, g: {"a": p * x, "g": combine.Annotation(g)},
            (X, np.arange(6)),
            ValueError,
            r"term 'g' has an array of shape \(6,\)",
        ),
        (lambda p, x: {"a": p * x}, (X[:7],), ValueError, "microbatches=2 must divide the size of the batch"),
        (lambda p, x: {"a": p}, ([1.0, 2.0],), TypeError, "splits the arrays in the first argument"),
        (
            lambda p, x, key: {"a": p * x},
            (X, np.array([0, 1], np.uint32)),
            TypeError,
            r"old random key.*jax\.random\.key\(seed\)",
        ),
        (
            lambda p, batch: {"a": p * batch["x"]},
            ({"rng": np.array([0, 1], np.uint32), "x": X},),
            TypeError,
            "old random key",
        ),
    ],
)
@pytest.mark.parametrize("transform", [combine.scale(1.0), combine.top_fraction(0.5)], ids=["means", "examples"])
def test_what_belongs_to_no_part_is_refused(losses: Any, args: Any, error: Any, message: str, transform: Any) -> None:
    objective = combine.objective(losses, transform, microbatches=2)
    state = combine.objective(losses, transform).init(1.0, *args)
    with pytest.raises(error, match=message):
        objective(1.0, state, *args)


def test_keys_of_examples_are_split_and_others_folded() -> None:
    def draws(params: Any, x: Any, keys: Any, *, key: Any) -> Any:
        own = jax.vmap(jax.random.normal)(keys)
        return {"a": params * x}, (own, jax.random.normal(key))

    keys = jax.random.split(jax.random.key(0), 8)
    (_, aux), _ = run(
        combine.objective(draws, microbatches=2, has_aux=True), jnp.float32(1), X, keys, key=jax.random.key(1)
    )
    np.testing.assert_array_equal(np.ravel(aux.extra[0]), jax.vmap(jax.random.normal)(keys))
    assert aux.extra[1][0] != aux.extra[1][1]


# ---- the wrong thing in the wrong place ------------------------------------------------------------------------


def one(params: Any, x: Any) -> Any:
    return {"a": params * x}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda c: c.objective({"a": one}), "objective needs a function .* found dict"),
        (lambda c: c.objective("a"), "objective needs a function .* found str"),
        (lambda c: c.objective(None), "objective needs a function .* found NoneType"),
        (lambda c: c.objective(one, c.top_fraction), r"found the function top_fraction; .* call it: top_fraction"),
        (lambda c: c.objective(one, c.upgrad()), "a transformation is needed.* found Aggregator"),
        (lambda c: c.objective(one, {"a": 1.0}), "a transformation is needed.* found dict"),
        (lambda c: c.chain(c.uncertainty), "found the function uncertainty"),
        (lambda c: c.on("a", c.weigh), "found the function weigh"),
        (lambda c: c.objective(one, aggregate=c.upgrad), r"aggregate must be an aggregator.* call it: upgrad\(...\)"),
        (lambda c: c.objective(one, aggregate=c.weigh(a=1.0)), "aggregate must be an aggregator.* found LossTransform"),
        (lambda c: c.objective(one, aggregate="upgrad"), "aggregate must be an aggregator.* found str"),
    ],
)
def test_an_objective_of_the_wrong_things(make: Any, message: str) -> None:
    modules: Any = combine
    with pytest.raises(TypeError, match=message):
        make(modules)


@pytest.mark.parametrize("way", WAYS)
def test_params_and_state_swapped(way: str) -> None:
    objective = combine.objective(one, **WAYS[way])
    state = objective.init(1.0, X)
    calls: tuple[Any, ...] = (objective, objective.apply, jax.jit(objective))
    for call in calls:
        with pytest.raises(TypeError, match="params and state are swapped"):
            call(state, 1.0, X)
        with pytest.raises(TypeError, match="params and state are swapped"):
            call(state, state, X)
        with pytest.raises(TypeError, match="the second argument of an objective must be its state"):
            call(1.0, X, state)
    with pytest.raises(TypeError, match="without a state"):
        objective.init(state, X)
