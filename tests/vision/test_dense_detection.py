"""What the focal losses of dense detectors are where other losses are known."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss

LOGITS = jnp.array([-3.0, -0.5, 0.0, 2.0])
BITS = jnp.array([1.0, 0.0, 1.0, 0.0])


def test_quality_of_bits_is_the_focal_loss() -> None:
    ours = jaxloss.quality_focal_loss(LOGITS, BITS, beta=1.5, reduction="none")
    np.testing.assert_allclose(ours, jaxloss.sigmoid_focal_loss(LOGITS, BITS, gamma=1.5, reduction="none"), rtol=1e-6)
    binary = jaxloss.sigmoid_binary_cross_entropy(LOGITS, 0.3 * BITS)
    np.testing.assert_allclose(jaxloss.quality_focal_loss(LOGITS, 0.3 * BITS, beta=0.0), binary, rtol=1e-6)


def test_a_score_that_equals_its_quality_costs_nothing() -> None:
    value, slope = jax.value_and_grad(jaxloss.quality_focal_loss)(jnp.array(0.0), jnp.array(0.5))
    assert value == 0
    assert slope == 0


def test_varifocal_weighs_positives_by_their_quality_and_negatives_by_their_score() -> None:
    binary = jaxloss.sigmoid_binary_cross_entropy(LOGITS, 0.3 * BITS, reduction="none")
    expected = jnp.where(BITS == 1, 0.3, 0.4 * jax.nn.sigmoid(LOGITS) ** 2) * binary
    ours = jaxloss.varifocal_loss(LOGITS, 0.3 * BITS, alpha=0.4, reduction="none")
    np.testing.assert_allclose(ours, expected, rtol=1e-6)


def test_heat_of_bits_is_the_focal_loss_over_the_number_of_peaks() -> None:
    ours = jaxloss.gaussian_focal_loss(LOGITS, BITS, reduction=jaxloss.reductions.mean_over(jnp.sum(BITS == 1)))
    np.testing.assert_allclose(
        ours, jaxloss.sigmoid_focal_loss(LOGITS, BITS, gamma=2.0, reduction="sum") / 2, rtol=1e-6
    )
    near, far = jaxloss.gaussian_focal_loss(jnp.zeros(2), jnp.array([0.9, 0.1]), reduction="none")
    assert near < far


def test_distributions_at_whole_numbers_are_cross_entropies() -> None:
    logits = jnp.array([[0.3, -1.0, 2.0, 0.1]] * 4)
    ours = jaxloss.distribution_focal_loss(logits, jnp.arange(4.0), reduction="none")
    expected = jaxloss.softmax_cross_entropy_with_integer_labels(logits, jnp.arange(4), reduction="none")
    np.testing.assert_allclose(ours, expected, rtol=1e-6)
    between = jaxloss.distribution_focal_loss(logits[0], jnp.array(1.25))
    np.testing.assert_allclose(between, 0.75 * expected[1] + 0.25 * expected[2], rtol=1e-6)
    assert jaxloss.distribution_focal_loss(jnp.zeros(1), jnp.array(0.0)) == 0


@pytest.mark.parametrize("target", [-0.1, 1.1])
@pytest.mark.parametrize("name", ["quality_focal_loss", "varifocal_loss", "gaussian_focal_loss"])
def test_targets_that_are_no_probabilities_never_train(name: str, target: float) -> None:
    value, slope = jax.value_and_grad(getattr(jaxloss, name))(jnp.array(0.3), jnp.array(target))
    assert np.isnan(value)
    assert np.isnan(slope)


@pytest.mark.parametrize("target", [-0.1, 3.1])
def test_distances_beyond_the_bins_never_train(target: float) -> None:
    value, slope = jax.value_and_grad(jaxloss.distribution_focal_loss)(jnp.zeros(4), jnp.array(target))
    assert np.isnan(value)
    assert np.all(np.isnan(slope))
    with pytest.raises(ValueError, match="targets"):
        jaxloss.checked(jaxloss.distribution_focal_loss)(jnp.zeros(4), jnp.array(target))
