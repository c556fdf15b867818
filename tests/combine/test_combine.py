"""Objectives: the laws of the combinator layer."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxloss
from jaxloss import combine, reductions
from jaxloss.combine.structure.terms import lift
from jaxloss.reductions import Term

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(2, 6)).astype(np.float32)
KEEP = np.array([True, True, False, True, True, False])
PARAMS = {"w": jnp.float32(0.7), "b": jnp.float32(-0.2)}


def losses(params, x, y, keep):
    predictions = params["w"] * x + params["b"]
    return {
        "fit": jaxloss.squared_error(predictions, y, where=keep, reduction=reductions.term),
        "tail": jaxloss.half_squared_error(predictions, y, reduction=reductions.term),
        "size": params["w"] ** 2,
    }


def by_hand(params, x, y, keep, fit=1.0, tail=1.0, size=1.0):
    predictions = params["w"] * x + params["b"]
    return (
        fit * jaxloss.squared_error(predictions, y, where=keep)
        + tail * jaxloss.half_squared_error(predictions, y)
        + size * params["w"] ** 2
    )


def run(objective, params=PARAMS, steps=1, args=(X, Y, KEEP)):
    state = objective.init(params, *args)
    for _ in range(steps):
        (loss, aux), gradient = jax.value_and_grad(objective, has_aux=True)(params, state, *args)
        state = aux.state
    return loss, aux, gradient


def close(actual, expected, rtol=1e-6):
    jax.tree.map(lambda a, e: np.testing.assert_allclose(a, e, rtol=rtol), actual, expected)


def test_alone_it_is_the_sum_of_the_means() -> None:
    loss, aux, gradient = run(combine.objective(losses))
    value, slopes = jax.value_and_grad(by_hand)(PARAMS, X, Y, KEEP)
    close((loss, gradient), (value, slopes))
    assert set(aux.terms) == {"fit", "tail", "size"}
    assert [float(aux.terms[n].weights) for n in ("fit", "tail", "size")] == [4, 6, 1]
    close(aux.terms["fit"].values, jaxloss.squared_error(0.7 * X - 0.2, Y, where=KEEP))


def test_weights_and_schedules() -> None:
    schedule = optax.linear_schedule(0.0, 1.0, 4)
    objective = combine.objective(
        losses, combine.weigh(fit=schedule, size=1e-2), combine.on("tail", combine.scale(-0.5))
    )
    for steps in (1, 3):
        loss, aux, gradient = run(objective, steps=steps)
        hand = {"fit": (steps - 1) / 4, "tail": -0.5, "size": 1e-2}
        close((loss, gradient), jax.value_and_grad(by_hand)(PARAMS, X, Y, KEEP, **hand), rtol=2e-6)
        close(aux.weights, {n: jnp.float32(w) for n, w in hand.items()})
        assert int(aux.state.step) == steps


def test_contributions_sum_to_the_loss_and_weights_to_the_gradient() -> None:
    objective = combine.objective(losses, combine.weigh(fit=2.0, tail=0.3))
    loss, aux, gradient = run(objective)
    np.testing.assert_allclose(sum(map(float, aux.contributions.values())), loss, rtol=1e-6)
    mean = {n: lambda p, n=n: reductions.summarize(lift(losses(p, X, Y, KEEP))[n]).values for n in aux.terms}
    parts = {n: jax.grad(mean[n])(PARAMS) for n in mean}
    total = {k: sum(float(aux.weights[n]) * float(parts[n][k]) for n in parts) for k in PARAMS}
    close(gradient, total, rtol=1e-5)


def test_metrics_are_flat_and_named() -> None:
    _, aux, _ = run(combine.objective(losses, combine.weigh(fit=2.0)))
    metrics = aux.metrics()
    assert set(metrics) == {f"{kind}/{n}" for kind in ("value", "weight", "weighted", "count") for n in aux.terms}
    close(metrics["weighted/fit"], 2 * metrics["value/fit"])


@pytest.mark.parametrize("zero", [0.0, optax.linear_schedule(0.0, 1.0, 5)], ids=["static", "scheduled"])
def test_a_term_of_weight_zero_lets_no_nan_through(zero) -> None:
    def spoiled(params, *args):
        return {**losses(params, *args), "bad": Term(params["w"] * jnp.array([jnp.nan, 1.0]), jnp.ones(2))}

    loss, aux, gradient = run(combine.objective(spoiled, combine.weigh(bad=zero)))
    expected, _, slopes = run(combine.objective(losses))
    np.testing.assert_allclose(loss, expected, rtol=1e-6)
    if not callable(zero):
        close(gradient, slopes)
    assert float(aux.weights["bad"]) == 0
    assert np.isnan(aux.terms["bad"].values)


def test_a_static_zero_removes_the_backward_pass_of_the_term() -> None:
    def heavy(params, x):
        return {"a": jnp.sum(params**2), "b": jnp.sum(jnp.tanh(x @ params) ** 2)}

    objective = combine.objective(heavy, combine.weigh(b=0.0))
    params, x = jnp.ones((8, 8)), jnp.ones((8, 8))
    state = objective.init(params, x)
    text = jax.jit(jax.grad(lambda p: objective(p, state, x)[0])).lower(params).compile().as_text()
    assert "dot(" not in text


def test_masked_rows_change_nothing() -> None:
    args = [np.concatenate([a, b]) for a, b in ((X, [np.nan, 5.0]), (Y, [1.0, np.inf]), (KEEP, [False, False]))]
    args = [np.asarray(a, s.dtype) for a, s in zip(args, (X, Y, KEEP), strict=True)]

    def masked(params, x, y, keep):
        predictions = jnp.where(keep, params["w"] * x + params["b"], jnp.nan)
        return {"fit": jaxloss.squared_error(predictions, y, where=keep, reduction=reductions.term)}

    objective = combine.objective(masked, combine.weigh(fit=0.5))
    small, large = run(objective), run(objective, args=args)
    close((small[0], small[1].terms), (large[0], large[1].terms))


def test_changing_a_traced_weight_does_not_recompile() -> None:
    traces = []

    @jax.jit
    def step(params, weight, x, y, keep):
        traces.append(1)
        objective = combine.objective(losses, combine.weigh(fit=weight))
        return objective(params, objective.init(params, x, y, keep), x, y, keep)[0]

    one, two = step(PARAMS, 1.0, X, Y, KEEP), step(PARAMS, 2.0, X, Y, KEEP)
    assert len(traces) == 1
    fit = jaxloss.squared_error(0.7 * X - 0.2, Y, where=KEEP)
    np.testing.assert_allclose(two - one, fit, rtol=1e-5)


@jax.numpy_dtype_promotion("standard")  # for optax's own arithmetic
def test_scan_over_steps_equals_a_loop() -> None:
    objective = combine.objective(losses, combine.weigh(fit=optax.linear_schedule(0.0, 1.0, 3)))
    optimiser = optax.adam(0.05)

    def step(carry, _):
        params, state, momentum = carry
        (loss, aux), gradient = jax.value_and_grad(objective, has_aux=True)(params, state, X, Y, KEEP)
        updates, momentum = optimiser.update(gradient, momentum, params)
        return (optax.apply_updates(params, updates), aux.state, momentum), loss

    start = (PARAMS, objective.init(PARAMS, X, Y, KEEP), optimiser.init(PARAMS))
    (final, state, _), scanned = jax.jit(lambda c: jax.lax.scan(step, c, None, length=5))(start)
    carry, looped = start, []
    for _ in range(5):
        carry, loss = step(carry, None)
        looped.append(loss)
    np.testing.assert_allclose(scanned, looped, rtol=1e-5)
    close(final, carry[0], rtol=1e-5)
    assert int(state.step) == 5
    assert jax.tree.structure(state) == jax.tree.structure(start[1])


def test_plain_jax_all_the_way() -> None:
    objective = combine.objective(losses, combine.weigh(size=0.5))
    state = objective.init(PARAMS, X, Y, KEEP)
    value = lambda p: objective(p, state, X, Y, KEEP)[0]
    hand = lambda p: by_hand(p, X, Y, KEEP, size=0.5)
    close(jax.hessian(value)(PARAMS), jax.hessian(hand)(PARAMS), rtol=1e-5)
    tangent = {"w": jnp.float32(1.0), "b": jnp.float32(2.0)}
    close(jax.jvp(value, (PARAMS,), (tangent,))[1], jax.jvp(hand, (PARAMS,), (tangent,))[1], rtol=1e-5)
    many = jax.tree.map(lambda p: p + jnp.arange(3.0), PARAMS)
    close(jax.vmap(value)(many), jax.vmap(hand)(many), rtol=1e-5)


def test_nothing_in_aux_carries_a_gradient() -> None:
    objective = combine.objective(losses)
    state = objective.init(PARAMS, X, Y, KEEP)
    total = lambda p: sum(map(jnp.sum, jax.tree.leaves(objective(p, state, X, Y, KEEP)[1].metrics())))
    assert not any(np.any(g) for g in jax.tree.leaves(jax.grad(total)(PARAMS)))


def test_has_aux_hands_on_what_the_losses_return() -> None:
    objective = combine.objective(lambda *a: (losses(*a), {"seen": a[1]}), has_aux=True)
    _, aux, _ = run(objective)
    np.testing.assert_array_equal(aux.extra["seen"], X)


def test_init_runs_no_maths() -> None:
    def explosive(params, x):
        jax.debug.callback(lambda: (_ for _ in ()).throw(AssertionError("ran")))
        return {"a": params * x}

    combine.objective(explosive).init(jnp.float32(1.0), jnp.float32(1.0))


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda: combine.objective(losses, combine.weigh(kl=1.0)),
            KeyError,
            r"weigh: unknown term\(s\) \['kl'\]; the terms are",
        ),
        (
            lambda: combine.objective(losses, combine.on("kl", combine.scale(1.0))),
            KeyError,
            r"on: unknown term\(s\) \['kl'\]",
        ),
        (lambda: combine.objective(lambda *a: jnp.ones(3)), TypeError, "losses must return a dict of named terms"),
        (
            lambda: combine.objective(lambda *a: {"n": jnp.arange(3)}),
            TypeError,
            "term 'n' must hold floating-point losses",
        ),
        (
            lambda: combine.objective(lambda *a: {"n": Term(jnp.ones(3), jnp.ones(2))}),
            ValueError,
            "term 'n': values and weights",
        ),
        (
            lambda: combine.objective(losses, combine.scale(jnp.ones(2))),
            ValueError,
            "the weight of 'fit' must be one number",
        ),
        (
            lambda: combine.objective(
                losses, combine.LossTransform(lambda t: (), lambda t, s, *, step: ({"fit": t["fit"]}, s))
            ),
            ValueError,
            "it must keep the names",
        ),
    ],
)
def test_errors_come_at_init(make, error, message) -> None:
    with pytest.raises(error, match=message):
        make().init(PARAMS, X, Y, KEEP)


def test_a_state_of_another_objective_is_refused() -> None:
    state = combine.objective(losses).init(PARAMS, X, Y, KEEP)
    other = combine.objective(losses, combine.scale(1.0), combine.scale(2.0))
    with pytest.raises(ValueError, match="the state belongs to another objective"):
        other(PARAMS, state, X, Y, KEEP)
