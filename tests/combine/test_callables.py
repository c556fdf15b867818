"""Every public callable object can be given by itself to the transformations of JAX that take a function."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxloss
from jaxloss import combine, reductions
from tests.combine.test_aggregation import AGGREGATORS
from tests.combine.test_transform_laws import batch, table

X, Y = np.random.default_rng(0).normal(size=(2, 6)).astype(np.float32)
PARAMS = {"w": jnp.float32(0.7), "b": jnp.float32(-0.2)}


def losses(params: Any, x: Any, y: Any) -> dict[str, Any]:
    fit = jaxloss.squared_error(params["w"] * x + params["b"], y, reduction=reductions.term)
    return {"fit": fit, "size": params["w"] ** 2}


OBJECTIVES = {
    "plain": combine.objective(losses),
    "transformed": combine.objective(losses, combine.on("fit", combine.top_fraction(0.5)), combine.weigh(size=0.1)),
    "micro-batches": combine.objective(losses, microbatches=2),
    "aggregated": combine.objective(losses, aggregate=combine.upgrad()),
    "game": combine.objective(losses, aggregate=combine.players(w="fit", b="size")),
}

REDUCERS = {
    "mean": reductions.mean(),
    "sum": reductions.sum(),
    "mean_over": reductions.mean_over(4),
    "batch_mean": reductions.batch_mean(),
    "sequence_mean": reductions.sequence_mean(),
    "sequence_mean_token_sum": reductions.sequence_mean_token_sum(),
    "sequence_mean_token_sum_norm": reductions.sequence_mean_token_sum_norm(),
    "soft_maximum": reductions.soft_maximum(0.5),
    "top_fraction": reductions.top_fraction(0.5),
    "cvar": reductions.cvar(0.5),
    "trimmed_mean": reductions.trimmed_mean(0.2),
    # It holds an array, so that it cannot be hashed: it is made inside a function, as its documentation says.
    "worst_group": lambda values, weights: reductions.worst_group(np.zeros(6, np.int32), 2)(values, weights),
    "term": reductions.term,
}


@jaxloss.elementwise
def absolute(predictions: Any, targets: Any, *, scale: Any = 1.0) -> Any:
    """Absolute difference, scaled."""
    return jnp.abs(predictions - targets) * scale


@jaxloss.per_example(values="features", target="")
def distance(values: Any, target: Any) -> Any:
    """Squared distance of the sum."""
    return (jnp.sum(values) - target) ** 2


def close(found: Any, expected: Any) -> None:
    jax.tree.map(lambda a, b: np.testing.assert_allclose(plain(a), plain(b), rtol=1e-5, atol=1e-6), found, expected)


def plain(leaf: Any) -> Any:
    return jax.random.key_data(leaf) if jnp.issubdtype(jnp.result_type(leaf), jax.dtypes.prng_key) else leaf


def is_a_function(fn: Callable[..., Any], *args: Any) -> Any:
    """Whatever JAX does to functions that leaves the result as it is; the result."""
    expected = fn(*args)
    for same in (jax.jit(fn), jax.checkpoint(fn), jax.named_call(fn), functools.partial(fn), jax.named_scope("a")(fn)):
        close(same(*args), expected)
    close(jax.jit(functools.partial(fn, args[0]))(*args[1:]), expected)
    shapes = jax.eval_shape(fn, *args)
    jax.tree.map(lambda shape, found: np.testing.assert_equal(shape.shape, np.shape(found)), shapes, expected)
    _, found = jax.make_jaxpr(fn, return_shape=True)(*args)
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    stacked = jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], args)
    close(jax.tree.map(lambda leaf: leaf[0], jax.vmap(fn)(*stacked)), expected)
    close(jax.tree.map(lambda leaf: leaf[0], jax.pmap(fn)(*stacked)), expected)
    return expected


def has_slopes(fn: Callable[..., Any], *args: Any, has_aux: bool = False) -> None:
    """Derivatives by the first argument, of the object itself."""
    value, slope = jax.value_and_grad(fn, has_aux=has_aux)(*args)
    close(value, fn(*args))
    found = jax.grad(fn, has_aux=has_aux)(*args)
    close(found[0] if has_aux else found, slope)


@pytest.mark.parametrize("name", [n if n == "plain" else pytest.param(n, marks=pytest.mark.full) for n in OBJECTIVES])
def test_objectives(name: str) -> None:
    objective = OBJECTIVES[name]
    state = objective.init(PARAMS, X, Y)
    close(jax.jit(objective.init)(PARAMS, X, Y), state)
    is_a_function(objective, PARAMS, state, X, Y)
    has_slopes(objective, PARAMS, state, X, Y, has_aux=True)
    if name in ("plain", "transformed"):
        value, _, aux = jax.linearize(objective, PARAMS, state, X, Y, has_aux=True)
        close((value, aux), objective(PARAMS, state, X, Y))


@pytest.mark.parametrize("name", REDUCERS)
def test_reducers(name: str) -> None:
    reducer = REDUCERS[name]
    values = jnp.abs(X)
    is_a_function(reducer, values, jnp.ones_like(values))
    if name != "term":
        has_slopes(reducer, values, jnp.ones_like(values))
        value, linear = jax.linearize(reducer, values, jnp.ones_like(values))
        close(value, reducer(values, jnp.ones_like(values)))
        assert np.isfinite(linear(values, jnp.zeros_like(values)))


def test_every_reducer_is_here() -> None:
    assert set(REDUCERS) == set(reductions.__all__) - {"Term", "merge", "summarize"}


@pytest.mark.parametrize(
    ("loss", "args"), [(absolute, (X, Y)), (distance, (X.reshape(2, 3), Y[:2]))], ids=["elementwise", "per_example"]
)
def test_decorated_losses(loss: Any, args: Any) -> None:
    value = is_a_function(loss, *args)
    has_slopes(loss, *args)
    found, linear = jax.linearize(loss, *args)
    close(found, value)
    assert np.isfinite(linear(*args))


@pytest.mark.full
@pytest.mark.parametrize("name", sorted(table(optax.adam(0.05))))
@jax.numpy_dtype_promotion("standard")  # for optax's own arithmetic
def test_transformations(name: str) -> None:
    transform = table(optax.adam(0.05))[name].tx
    terms, notes = batch()
    state = is_a_function(transform.init, terms)
    is_a_function(lambda terms, state: transform.update(terms, state, step=jnp.int32(1), **notes), terms, state)


@pytest.mark.full
@pytest.mark.parametrize("name", AGGREGATORS)
def test_aggregators(name: str) -> None:
    aggregator = AGGREGATORS[name]()
    rows = jnp.asarray(np.random.default_rng(0).normal(size=(3, 4)), jnp.float32)
    state = aggregator.init(jnp.zeros(4), ("a", "b", "c"))
    close(jax.jit(aggregator.init, static_argnums=1)(jnp.zeros(4), ("a", "b", "c")), state)
    more = {"values": jnp.arange(1.0, 4.0), "present": jnp.ones(3, bool), "step": jnp.int32(0)}
    is_a_function(lambda rows, state: aggregator.update(rows, state, **more), rows, state)
