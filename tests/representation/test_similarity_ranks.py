"""FastAP, histogram loss, angular, tuplet margin and SoftTriple: parity with pytorch-metric-learning, limits, memory."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss

DEGREES = np.radians(5.73)


@pytest.fixture
def batch(rng: np.random.Generator):
    """Embeddings of three classes of two, three and four."""
    return rng.normal(size=(9, 5)), np.array([0, 0, 1, 1, 1, 2, 2, 2, 2])


def unit(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def value_and_slope(fn, x):
    with jax.enable_x64(True):
        value, slope = jax.value_and_grad(fn)(jnp.asarray(x))
    return np.asarray(value), np.asarray(slope)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (lambda x, y: jaxloss.fast_ap_loss(x, y), lambda m: m.FastAPLoss()),
        (lambda x, y: jaxloss.fast_ap_loss(x, y, num_bins=25), lambda m: m.FastAPLoss(num_bins=25)),
        (lambda x, y: jaxloss.tuplet_margin_loss(x, y, margin=DEGREES), lambda m: m.TupletMarginLoss()),
        (
            lambda x, y: jaxloss.tuplet_margin_loss(x, y, margin=np.radians(12), scale=8.0),
            lambda m: m.TupletMarginLoss(margin=12, scale=8),
        ),
    ],
    ids=["fast_ap", "fast_ap_finer", "tuplet_margin", "tuplet_margin_moved"],
)
def test_parity_with_pytorch_metric_learning(batch, ours, theirs) -> None:
    """Values and gradients; the margins are in degrees there."""
    losses, torch = pytest.importorskip("pytorch_metric_learning.losses"), pytest.importorskip("torch")
    embeddings, labels = batch
    x = torch.tensor(embeddings, requires_grad=True)
    expected = theirs(losses)(x, torch.tensor(labels))
    expected.backward()
    value, slope = value_and_slope(lambda x: ours(x, labels), embeddings)
    np.testing.assert_allclose(value, float(expected.detach()), rtol=1e-10)
    np.testing.assert_allclose(slope, x.grad.numpy(), rtol=1e-8, atol=1e-10)


@pytest.mark.filterwarnings("ignore:Using a non-tuple sequence")
def test_histogram_is_that_of_pytorch_metric_learning(batch) -> None:
    """It computes bins in float32."""
    losses, torch = pytest.importorskip("pytorch_metric_learning.losses"), pytest.importorskip("torch")
    embeddings, labels = batch
    x = torch.tensor(embeddings, requires_grad=True)
    expected = losses.HistogramLoss(n_bins=50)(x, torch.tensor(labels))
    expected.backward()
    value, slope = value_and_slope(lambda x: jaxloss.histogram_loss(x, labels, num_bins=50), embeddings)
    np.testing.assert_allclose(value, float(expected.detach()), rtol=1e-5)
    np.testing.assert_allclose(slope, x.grad.numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("degrees", [36, 45, 55])
def test_angular_of_unit_vectors_is_that_of_pytorch_metric_learning(batch, degrees: int) -> None:
    """The value: the negatives are not normalised there, which changes the gradient."""
    losses, torch = pytest.importorskip("pytorch_metric_learning.losses"), pytest.importorskip("torch")
    embeddings, labels = unit(batch[0]), batch[1]
    expected = losses.AngularLoss(alpha=degrees)(torch.tensor(embeddings), torch.tensor(labels))
    with jax.enable_x64(True):
        value = jaxloss.angular_loss(embeddings, labels, angle=np.radians(degrees))
    np.testing.assert_allclose(value, float(expected), rtol=1e-10)


def test_soft_triple_is_that_of_pytorch_metric_learning(batch, rng: np.random.Generator) -> None:
    losses, torch = pytest.importorskip("pytorch_metric_learning.losses"), pytest.importorskip("torch")
    (embeddings, labels), weight = batch, rng.normal(size=(5, 12))
    criterion = losses.SoftTripleLoss(num_classes=3, embedding_size=5, centers_per_class=4, gamma=0.2, margin=0.1)
    criterion.fc.data = torch.tensor(weight)
    x = torch.tensor(embeddings, requires_grad=True)
    expected = criterion(x, torch.tensor(labels))
    expected.backward()
    proxies = weight.T.reshape(3, 4, 5)
    loss = lambda x: jaxloss.soft_triple_loss(x, labels, proxies, temperature=0.2, margin=0.1)
    value, slope = value_and_slope(loss, embeddings)
    np.testing.assert_allclose(value, float(expected.detach()), rtol=1e-10)
    np.testing.assert_allclose(slope, x.grad.numpy(), rtol=1e-8, atol=1e-10)


def test_soft_triple_with_one_centre_is_cosface(batch, rng: np.random.Generator) -> None:
    (embeddings, labels), kernel = batch, rng.normal(size=(5, 3))
    with jax.enable_x64(True):
        one = jaxloss.soft_triple_loss(embeddings, labels, kernel.T[:, None], margin=0.2, scale=9.0)
        cosface = jaxloss.cosface_loss(embeddings, labels, kernel, margin=0.2, scale=9.0)
        kernels = rng.normal(size=(5, 3, 2))
        cold = jaxloss.soft_triple_loss(embeddings, labels, np.moveaxis(kernels, 0, -1), temperature=1e-5, margin=0.0)
        nearest = jaxloss.sub_center_arcface_loss(embeddings, labels, kernels, margin=0.0, scale=20.0)
    np.testing.assert_allclose(one, cosface, rtol=1e-10)
    np.testing.assert_allclose(cold, nearest, rtol=1e-9)


def test_fast_ap_on_the_nodes_is_the_average_precision() -> None:
    """Of the first example, whose neighbours lie at the distances that are counted."""
    metrics = pytest.importorskip("sklearn.metrics")
    cosines, labels = np.array([0.6, 0.2, -0.2, -0.6, -1.0]), np.array([0, 1, 0, 1, 0])
    others = np.stack([cosines, np.sqrt(1 - cosines**2)], axis=-1)
    embeddings = np.concatenate([[[1.0, 0.0]], others])
    with jax.enable_x64(True):
        value = jaxloss.fast_ap_loss(embeddings, np.append(0, labels), num_bins=5, reduction="none")[0]
    np.testing.assert_allclose(value, 1 - metrics.average_precision_score(labels == 0, cosines), rtol=1e-10)


def test_histogram_of_narrow_bins_counts_inverted_pairs(batch) -> None:
    embeddings, labels = batch
    with jax.enable_x64(True):
        value = jaxloss.histogram_loss(embeddings, labels, num_bins=20_000)
    rows, columns = np.triu_indices(9, 1)
    cosines = (unit(embeddings) @ unit(embeddings).T)[rows, columns]
    same = labels[rows] == labels[columns]
    np.testing.assert_allclose(value, np.mean(cosines[~same][:, None] > cosines[same]), atol=1e-3)


def test_a_pair_of_a_tuplet_is_best_at_the_margin() -> None:
    angles = np.linspace(0.0, 1.0, 101)
    labels = np.array([0, 0, 1])

    def loss(angle):
        pair = jnp.array([[1.0, 0.0, 0.0], [jnp.cos(angle), jnp.sin(angle), 0.0], [0.0, 0.0, 1.0]])
        return jaxloss.tuplet_margin_loss(pair, labels, margin=0.3, scale=4.0)

    values = jax.lax.map(loss, jnp.asarray(angles, jnp.float32))
    assert abs(angles[np.argmin(values)] - 0.3) < 0.02


@pytest.mark.parametrize("fn", [jaxloss.angular_loss, jaxloss.tuplet_margin_loss], ids=lambda fn: fn.__name__)
def test_without_negatives_or_positives_there_is_nothing(fn, rng: np.random.Generator) -> None:
    x = jnp.asarray(rng.normal(size=(4, 3)), jnp.float32)
    for labels in (np.zeros(4, int), np.arange(4)):
        value, slope = jax.value_and_grad(lambda x, y=labels: fn(x, y))(x)
        assert value == 0
        assert not np.any(slope)


def test_equal_positives_have_finite_second_derivatives() -> None:
    x, labels = jnp.array([[1.0, 2.0], [2.0, 4.0], [0.0, 1.0]]), jnp.array([0, 0, 1])
    bend = jax.hessian(lambda x: jaxloss.tuplet_margin_loss(x, labels, scale=4.0))(x)
    assert np.all(np.isfinite(bend))


@pytest.mark.parametrize("fn", [jaxloss.fast_ap_loss, jaxloss.histogram_loss], ids=lambda fn: fn.__name__)
def test_histograms_train_embeddings(fn, rng: np.random.Generator) -> None:
    labels = np.repeat(np.arange(4), 4)

    @jax.jit
    def train(x):
        return jax.lax.fori_loop(0, 200, lambda _, x: x - 0.5 * jax.grad(fn)(x, labels), x)

    start = jnp.asarray(rng.normal(size=(16, 8)), jnp.float32)
    assert fn(train(start), labels) < 0.6 * fn(start, labels)


def test_memory_of_a_histogram_does_not_grow_with_the_bins(rng: np.random.Generator) -> None:
    x, labels = jnp.asarray(rng.normal(size=(256, 8)), jnp.float32), jnp.arange(256) % 16

    def temporaries(num_bins):
        loss = lambda x: jaxloss.histogram_loss(x, labels, num_bins=num_bins)
        memory = jax.jit(jax.grad(loss)).lower(x).compile().memory_analysis()
        assert memory is not None
        return memory.temp_size_in_bytes

    assert temporaries(200) < 2 * temporaries(10)
