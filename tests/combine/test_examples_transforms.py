"""Transformations per example: against the reductions, SciPy and the formulas of the papers."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy import optimize, special

import jaxloss
from jaxloss import combine, reductions
from jaxloss.combine.structure.terms import mean_of
from jaxloss.reductions import Term

RNG = np.random.default_rng(11)
VALUES = RNG.exponential(size=9).astype(np.float32)
WEIGHTS = np.float32([1, 0, 2, 1, 0.5, 1, 0, 1, 3])
TIED = np.float32([2, 1, 2, 2, 0, 1, 2, 1, 0])
NAN = np.float32([1, 3, np.nan, 2, 0, 1, 5, 1, 4])


def apply(tx, values, weights=WEIGHTS, state=None, step=0, **extra):
    """The term that comes out, and the state."""
    terms = {"a": Term(jnp.asarray(values), jnp.asarray(weights))}
    terms, state = tx.update(terms, tx.init(terms) if state is None else state, step=step, **extra)
    return terms["a"], state


def mean(tx, values, weights=WEIGHTS, **extra):
    return mean_of(apply(tx, values, weights, **extra)[0])


@pytest.mark.parametrize("values", [VALUES, TIED, NAN, np.zeros(9, np.float32)], ids=["random", "ties", "nan", "zero"])
@pytest.mark.parametrize(("name", "setting"), [("top_fraction", 0.4), ("cvar", 0.3), ("trimmed_mean", 0.35)])
def test_the_mean_is_the_reduction(name, setting, values) -> None:
    tx, reduction = getattr(combine, name)(setting), getattr(reductions, name)(setting)
    both = [
        jax.jit(jax.value_and_grad(fn))(values)
        for fn in (lambda v: mean(tx, v), lambda v: reduction(v, jnp.asarray(WEIGHTS)))
    ]
    if np.any(np.isnan(values)) and name != "trimmed_mean":
        assert np.isnan(both[0][0])
        assert np.isnan(both[1][0])
    else:
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), *both)


def test_top_fraction_keeps_what_argsort_says_and_the_shape() -> None:
    kept = np.zeros(9, np.float32)
    order = [i for i in np.argsort(-VALUES) if WEIGHTS[i] > 0]
    kept[order[:4]] = WEIGHTS[order[:4]]  # half of seven, rounded up
    term, _ = apply(combine.top_fraction(0.5), VALUES.reshape(3, 3), WEIGHTS.reshape(3, 3))
    np.testing.assert_array_equal(term.weights, kept.reshape(3, 3))


def test_cvar_is_the_worst_distribution_within_its_bounds() -> None:
    mass = WEIGHTS / WEIGHTS.sum()
    worst = optimize.linprog(-VALUES.astype(float), bounds=[(0, m / 0.3) for m in mass], A_eq=[np.ones(9)], b_eq=[1])
    np.testing.assert_allclose(mean(combine.cvar(0.3), VALUES), -worst.fun, rtol=1e-6)


def test_a_fraction_may_follow_a_schedule() -> None:
    tx = combine.small_loss(lambda step: 1.0 - 0.1 * step)
    for step in (0, 4):
        kept = sorted(VALUES[WEIGHTS > 0])[: int(np.ceil((1 - 0.1 * step) * 7 - 1e-6))]
        weights = apply(tx, VALUES, step=step)[0].weights
        np.testing.assert_array_equal(np.sort(VALUES[np.asarray(weights) > 0]), kept)


def test_small_loss_trims_by_number() -> None:
    ones = np.ones(8, np.float32)
    values = VALUES[:8]
    np.testing.assert_allclose(
        mean(combine.small_loss(0.75), values, ones), mean(combine.trimmed_mean(0.25), values, ones), rtol=1e-6
    )


def test_co_teaching_selects_for_the_other_network(rng) -> None:
    first, second = rng.permutation(6).astype(np.float32), rng.permutation(6).astype(np.float32)
    terms = {"a": Term(jnp.asarray(first), jnp.ones(6)), "b": Term(jnp.asarray(second), jnp.ones(6))}
    out, _ = combine.small_loss(0.5, judges={"a": "b", "b": "a"}).update(terms, (), step=0)
    np.testing.assert_array_equal(out["a"].weights, second < 3)
    np.testing.assert_array_equal(out["b"].weights, first < 3)
    unjudged = {**terms, "b": Term(terms["b"].values, jnp.ones(6).at[0].set(0))}
    out, _ = combine.small_loss(1.0, judges={"a": "b"}).update(unjudged, (), step=0)
    np.testing.assert_array_equal(out["a"].weights, [0, 1, 1, 1, 1, 1])
    with pytest.raises(ValueError, match="the judge of 'a'"):
        combine.small_loss(0.5, judges={"a": "b"}).update({**terms, "a": Term(jnp.ones(5), jnp.ones(5))}, (), step=0)


def test_small_functions_of_the_values() -> None:
    hinge = np.float32([0, 0, 1, 3])
    np.testing.assert_allclose(mean(combine.nonzero_mean(), hinge, np.ones(4, np.float32)), 2)
    np.testing.assert_allclose(mean(combine.nonzero_mean(), 0 * hinge, np.ones(4, np.float32)), 0)
    np.testing.assert_allclose(apply(combine.clip_values(0.5, 2.0), hinge, hinge)[0].values[2:], [1, 2])
    np.testing.assert_array_equal(
        apply(combine.self_paced(1.0), hinge, np.ones(4, np.float32))[0].weights, [1, 1, 0, 0]
    )
    with pytest.raises(ValueError, match="clip_values needs a bound"):
        combine.clip_values()
    with pytest.raises(TypeError, match="the result of the reduction must be an array of numbers; found Term"):
        apply(combine.reduce_by(reductions.term), hinge, hinge)
    with pytest.raises(ValueError, match=r"result of shape \(4,\)"):
        apply(combine.reduce_by(lambda values, weights: values), hinge, hinge)


def test_focal_of_the_cross_entropy_is_the_focal_loss(rng) -> None:
    logits, labels = rng.normal(size=(5, 3)).astype(np.float32), np.array([0, 1, 2, 1, 0])
    ce = lambda x: jaxloss.softmax_cross_entropy_with_integer_labels(x, labels, reduction=reductions.term)
    ours = lambda x: mean_of(combine.focal(1.7).update({"ce": ce(x)}, (), step=0)[0]["ce"])
    both = [
        jax.jit(jax.value_and_grad(fn))(logits)
        for fn in (ours, lambda x: jaxloss.softmax_focal_loss(x, labels, gamma=1.7))
    ]
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-5, atol=1e-7), *both)
    assert np.isnan(mean(combine.focal(), np.float32([-0.1]), np.ones(1, np.float32)))
    slope = jax.grad(lambda v: mean(combine.focal(0.5), v, np.ones(2, np.float32)))(jnp.array([0.0, 1e-30]))
    assert np.all(np.isfinite(slope))


def superloss_by_scipy(values, strength, tau):
    x = (values - tau) / strength
    sigma = np.exp(-np.nan_to_num(special.lambertw(np.maximum(-1 / np.e, x / 2)).real, nan=-1.0))
    return (values - tau) * sigma + strength * np.log(sigma) ** 2, sigma


@pytest.mark.parametrize(("wide", "rtol"), [(False, 1e-5), (True, 1e-12)])
def test_superloss_equals_lambert_w(wide, rtol) -> None:
    values = np.concatenate([np.linspace(0.31, 12, 40), [40, 1e3, 1e6, 1e12]])
    for strength, tau in ((0.5, 0.65), (1.0, 1.0), (3.0, 2.0)):
        loss, sigma = superloss_by_scipy(values, strength, tau)
        with jax.enable_x64(wide):
            ones = np.ones(values.shape, np.float64 if wide else np.float32)
            tx = combine.superloss(strength, threshold=tau)
            fn = lambda v: apply(tx, v, ones)[0].values
            actual, pull = jax.vjp(fn, jnp.asarray(values, ones.dtype))
            np.testing.assert_allclose(actual, loss, rtol=rtol, atol=3 * rtol)
            np.testing.assert_allclose(pull(jnp.asarray(ones))[0], sigma, rtol=3 * rtol)


def test_superloss_second_derivative_and_clip() -> None:
    with jax.enable_x64(True):
        tx = combine.superloss(1.0, threshold=0.0)
        one = lambda v: apply(tx, v, np.ones(()))[0].values
        for x in (-0.6, 0.0, 3.0):
            numeric = (jax.grad(one)(x + 1e-5) - jax.grad(one)(x - 1e-5)) / 2e-5
            np.testing.assert_allclose(jax.grad(jax.grad(one))(x), numeric, rtol=1e-6)
        for x in (-2 / np.e, -5.0):  # at and below the clip the confidence is e
            np.testing.assert_allclose(jax.grad(one)(x), np.e, rtol=1e-6)
            assert np.isfinite(jax.grad(jax.grad(one))(x))
        np.testing.assert_allclose(one(-5.0), -5 * np.e + 1, rtol=1e-12)


def test_superloss_follows_the_average(rng) -> None:
    tx, state, batches = combine.superloss(1.0, decay=0.5), None, rng.exponential(size=(3, 9)).astype(np.float32)
    for batch in batches:
        term, state = apply(tx, batch, state=state)
    means = np.average(batches, axis=1, weights=WEIGHTS)
    tau = np.average(means, weights=[0.25, 0.5, 1])
    expected, _ = superloss_by_scipy(batches[-1].astype(float), 1.0, tau)
    there = WEIGHTS > 0
    np.testing.assert_allclose(term.values[there], expected[there], rtol=2e-5, atol=1e-5)
    slope = jax.grad(lambda v: jnp.sum(apply(tx, v, state=state)[0].values))(batches[-1])
    tau = np.average([*means, means[-1]], weights=[0.125, 0.25, 0.5, 1])
    sigma = superloss_by_scipy(batches[-1].astype(float), 1.0, tau)[1]
    np.testing.assert_allclose(slope[there], sigma[there], rtol=1e-4)


def test_skip_nonfinite_counts() -> None:
    tx = combine.skip_nonfinite()
    values = np.float32([1, np.nan, np.inf, 3, -np.inf, 2, np.nan, 1, 1])
    term, state = apply(tx, values)
    _, state = apply(tx, values, state=state)
    assert int(state.skipped["a"]) == 4  # two of the four have no weight
    np.testing.assert_allclose(mean_of(term), np.average(values[[0, 3, 5, 7, 8]], weights=WEIGHTS[[0, 3, 5, 7, 8]]))


GROUPS = np.array([0, 2, 1, 0, 1, 2, 2, 0, 1])


def worst_group(num_groups):
    return combine.reduce_by(reductions.worst_group, groups="groups", num_groups=num_groups)


def test_the_soft_maximum_follows_a_schedule() -> None:
    tx = combine.reduce_by(reductions.soft_maximum, temperature=lambda step: 0.5 / (1 + step))
    for step in (0, 3):
        expected = reductions.soft_maximum(0.5 / (1 + step))(jnp.asarray(VALUES), jnp.asarray(WEIGHTS))
        np.testing.assert_allclose(mean(tx, VALUES, step=step), expected, rtol=1e-6)


def test_worst_group_is_the_reduction() -> None:
    both = [
        jax.jit(jax.value_and_grad(fn))(VALUES)
        for fn in (
            lambda v: mean(worst_group(4), v, groups=GROUPS),
            lambda v: reductions.worst_group(GROUPS, 4)(v, jnp.asarray(WEIGHTS)),
        )
    ]
    jax.tree.map(np.testing.assert_array_equal, *both)


def test_group_dro_follows_its_algorithm(rng) -> None:
    tx, state, q = combine.group_dro(4, step_size=0.3), None, np.full(4, 0.25)
    update = jax.jit(lambda v, w, g, s: apply(tx, v, w, s, groups=g))
    state = tx.init({"a": Term(jnp.asarray(VALUES), jnp.asarray(WEIGHTS))})
    for t in range(4):
        values, groups = rng.exponential(size=9).astype(np.float32), rng.integers(0, 3 if t % 2 else 4, 9)
        mass = np.array([WEIGHTS[groups == g].sum() for g in range(4)])
        sums = np.array([(WEIGHTS * values)[groups == g].sum() for g in range(4)])
        losses = sums / np.where(mass > 0, mass, 1)
        q = q * np.exp(0.3 * losses)
        q = q / q.sum()
        term, state = update(values, WEIGHTS, groups, state)
        np.testing.assert_allclose(mean_of(term), q @ losses, rtol=1e-5)
        np.testing.assert_allclose(np.exp(state.logits["a"]), q, rtol=1e-5)


def test_groups_are_an_annotation_and_must_be_legal() -> None:
    def losses(params, x, groups):
        return {"fit": params * x, "groups": combine.Annotation(groups)}

    objective = combine.objective(losses, combine.group_dro(3, step_size=0.3))
    state = objective.init(1.0, VALUES, GROUPS)
    loss, aux = objective(1.0, state, VALUES, GROUPS)
    expected = mean(combine.group_dro(3, step_size=0.3), VALUES, np.ones(9, np.float32), groups=GROUPS)
    np.testing.assert_allclose(loss, expected, rtol=1e-6)
    assert set(aux.contributions) == {"fit"}
    assert set(aux.state.transform[0].logits) == {"fit"}
    for tx in (combine.group_dro(2), worst_group(2)):
        assert np.isnan(mean(tx, VALUES, groups=GROUPS))
        np.testing.assert_array_equal(np.isnan(mean(tx, VALUES, (GROUPS < 2).astype(np.float32), groups=GROUPS)), False)
        with pytest.raises(KeyError, match="no annotation 'groups'"):
            mean(tx, VALUES)
        with pytest.raises(ValueError, match="groups must have shape"):
            mean(tx, VALUES, groups=GROUPS[:4])


def test_causal_weights_are_those_of_the_paper(rng) -> None:
    residuals = rng.exponential(size=(4, 5)).astype(np.float32)
    earlier = np.tril(np.ones((4, 4)), -1)
    weights = np.exp(-0.3 * earlier @ residuals.mean(1))
    term, _ = apply(combine.causal(0.3), residuals, np.ones_like(residuals))
    np.testing.assert_allclose(term.values, weights[:, None] * residuals, rtol=1e-6)
    np.testing.assert_allclose(mean_of(term), np.mean(weights * residuals.mean(1)), rtol=1e-6)
    with pytest.raises(ValueError, match="a causal term must end with the axes"):
        apply(combine.causal(), np.float32(1), np.float32(1))


def test_self_adaptive_points_climb_their_losses(rng) -> None:
    tx, state, multipliers = combine.self_adaptive(optax.sgd(0.5), initial=0.8), None, np.full(9, 0.8)
    for _ in range(3):
        values = rng.exponential(size=9).astype(np.float32)
        term, state = apply(tx, values, state=state)
        expected = np.average(multipliers**2 * values, weights=WEIGHTS)
        multipliers = multipliers + 0.5 * 2 * multipliers * values * WEIGHTS / WEIGHTS.sum()
        np.testing.assert_allclose(mean_of(term), expected, rtol=1e-6)
        np.testing.assert_allclose(state.multipliers["a"], multipliers, rtol=1e-6)


@jax.numpy_dtype_promotion("standard")
def test_self_adaptive_points_in_batches() -> None:
    tx = combine.self_adaptive(optax.adam(0.1), points="points", num_points=6)
    ones = np.ones(2, np.float32)
    _, state = apply(tx, ones, ones, points=np.array([1, 4]))
    before = state
    _, state = apply(tx, ones, np.float32([1, 0]), state=state, points=np.array([4, 2]))
    moved = np.asarray(state.multipliers["a"] != before.multipliers["a"])
    np.testing.assert_array_equal(moved, [False, False, False, False, True, False])
    same = np.asarray(state.optimiser[0].mu["a"] == before.optimiser[0].mu["a"])
    np.testing.assert_array_equal(same, ~moved)
    assert np.isnan(apply(tx, ones, ones, points=np.array([1, 6]))[0].values[1])
    with pytest.raises(KeyError, match="no annotation 'points'"):
        apply(tx, ones, ones)
    with pytest.raises(ValueError, match="belong together"):
        combine.self_adaptive(optax.sgd(0.1), points="points")


@pytest.mark.parametrize(
    ("tx", "message"),
    [
        (combine.top_fraction(0.0), "fraction must be > 0 and <= 1"),
        (combine.cvar(1.5), "fraction must be > 0 and <= 1"),
        (combine.trimmed_mean(1.0), "fraction must be >= 0 and < 1"),
        (combine.small_loss(0.0), "fraction must be > 0 and <= 1"),
        (combine.focal(-1.0), "gamma must be >= 0"),
        (combine.reduce_by(reductions.soft_maximum, temperature=0.0), "temperature must be > 0"),
        (combine.superloss(0.0), "regularization must be > 0"),
        (combine.causal(-1.0), "strength must be >= 0"),
    ],
)
def test_settings_out_of_range_are_refused_at_init(tx, message) -> None:
    objective = combine.objective(lambda params: {"a": params * jnp.ones(3)}, tx)
    with pytest.raises(ValueError, match=message):
        objective.init(1.0)


def test_transformations_compose_before_the_mean() -> None:
    """Drop the outliers, mine the hard ones of the rest, then weigh: one objective, exact weights in the report."""
    tx = combine.on("a", combine.trimmed_mean(0.25), combine.top_fraction(0.5), combine.scale(2.0))
    values = jnp.array([9.0, 3.0, 2.0, 1.0, 0.0, 5.0, 4.0, 8.0])
    objective = combine.objective(lambda p: {"a": p * values, "b": p**2}, tx)
    (loss, aux), slope = jax.value_and_grad(objective, has_aux=True)(1.0, objective.init(1.0))
    np.testing.assert_allclose(loss, 2 * (5 + 4 + 3) / 3 + 1)
    np.testing.assert_allclose(slope, 2 * 4 + 2)
    np.testing.assert_allclose(aux.weights["a"], 2)
    assert not objective.init(1.0).transform[0][0]
