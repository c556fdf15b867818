"""Weights of terms: against torchjd, the formulas of the papers, and what the methods promise."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxloss import combine
from jaxloss.combine.structure.terms import mean_of
from jaxloss.reductions import Term
from tests.combine.weighting import LOSSES, NAMES, REFERENCES, named_terms, weights_of

STEPS, TERMS = LOSSES.shape
FAMO = optax.chain(optax.add_decayed_weights(1e-3), optax.adam(0.025))


def softmax(x):
    powers = np.exp(x - np.max(x))
    return powers / powers.sum()


@pytest.mark.parametrize(
    ("name", "tx"),
    [
        ("uncertainty", combine.uncertainty(optax.adam(0.1))),
        ("imtl_l", combine.imtl_l(optax.adam(0.1))),
        ("dwa", combine.dwa(1, temperature=0.7)),
        ("dwa_epochs", combine.dwa(3, temperature=0.7)),
        ("famo", combine.famo(FAMO, minima={"b": 0.01})),
        ("geometric_mean", combine.geometric_mean()),
        ("tchebycheff", combine.tchebycheff(0.3)),
        (
            "tchebycheff_shaped",
            combine.tchebycheff(0.05, preference={"a": 0.2, "b": 0.5, "c": 0.3}, ideal={"b": 0.1, "c": 0.05}),
        ),
    ],
)
def test_weights_equal_torchjd(name, tx) -> None:
    np.testing.assert_allclose(weights_of(tx)[0], REFERENCES[name], rtol=1e-9, atol=1e-12)


def test_revised_uncertainty_follows_its_formula() -> None:
    c, expected = np.ones(TERMS), []
    for losses in LOSSES:
        expected.append(0.5 / c**2)
        c = c - 0.1 * (-losses / c**3 + 2 * c / (1 + c**2))
    np.testing.assert_allclose(weights_of(combine.revised_uncertainty(optax.sgd(0.1)))[0], expected, rtol=1e-12)


def test_softadapt_takes_differences() -> None:
    change = np.diff(LOSSES, axis=0, prepend=LOSSES[:1])
    expected = [softmax(0.8 * row) for row in change]
    np.testing.assert_allclose(weights_of(combine.softadapt(0.8))[0], expected, rtol=1e-12)


@pytest.mark.parametrize("lookback", [0.0, 1.0])
def test_relobralo_carries_its_weights(lookback) -> None:
    tx = combine.relobralo(jax.random.key(0), temperature=0.5, decay=0.7, lookback=lookback)
    weights = [np.ones(TERMS)]
    for t in range(1, STEPS):
        relative = [TERMS * softmax(LOSSES[t] / (0.5 * LOSSES[past])) for past in (0, t - 1)]
        kept = weights[-1] if lookback else relative[0]
        weights.append(0.7 * kept + 0.3 * relative[1])
    np.testing.assert_allclose(weights_of(tx)[0], weights, rtol=1e-12)


def test_relobralo_draws_its_lookback_anew() -> None:
    fractions = [weights_of(combine.relobralo(jax.random.key(0), decay=1.0, lookback=p))[0] for p in (0.0, 0.5)]
    same = np.all(np.isclose(*fractions), axis=1)[1:]
    assert 0 < np.sum(same) < STEPS - 1


def test_term_dro_follows_its_formula() -> None:
    q, expected = np.full(TERMS, 1 / TERMS), []
    for losses in LOSSES:
        q = q * np.exp(0.4 * losses)
        q = q / q.sum()
        expected.append(q)
    np.testing.assert_allclose(weights_of(combine.term_dro(0.4))[0], expected, rtol=1e-12)


def test_ema_normalize_is_an_unbiased_average() -> None:
    decay = 0.8 ** np.arange(STEPS)[::-1]
    expected = [1 / np.average(LOSSES[: t + 1], axis=0, weights=decay[-t - 1 :]) for t in range(STEPS)]
    np.testing.assert_allclose(weights_of(combine.ema_normalize(0.8))[0], expected, rtol=1e-12)


def test_ema_normalize_has_a_floor() -> None:
    np.testing.assert_allclose(weights_of(combine.ema_normalize(epsilon=1e-3), 1e-9 * LOSSES)[0], 1e3, rtol=1e-12)


def test_cov_weighting_follows_its_definition() -> None:
    history = np.cumsum(LOSSES, axis=0) / np.arange(1, STEPS + 1)[:, None]
    progress = np.concatenate([np.ones((1, TERMS)), LOSSES[1:] / history[:-1]])
    expected = [np.full(TERMS, 1 / 3), np.full(TERMS, 1 / 3)]
    for t in range(2, STEPS):
        variation = progress[:t].std(0) / progress[:t].mean(0)
        expected.append(variation / variation.sum())
    np.testing.assert_allclose(weights_of(combine.coefficient_of_variation())[0], expected, rtol=1e-11)
    np.testing.assert_allclose(
        weights_of(combine.coefficient_of_variation(), np.ones((5, TERMS)))[0], 1 / 3, rtol=1e-12
    )


def test_learned_parameters_may_ascend() -> None:
    first = np.array([1.0, 2.0, 3.0])
    gap = lambda parameters, losses, present: jnp.sum(jnp.where(present, parameters * (losses - 0.5), 0))
    rows = [
        weights_of(combine.learned({"a": 1.0, "b": 2.0, "c": 3.0}, gap, optax.sgd(0.3), maximize=m))[0]
        for m in (True, False)
    ]
    for sign, weights in zip((1, -1), rows, strict=True):
        climbed = sign * 0.3 * np.cumsum(LOSSES - 0.5, axis=0)[:-1]
        np.testing.assert_allclose(weights, [first, *(first + climbed)], rtol=1e-12)


def test_vrex_is_the_slope_of_its_penalty() -> None:
    def penalised(losses):
        return losses.mean() + 0.7 * ((losses - losses.mean()) ** 2).mean()

    nudge = 1e-6 * np.eye(TERMS)
    expected = [[(penalised(row + e) - penalised(row - e)) / 2e-6 for e in nudge] for row in LOSSES]
    np.testing.assert_allclose(weights_of(combine.vrex(0.7))[0], expected, rtol=1e-8)


def test_random_weights_are_softmaxes_of_normals() -> None:
    many = np.ones((4000, TERMS))
    weights, _ = weights_of(combine.weigh_randomly(jax.random.key(0)), many)
    np.testing.assert_allclose(weights.sum(1), 1, rtol=1e-12)
    logits = np.log(weights[:, 0] / weights[:, 1])  # a difference of two normals
    assert abs(logits.mean()) < 4 * np.sqrt(2 / 4000)
    assert abs(logits.var() - 2) < 0.2
    assert abs(np.corrcoef(logits[:-1], logits[1:])[0, 1]) < 0.06
    np.testing.assert_allclose(weights_of(combine.weigh_randomly(jax.random.key(0), spread=0.0), many[:2])[0], 1 / 3)


def test_seeds_are_swept_with_vmap() -> None:
    terms = {n: Term(jnp.ones(2), jnp.ones(2)) for n in NAMES}

    def first_weight(key):
        tx = combine.weigh_randomly(key)
        return tx.update(terms, tx.init(terms), step=0)[0]["a"].values[0]

    keys = jax.random.split(jax.random.key(0), 3)
    np.testing.assert_allclose(jax.vmap(first_weight)(keys), [first_weight(key) for key in keys], rtol=1e-6)


def test_a_legacy_key_will_do() -> None:
    tx = [combine.weigh_randomly(key) for key in (jax.random.key(3), jax.random.PRNGKey(3))]
    np.testing.assert_array_equal(*(weights_of(t, LOSSES[:2])[0] for t in tx))


@pytest.mark.parametrize("name", ["geometric_mean", "tchebycheff", "vrex", "scalarized"])
def test_an_absent_term_leaves_the_problem(name) -> None:
    spread = lambda losses, present: jnp.sum(jnp.where(present, losses**3, 0))
    tx = combine.scalarized(spread) if name == "scalarized" else getattr(combine, name)()
    present = np.tile([1.0, 0.0, 1.0], (STEPS, 1))
    weights, _ = weights_of(tx, present=present)

    def update(terms):
        with jax.numpy_dtype_promotion("standard"):
            return tx.update(terms, tx.init(terms), step=0)[0]

    with jax.enable_x64(True):
        whole = named_terms(jnp.asarray(LOSSES[0]))
        expected = update({"a": whole["a"], "c": whole["c"]})
        np.testing.assert_allclose(weights[0, [0, 2]] * LOSSES[0, [0, 2]], [expected[n].values for n in "ac"])


@pytest.mark.parametrize(
    ("tx", "untouched"),
    [
        (combine.uncertainty(optax.adam(0.1)), lambda s: (s.parameters, s.optimiser[0].mu, s.optimiser[0].nu)),
        (combine.dwa(1), lambda s: s),
        (combine.famo(FAMO), lambda s: (s.previous, s.logits)),
        (combine.ema_normalize(0.9), lambda s: s),
    ],
    ids=["uncertainty", "dwa", "famo", "ema_normalize"],
)
def test_an_absent_task_is_as_if_it_waited(tx, untouched) -> None:
    present = np.ones_like(LOSSES)
    present[4:, 1] = 0
    states = [untouched(weights_of(tx, LOSSES[:n], present[:n])[1]) for n in (4, 9)]
    pick = lambda tree: [
        x for path, x in jax.tree_util.tree_leaves_with_path(tree) if any(getattr(k, "key", None) == "b" for k in path)
    ]
    jax.tree.map(np.testing.assert_array_equal, *map(pick, states))
    assert len(pick(states[0])) >= 2


def test_dwa_averages_over_the_steps_a_term_was_there() -> None:
    losses = np.array([[2.0, 1, 1], [8, 1, 1], [4, 1, 1], [6, 1, 1], [1, 1, 1]])
    present = np.ones_like(losses)
    present[1, 0] = 0
    weights, _ = weights_of(combine.dwa(2, temperature=1.0), losses, present)
    np.testing.assert_allclose(weights[-1], 3 * softmax(np.array([5 / 2, 1, 1])), rtol=1e-12)


@pytest.mark.parametrize(
    ("tx", "wait"),
    [(combine.dwa(2), 4), (combine.relobralo(jax.random.key(0), temperature=0.1), 1)],
    ids=["dwa", "relobralo"],
)
def test_a_term_that_comes_late_starts_at_one(tx, wait) -> None:
    present = np.ones_like(LOSSES)
    present[:6, 2] = 0
    weights, _ = weights_of(tx, present=present)
    np.testing.assert_allclose(weights[6 : 6 + wait, 2], 1, rtol=1e-12)
    assert not np.any(np.isclose(weights[6 + wait :, 2], 1, rtol=1e-3))
    assert not np.any(np.isclose(weights[6:, :2], 1, rtol=1e-3))


def test_geometric_mean_at_the_border() -> None:
    weights, _ = weights_of(combine.geometric_mean())
    np.testing.assert_allclose((weights * LOSSES).sum(1), np.prod(LOSSES, axis=1) ** (1 / 3), rtol=1e-12)
    tx = combine.geometric_mean()
    for first, sound in ((0.0, True), (-0.1, False)):
        terms = {n: Term(jnp.float32(v), jnp.float32(1)) for n, v in (("a", first), ("b", 1.0))}
        values = [t.values for t in tx.update(terms, (), step=0)[0].values()]
        assert np.all(np.isfinite(values)) == sound


def test_famo_below_its_bound_is_no_number_and_no_memory() -> None:
    tx = combine.famo(FAMO, minima={"a": 1.0})
    losses = LOSSES + 2.0
    losses[5, 0] = 0.5
    weights, state = weights_of(tx, losses)
    assert np.isnan(weights[5, 0])
    assert np.all(np.isfinite(np.delete(weights, 5, axis=0)))
    assert all(np.all(np.isfinite(x)) for x in jax.tree.leaves(state))


def test_extreme_ratios_stay_finite() -> None:
    losses = np.array([[1e30, 1.0, 0.0], [1e-30, 1.0, 0.0], [1e30, 1.0, 1.0], [1.0, 0.0, 1e30]]) + 1e-200
    for tx in (combine.dwa(1), combine.softadapt(), combine.relobralo(jax.random.key(0)), combine.tchebycheff(1e-3)):
        weights, state = weights_of(tx, losses)
        assert np.all(np.isfinite(weights))
        assert all(np.all(np.isfinite(x)) for x in jax.tree.leaves(state))


def test_the_weights_of_one_objective_are_reported() -> None:
    def losses(params, x):
        return {"fit": (params * x - 1) ** 2, "size": params**2}

    objective = combine.objective(losses, combine.tchebycheff(0.1))
    state = objective.init(2.0, jnp.ones(3))
    (_, aux), slope = jax.value_and_grad(objective, has_aux=True)(2.0, state, jnp.arange(3.0))
    parts = {
        n: jax.grad(lambda p, n=n: jnp.sum(losses(p, jnp.arange(3.0))[n]) / (3 if n == "fit" else 1))(2.0)
        for n in aux.terms
    }
    np.testing.assert_allclose(slope, sum(aux.weights[n] * parts[n] for n in parts), rtol=1e-5)


def test_a_tunable_weight_is_edited_without_recompilation() -> None:
    tx, traces = combine.weigh_tunable(kl=0.5), []

    @jax.jit
    def step(terms, state):
        traces.append(1)
        return tx.update(terms, state, step=0)

    terms = {n: Term(jnp.ones(2), jnp.ones(2)) for n in ("ce", "kl")}
    state = tx.init(terms)
    seen = []
    for weight in (0.5, 2.0, 0.0):
        state = state._replace(weights={"kl": jnp.float32(weight)})
        out, state = step(terms, state)
        seen.append((float(mean_of(out["ce"])), float(mean_of(out["kl"]))))
    assert seen == [(1, 0.5), (1, 2), (1, 0)]
    assert len(traces) == 1


@pytest.mark.parametrize(
    ("tx", "error", "message"),
    [
        (combine.weigh_tunable(kl=1.0), KeyError, r"weigh_tunable: unknown term\(s\) \['kl'\]"),
        (combine.monitor("kl"), KeyError, r"monitor: unknown term\(s\) \['kl'\]"),
        (combine.tchebycheff(preference={"kl": 1.0}), KeyError, r"tchebycheff: unknown term\(s\) \['kl'\]"),
        (combine.famo(FAMO, minima={"kl": 0.0}), KeyError, r"famo: unknown term\(s\) \['kl'\]"),
        (combine.uncertainty(FAMO, initial={"kl": 0.0}), KeyError, r"learned: unknown term\(s\) \['kl'\]"),
        (combine.uncertainty(FAMO, initial={"a": 0.0}), KeyError, r"no number for the term\(s\) \['b', 'c'\]"),
        (combine.tchebycheff(0.0), ValueError, "smoothing must be > 0"),
        (combine.dwa(2, temperature=-1.0), ValueError, "temperature must be > 0"),
        (combine.ema_normalize(1.0), ValueError, "decay must be >= 0 and < 1"),
        (combine.relobralo(jax.random.key(0), lookback=1.5), ValueError, "lookback must be >= 0 and <= 1"),
        (combine.vrex(-1.0), ValueError, "beta must be >= 0"),
    ],
)
@jax.numpy_dtype_promotion("standard")
def test_errors_come_at_init(tx, error, message) -> None:
    objective = combine.objective(lambda p: dict.fromkeys(NAMES, p), tx)
    with pytest.raises(error, match=message):
        objective.init(1.0)


def test_an_epoch_has_a_step() -> None:
    with pytest.raises(ValueError, match="epoch_length must be >= 1"):
        combine.dwa(0)
