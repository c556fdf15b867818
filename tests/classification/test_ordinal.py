"""What the laws do not see of `jaxloss.classification.ordinal`."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss


@pytest.fixture
def ranked(rng):
    return (2 * rng.normal(size=(9, 4))).astype(np.float32), rng.integers(0, 5, 9).astype(np.int32)


def test_coral_equals_coral_pytorch(ranked):
    torch = pytest.importorskip("torch")
    losses = pytest.importorskip("coral_pytorch.losses")
    logits, labels = ranked
    levels = torch.tensor(labels[:, None] > np.arange(4)).double()
    expected = losses.coral_loss(torch.tensor(logits).double(), levels, reduction=None)
    np.testing.assert_allclose(jaxloss.coral_ordinal_loss(logits, labels, reduction="none"), expected, rtol=1e-6)


@pytest.mark.parametrize("masked", [False, True])
def test_corn_equals_coral_pytorch_per_question(ranked, masked):
    """The peer divides the same sum by the number of questions answered, not by the number of examples."""
    torch = pytest.importorskip("torch")
    losses = pytest.importorskip("coral_pytorch.losses")
    logits, labels = ranked
    keep = np.arange(9) % 3 != 1 if masked else np.ones(9, bool)
    expected = losses.corn_loss(torch.tensor(logits[keep]).double(), torch.tensor(labels[keep]), 5)
    questions = int(np.sum(np.minimum(labels[keep] + 1, 4)))
    total = jaxloss.corn_ordinal_loss(logits, labels, where=keep, reduction="sum")
    np.testing.assert_allclose(total / questions, float(expected), rtol=1e-6)
    mean = jaxloss.corn_ordinal_loss(logits, labels, where=keep)
    np.testing.assert_allclose(mean, float(expected) * questions / keep.sum(), rtol=1e-6)


def test_corn_leaves_unasked_questions_alone(ranked):
    logits, labels = ranked
    slope = np.asarray(jax.grad(lambda z: jaxloss.corn_ordinal_loss(z, labels, reduction="sum"))(logits))
    np.testing.assert_array_equal(slope != 0, labels[:, None] >= np.arange(4))


def test_corn_is_a_distribution(ranked):
    """The losses of all classes of one example are the logarithms of probabilities that sum to one."""
    logits = jnp.broadcast_to(ranked[0][:1], (5, 4))
    losses = jaxloss.corn_ordinal_loss(logits, jnp.arange(5), reduction="none")
    np.testing.assert_allclose(jnp.sum(jnp.exp(-losses)), 1, rtol=1e-6)


def test_squared_emd_grows_with_the_distance():
    certain = 200 * jnp.eye(5)
    for label in range(5):
        labels = jnp.full(5, label)
        distances = jaxloss.squared_emd_ordinal_loss(certain, labels, reduction="none")
        np.testing.assert_allclose(distances, np.abs(np.arange(5) - label), atol=1e-6)


def test_squared_emd_keeps_small_losses():
    """Probability e^-20 one class away costs e^-40, where 1 minus the cumulative sum is 0 in float32."""
    for label, logits in ((0, [20.0, 0.0, -jnp.inf]), (2, [-jnp.inf, 0.0, 20.0])):
        loss = jaxloss.squared_emd_ordinal_loss(jnp.array([logits]), jnp.array([label]))
        np.testing.assert_allclose(loss, np.exp(-40.0), rtol=1e-5)
