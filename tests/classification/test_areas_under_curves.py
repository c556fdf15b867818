"""AUC margin and partial AUC: parity with MONAI, the saddle point, limits to the pairwise loss, training."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss


@pytest.fixture
def batch(rng: np.random.Generator):
    targets = (np.arange(24) % 4 == 0).astype(float)
    return rng.uniform(size=24), targets


def test_auc_margin_is_that_of_monai(batch) -> None:
    """Value and gradients of scores and parameters; MONAI works in float32."""
    monai, torch = pytest.importorskip("monai.losses"), pytest.importorskip("torch")
    scores, targets = batch
    criterion = monai.AUCMLoss(margin=0.8, imratio=0.25)
    parameters = {"a": 0.7, "b": 0.2, "alpha": 0.4}
    for name, value in parameters.items():
        getattr(criterion, name).data = torch.tensor([value])
    x = torch.tensor(scores[:, None], dtype=torch.float32, requires_grad=True)
    expected = criterion(x, torch.tensor(targets[:, None], dtype=torch.float32))
    expected.backward()

    def loss(scores, a, b, alpha):
        return jaxloss.auc_margin_loss(scores, targets, a, b, alpha, positive_share=0.25, margin=0.8)

    with jax.enable_x64(True):
        value, slopes = jax.value_and_grad(loss, (0, 1, 2, 3))(*map(jnp.asarray, (scores, *parameters.values())))
    np.testing.assert_allclose(value, float(expected.detach()), rtol=1e-5)
    theirs = x.grad[:, 0], *(getattr(criterion, name).grad[0] for name in parameters)
    for ours, other in zip(slopes, theirs, strict=True):
        np.testing.assert_allclose(ours, other.numpy(), rtol=1e-4, atol=1e-7)


def test_the_saddle_point_is_a_squared_loss_of_pairs(batch) -> None:
    """With the mean scores as centres and the gap to the margin as the multiplier."""
    scores, targets = batch
    positive, negative = scores[targets == 1], scores[targets == 0]
    p, margin = positive.size / scores.size, 2.0
    a, b = positive.mean(), negative.mean()
    alpha = margin - (a - b)

    def loss(a, b, alpha):
        return jaxloss.auc_margin_loss(scores, targets, a, b, alpha, positive_share=p, margin=margin)

    with jax.enable_x64(True):
        value, slopes = jax.value_and_grad(loss, (0, 1, 2))(*map(jnp.asarray, (a, b, alpha)))
        bends = [float(jax.grad(jax.grad(loss, i), i)(*map(jnp.asarray, (a, b, alpha)))) for i in range(3)]
    pairs = (margin - positive[:, None] + negative) ** 2
    np.testing.assert_allclose(value, p * (1 - p) * pairs.mean(), rtol=1e-10)
    np.testing.assert_allclose(slopes, 0, atol=1e-12)
    assert bends[0] > 0
    assert bends[1] > 0
    assert bends[2] < 0


def test_one_optimizer_finds_the_saddle_point(batch) -> None:
    """With the reversed gradient of the multiplier, as the docstring says."""
    scores, targets = batch

    def loss(parameters):
        a, b, alpha = parameters
        alpha = jaxloss.combine.reverse_gradient(alpha)
        return jaxloss.auc_margin_loss(scores, targets, a, b, alpha, positive_share=0.25)

    def step(_, parameters):
        a, b, alpha = jax.tree.map(lambda x, g: x - g, parameters, jax.grad(loss)(parameters))
        return a, b, jnp.maximum(alpha, 0)

    with jax.enable_x64(True):
        a, b, alpha = jax.lax.fori_loop(0, 400, step, (jnp.zeros(()),) * 3)
    expected = scores[targets == 1].mean(), scores[targets == 0].mean()
    np.testing.assert_allclose([a, b], expected, rtol=1e-6)
    np.testing.assert_allclose(alpha, max(0.0, 1 - (expected[0] - expected[1])), rtol=1e-6)


@pytest.mark.parametrize("positive_temperature", [None, 1e7])
def test_warm_partial_auc_is_the_pairwise_loss(batch, positive_temperature) -> None:
    with jax.enable_x64(True):
        warm = jaxloss.partial_auc_loss(
            *batch, negative_temperature=1e7, positive_temperature=positive_temperature, margin=0.9
        )
        pairwise = jaxloss.pairwise_auc_loss(*batch, margin=0.9)
    np.testing.assert_allclose(warm, pairwise, rtol=1e-6)


def test_cold_partial_auc_is_the_hardest_pair(batch) -> None:
    scores, targets = batch
    positive, negative = scores[targets == 1], scores[targets == 0]
    with jax.enable_x64(True):
        one_way = jaxloss.partial_auc_loss(*batch, negative_temperature=1e-4)
        two_way = jaxloss.partial_auc_loss(*batch, negative_temperature=1e-4, positive_temperature=1e-4)
    costs = (1 - positive + negative.max()) ** 2
    np.testing.assert_allclose(one_way, costs.mean(), atol=1e-3)
    np.testing.assert_allclose(two_way, costs.max(), atol=1e-3)


def test_a_hard_limit_is_a_mask_of_the_pairwise_loss(batch) -> None:
    """The hardest six negatives, which are the same for every positive."""
    scores, targets = batch
    threshold = np.sort(scores[targets == 0])[-6]
    with jax.enable_x64(True):
        value = jaxloss.pairwise_auc_loss(scores, targets, where=(targets == 1) | (scores >= threshold))
    rows = [np.sort(np.maximum(0, 1 - s + scores[targets == 0]) ** 2)[-6:].mean() for s in scores[targets == 1]]
    np.testing.assert_allclose(value, np.mean(rows), rtol=1e-10)


def test_partial_auc_of_weights_is_that_of_copies(batch) -> None:
    scores, targets = batch
    counts = 1 + np.arange(24) % 3
    with jax.enable_x64(True):
        weighted = jaxloss.partial_auc_loss(scores, targets, positive_temperature=0.5, weights=counts)
        copied = jaxloss.partial_auc_loss(
            np.repeat(scores, counts), np.repeat(targets, counts), positive_temperature=0.5
        )
    np.testing.assert_allclose(weighted, copied, rtol=1e-10)


def test_small_partial_losses_keep_their_digits() -> None:
    """One pair that is short of the margin by 1e-3."""
    value = jaxloss.partial_auc_loss(jnp.array([1.0, 1e-3, -9.0]), jnp.array([1, 0, 0]))
    np.testing.assert_allclose(value, 0.5e-6, rtol=1e-4)
