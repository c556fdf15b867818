"""Nothing is found in healthy losses: the legal inputs of every Case, and every step of a training."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss
from jaxloss import combine
from jaxloss.inspect.calls import cast, cast_hypers, generator, settings
from jaxloss.inspect.case import Case
from jaxloss.inspect.diagnosis import diagnose
from tests.cases import all_cases
from tests.inspect.diagnosis.lookalikes import HEALTHY

EVERY = 25
"""One Case in so many is in the default tier."""


def parameters() -> list[Any]:
    return [
        pytest.param(case, id=case.name, marks=[] if place % EVERY == 0 else [pytest.mark.full])
        for place, case in enumerate(all_cases())
    ]


@pytest.mark.parametrize("case", parameters())
def test_nothing_is_found_at_legal_inputs(case: Case) -> None:
    inputs = cast(case.draw(generator(), (6,)), jnp.float32)
    leading = jax.tree.map(lambda x: jnp.asarray(x, jnp.float32) if isinstance(x, np.ndarray) else x, case.leading)
    diagnosis = diagnose(case.fn, *leading, *inputs.values(), **cast_hypers(settings(case)[0], jnp.float32))
    assert not diagnosis, diagnosis.text()
    assert diagnosis.value is not None
    assert diagnosis.text().startswith("Nothing found")


@pytest.mark.parametrize("name", HEALTHY)
def test_nothing_is_found_in_what_looks_sick(name: str) -> None:
    fn, args, kwargs = HEALTHY[name]
    diagnosis = diagnose(fn, *args, **kwargs)
    assert not diagnosis, diagnosis.text()
    assert diagnosis.value is not None
    assert np.isfinite(diagnosis.value)


def network(params: Any, x: jax.Array) -> jax.Array:
    hidden = jax.nn.relu(x @ params["w1"] + params["b1"])
    return hidden @ params["w2"] + params["b2"]


def start(rng: np.random.Generator, *, zero_head: bool) -> Any:
    head = 0.0 if zero_head else 0.3
    return {
        "w1": jnp.asarray(0.5 * rng.normal(size=(8, 16)), jnp.float32),
        "b1": jnp.zeros((1, 16)),
        "w2": jnp.asarray(head * rng.normal(size=(16, 3)), jnp.float32),
        "b2": jnp.zeros((1, 3)),
    }


def data(rng: np.random.Generator) -> Any:
    x = rng.normal(size=(64, 8)).astype(np.float32)
    return {"x": jnp.asarray(x), "y": jnp.asarray(np.argmax(x[:, :3], axis=1), jnp.int32), "valid": jnp.arange(64) < 60}


@pytest.mark.parametrize("zero_head", [False, pytest.param(True, marks=pytest.mark.full)])
def test_nothing_is_found_in_a_training(zero_head: bool) -> None:
    rng = np.random.default_rng(7)
    params, batch = start(rng, zero_head=zero_head), data(rng)

    def loss(params: Any, batch: Any) -> tuple[jax.Array, jax.Array]:
        logits = network(params, batch["x"])
        values = jaxloss.softmax_cross_entropy_with_integer_labels(logits, batch["y"], where=batch["valid"])
        return values, logits

    step = jax.jit(
        lambda params: jax.tree.map(lambda p, g: p - 0.5 * g, params, jax.grad(lambda p: loss(p, batch)[0])(params))
    )
    first = diagnose(loss, params, batch)
    for turn in range(200):
        if turn in (1, 50):
            assert not (found := diagnose(jax.jit(loss), params, batch)), found.text()
        params = step(params)
    last = diagnose(loss, params, batch)
    assert not first, first.text()
    assert not last, last.text()
    assert first.value is not None
    assert last.value is not None
    assert last.value < 0.2 * first.value


@pytest.mark.parametrize("microbatches", [pytest.param(1, marks=pytest.mark.full), 4])
def test_nothing_is_found_in_an_objective(microbatches: int) -> None:
    rng = np.random.default_rng(8)
    params, batch = start(rng, zero_head=False), data(rng)

    def losses(params: Any, batch: Any) -> Any:
        logits = network(params, batch["x"])
        ce = jaxloss.softmax_cross_entropy_with_integer_labels(logits, batch["y"], where=batch["valid"])
        return {"ce": ce, "l2": jaxloss.l2_penalty(params)}

    objective = combine.objective(losses, combine.weigh(l2=1e-3), microbatches=microbatches)
    state = objective.init(params, batch)
    diagnosis = diagnose(objective, params, state, batch)
    assert not diagnosis, diagnosis.text()
    assert diagnosis.value == pytest.approx(float(jax.jit(objective)(params, state, batch)[0]))
