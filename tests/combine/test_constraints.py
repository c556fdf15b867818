"""Constraints on terms: against mdmm and cooper, the formula of GECO, and problems with known solutions."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxloss import combine
from tests.combine.weighting import LOSSES, NAMES, REFERENCES, weights_of

BOUND = dict.fromkeys(NAMES, 0.5)


@pytest.mark.parametrize("kind", ["equal", "at_most", "at_least"])
def test_weights_equal_mdmm_and_cooper(kind) -> None:
    weights, state = weights_of(combine.constrain(optax.sgd(0.3), damping=2.0, **{kind: BOUND}))
    np.testing.assert_allclose(weights, REFERENCES[kind], rtol=1e-12, atol=1e-14)
    assert set(state.multipliers[kind]) == set(NAMES)


def test_without_damping_only_the_multiplier_counts() -> None:
    weights, _ = weights_of(combine.constrain(optax.sgd(0.3), equal={"a": 0.5}, damping=0.0))
    expected = np.concatenate([[0], 0.3 * np.cumsum(LOSSES[:-1, 0] - 0.5)])
    np.testing.assert_allclose(weights[:, 0], expected, rtol=1e-12, atol=1e-15)
    np.testing.assert_array_equal(weights[:, 1:], 1)


def test_geco_follows_its_algorithm() -> None:
    log, expected = 0.0, []
    for t in range(len(LOSSES)):
        expected.append(np.exp(log))
        decay = 0.8 ** np.arange(t + 1)[::-1]
        log += 0.2 * np.average(LOSSES[: t + 1, 1] - 0.5, weights=decay)
    weights, _ = weights_of(combine.geco({"b": 0.5}, step_size=0.2, decay=0.8))
    np.testing.assert_allclose(weights[:, 1], expected, rtol=1e-12)
    np.testing.assert_array_equal(weights[:, [0, 2]], 1)


def test_geco_stays_between_its_limits() -> None:
    weights, state = weights_of(combine.geco({"a": 0.0, "b": 1e3}, step_size=1.0, largest=10.0))
    np.testing.assert_allclose(weights[-1], [10, 0.1, 1], rtol=1e-12)
    assert abs(state.log_weights["a"]) <= np.log(10) + 1e-12


def solve(transform, losses, start, steps=400, rate=0.05):
    """Where gradient descent on the objective ends, and its state."""
    objective = combine.objective(losses, transform)

    def step(carry, _):
        params, state = carry
        slope, aux = jax.grad(objective, has_aux=True)(params, state)
        return (params - rate * slope, aux.state), None

    carry = (start, objective.init(start))
    (params, state), _ = jax.jit(lambda c: jax.lax.scan(step, c, None, length=steps))(carry)
    return params, state.transform[0].multipliers


@jax.numpy_dtype_promotion("standard")
def test_the_nearest_point_of_a_line() -> None:
    losses = lambda p: {"size": jnp.sum(p**2), "sum": p[0] + 2 * p[1]}
    point, multipliers = solve(combine.constrain(optax.sgd(0.3), equal={"sum": 1.0}), losses, jnp.array([3.0, -2.0]))
    np.testing.assert_allclose(point, [0.2, 0.4], atol=1e-3)
    np.testing.assert_allclose(multipliers["equal"]["sum"], -0.4, atol=2e-3)


@pytest.mark.parametrize(
    ("bounds", "solution", "multiplier"),
    [
        ({"at_most": {"x": 1.0}}, 1.0, 2.0),
        ({"at_most": {"x": 3.0}}, 2.0, 0.0),
        ({"at_least": {"x": 3.0}}, 3.0, 2.0),
        ({"at_least": {"x": 1.0}}, 2.0, 0.0),
        ({"at_least": {"x": 0.0}, "at_most": {"x": 1.5}}, 1.5, 1.0),
    ],
)
@jax.numpy_dtype_promotion("standard")
def test_bounds_are_active_only_where_they_bind(bounds, solution, multiplier) -> None:
    losses = lambda x: {"fit": (x - 2) ** 2, "x": x}
    x, multipliers = solve(combine.constrain(optax.sgd(0.3), **bounds), losses, jnp.float32(-1.0))
    np.testing.assert_allclose(x, solution, atol=2e-3)
    np.testing.assert_allclose(max(m["x"] for m in multipliers.values() if m), multiplier, atol=5e-3)


def test_an_absent_constraint_is_out_of_the_optimiser() -> None:
    clipped = optax.chain(optax.clip_by_global_norm(0.01), optax.sgd(1.0))
    present = np.tile([1.0, 0.0, 1.0], (len(LOSSES), 1))
    runs = [
        weights_of(combine.constrain(clipped, equal=bounds), present=present)[1].multipliers["equal"]
        for bounds in ({"a": 0.5, "b": -9.0}, {"a": 0.5})
    ]
    assert runs[0]["b"] == 0
    np.testing.assert_allclose(runs[0]["a"], runs[1]["a"], rtol=1e-12)


def test_bounds_may_follow_schedules() -> None:
    weights, _ = weights_of(combine.constrain(optax.sgd(0.0), equal={"a": lambda t: 0.1 * t}))
    np.testing.assert_allclose(weights[:, 0], LOSSES[:, 0] - 0.1 * np.arange(len(LOSSES)), rtol=1e-12)


def test_a_bound_is_needed_and_names_are_known() -> None:
    with pytest.raises(ValueError, match="constrain needs a bound"):
        combine.constrain(optax.sgd(0.1))
    with pytest.raises(ValueError, match="geco needs a bound"):
        combine.geco({})
    for tx in (combine.constrain(optax.sgd(0.1), at_most={"kl": 1.0}), combine.geco({"kl": 1.0})):
        with pytest.raises(KeyError, match=r"unknown term\(s\) \['kl'\]; the terms are \['a'\]"):
            combine.objective(lambda p: {"a": p}, tx).init(1.0)
