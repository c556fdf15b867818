"""What the laws do not see of NCA, beta-margin and lifted structure: parity with packages, identities, memory."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss

LOSSES = [jaxloss.nca_loss, jaxloss.beta_margin_loss, jaxloss.lifted_structure_loss]
NAME = {"ids": lambda fn: getattr(fn, "__name__", None)}


@pytest.fixture
def batch(rng):
    """Embeddings of three classes of three, two and four."""
    return 0.7 * rng.normal(size=(9, 5)), np.array([0, 0, 0, 1, 1, 2, 2, 2, 2])


@pytest.mark.parametrize("normalized", [False, True], ids=["as they are", "unit"])
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (lambda x, y: jaxloss.nca_loss(x, y, temperature=0.5), lambda m, d: m.NCALoss(softmax_scale=2, distance=d(2))),
        (jaxloss.beta_margin_loss, lambda m, d: m.MarginLoss(distance=d(1))),
        (
            lambda x, y: jaxloss.beta_margin_loss(x, y, boundary=0.9, margin=0.4),
            lambda m, d: m.MarginLoss(margin=0.4, beta=0.9, distance=d(1)),
        ),
        (jaxloss.lifted_structure_loss, lambda m, d: m.LiftedStructureLoss(distance=d(1))),
        (
            lambda x, y: jaxloss.lifted_structure_loss(x, y, margin=0.5),
            lambda m, d: m.LiftedStructureLoss(neg_margin=0.5, distance=d(1)),
        ),
    ],
    ids=["nca", "beta_margin", "beta_margin_moved", "lifted_structure", "lifted_structure_moved"],
)
def test_parity_with_pytorch_metric_learning(batch, ours, theirs, normalized):
    """Values and gradients."""
    torch = pytest.importorskip("torch")
    distances = pytest.importorskip("pytorch_metric_learning.distances")
    losses = pytest.importorskip("pytorch_metric_learning.losses")
    criterion = theirs(losses, lambda power: distances.LpDistance(power=power, normalize_embeddings=normalized))
    x = torch.tensor(batch[0], requires_grad=True)
    expected = criterion(x, torch.tensor(batch[1]))
    expected.backward()

    def loss(x):
        return ours(x / jnp.linalg.norm(x, axis=-1, keepdims=True) if normalized else x, batch[1])

    with jax.enable_x64(True):
        value, slope = jax.value_and_grad(loss)(jnp.asarray(batch[0]))
    np.testing.assert_allclose(value, float(expected.detach()), rtol=1e-7)
    np.testing.assert_allclose(slope, x.grad.numpy(), rtol=1e-6, atol=1e-8)


def test_nca_without_positives_is_nothing(rng):
    """pytorch-metric-learning gives NaN here: the mean over no anchor."""
    value, slope = jax.value_and_grad(lambda x: jaxloss.nca_loss(x, np.arange(4)))(jnp.asarray(rng.normal(size=(4, 3))))
    assert value == 0
    assert not np.any(slope)


def test_nca_of_unit_vectors_is_the_other_supervised_contrast(batch):
    """The paper's L_in: the logarithm of the mean over positives, at twice the temperature of squared distances."""
    x = batch[0] / np.linalg.norm(batch[0], axis=-1, keepdims=True)
    with jax.enable_x64(True):
        ours = jaxloss.nca_loss(x, batch[1], temperature=0.6, reduction="none")
    logits = np.where(np.eye(9, dtype=bool), -np.inf, x @ x.T / 0.3)
    shares = np.exp(logits) / np.sum(np.exp(logits), -1, keepdims=True)
    same = batch[1][:, None] == batch[1]
    np.testing.assert_allclose(ours, -np.log(np.sum(shares * same, -1)), rtol=1e-10)


def test_nca_of_separated_classes_keeps_its_relative_accuracy():
    x, labels = jnp.repeat(5 * jnp.eye(3), 2, axis=0), jnp.repeat(jnp.arange(3), 2)
    np.testing.assert_allclose(jaxloss.nca_loss(x, labels), 4 * np.exp(-50.0), rtol=1e-5)


def test_the_boundary_is_learned(batch):
    """Its slope is the share of active negatives less that of active positives."""
    x, labels = batch
    with jax.enable_x64(True):
        loss = lambda b: jaxloss.beta_margin_loss(x, labels, boundary=b)
        slope = jax.grad(loss)(jnp.float64(1.2))
        step = (loss(1.2 + 1e-6) - loss(1.2 - 1e-6)) / 2e-6
    np.testing.assert_allclose(slope, step, rtol=1e-6)


def test_lifted_structure_equals_its_triangle(rng):
    """One positive pair and one negative, by hand."""
    x = rng.normal(size=(3, 2))
    d = lambda i, j: np.linalg.norm(x[i] - x[j])
    hinge = d(0, 1) + np.log(np.exp(2 - d(0, 2)) + np.exp(2 - d(1, 2)))
    with jax.enable_x64(True):
        value = jaxloss.lifted_structure_loss(x, np.array([0, 0, 1]), margin=2.0)
    np.testing.assert_allclose(value, max(hinge, 0) ** 2 / 2, rtol=1e-12)


@pytest.mark.parametrize("fn", LOSSES, **NAME)
def test_degenerate_batches_are_finite(fn, rng):
    """Anchors without positives or negatives and equal vectors: value, gradient and Hessian."""

    @jax.jit
    def program(x, labels):
        loss = lambda x: fn(x, labels)
        return jax.value_and_grad(loss)(x), jax.jvp(jax.grad(loss), (x,), (jnp.cos(x),))[1]

    for labels in ([3, 3, 3, 3], [0, 1, 2, 3], [0, 0, 1, 2]):
        for x in (rng.normal(size=(4, 3)), np.ones((4, 3)), np.zeros((4, 3))):
            for leaf in jax.tree.leaves(program(jnp.asarray(x, jnp.float32), jnp.array(labels))):
                assert np.all(np.isfinite(leaf)), labels


@pytest.mark.parametrize("fn", LOSSES, **NAME)
def test_training_separates_the_classes(fn, rng):
    x, labels = jnp.asarray(rng.normal(size=(12, 2)), jnp.float32), np.arange(12) % 3
    step = jax.jit(lambda x: x - 0.3 * jax.grad(lambda x: fn(x, labels))(x))
    for _ in range(200):
        x = step(x)
    distances = np.linalg.norm(x[:, None] - x[None], axis=-1) + 1e9 * np.eye(12)
    assert np.all(labels[np.argmin(distances, -1)] == labels)


@pytest.mark.parametrize("fn", LOSSES, **NAME)
def test_memory_grows_with_the_chunk(fn):
    def temporaries(size):
        inputs = jax.ShapeDtypeStruct((size, 8), jnp.float32), jax.ShapeDtypeStruct((size,), jnp.int32)
        program = jax.jit(jax.value_and_grad(lambda x, y: fn(x, y, chunk_size=16)))
        return program.lower(*inputs).compile().memory_analysis().temp_size_in_bytes

    small, large = temporaries(256), temporaries(512)
    assert large < 2.2 * small
    assert large < 512 * 512 * 4
