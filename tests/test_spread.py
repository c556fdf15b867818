"""One objective gives the same numbers on one device, on many, and in micro-batches."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh, PartitionSpec

import jaxloss
from jaxloss import combine, reductions
from jaxloss.combine.aggregation import Aggregator
from jaxloss.reductions import Term
from tests.support import assert_trees_close

P = PartitionSpec
RNG = np.random.default_rng(3)
BATCH, WIDTH = 24, 4
DATA = {
    "x": RNG.normal(size=(BATCH, WIDTH)).astype(np.float32),
    "y": RNG.normal(size=(BATCH,)).astype(np.float32),
    "label": RNG.integers(0, 3, BATCH).astype(np.int32),
    "valid": RNG.uniform(size=BATCH) > 0.4,
}
DATA["valid"][:6] = False  # the first device of four or eight, and a whole micro-batch, has no valid example
PARAMS = {
    "w": RNG.normal(size=(WIDTH, 8)).astype(np.float32),
    "head": RNG.normal(size=(8, 3)).astype(np.float32),
    "out": RNG.normal(size=(8,)).astype(np.float32),
    "steps": np.int32(7),
}


def losses(params: Any, batch: Any) -> dict[str, Any]:
    hidden = jnp.tanh(batch["x"] @ params["w"])
    logits, value = hidden @ params["head"], hidden @ params["out"]
    return {
        "ce": jaxloss.softmax_cross_entropy_with_integer_labels(
            logits, batch["label"], where=batch["valid"], reduction=reductions.term
        ),
        "fit": jaxloss.huber_loss(value, batch["y"], weights=1 + batch["y"] ** 2, reduction=reductions.term),
        "mean": jaxloss.squared_error(hidden, jnp.zeros_like(hidden), reduction=reductions.term),
        "size": 0.1 * jnp.sum(params["w"] ** 2),
    }


def plain_sum() -> Aggregator:
    add = lambda rows, state, *, values, present, step, **extra: (
        jax.tree.map(lambda r: jnp.sum(r, 0), rows),
        state,
    )
    return Aggregator(lambda params, names: (), add)


def halves() -> combine.LossTransform:
    """Keep the larger half of each term of examples: no sum over parts gives this."""

    def fn(terms: Any, step: Any) -> Any:
        def one(term: Term) -> Term:
            values = jax.lax.stop_gradient(jnp.where(term.weights > 0, term.values, -jnp.inf))
            keep = jnp.sum(term.weights > 0) // 2
            threshold = jnp.sort(jnp.ravel(values))[::-1][keep]
            return Term(term.values, jnp.where(values > threshold, term.weights, 0))

        return {name: one(term) if term.values.ndim and term.values.size > 8 else term for name, term in terms.items()}

    return combine.stateless(fn)


RECIPES: dict[str, dict[str, Any]] = {
    "alone": {},
    "weighed": {"transforms": (combine.weigh(ce=0.3, size=lambda step: 0.5 + step.astype(jnp.float32)),)},
    "switched off": {"transforms": (combine.weigh(ce=0.0, fit=lambda step: 0.0 * step.astype(jnp.float32)),)},
    "hard examples": {"transforms": (combine.on(["ce", "fit"], halves()), combine.weigh(fit=2.0))},
    "derived": {"transforms": (combine.derive("square", lambda m: jnp.sum(m**2), "mean"), combine.scale(0.7))},
    "aggregated": {"aggregate": plain_sum()},
}


def evaluate(recipe: dict[str, Any], steps: int = 2, **options: Any) -> Any:
    objective = combine.objective(losses, *recipe.get("transforms", ()), aggregate=recipe.get("aggregate"), **options)
    state = objective.init(PARAMS, DATA)

    def run(params: Any, state: Any, batch: Any) -> Any:
        for _ in range(steps):
            floats = {k: v for k, v in params.items() if k != "steps"}
            step = lambda p, s=state: objective({**p, "steps": params["steps"]}, s, batch)
            (loss, aux), gradient = jax.value_and_grad(step, has_aux=True)(floats)
            state = aux.state
        return loss, aux, gradient

    return run, state


@functools.cache
def reference(name: str) -> Any:
    run, state = evaluate({**RECIPES[name]})
    return jax.jit(run)(PARAMS, state, DATA)


def on_devices(recipe: dict[str, Any], devices: int, microbatches: int, check: bool) -> Any:
    mesh = Mesh(np.array(jax.devices()[:devices]), ("data",))
    run, state = evaluate(recipe, axis_name="data", microbatches=microbatches)
    program = jax.shard_map(run, mesh=mesh, in_specs=(P(), P(), P("data")), out_specs=P(), check_vma=check)
    return jax.jit(program)(PARAMS, state, DATA)


def same(actual: Any, expected: Any, rtol: float = 1e-5) -> None:
    for part in range(3):
        a, e = actual[part], expected[part]
        if part == 1:
            a, e = a._replace(extra=None), e._replace(extra=None)
        assert_trees_close(jax.tree.leaves(a), jax.tree.leaves(e), rtol, ("loss", "aux", "gradient")[part])


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("microbatches", [2, 3, 4])
def test_micro_batches(name: str, microbatches: int) -> None:
    run, state = evaluate(RECIPES[name], microbatches=microbatches)
    same(jax.jit(run)(PARAMS, state, DATA), reference(name))


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize(("devices", "microbatches"), [(2, 1), (4, 1), (8, 1), (2, 3), (4, 2)])
@pytest.mark.parametrize("check", [True, False], ids=["check_vma", "no check"])
def test_devices(name: str, devices: int, microbatches: int, check: bool) -> None:
    same(on_devices(RECIPES[name], devices, microbatches, check), reference(name))
