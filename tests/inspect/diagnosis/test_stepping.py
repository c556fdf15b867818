"""A program that is run step by step gives what JAX gives, and every number knows where it came from."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss.inspect.calls import cast, cast_hypers, generator, settings
from jaxloss.inspect.case import Case
from jaxloss.inspect.diagnosis.flow import ancestors, flow_from
from jaxloss.inspect.diagnosis.stepping import LONG, step_through
from tests.cases import all_cases

EVERY = 100


def loop(x: jax.Array) -> jax.Array:
    turn = lambda state, row: (0.5 * state + row, jnp.tanh(state) * row)
    last, rows = jax.lax.scan(turn, jnp.zeros(()), x, reverse=True)
    return last + jnp.sum(rows)


def branch(x: jax.Array) -> jax.Array:
    return jax.lax.cond(jnp.sum(x) > 0, lambda y: jnp.sum(y * y), lambda y: jnp.sum(jnp.abs(y)), x)


def switch(x: jax.Array) -> jax.Array:
    branches = [lambda y: y[0], lambda y: 2.0 * y[1], lambda y: jnp.sum(y)]
    return jax.lax.switch(jnp.asarray(2), branches, x)


def inside(x: jax.Array) -> jax.Array:
    return jax.checkpoint(lambda y: jax.jit(jax.nn.relu)(y).sum())(x) + jnp.linalg.norm(x) + jax.nn.softplus(x).sum()


def until(x: jax.Array) -> jax.Array:
    return jax.lax.while_loop(lambda y: jnp.sum(y) < 50.0, lambda y: 2.0 * y, jnp.abs(x)).sum()


def mapped(x: jax.Array) -> jax.Array:
    return jax.vmap(lambda y: jnp.log1p(jnp.exp(y)))(x).sum()


PROGRAMS = [loop, branch, switch, inside, until, mapped, jax.grad(lambda x: inside(x) + loop(x))]


@pytest.mark.parametrize("fn", PROGRAMS, ids=["loop", "branch", "switch", "inside", "until", "mapped", "gradient"])
@pytest.mark.parametrize("size", [3, pytest.param(LONG + 2, marks=pytest.mark.full)])
def test_steps_give_the_value(fn: Any, size: int) -> None:
    x = jnp.asarray(np.random.default_rng(3).normal(size=size), jnp.float32)
    program = step_through(fn, x)
    assert program is not None
    np.testing.assert_allclose(program.outputs[0].value, jax.jit(fn)(x), rtol=2e-5, atol=1e-6)


def cases() -> list[Any]:
    chosen = [pytest.mark.full]
    return [
        pytest.param(c, id=c.name, marks=chosen if i % EVERY else []) for i, c in enumerate(all_cases()) if not i % 4
    ]


@pytest.mark.parametrize("case", cases())
def test_steps_of_a_loss_give_its_value(case: Case) -> None:
    inputs = cast(case.draw(generator(), (4,)), jnp.float32)
    leading = jax.tree.map(lambda x: jnp.asarray(x, jnp.float32) if isinstance(x, np.ndarray) else x, case.leading)
    hypers = cast_hypers(settings(case)[0], jnp.float32)
    loss = lambda given: jnp.sum(jax.tree.leaves(case.fn(*leading, *given, **hypers))[0])
    program = step_through(loss, list(inputs.values()))
    assert program is not None
    np.testing.assert_allclose(program.outputs[0].value, jax.jit(loss)(list(inputs.values())), rtol=1e-4, atol=1e-5)


def test_what_depends_on_what() -> None:
    def fn(a: jax.Array, b: jax.Array, c: jax.Array) -> jax.Array:
        return jnp.sum(jnp.sin(a) * jnp.round(b)) + jnp.sum(jax.lax.stop_gradient(b)) + 0.0 * c.size

    a, b, c = jnp.ones(2), jnp.full(2, 0.3), jnp.ones(2)
    program = step_through(fn, a, b, c)
    assert program is not None
    flows = [flow_from(program, [node]) for node in program.inputs]
    out = program.outputs[0]
    assert [out in flow.reached for flow in flows] == [True, True, False]
    assert [out in flow.differentiable for flow in flows] == [True, False, False]
    blockers = [step.primitive for step in flows[1].blockers(program, ancestors(program.outputs))]
    assert sorted(blockers) == ["round", "stop_gradient"]


def test_a_program_that_needs_values_is_not_stepped_through() -> None:
    assert step_through(lambda x: x if float(x) > 0 else -x, jnp.ones(())) is None
