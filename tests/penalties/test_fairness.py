"""Group fairness: against hard rates, group by group, and a classifier that is made fair."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss


def test_parity_of_certain_predictions_is_that_of_hard_rates(rng):
    """The gap of acceptance rates of two groups: their distances from the mean rate are its parts."""
    accepted, groups = rng.integers(0, 2, size=(2, 60))
    rates = [accepted[groups == g].mean() for g in (0, 1)]
    sizes = [np.mean(groups == g) for g in (0, 1)]
    gap = rates[1] - rates[0]
    expected = ((sizes[1] * gap) ** 2 + (sizes[0] * gap) ** 2) / 2
    with jax.enable_x64(True):
        np.testing.assert_allclose(jaxloss.demographic_parity_penalty(accepted * 1.0, groups), expected, rtol=1e-12)


def test_equalized_odds_is_parity_within_the_classes(rng):
    probs, groups, labels = rng.uniform(size=80), rng.integers(0, 3, size=80), rng.integers(0, 2, size=80)
    expected = 0.0
    for y in (0, 1):
        gaps = [probs[(groups == g) & (labels == y)].mean() - probs[labels == y].mean() for g in range(3)]
        expected += np.mean(np.square(gaps))
    with jax.enable_x64(True):
        ours = sum(jaxloss.demographic_parity_penalty(probs, groups, num_groups=3, where=labels == y) for y in (0, 1))
        np.testing.assert_allclose(ours, expected, rtol=1e-12)
        soft = jaxloss.demographic_parity_penalty(probs, groups, num_groups=3, weights=labels * 1.0)
        hard = jaxloss.demographic_parity_penalty(probs, groups, num_groups=3, where=labels == 1)
    np.testing.assert_allclose(soft, hard, rtol=1e-12)


def test_groups_that_do_not_occur_are_absent():
    probs, groups = jnp.array([0.25, 0.75, 0.5]), jnp.array([0, 4, 0])
    few = jaxloss.demographic_parity_penalty(probs, groups, num_groups=5)
    many = jaxloss.demographic_parity_penalty(probs, groups, num_groups=50)
    np.testing.assert_allclose(few, many, rtol=1e-6)
    value, slope = jax.value_and_grad(jaxloss.demographic_parity_penalty)(probs, jnp.array([0, 1, 2]))
    assert np.isnan(value)
    assert np.all(np.isnan(slope))


def test_covariance_of_two_groups_is_the_gap_of_their_scores(rng):
    scores, attributes = rng.normal(size=50), rng.integers(0, 2, size=50)
    gap = scores[attributes == 1].mean() - scores[attributes == 0].mean()
    share = attributes.mean()
    with jax.enable_x64(True):
        ours = jaxloss.attribute_covariance_penalty(scores, attributes)
        parity = jaxloss.demographic_parity_penalty(scores, attributes)
    np.testing.assert_allclose(ours, (share * (1 - share) * gap) ** 2, rtol=1e-12)
    # Of equal groups the two penalties are one but for a constant.
    np.testing.assert_allclose(parity, (share**2 + (1 - share) ** 2) / 2 * gap**2, rtol=1e-12)


def test_sets_without_examples_are_absent():
    nothing, groups = jnp.zeros((3, 0)), jnp.zeros((3, 0), jnp.int32)
    for values in (
        jaxloss.demographic_parity_penalty(nothing, groups, reduction="none"),
        jaxloss.attribute_covariance_penalty(nothing, groups, reduction="none"),
    ):
        assert values.tolist() == [0, 0, 0]


@pytest.mark.parametrize("fair", ["parity", "covariance"])
def test_a_classifier_is_made_fair(fair):
    """One feature tells the group and little else: without the penalty the acceptance rates differ much."""
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 2, size=400)
    labels = (rng.uniform(size=400) < 0.35 + 0.3 * groups).astype(np.float32)
    features = np.stack([groups + 0.3 * rng.normal(size=400), labels + rng.normal(size=400), np.ones(400)], -1)
    features = features.astype(np.float32)

    def gap(factor):
        def loss(kernel):
            logits = features @ kernel
            if fair == "parity":
                penalty = jaxloss.demographic_parity_penalty(jax.nn.sigmoid(logits), groups)
            else:
                penalty = jaxloss.attribute_covariance_penalty(logits, groups)
            return jaxloss.sigmoid_binary_cross_entropy(logits, labels) + factor * penalty

        kernel = jnp.zeros(3)
        step = jax.jit(lambda kernel: kernel - 0.2 * jax.grad(loss)(kernel))
        for _ in range(300):
            kernel = step(kernel)
        chances = np.asarray(jax.nn.sigmoid(features @ kernel))
        return abs(chances[groups == 1].mean() - chances[groups == 0].mean())

    assert gap(0.0) > 0.2
    assert gap(20.0) < 0.06
