"""Reinforcement learning: recursions against loops, gradients that must and must not pass, and rlax."""

from __future__ import annotations

import functools
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss
from tests.cases.reinforcement._shared import draw_actions, draw_states
from tests.cases.reinforcement.action_traces import draw_retrace, draw_retrace_continuous
from tests.cases.reinforcement.categorical_values import draw_categorical
from tests.cases.reinforcement.off_policy import draw_off_policy
from tests.cases.reinforcement.quantile_values import draw_mixtures, draw_quantiles
from tests.cases.reinforcement.regrets import draw_policy_and_values

ONE_STEP = {
    "td": draw_states,
    "q_learning": draw_actions("q_t"),
    "double_q_learning": draw_actions("q_t_value", "q_t_selector"),
    "sarsa": draw_actions("q_t", "a_t"),
    "expected_sarsa": draw_actions("q_t", "probs_a_t"),
}
KEEP = np.array([True, False, True, True, False, True, False])


def single(inputs):
    """float32 for floating inputs."""
    return {n: np.asarray(x, np.float32) if np.asarray(x).dtype == float else x for n, x in inputs.items()}


def trajectory(rng, batch=(3, 7)):
    """Rewards, discounts, all ``T + 1`` values and a mixing parameter for every step."""
    r, discount = rng.normal(size=batch), 0.9 * (rng.uniform(size=batch) < 0.8)
    values = rng.normal(size=(*batch[:-1], batch[-1] + 1))
    return [x.astype(np.float32) for x in (r, discount, values, rng.uniform(size=batch))]


def slopes(fn, inputs):
    """Derivatives of the sum of ``fn`` in all floating inputs."""
    floats = {n: jnp.asarray(x) for n, x in inputs.items() if np.asarray(x).dtype == np.float32}
    return jax.jit(jax.grad(lambda some: jnp.sum(fn(**{**inputs, **some}))))(floats)


@pytest.mark.parametrize("name", ONE_STEP)
class TestOneStep:
    def test_the_loss_is_half_the_square_of_the_error(self, name, rng) -> None:
        inputs = single(ONE_STEP[name](rng, (2, 3)))
        error = jax.jit(getattr(jaxloss, f"{name}_error"))(**inputs)
        assert error.shape == (2, 3)
        loss = jax.jit(lambda **x: getattr(jaxloss, f"{name}_loss")(**x, reduction="none"))(**inputs)
        np.testing.assert_allclose(loss, 0.5 * error**2, rtol=1e-6)

    def test_only_the_prediction_has_a_gradient(self, name, rng) -> None:
        inputs = single(ONE_STEP[name](rng, (5,)))
        found = slopes(getattr(jaxloss, f"{name}_error"), inputs)
        first = next(iter(inputs))
        expected = -np.ones(5) if name == "td" else -np.eye(4)[inputs["a_tm1"]]
        np.testing.assert_array_equal(found.pop(first), expected)
        for other, slope in found.items():
            assert not np.any(slope), other

    def test_masked_errors_are_zero(self, name, rng) -> None:
        inputs = single(ONE_STEP[name](rng, (4,)))
        error = jax.jit(getattr(jaxloss, f"{name}_error"))
        where = np.array([True, False, True, False])
        spoiled = {n: np.where(np.expand_dims(where, tuple(range(1, x.ndim))), x, -9) for n, x in inputs.items()}
        np.testing.assert_array_equal(error(**spoiled, where=where), np.where(where, error(**inputs), 0))

    def test_half_precision_is_raised(self, name, rng) -> None:
        inputs = {
            n: jnp.asarray(x, jnp.bfloat16 if x.dtype == float else None) for n, x in ONE_STEP[name](rng, (4,)).items()
        }
        assert getattr(jaxloss, f"{name}_error")(**inputs).dtype == jnp.float32


class TestActions:
    def test_the_next_action_of_sarsa_must_exist(self, rng) -> None:
        inputs = single(draw_actions("q_t", "a_t")(rng, (3,)))
        inputs["a_t"][1] = 4
        program = jax.jit(jaxloss.sarsa_error)
        np.testing.assert_array_equal(np.isnan(program(**inputs)), [False, True, False])
        with pytest.raises(ValueError, match="a_t must"):
            jaxloss.checked(program)(**inputs)

    @pytest.mark.parametrize("spoiled", ["q_t_value", "q_t_selector"])
    def test_a_nan_among_the_next_values_shows(self, rng, spoiled) -> None:
        """argmax points at a NaN in the selector, whose other values are well."""
        for action in range(4):
            inputs = single(draw_actions("q_t_value", "q_t_selector")(rng, (3,)))
            inputs[spoiled][1, action] = np.nan
            np.testing.assert_array_equal(np.isnan(jaxloss.double_q_learning_error(**inputs)), [False, True, False])

    def test_forbidden_actions(self, rng) -> None:
        """Of value -inf, or of probability 0."""
        inputs = single(draw_actions("q_t", "probs_a_t")(rng, (3,)))
        inputs["q_t"][:, 2], inputs["probs_a_t"][:, 2] = -np.inf, 0
        assert np.all(np.isfinite(jaxloss.expected_sarsa_error(**inputs)))
        inputs.pop("probs_a_t")
        assert np.all(np.isfinite(jaxloss.q_learning_error(**inputs)))


class TestReturns:
    def loop(self, r, discount, v, mix):
        returns, carry = np.zeros(r.shape), v[..., -1]
        for t in reversed(range(r.shape[-1])):
            carry = returns[..., t] = r[..., t] + discount[..., t] * (
                (1 - mix[..., t]) * v[..., t] + mix[..., t] * carry
            )
        return returns

    @pytest.mark.parametrize("length", [1, 2, 7, 100])
    def test_the_scan_equals_the_recursion(self, rng, length) -> None:
        r, discount, values, mix = trajectory(rng, (3, length))
        run = jax.jit(lambda m: jaxloss.returns.lambda_returns(r, discount, values[:, 1:], lambda_=m))
        np.testing.assert_allclose(run(mix), self.loop(r, discount, values[:, 1:], mix), rtol=1e-4, atol=1e-5)
        same = self.loop(r, discount, values[:, 1:], np.full_like(mix, 0.3))
        np.testing.assert_allclose(run(0.3), same, rtol=1e-4, atol=1e-5)

    def test_ends_of_the_mixture(self, rng) -> None:
        r, discount, values, _ = trajectory(rng)
        np.testing.assert_allclose(
            jaxloss.returns.lambda_returns(r, discount, values[:, 1:], lambda_=0.0),
            r + discount * values[:, 1:],
            rtol=1e-5,
        )
        total = np.zeros(3)
        for t in reversed(range(7)):
            total = r[:, t] + discount[:, t] * (total if t < 6 else values[:, -1])
        np.testing.assert_allclose(jaxloss.returns.lambda_returns(r, discount, values[:, 1:])[:, 0], total, rtol=1e-5)

    def test_masked_steps_are_passed_over(self, rng) -> None:
        r, discount, values, mix = trajectory(rng)
        v = values[:, 1:]
        spoil = lambda x: np.where(KEEP, x, np.nan).astype(np.float32)
        run = lambda *x, m, w=None: jaxloss.returns.lambda_returns(*x, lambda_=m, where=w)
        actual = run(spoil(r), spoil(discount), spoil(v), m=spoil(mix), w=np.broadcast_to(KEEP, r.shape))
        np.testing.assert_allclose(
            actual[:, KEEP], run(r[:, KEEP], discount[:, KEEP], v[:, KEEP], m=mix[:, KEEP]), rtol=1e-5
        )
        assert not np.any(actual[:, ~KEEP])

    def test_gradients_pass(self, rng) -> None:
        r, discount, values, mix = trajectory(rng)
        inputs = {"r_t": r, "discount_t": discount, "v_t": values[:, 1:], "lambda_": mix}
        for name, slope in slopes(jaxloss.returns.lambda_returns, inputs).items():
            assert np.all(np.isfinite(slope)), name
            assert np.any(slope), name

    def test_refusals(self) -> None:
        steps = jnp.ones((2, 3))
        with pytest.raises(ValueError, match="lambda_"):
            jaxloss.returns.lambda_returns(steps, steps, steps, lambda_=1.5)
        with pytest.raises(ValueError, match="lambda_"):
            jaxloss.returns.lambda_returns(steps, steps, steps, lambda_=jnp.ones(3))
        with pytest.raises(ValueError, match="time"):
            jaxloss.returns.lambda_returns(*[jnp.ones(())] * 3)
        with pytest.raises(ValueError, match="values"):
            jaxloss.returns.generalized_advantage_estimation(steps, steps, steps)

    def test_td_lambda_errors_pass_no_gradient_to_their_targets(self, rng) -> None:
        r, discount, values, _ = trajectory(rng)
        inputs = {"v_tm1": values[:, :-1], "r_t": r, "discount_t": discount, "v_t": values[:, 1:]}
        found = slopes(jaxloss.td_lambda_error, inputs)
        np.testing.assert_array_equal(found.pop("v_tm1"), -np.ones(r.shape))
        assert not any(np.any(slope) for slope in found.values())

    def test_a_weight_weighs_the_error_of_a_step(self, rng) -> None:
        inputs = single(draw_states(rng, (3, 7)))
        weights = rng.uniform(size=(3, 7)).astype(np.float32)
        errors = jaxloss.td_lambda_error(**inputs)
        expected = np.average(0.5 * np.square(errors), axis=-1, weights=weights)
        actual = jaxloss.td_lambda_loss(**inputs, weights=weights, reduction="none")
        np.testing.assert_allclose(actual, expected, rtol=1e-5)


class TestAdvantages:
    def test_the_scan_equals_the_recursion(self, rng) -> None:
        r, discount, values, mix = trajectory(rng, (3, 100))
        expected, carry = np.zeros(r.shape), np.zeros(3)
        for t in reversed(range(100)):
            delta = r[:, t] + discount[:, t] * values[:, t + 1] - values[:, t]
            carry = expected[:, t] = delta + discount[:, t] * mix[:, t] * carry
        actual = jax.jit(lambda m: jaxloss.returns.generalized_advantage_estimation(r, discount, values, lambda_=m))(
            mix
        )
        np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5)

    def test_plus_the_values_they_are_the_lambda_returns(self, rng) -> None:
        r, discount, values, _ = trajectory(rng)
        advantages = jaxloss.returns.generalized_advantage_estimation(r, discount, values)
        returns = jaxloss.returns.lambda_returns(r, discount, values[:, 1:], lambda_=0.95)
        np.testing.assert_allclose(advantages + values[:, :-1], returns, rtol=1e-4, atol=1e-5)

    def test_padding_is_passed_over(self, rng) -> None:
        r, discount, values, _ = trajectory(rng)
        where = np.broadcast_to(np.arange(7) < 4, r.shape)
        short = jaxloss.returns.generalized_advantage_estimation(r[:, :4], discount[:, :4], values[:, :5])
        for x in (r, discount):
            x[:, 4:] = np.nan
        values[:, 5:] = np.nan
        run = lambda **x: jaxloss.returns.generalized_advantage_estimation(**x, where=where)
        inputs = {"r_t": r, "discount_t": discount, "values": values}
        actual = run(**inputs)
        np.testing.assert_allclose(actual[:, :4], short, rtol=1e-5)
        assert not np.any(actual[:, 4:])
        assert all(np.all(np.isfinite(slope)) for slope in slopes(run, inputs).values())


@pytest.mark.parametrize("name", ["lambda_returns", "generalized_advantage_estimation"])
def test_the_program_does_not_grow_with_the_steps(name) -> None:
    """What is compiled for a CPU is one loop, without arrays of constants that the compiler would add up."""

    def instructions(steps):
        shapes = [jax.ShapeDtypeStruct((4, size), jnp.float32) for size in (steps, steps, steps + name.startswith("g"))]
        loss = lambda *x: jnp.sum(jnp.square(getattr(jaxloss.returns, name)(*x)))
        lowered = jax.jit(jax.grad(loss, (0, 2))).lower(*shapes)
        assert "reduce_window" not in lowered.as_text()
        return lowered.compile().as_text().count(" = ")

    assert instructions(2048) < 1.2 * instructions(64)


class TestSeveralSteps:
    def test_ends(self, rng) -> None:
        r, discount, values, _ = trajectory(rng)
        v = values[:, 1:]
        run = jax.jit(
            functools.partial(jaxloss.returns.n_step_bootstrapped_returns, r, discount, v), static_argnames="n"
        )
        np.testing.assert_allclose(run(n=1), r + discount * v, rtol=1e-6)
        for n in (7, 8, 50):
            np.testing.assert_allclose(run(n=n), jaxloss.returns.lambda_returns(r, discount, v), rtol=1e-5, atol=1e-6)
        mixed = jaxloss.returns.lambda_returns(r, discount, v, lambda_=0.4)
        np.testing.assert_allclose(run(n=7, lambda_=0.4), mixed, rtol=1e-5, atol=1e-6)

    def test_three_steps_by_hand(self, rng) -> None:
        r, discount, values, _ = trajectory(rng)
        v = values[:, 1:]
        expected = v[:, 4]
        for t in (4, 3, 2):
            expected = r[:, t] + discount[:, t] * expected
        actual = jaxloss.returns.n_step_bootstrapped_returns(r, discount, v, n=3)
        np.testing.assert_allclose(actual[:, 2], expected, rtol=1e-5)

    def test_refusals(self) -> None:
        steps = jnp.ones(3)
        for n in (2.0, True, jnp.array(2)):
            with pytest.raises(ValueError, match="n must be a whole number"):
                jaxloss.returns.n_step_bootstrapped_returns(steps, steps, steps, n=n)
        with pytest.raises(ValueError, match="n must"):
            jaxloss.returns.n_step_bootstrapped_returns(steps, steps, steps, n=0)


class TestVTrace:
    def test_on_policy_it_is_the_lambda_return(self, rng) -> None:
        r, discount, values, _ = trajectory(rng)
        v_tm1, v_t = values[:, :-1], values[:, 1:]
        actual = jaxloss.vtrace_error(v_tm1, v_t, r, discount, jnp.ones_like(r), lambda_=0.8)
        expected = jaxloss.td_lambda_error(v_tm1, r, discount, v_t, lambda_=0.8)
        np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5)

    def test_gradients(self, rng) -> None:
        """Of the errors -1 in their own values, of the loss minus the errors; to second order too."""
        inputs = single(draw_off_policy(rng, (3, 7)))
        found = slopes(jaxloss.vtrace_error, inputs)
        np.testing.assert_array_equal(found.pop("v_tm1"), -np.ones((3, 7)))
        assert not any(np.any(slope) for slope in found.values())
        loss = lambda v: jaxloss.vtrace_loss(**{**inputs, "v_tm1": v}, reduction="sum")
        slope, bend = jax.jit(lambda v: jax.jvp(jax.grad(loss), (v,), (jnp.ones((3, 7)),)))(inputs["v_tm1"])
        np.testing.assert_allclose(slope, -jax.jit(jaxloss.vtrace_error)(**inputs) / 7, rtol=1e-5)
        np.testing.assert_allclose(bend, np.full((3, 7), 1 / 7), rtol=1e-6)

    def test_an_infinite_ratio_is_clipped_unless_it_leaks(self, rng) -> None:
        inputs = single(draw_off_policy(rng, (3, 7)))
        endless, capped = ({**inputs, "rho_tm1": np.full((3, 7), ratio, np.float32)} for ratio in (np.inf, 2.0))
        loss = lambda steps, leak: jaxloss.vtrace_loss(**steps, clip_rho_threshold=1.5, leak=leak)
        program = jax.jit(jax.value_and_grad(lambda v, steps, leak: loss({**steps, "v_tm1": v}, leak)))
        for found, expected in zip(
            program(inputs["v_tm1"], endless, 0.0), program(inputs["v_tm1"], capped, 0.0), strict=True
        ):
            np.testing.assert_array_equal(found, expected)
        assert not np.isfinite(loss(endless, 0.5))

    def test_masked_steps_are_passed_over(self, rng) -> None:
        inputs = single(draw_off_policy(rng, (3, 7)))
        spoiled = {n: np.where(KEEP, x, np.nan).astype(np.float32) for n, x in inputs.items()}
        actual = jaxloss.vtrace_error(**spoiled, where=np.broadcast_to(KEEP, (3, 7)))
        expected = jaxloss.vtrace_error(**{n: x[:, KEEP] for n, x in inputs.items()})
        np.testing.assert_allclose(actual[:, KEEP], expected, rtol=1e-5, atol=1e-6)
        assert not np.any(actual[:, ~KEEP])

    def test_advantages(self, rng) -> None:
        inputs = single(draw_off_policy(rng, (7,)))
        rho = inputs["rho_tm1"]
        mix = rng.uniform(size=7).astype(np.float32)
        program = functools.partial(jaxloss.vtrace_td_error_and_advantage, clip_pg_rho_threshold=1.2)
        out = jax.jit(program)(**inputs, lambda_=mix)
        np.testing.assert_allclose(out.errors, jax.jit(jaxloss.vtrace_error)(**inputs, lambda_=mix), rtol=1e-6)
        for t in range(7):
            onwards = inputs["v_tm1"][t + 1] + mix[t] * out.errors[t + 1] if t < 6 else inputs["v_t"][-1]
            q = inputs["r_t"][t] + inputs["discount_t"][t] * onwards
            np.testing.assert_allclose(out.q_estimate[t], q, rtol=1e-5)
            advantage = min(rho[t], 1.2) * (q - inputs["v_tm1"][t])
            np.testing.assert_allclose(out.pg_advantage[t], advantage, rtol=1e-5)
        found = slopes(lambda **x: sum(jaxloss.vtrace_td_error_and_advantage(**x)[1:]), inputs)
        assert not any(np.any(slope) for slope in found.values())


class TestProjection:
    def test_mass_and_mean_are_kept(self, rng) -> None:
        atoms = np.cumsum(rng.uniform(0.1, 2, size=6)).astype(np.float32)
        points = rng.uniform(atoms[0], atoms[-1], size=(4, 9)).astype(np.float32)
        probs = rng.dirichlet(np.ones(9), size=4).astype(np.float32)
        projected = jax.jit(jaxloss.categorical_l2_project)(points, probs, atoms)
        np.testing.assert_allclose(projected.sum(-1), np.ones(4), rtol=1e-5)
        np.testing.assert_allclose(projected @ atoms, np.sum(points * probs, -1), rtol=1e-5)

    def test_the_identity_is_exact(self) -> None:
        atoms, probs = jnp.array([-1.0, 0.3, 0.7, 5.0]), jnp.array([0.1, 0.2, 0.3, 0.4])
        np.testing.assert_array_equal(jaxloss.categorical_l2_project(atoms, probs, atoms), probs)

    def test_points_beyond_and_one_atom(self) -> None:
        points, probs = jnp.array([-jnp.inf, 1e30]), jnp.array([0.25, 0.75])
        program = jax.jit(jaxloss.categorical_l2_project)
        np.testing.assert_array_equal(program(points, probs, jnp.array([0.0, 1.0, 2.0])), [0.25, 0, 0.75])
        np.testing.assert_array_equal(program(points, probs, jnp.array([3.0])), [1])

    def test_atoms_that_do_not_rise_are_nan(self) -> None:
        points, probs = jnp.array([0.5]), jnp.array([1.0])
        program = jax.jit(jaxloss.categorical_l2_project)
        for atoms in (jnp.array([0.0, 0.0, 1.0]), jnp.array([1.0, 0.0])):
            assert np.all(np.isnan(program(points, probs, atoms)))
        with pytest.raises(ValueError, match="rise"):
            jaxloss.checked(program)(points, probs, atoms)

    @pytest.mark.parametrize("double", [False, True])
    def test_targets_pass_no_gradient(self, rng, double) -> None:
        inputs = single(draw_categorical(*["selector"] * double)(rng, (3,)))
        loss = jaxloss.categorical_double_q_learning_loss if double else jaxloss.categorical_q_learning_loss
        found = slopes(loss, inputs)
        assert np.any(found.pop("q_logits_tm1"))
        assert not any(np.any(slope) for slope in found.values())

    def test_no_action_or_atom_is_refused(self, rng) -> None:
        inputs = single(draw_categorical()(rng, (3,)))
        for empty in ((3, 0, 5), (3, 3, 0)):
            logits = jnp.zeros(empty)
            with pytest.raises(ValueError, match="q_logits_tm1"):
                jaxloss.categorical_q_learning_loss(**{**inputs, "q_logits_tm1": logits, "q_logits_t": logits})


class TestHistograms:
    def test_a_number_becomes_two_neighbours(self) -> None:
        """The cross-entropy of logits 0 and -inf is finite only where the target has no part in the second."""
        logits = jnp.array([[0.0, 0.0, -jnp.inf]])
        atoms = jnp.array([-1.0, 0.0, 4.0])
        run = jax.jit(lambda y: jaxloss.two_hot_cross_entropy(logits, y[None], atoms))
        np.testing.assert_allclose(run(-0.25), np.log(2), rtol=1e-6)
        assert run(0.25) == np.inf

    def test_a_narrow_gaussian_is_one_bin(self, rng) -> None:
        logits = rng.normal(size=(4, 3)).astype(np.float32)
        edges, bins = jnp.array([0.0, 1.0, 2.0, 3.0]), np.array([0, 1, 2, 2])
        actual = jax.jit(functools.partial(jaxloss.hl_gauss_loss, sigma_ratio=1e-3))(logits, bins + 0.5, edges)
        expected = jax.jit(jaxloss.softmax_cross_entropy_with_integer_labels)(logits, bins)
        np.testing.assert_allclose(actual, expected, rtol=1e-6)

    def test_beyond_the_edges_a_target_counts_as_the_edge(self, rng) -> None:
        logits, edges = rng.normal(size=(2, 3)).astype(np.float32), jnp.array([0.0, 1.0, 2.0, 3.0])
        run = jax.jit(lambda y: jaxloss.hl_gauss_loss(logits, y, edges))
        assert run(jnp.array([-100.0, jnp.inf])) == run(jnp.array([0.0, 3.0]))
        assert np.isnan(run(jnp.array([jnp.nan, 0.0])))

    def test_edges_that_do_not_rise_are_nan(self) -> None:
        run = jax.jit(lambda edges: jaxloss.hl_gauss_loss(jnp.zeros((1, 2)), jnp.array([0.5]), edges))
        assert np.isnan(run(jnp.array([0.0, 0.0, 1.0])))
        two_hot = jax.jit(jaxloss.two_hot_cross_entropy)
        assert np.isnan(two_hot(jnp.zeros((1, 2)), jnp.array([0.5]), jnp.array([1.0, 0.0])))
        with pytest.raises(ValueError, match="rise"):
            jaxloss.checked(run)(jnp.array([0.0, 0.0, 1.0]))


class TestQuantiles:
    def test_levels_may_be_shared(self, rng) -> None:
        inputs = single(draw_quantiles(rng, (4,)))
        tau = inputs["tau_q_tm1"][0]
        each = jaxloss.quantile_q_learning_loss(**{**inputs, "tau_q_tm1": np.broadcast_to(tau, (4, 3))})
        assert jaxloss.quantile_q_learning_loss(**{**inputs, "tau_q_tm1": tau}) == each

    def test_levels_out_of_range_are_nan(self, rng) -> None:
        inputs = single(draw_quantiles(rng, (3,)))
        inputs["tau_q_tm1"][1, 2] = 1.5
        program = jax.jit(functools.partial(jaxloss.quantile_q_learning_loss, reduction="none"))
        np.testing.assert_array_equal(np.isnan(program(**inputs)), [False, True, False])
        with pytest.raises(ValueError, match="tau_q_tm1"):
            jaxloss.checked(program)(**inputs)

    def test_a_huber_parameter_of_zero_is_the_pinball_loss(self, rng) -> None:
        inputs = single(draw_quantiles(rng, (1,)))
        best = inputs["dist_q_t_selector"][0].mean(0).argmax()
        samples = inputs["r_t"] + inputs["discount_t"] * inputs["dist_q_t"][0, :, best]
        expected = sum(
            np.mean(np.maximum(tau * (samples - q), (tau - 1) * (samples - q)))
            for tau, q in zip(inputs["tau_q_tm1"][0], inputs["dist_q_tm1"][0, :, inputs["a_tm1"][0]], strict=True)
        )
        for kappa in (0.0, jnp.array(0.0), 1e-6):
            loss = jax.jit(functools.partial(jaxloss.quantile_q_learning_loss, huber_param=kappa))
            np.testing.assert_allclose(loss(**inputs), expected, rtol=1e-4)

    def test_targets_pass_no_gradient(self, rng) -> None:
        inputs = single(draw_quantiles(rng, (3,)))
        found = slopes(jaxloss.quantile_q_learning_loss, inputs)
        assert np.any(found.pop("dist_q_tm1"))
        found.pop("tau_q_tm1")
        assert not any(np.any(slope) for slope in found.values())


class TestPolicies:
    def test_advantages_pass_no_gradient(self) -> None:
        for fn in (
            lambda a: jaxloss.policy_gradient_loss(jnp.array([[1.0, 0.0]]), jnp.array([0]), a),
            lambda a: jaxloss.reinforce_loss(jnp.array([-1.0]), a),
            lambda a: jaxloss.advantage_weighted_loss(jnp.array([-1.0]), a),
            lambda a: jaxloss.clipped_surrogate_pg_loss(jnp.array([1.1]), a),
        ):
            assert jax.grad(fn)(jnp.ones(1)) == 0

    def test_weights_of_advantages_have_a_limit(self) -> None:
        log_probs, advantages = jnp.full(3, -2.0), jnp.array([0.0, 1e4, -1e4])
        values = jaxloss.advantage_weighted_loss(log_probs, advantages, max_weight=5.0, reduction="none")
        np.testing.assert_array_equal(values, [2, 10, 0])

    def test_a_weighted_mean_divides_by_the_weights(self) -> None:
        """rlax divides by the number of steps: half of it here."""
        logits, actions, advantages = jnp.zeros((2, 2)), jnp.array([0, 1]), jnp.array([1.0, 5.0])
        loss = jaxloss.policy_gradient_loss(logits, actions, advantages, weights=jnp.array([1.0, 0.0]))
        np.testing.assert_allclose(loss, np.log(2), rtol=1e-6)

    def test_nearly_certain_policies_keep_their_accuracy(self) -> None:
        """float32 cannot hold a probability of 1 - 1e-15."""
        logits = jnp.array([[35.0, 0.0]])
        np.testing.assert_allclose(jaxloss.entropy_loss(logits), -36 * np.exp(-35.0), rtol=1e-5)
        loss = jaxloss.policy_gradient_loss(logits, jnp.array([0]), jnp.array([1.0]))
        np.testing.assert_allclose(loss, np.exp(-35.0), rtol=1e-5)

    def test_forbidden_actions_have_no_part_in_the_entropy(self) -> None:
        program = jax.jit(jax.value_and_grad(jaxloss.entropy_loss))
        value, slope = program(jnp.array([[0.0, -jnp.inf, 1.0]]))
        np.testing.assert_allclose(value, program(jnp.array([[0.0, 1.0]]))[0], rtol=1e-6)
        assert slope[0, 1] == 0
        assert np.all(np.isfinite(slope))


class TestClippedSurrogate:
    def test_nan_is_not_hidden(self) -> None:
        """rlax takes fmin of the two products, which drops a NaN on one side."""
        ratios, advantages = jnp.array([jnp.nan, jnp.nan, jnp.nan, 1.0]), jnp.array([1.0, -1.0, 0.0, jnp.nan])
        values = jaxloss.clipped_surrogate_pg_loss(ratios, advantages, reduction="none")
        assert np.all(np.isnan(values))

    def test_an_infinite_ratio(self) -> None:
        ratios, advantages = jnp.full(3, jnp.inf), jnp.array([2.0, 0.0, -1.0])
        values = jaxloss.clipped_surrogate_pg_loss(ratios, advantages, clip=0.5, reduction="none")
        np.testing.assert_array_equal(values, [-3.0, 0.0, np.inf])

    def test_the_gradient_stops_beyond_the_clip_only_where_it_pays(self) -> None:
        ratios, advantages = jnp.array([1.5, 0.5, 1.5, 0.5, 1.0]), jnp.array([1.0, -1.0, -1.0, 1.0, 2.0])
        slope = jax.grad(lambda r: jaxloss.clipped_surrogate_pg_loss(r, advantages, reduction="sum"))(ratios)
        np.testing.assert_array_equal(slope, [0, 0, 1, -1, -2])


class TestSoftActorCritic:
    def test_the_temperature_passes_no_gradient(self) -> None:
        one = jnp.ones(1)
        actor = lambda a: jaxloss.sac_actor_loss(one, one[:, None], temperature=a)
        critic = lambda a: jaxloss.sac_critic_loss(one[:, None], one, one, one[:, None], one, temperature=a)
        assert jax.grad(actor)(jnp.array(0.5)) == 0
        assert jax.grad(critic)(jnp.array(0.5)) == 0

    def test_the_gradient_of_the_actor_runs_through_the_lesser_critic(self) -> None:
        q = jnp.array([[3.0, 2.0]])
        log_probs = jnp.array([-1.0])
        loss = lambda p, q: jaxloss.sac_actor_loss(p, q, temperature=0.5)
        to_policy, to_critics = jax.grad(loss, argnums=(0, 1))(log_probs, q)
        np.testing.assert_array_equal(to_policy, [0.5])
        np.testing.assert_array_equal(to_critics, [[0.0, -1.0]])

    def test_the_temperature_rises_while_the_policy_is_too_certain(self) -> None:
        loss = lambda log_alpha, p: jaxloss.sac_temperature_loss(log_alpha, p, target_entropy=1.0)
        slope = jax.grad(loss, argnums=(0, 1))
        certain, toward = slope(jnp.array(0.0), jnp.array([3.0]))
        assert certain == -4
        assert not np.any(toward)
        random, _ = slope(jnp.array(0.0), jnp.array([-3.0]))
        assert random == 2
        with pytest.raises(ValueError, match="log_temperature"):
            loss(jnp.zeros(2), jnp.zeros(2))


def rlax():
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import rlax
    except Exception as error:  # it may be there while the TensorFlow Probability that it needs does not load
        pytest.skip(f"rlax does not import here: {error}")
    return rlax


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
class TestEqualsRlax:
    @pytest.fixture(autouse=True)
    def as_in_rlax(self):
        with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
            yield

    def check(self, theirs, ours, inputs, axes=None, rtol=2e-5):
        """``theirs`` is for one example, or one trajectory."""
        inputs = {n: jnp.asarray(x) for n, x in inputs.items()}
        each = jax.vmap(theirs, in_axes=axes or 0)(*inputs.values())
        np.testing.assert_allclose(ours(*inputs.values()), each, rtol=rtol, atol=1e-6)

    @pytest.mark.parametrize("name", ONE_STEP)
    def test_one_step(self, rng, name) -> None:
        theirs = getattr(rlax(), "td_learning" if name == "td" else name)
        self.check(theirs, getattr(jaxloss, f"{name}_error"), single(ONE_STEP[name](rng, (5,))))

    def test_returns(self, rng) -> None:
        lib = rlax()
        r, discount, values, mix = trajectory(rng)
        steps = {"r": r, "discount": discount, "v": values[:, 1:], "mix": mix}
        self.check(lib.lambda_returns, lambda *x: jaxloss.returns.lambda_returns(*x[:3], lambda_=x[3]), steps)
        for n in (1, 3, 7, 9):
            theirs = lambda *x, n=n: lib.n_step_bootstrapped_returns(*x[:3], n, x[3])
            ours = lambda *x, n=n: jaxloss.returns.n_step_bootstrapped_returns(*x[:3], n=n, lambda_=x[3])
            self.check(theirs, ours, steps)
        self.check(
            lambda r, d, v, m: lib.truncated_generalized_advantage_estimation(r, d, m, v),
            lambda r, d, v, m: jaxloss.returns.generalized_advantage_estimation(r, d, v, lambda_=m),
            {"r": r, "discount": discount, "v": values, "mix": mix},
        )
        states = {"v_tm1": values[:, :-1], **steps}
        self.check(lib.td_lambda, lambda *x: jaxloss.td_lambda_error(*x[:4], lambda_=x[4]), states)

    def test_vtrace(self, rng) -> None:
        lib = rlax()
        steps = single(draw_off_policy(rng, (3, 7)))
        where = rng.uniform(size=(3, 7)) < 0.7
        self.check(
            lambda *x: lib.vtrace(*x[:5], 0.9, 1.5, True, x[5]),
            lambda *x: jaxloss.vtrace_error(*x[:5], lambda_=0.9, clip_rho_threshold=1.5, where=x[5]) * x[5],
            {**steps, "where": where | True},
        )
        masked = jax.vmap(lambda *x: lib.vtrace(*x[:5], 0.9, 1.5, True, x[5]))(*map(jnp.asarray, steps.values()), where)
        ours = jaxloss.vtrace_error(**steps, lambda_=0.9, clip_rho_threshold=1.5, where=where)
        np.testing.assert_allclose(ours, jnp.where(where, masked, 0), rtol=1e-5, atol=1e-6)
        for field in range(3):
            self.check(
                lambda *x, i=field: lib.vtrace_td_error_and_advantage(*x, 0.9, 1.5, 1.2)[i],
                lambda *x, i=field: jaxloss.vtrace_td_error_and_advantage(
                    *x, lambda_=0.9, clip_rho_threshold=1.5, clip_pg_rho_threshold=1.2
                )[i],
                steps,
            )

    def test_leaky_vtrace(self, rng) -> None:
        """rlax counts what is clipped, ours what leaks."""
        lib = rlax()
        steps = single(draw_off_policy(rng, (3, 7)))
        self.check(
            lambda *x: lib.leaky_vtrace(*x, 0.7, 0.9, 1.5),
            lambda *x: jaxloss.vtrace_error(*x, lambda_=0.9, clip_rho_threshold=1.5, leak=0.3),
            steps,
        )
        for field in range(3):
            self.check(
                lambda *x, i=field: lib.leaky_vtrace_td_error_and_advantage(*x, 0.7, 0.9, 1.5, 1.2)[i],
                lambda *x, i=field: jaxloss.vtrace_td_error_and_advantage(
                    *x, lambda_=0.9, clip_rho_threshold=1.5, clip_pg_rho_threshold=1.2, leak=0.3
                )[i],
                steps,
            )

    def test_distributions(self, rng) -> None:
        lib = rlax()
        value, plain, double = (single(draw_categorical(*extra)(rng, (5,))) for extra in (("v",), (), ("selector",)))
        self.check(
            lambda p, r, g, q, z: lib.categorical_td_learning(z, p, r, g, z, q),
            lambda *x: jaxloss.categorical_td_loss(*x, reduction="none"),
            value,
            (0, 0, 0, 0, None),
        )
        self.check(
            lambda p, a, r, g, q, z: lib.categorical_q_learning(z, p, a, r, g, z, q),
            lambda *x: jaxloss.categorical_q_learning_loss(*x, reduction="none"),
            plain,
            (0, 0, 0, 0, 0, None),
        )
        self.check(
            lambda p, a, r, g, q, s, z: lib.categorical_double_q_learning(z, p, a, r, g, z, q, s),
            lambda *x: jaxloss.categorical_double_q_learning_loss(*x, reduction="none"),
            double,
            (0, 0, 0, 0, 0, 0, None),
        )
        for kappa in (0.0, 0.5, 1.0):
            self.check(
                lambda *x, k=kappa: lib.quantile_q_learning(*x, huber_param=k) / (k or 1.0),
                lambda *x, k=kappa: jaxloss.quantile_q_learning_loss(*x, huber_param=k, reduction="none"),
                single(draw_quantiles(rng, (5,))),
            )
            self.check(
                lambda *x, k=kappa: lib.quantile_expected_sarsa(*x, huber_param=k) / (k or 1.0),
                lambda *x, k=kappa: jaxloss.quantile_expected_sarsa_loss(*x, huber_param=k, reduction="none"),
                single(draw_mixtures(rng, (5,))),
            )

    def test_policies(self, rng) -> None:
        lib = rlax()
        logits, adv = jnp.asarray(rng.normal(size=(6, 4)), jnp.float32), jnp.asarray(rng.normal(size=6), jnp.float32)
        actions, weights = jnp.asarray(rng.integers(0, 4, 6)), jnp.asarray(rng.uniform(size=6), jnp.float32)
        per_step = lambda loss: loss * jnp.sum(weights) / 6
        np.testing.assert_allclose(
            per_step(jaxloss.policy_gradient_loss(logits, actions, adv, weights=weights)),
            lib.policy_gradient_loss(logits, actions, adv, weights),
            rtol=1e-5,
        )
        np.testing.assert_allclose(
            per_step(jaxloss.entropy_loss(logits, weights=weights)), lib.entropy_loss(logits, weights), rtol=1e-5
        )
        ratios = jnp.exp(0.4 * adv[::-1])
        np.testing.assert_allclose(
            jaxloss.clipped_surrogate_pg_loss(ratios, adv, clip=0.3),
            lib.clipped_surrogate_pg_loss(ratios, adv, 0.3),
            rtol=1e-5,
        )

    def test_gradients_of_all_actions(self, rng) -> None:
        """Values and gradients; the value of rlax's QPG is 0, since it is that of advantages under the policy."""
        lib = rlax()
        logits, q = (jnp.asarray(x) for x in single(draw_policy_and_values(rng, (6,))).values())
        ours = {
            "rpg_loss": jaxloss.regret_pg_loss,
            "rm_loss": jaxloss.regret_matching_pg_loss,
            "qpg_loss": lambda z, q: jaxloss.minimum_risk_loss(z, -q),
        }
        for name, fn in ours.items():
            value, slope = jax.value_and_grad(fn)(logits, q)
            expected, expected_slope = jax.value_and_grad(getattr(lib, name))(logits, q)
            if name != "qpg_loss":
                np.testing.assert_allclose(value, expected, rtol=1e-5)
            np.testing.assert_allclose(slope, expected_slope, rtol=1e-4, atol=1e-6)

    def test_pixel_control(self, rng) -> None:
        """Q-learning over all steps, in every cell of the picture, whose rewards are the changes of its pixels."""
        lib = rlax()
        frames = jnp.asarray(rng.uniform(size=(6, 4, 6, 3)), jnp.float32)
        actions, q = jnp.asarray(rng.integers(0, 4, 5)), jnp.asarray(rng.normal(size=(6, 2, 3, 4)), jnp.float32)
        expected = lib.pixel_control_loss(frames, actions, q, 0.9, 2)
        rewards = jnp.mean(jnp.abs(jnp.diff(frames, axis=0)).reshape(5, 2, 2, 3, 2, 3), axis=(2, 4, 5))
        np.testing.assert_allclose(rewards, lib.pixel_control_rewards(frames, 2), rtol=1e-5)
        cells = lambda x: jnp.moveaxis(x, 0, -1)
        taken = jnp.take_along_axis(q[:-1], actions[:, None, None, None], -1)[..., 0]
        steps = (cells(taken), cells(rewards), jnp.full((2, 3, 5), 0.9), cells(q[1:].max(-1)))
        ours = jaxloss.td_lambda_error(*steps, lambda_=1.0)
        np.testing.assert_allclose(0.5 * jnp.square(ours), cells(expected), rtol=1e-4, atol=1e-6)

    def test_transformed_targets(self, rng) -> None:
        """Values are stretched in front of the returns, and the returns are squashed."""
        lib, of = rlax(), jaxloss.returns
        pair, squash, stretch = lib.SIGNED_HYPERBOLIC_PAIR, of.signed_hyperbolic, of.signed_parabolic
        steps = single(draw_retrace(rng, (3, 7)))
        at = lambda q, a: jnp.take_along_axis(q, a[..., None], -1)[..., 0]

        def retrace(q, a, r, g, q_t, a_t, pi, mu):
            traces = 0.9 * jnp.minimum(1, at(pi, a_t) / mu)
            returns = of.off_policy_returns(r, g, jnp.sum(pi * stretch(q_t), -1), stretch(at(q_t, a_t)), traces)
            return jaxloss.td_error(at(q, a), squash(returns), jnp.zeros_like(r), r)

        self.check(
            lambda q, a, r, g, q_t, a_t, pi, mu: lib.transformed_retrace(
                q, q_t, a, a_t, r, g, pi, mu, 0.9, eps=0.0, tx_pair=pair
            ),
            retrace,
            steps,
            rtol=1e-3,
        )

        def over_steps(q, a, r, g, q_t, returns_of):
            returns = squash(returns_of(r, g, stretch(q_t)))
            return jaxloss.td_error(at(q, a), returns, jnp.zeros_like(r), r)

        some = {n: steps[n] for n in ("q_tm1", "a_tm1", "r_t", "discount_t", "q_t")}
        self.check(
            lambda *x: lib.transformed_q_lambda(*x, 0.8, tx_pair=pair),
            lambda *x: over_steps(*x[:4], x[4].max(-1), lambda *y: of.lambda_returns(*y, lambda_=0.8)),
            some,
            rtol=1e-3,
        )
        self.check(
            lambda q, a, r, g, q_t: lib.transformed_n_step_q_learning(q, a, q_t, a, r, g, 3, tx_pair=pair),
            lambda q, a, r, g, q_t: over_steps(
                q, a, r, g, at(q_t, a), lambda *y: of.n_step_bootstrapped_returns(*y, n=3)
            ),
            some,
            rtol=1e-3,
        )

    def test_retrace(self, rng) -> None:
        """rlax adds 1e-8 to the probabilities of the policy that acted, and wants one step less of what is not used."""
        lib = rlax()
        self.check(
            lambda q, a, r, g, q_t, a_t, pi, mu: lib.retrace(q, q_t, a, a_t, r, g, pi, mu, 0.9, eps=0.0),
            lambda *x: jaxloss.retrace_error(*x, lambda_=0.9),
            single(draw_retrace(rng, (3, 7))),
        )
        self.check(
            lambda q, r, g, v, q_t, rho: lib.retrace_continuous(q, q_t[:-1], v, r, g, rho[:-1], 0.9),
            lambda *x: jaxloss.retrace_continuous_error(*x, lambda_=0.9),
            single(draw_retrace_continuous(rng, (3, 7))),
        )

    def test_transforms(self) -> None:
        lib = rlax()
        x = jnp.array([-1e4, -2.0, -0.5, 0.0, 0.5, 3.0, 50.0])
        np.testing.assert_allclose(jaxloss.returns.symlog(x), lib.signed_logp1(x), rtol=1e-6)
        np.testing.assert_allclose(jaxloss.returns.symexp(x[1:]), lib.signed_expm1(x[1:]), rtol=1e-6)
        for weight in (1e-3, 0.1):
            ours = jaxloss.returns.signed_hyperbolic(x, linear_weight=weight)
            np.testing.assert_allclose(ours, lib.signed_hyperbolic(x, weight), rtol=1e-5)
            with jax.enable_x64(True):
                y = np.asarray(x, np.float64)
                ours = jaxloss.returns.signed_parabolic(y, linear_weight=weight)
                np.testing.assert_allclose(ours, lib.signed_parabolic(y, weight), rtol=1e-9)

    def test_deterministic_policies(self, rng) -> None:
        lib = rlax()
        actions, gradients = (jnp.asarray(rng.normal(size=(5, 3)), jnp.float32) for _ in range(2))
        for clip in (None, 1.0):
            summed = lambda a, g, c=clip: jnp.sum(lib.dpg_loss(a, g, c))  # rlax returns one number per dimension
            theirs = jax.vmap(jax.value_and_grad(summed))(actions, gradients)
            fn = lambda a, g, c=clip: jaxloss.dpg_loss(a, g, dqda_clipping=c or jnp.inf)
            ours = jax.vmap(jax.value_and_grad(fn))(actions, gradients)
            for one, other in zip(ours, theirs, strict=True):
                np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)

    def test_maximum_a_posteriori(self, rng) -> None:
        """The loss of rlax is the sum of our three; V-MPO's share of the best is a whole number of examples there."""
        lib = rlax()
        log_probs, adv = (jnp.asarray(rng.normal(size=(6, 8)), jnp.float32) for _ in range(2))
        kl = jnp.asarray(rng.gamma(2.0, size=6), jnp.float32)
        eta, alpha = jnp.array(0.7), jnp.array(1.5)

        def theirs_mpo(log_probs, eta, alpha, kl):
            loss, _ = lib.mpo_loss(
                log_probs, adv, lib.LagrangePenalty(eta, 0.1), [(kl, lib.LagrangePenalty(alpha, 0.2))], sample_axis=1
            )
            return jnp.mean(loss)

        def ours_mpo(log_probs, eta, alpha, kl):
            policy = jaxloss.mpo_policy_loss(log_probs, adv, temperature=eta)
            return policy + jaxloss.mpo_temperature_loss(eta, adv) + jaxloss.mpo_kl_loss(kl, alpha, kl_bound=0.2)

        def theirs_vmpo(log_probs, eta, alpha, kl):
            penalty = lib.LagrangePenalty(alpha, 0.2)
            loss, _ = lib.vmpo_loss(
                log_probs.ravel(), adv.ravel(), lib.LagrangePenalty(eta, 0.1), [(jnp.repeat(kl, 8), penalty)]
            )
            return jnp.mean(loss)

        def ours_vmpo(log_probs, eta, alpha, kl):
            best = {"top_fraction": 0.5}
            policy = jaxloss.mpo_policy_loss(log_probs.ravel(), adv.ravel(), temperature=eta, **best)
            temperature = jaxloss.mpo_temperature_loss(eta, adv.ravel(), **best)
            return policy + temperature + jaxloss.mpo_kl_loss(kl, alpha, kl_bound=0.2)

        for theirs, ours in ((theirs_mpo, ours_mpo), (theirs_vmpo, ours_vmpo)):
            expected = jax.value_and_grad(theirs, (0, 1, 2, 3))(log_probs, eta, alpha, kl)
            actual = jax.value_and_grad(ours, (0, 1, 2, 3))(log_probs, eta, alpha, kl)
            # The value of rlax's constraint is that of the penalty and of its dual, which is the bound times alpha.
            for one, other in zip(jax.tree.leaves(actual), jax.tree.leaves(expected), strict=True):
                np.testing.assert_allclose(one, other, rtol=2e-5, atol=1e-6)
