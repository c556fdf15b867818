"""Scoring rules: which estimator, which factor, ties and coincidences, and parity with scoringrules."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import norm

import jaxloss

EPS = np.finfo(np.float32).eps


def test_gaussian_crps_has_exact_slopes_far_out() -> None:
    """The slope in the scale is a difference of terms of the size of the error, if left to themselves."""
    slopes = jax.grad(jaxloss.gaussian_crps, argnums=(0, 1))(jnp.float32(0), jnp.float32(1), jnp.float32(1e10))
    np.testing.assert_allclose(slopes, [-1, -(np.pi**-0.5)], rtol=1e-6)
    value = jaxloss.gaussian_crps(jnp.float32(0), jnp.float32(1e-30), jnp.float32(1e30))
    np.testing.assert_allclose(value, 1e30, rtol=1e-6)
    assert np.isnan(jaxloss.gaussian_crps(jnp.zeros(1), jnp.zeros(1), jnp.ones(1)))


def test_gaussian_crps_is_the_limit_of_a_large_ensemble() -> None:
    members = jnp.asarray(np.random.default_rng(0).normal(size=100_000), jnp.float32)
    gaussian = jaxloss.gaussian_crps(jnp.zeros(()), jnp.ones(()), jnp.float32(0.3))
    np.testing.assert_allclose(jaxloss.ensemble_crps(members, jnp.float32(0.3)), gaussian, rtol=2e-2)


def test_ensemble_crps_has_two_estimators_under_two_names() -> None:
    rng = np.random.default_rng(1)
    members, targets = rng.normal(size=(6, 4)), rng.normal(size=6)
    biased = jaxloss.ensemble_crps(members, targets, reduction="none")
    fair = jaxloss.fair_ensemble_crps(members, targets, reduction="none")
    pairs = np.abs(members[:, :, None] - members[:, None]).sum((1, 2))
    np.testing.assert_allclose(biased - fair, pairs / 2 * (1 / 12 - 1 / 16), rtol=1e-5)
    with pytest.raises(ValueError, match="members"):
        jaxloss.fair_ensemble_crps(jnp.ones((3, 1)), jnp.ones(3))
    np.testing.assert_allclose(jaxloss.ensemble_crps(jnp.ones((3, 1)), jnp.zeros(3)), 1)


def test_fair_ensemble_crps_is_never_negative() -> None:
    rng = np.random.default_rng(2)
    for size in (2, 3, 7):
        members = jnp.asarray(rng.normal(size=(500, size)), jnp.float32)
        targets = jnp.asarray(rng.normal(size=500), jnp.float32)
        assert np.min(jaxloss.fair_ensemble_crps(members, targets, reduction="none")) >= 0


@pytest.mark.parametrize("fn", [jaxloss.ensemble_crps, jaxloss.fair_ensemble_crps])
def test_ensemble_crps_does_not_pull_ties_apart(fn) -> None:
    """Sorting ranks equal members in some order; the slope must not: it is the symmetric one."""
    members, target = jnp.array([1.0, 2.0, 1.0, 5.0, 2.0, 2.0]), jnp.float32(2.0)
    pairs = 36 if fn is jaxloss.ensemble_crps else 30
    order = jnp.sign(members[:, None] - members[None]).sum(1)
    expected = jnp.sign(members - target) / 6 - order / pairs
    value, slopes = jax.value_and_grad(fn, argnums=(0, 1))(members, target)
    np.testing.assert_allclose(slopes[0], expected, atol=1e-6)
    np.testing.assert_allclose(slopes[1], -jnp.sign(members - target).mean(), atol=1e-6)
    mixed = jnp.array([3, 0, 5, 2, 1, 4])
    np.testing.assert_allclose(fn(members[mixed], target), value, rtol=1e-6)


@pytest.mark.parametrize("fn", [jaxloss.ensemble_crps, jaxloss.fair_ensemble_crps])
def test_ensemble_crps_keeps_its_digits_far_from_zero(fn) -> None:
    members = np.array([1e6, 1e6 + 1, 1e6 + 3, 1e6 + 7], np.float32)
    target = np.float32(1e6 + 2)
    np.testing.assert_allclose(fn(members, target), fn(members - np.float32(1e6), np.float32(2)), rtol=2 * EPS)


def test_ensemble_crps_needs_no_table_of_pairs() -> None:
    size = 4096
    compiled = jax.jit(jax.grad(jaxloss.ensemble_crps)).lower(jnp.ones((8, size)), jnp.ones(8)).compile()
    memory = compiled.memory_analysis()
    if memory is None:
        pytest.skip("this backend does not tell")
    assert memory.temp_size_in_bytes < 8 * size * 4 * 32


def test_quantile_crps_has_its_factor_of_two() -> None:
    """Only with it do many quantiles give the score of the distribution."""
    levels = (np.arange(2000) + 0.5) / 2000
    ours = jaxloss.quantile_crps(norm.ppf(levels).astype(np.float32), jnp.float32(0.3), levels.astype(np.float32))
    np.testing.assert_allclose(ours, jaxloss.gaussian_crps(jnp.zeros(()), jnp.ones(()), jnp.float32(0.3)), rtol=1e-3)
    assert np.isnan(jaxloss.quantile_crps(jnp.ones(1), jnp.float32(0), jnp.ones(1) * 50))


def test_brier_score_of_two_classes_is_half() -> None:
    probs, labels = jnp.array([0.2, 0.9]), jnp.array([1, 0])
    both = jnp.stack([1 - probs, probs], axis=-1)
    binary = jaxloss.brier_score(probs, labels, reduction="none")
    np.testing.assert_allclose(jaxloss.multiclass_brier_score(both, labels, reduction="none"), 2 * binary, rtol=1e-6)


@pytest.mark.parametrize("fn", [jaxloss.multiclass_brier_score, jaxloss.ranked_probability_score])
def test_scores_of_logits_are_caught_when_checked(fn) -> None:
    logits, labels = jnp.array([[3.0, -1.0]]), jnp.array([0])
    with pytest.raises(ValueError, match="logits"):
        jaxloss.checked(fn)(logits, labels)
    with pytest.raises(ValueError, match="logits"):
        jaxloss.checked(jaxloss.brier_score)(logits[0], labels.repeat(2))


def test_ranked_probability_score_of_a_near_miss_is_smaller() -> None:
    near, far = jnp.array([0.0, 1.0, 0.0]), jnp.array([0.0, 0.0, 1.0])
    scores = [jaxloss.ranked_probability_score(p, jnp.array(0)) for p in (near, far)]
    np.testing.assert_array_equal(scores, [1, 2])


def test_ranked_probability_score_keeps_a_small_rest() -> None:
    probs = jnp.array([1 - 2.0**-24, 2.0**-25, 2.0**-25])
    np.testing.assert_allclose(jaxloss.ranked_probability_score(probs, jnp.array(0)), 2.0**-48 + 2.0**-50, rtol=1e-6)


def test_interval_score_is_a_pair_of_pinball_losses() -> None:
    rng = np.random.default_rng(3)
    lower, upper, targets = rng.normal(size=(3, 50))
    pinball = lambda q, level: np.maximum(level * (targets - q), (level - 1) * (targets - q))
    for alpha in (0.05, 0.5, 0.9):
        expected = 2 / alpha * (pinball(lower, alpha / 2) + pinball(upper, 1 - alpha / 2))
        np.testing.assert_allclose(
            jaxloss.interval_score(lower, upper, targets, alpha=alpha, reduction="none"), expected, rtol=1e-5
        )


def test_energy_score_in_one_dimension_is_the_crps() -> None:
    rng = np.random.default_rng(4)
    members, targets = rng.normal(size=(5, 7)), rng.normal(size=5)
    np.testing.assert_allclose(
        jaxloss.energy_score(members[..., None], targets[..., None], reduction="none"),
        jaxloss.ensemble_crps(members, targets, reduction="none"),
        rtol=1e-5,
    )


def test_energy_score_has_finite_slopes_where_members_coincide() -> None:
    members = jnp.array([[1.0, 2.0], [1.0, 2.0], [0.0, 0.0]])
    slopes = jax.grad(jaxloss.energy_score, argnums=(0, 1))(members, jnp.array([1.0, 2.0]))
    assert all(np.all(np.isfinite(slope)) for slope in slopes)
    np.testing.assert_allclose(slopes[0][0], slopes[0][1])


def test_scores_are_those_of_scoringrules() -> None:
    sr = pytest.importorskip("scoringrules")
    rng = np.random.default_rng(5)
    members, targets = rng.normal(size=(9, 6)), rng.normal(size=9)
    vectors, points = rng.normal(size=(9, 6, 3)), rng.normal(size=(9, 3))
    keep, weights = rng.uniform(size=9) < 0.7, rng.uniform(size=9)
    lower, upper = np.sort(members[:, :2], axis=-1).T
    probs = rng.dirichlet(np.ones(4), size=9)
    labels = rng.integers(0, 4, size=9)
    levels = np.array([0.1, 0.25, 0.5, 0.6, 0.8, 0.9])
    sigma = rng.gamma(2.0, size=9)
    with jax.enable_x64(True):
        tail = {"where": keep, "weights": weights}
        pairs = {
            "crps_normal": (
                jaxloss.gaussian_crps(members[:, 0], sigma, targets, **tail),
                sr.crps_normal(targets, members[:, 0], sigma),
            ),
            "nrg": (
                jaxloss.ensemble_crps(members, targets, **tail),
                sr.crps_ensemble(targets, members, estimator="nrg"),
            ),
            "default": (jaxloss.ensemble_crps(members, targets, **tail), sr.crps_ensemble(targets, members)),
            "fair": (
                jaxloss.fair_ensemble_crps(members, targets, **tail),
                sr.crps_ensemble(targets, members, estimator="fair"),
            ),
            "quantile": (
                jaxloss.quantile_crps(members, targets, levels, **tail),
                sr.crps_quantile(targets, members, levels),
            ),
            "interval": (
                jaxloss.interval_score(lower, upper, targets, alpha=0.3, **tail),
                sr.interval_score(targets, lower, upper, 0.3),
            ),
            "energy": (jaxloss.energy_score(vectors, points, **tail), sr.es_ensemble(points, vectors)),
            "brier": (
                jaxloss.brier_score(probs[:, 0], (labels == 0).astype(int), **tail),
                sr.brier_score((labels == 0).astype(float), probs[:, 0]),
            ),
            "rps": (jaxloss.ranked_probability_score(probs, labels, **tail), sr.rps_score(labels + 1, probs)),
        }
    for name, (ours, theirs) in pairs.items():
        expected = np.sum((weights * np.asarray(theirs))[keep]) / np.sum(weights[keep])
        np.testing.assert_allclose(ours, expected, rtol=1e-9, err_msg=name)


@pytest.mark.parametrize("chunk_size", [1, 3, 4, 7])
def test_chunks_of_members_give_the_same_energy_score(chunk_size):
    rng = np.random.default_rng(0)
    with jax.enable_x64(True):
        members, targets = jnp.asarray(rng.normal(size=(2, 7, 3))), jnp.asarray(rng.normal(size=(2, 3)))
        loss = lambda size: lambda members: jaxloss.energy_score(members, targets, chunk_size=size)
        for derivative in (lambda f: f, jax.grad, jax.jacfwd, jax.hessian):
            found, wanted = (derivative(loss(size))(members) for size in (chunk_size, None))
            np.testing.assert_allclose(found, wanted, rtol=1e-11, atol=1e-13)


def test_memory_of_the_energy_score_grows_with_the_members_not_with_their_pairs():
    def temporaries(size):
        shapes = [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in ((size, 8), (8,))]
        step = jax.value_and_grad(lambda members, targets: jaxloss.energy_score(members, targets, chunk_size=32))
        return jax.jit(step).lower(*shapes).compile().memory_analysis().temp_size_in_bytes

    assert temporaries(2048) < 2.2 * temporaries(1024)
    assert temporaries(2048) < 2048**2 * 8
