"""What the laws do not see of the pairs, triplets and batch contrasts of `jaxloss.representation`."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss

MINED = [jaxloss.batch_all_triplet_loss, jaxloss.batch_hard_triplet_loss, jaxloss.batch_semi_hard_triplet_loss]
LABELLED = [*MINED, jaxloss.ntxent, jaxloss.supcon_loss, jaxloss.multi_similarity_loss, jaxloss.circle_loss]
MATCHED = [jaxloss.infonce_loss, jaxloss.clip_loss, jaxloss.siglip_loss, jaxloss.n_pairs_loss]
NAME = {"ids": lambda fn: getattr(fn, "__name__", None)}


def unit(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


@pytest.fixture
def batch(rng):
    """Twelve float32 embeddings of four classes of three."""
    return rng.normal(size=(12, 6)).astype(np.float32), np.repeat(np.arange(4), 3)


def largest(jaxpr) -> int:
    """The number of entries of the largest array of a program."""
    sizes = [0]
    for equation in jaxpr.eqns:
        sizes += [v.aval.size for v in equation.outvars]
        for value in equation.params.values():
            inner = value if isinstance(value, list | tuple) else [value]
            sizes += [largest(getattr(x, "jaxpr", x)) for x in inner if hasattr(getattr(x, "jaxpr", x), "eqns")]
    return max(sizes)


@pytest.mark.parametrize("fn", [*LABELLED, *MATCHED], **NAME)
def test_no_array_has_an_entry_per_pair_and_feature(fn):
    n, d = 32, 96
    second = jnp.zeros((n, d)) if fn in MATCHED else jnp.arange(n, dtype=jnp.int32) // 2
    program = jax.make_jaxpr(jax.value_and_grad(fn))(jnp.ones((n, d)), second)
    assert largest(program.jaxpr) < n * n * d // 2


@pytest.mark.parametrize("fn", LABELLED, **NAME)
def test_degenerate_batches_are_finite(fn, rng):
    """Anchors without positives or negatives, equal vectors and zero vectors: value, gradient and Hessian."""

    @jax.jit
    def program(x, labels):
        loss = lambda x: fn(x, labels)
        return jax.value_and_grad(loss)(x), jax.jvp(jax.grad(loss), (x,), (jnp.cos(x),))[1]

    batches = {"random": rng.normal(size=(4, 3)), "equal": np.ones((4, 3)), "zero": np.zeros((4, 3))}
    for labels in ([3, 3, 3, 3], [0, 1, 2, 3], [0, 0, 1, 2]):
        for kind, x in batches.items():
            for leaf in jax.tree.leaves(program(jnp.asarray(x, jnp.float32), jnp.array(labels))):
                assert np.all(np.isfinite(leaf)), f"{kind}, {labels}"


@pytest.mark.parametrize("fn", [*MINED, jaxloss.ntxent, jaxloss.supcon_loss], **NAME)
def test_anchors_without_a_positive_do_not_count(fn, rng):
    """The lonely example takes no part in the mean."""
    x, labels = jnp.asarray(rng.normal(size=(5, 3)), jnp.float32), jnp.array([0, 0, 1, 1, 2])
    each = fn(x, labels, reduction=jaxloss.reductions.term)
    assert each.weights[4] == 0
    np.testing.assert_allclose(fn(x, labels), jaxloss.reduce(each.values, weights=each.weights), rtol=1e-6)


@pytest.mark.parametrize("fn", LABELLED, **NAME)
def test_labels_of_64_bits_do_not_meet(fn, rng):
    with jax.enable_x64(True):
        x = jnp.asarray(rng.normal(size=(4, 3)))
        wide = jnp.array([0, 0, 2**32, 2**32 + 1])
        np.testing.assert_allclose(fn(x, wide), fn(x, jnp.array([0, 0, 1, 2])), rtol=1e-12)


@pytest.mark.parametrize("fn", MATCHED[:2], **NAME)
@pytest.mark.parametrize("temperature", [0.05, 0.025])
def test_well_separated_pairs_keep_their_relative_accuracy(fn, temperature):
    """The loss is the sum of the exponentials of the negatives, far below the spacing of float32 around 1."""
    x = jnp.eye(4)
    expected = math.log1p(3 * math.exp(-1 / temperature))
    assert 0 < expected < 1e-8
    np.testing.assert_allclose(fn(x, x, temperature=temperature), expected, rtol=1e-5)


@pytest.mark.parametrize("fn", [jaxloss.ntxent, jaxloss.supcon_loss], **NAME)
def test_well_separated_groups_keep_their_relative_accuracy(fn):
    x, labels = jnp.repeat(jnp.eye(4), 2, axis=0), jnp.repeat(jnp.arange(4), 2)
    expected = math.log1p(6 * math.exp(-20))
    np.testing.assert_allclose(fn(x, labels, temperature=0.05), expected, rtol=1e-5)


@pytest.mark.parametrize("fn", [*MATCHED[:3], jaxloss.ntxent, jaxloss.supcon_loss], **NAME)
def test_small_temperatures(fn, rng):
    """Exponents of +-1000 and a gradient in the temperature itself."""
    x, y = jnp.asarray(rng.normal(size=(2, 8, 4)), jnp.float32)
    second = y if fn in MATCHED else jnp.arange(8) // 2
    value, slope = jax.value_and_grad(lambda t: fn(x, second, temperature=t))(jnp.float32(1e-3))
    assert np.isfinite(value)
    assert np.isfinite(slope)
    assert slope != 0


def test_masked_columns_are_no_negatives(rng):
    x, y = jnp.asarray(rng.normal(size=(2, 6, 4)), jnp.float32)
    keep = jnp.array([True, True, False, True, False, True])
    for fn in MATCHED:
        masked = jax.jit(fn)(x, y.at[2].set(jnp.nan), where=keep)
        np.testing.assert_allclose(masked, jax.jit(fn)(x[keep], y[keep]), rtol=2e-6)


def test_equal_vectors_in_a_triplet_have_no_gradient():
    """PyTorch and optax add 1e-6, which gives equal vectors a distance."""
    x = jnp.ones((1, 4))
    for degree in (1.0, 2.0, 3.5):
        value, slopes = jax.value_and_grad(jaxloss.triplet_margin_loss, (0, 1, 2))(x, x, x, norm_degree=degree)
        assert float(value) == 1
        assert not any(np.any(np.asarray(s)) for s in slopes)


def test_targets_of_another_encoding_never_train():
    x = jnp.ones((2, 3))
    for fn, wrong in ((jaxloss.contrastive_loss, -1.0), (jaxloss.cosine_embedding_loss, 0.0)):
        targets = jnp.array([1.0, wrong])
        values, slope = jax.value_and_grad(lambda a: jnp.sum(fn(a, x, targets, reduction="none")))(2 * x)
        assert np.isnan(values)
        np.testing.assert_array_equal(np.isnan(slope).any(-1), [False, True])
        with pytest.raises(ValueError, match="targets must be"):
            jaxloss.checked(fn)(x, x, targets)


def test_parity_with_torch(rng):
    torch = pytest.importorskip("torch")
    x, y, z = (rng.normal(size=(7, 5)) for _ in range(3))
    signs = np.where(rng.uniform(size=7) < 0.5, 1, -1)
    t = lambda a: torch.tensor(a)
    f = torch.nn.functional
    with jax.enable_x64(True):
        theirs = f.cosine_embedding_loss(t(x), t(y), t(signs), margin=0.1)
        np.testing.assert_allclose(jaxloss.cosine_embedding_loss(x, y, signs, margin=0.1), theirs, rtol=1e-9)
        theirs = f.hinge_embedding_loss(t(x), t(np.sign(y)), margin=0.7)
        np.testing.assert_allclose(jaxloss.hinge_embedding_loss(x, np.sign(y), margin=0.7), theirs, rtol=1e-12)
        for p in (1.0, 2.0, 3.0):
            for swap in (False, True):
                theirs = f.triplet_margin_loss(t(x), t(y), t(z), margin=0.8, p=p, swap=swap, eps=0)
                ours = jaxloss.triplet_margin_loss(x, y, z, margin=0.8, norm_degree=p, swap=swap)
                np.testing.assert_allclose(ours, theirs, rtol=1e-12)
        logits = t(unit(x)) @ t(unit(y)).T / 0.3
        rows, columns = (f.cross_entropy(s, torch.arange(7)) for s in (logits, logits.T))
        np.testing.assert_allclose(jaxloss.infonce_loss(x, y, temperature=0.3), rows, rtol=1e-12)
        np.testing.assert_allclose(jaxloss.clip_loss(x, y, temperature=0.3), (rows + columns) / 2, rtol=1e-12)


def test_parity_with_optax(batch):
    optax = pytest.importorskip("optax")
    x, labels = batch
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        theirs = optax.losses.ntxent(jnp.asarray(x), jnp.asarray(labels), temperature=0.3)
        triplet = optax.losses.triplet_margin_loss(x, x[::-1], x[[1, *range(11)]], margin=2.0, eps=0.0).mean()
    np.testing.assert_allclose(jaxloss.ntxent(x, labels, temperature=0.3), theirs, rtol=1e-5)
    ours = jaxloss.triplet_margin_loss(x, x[::-1], x[[1, *range(11)]], margin=2.0)
    np.testing.assert_allclose(ours, triplet, rtol=1e-5)


def test_circle_equals_keras_on_unit_vectors(batch):
    losses = pytest.importorskip("keras").losses
    x, labels = unit(batch[0]), batch[1]
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        theirs = losses.circle(labels, x, margin=0.3, gamma=5.0)
    ours = jaxloss.circle_loss(x, labels, margin=0.3, scale=5.0, reduction="none")
    np.testing.assert_allclose(ours, np.asarray(theirs), rtol=1e-5)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (lambda x, y: jaxloss.supcon_loss(x, y, temperature=0.3), lambda m, d: m.SupConLoss(temperature=0.3)),
        (lambda x, y: jaxloss.ntxent(x, y, temperature=0.3), lambda m, d: m.NTXentLoss(temperature=0.3)),
        (
            lambda x, y: jaxloss.multi_similarity_loss(x, y, negative_temperature=1 / 9),
            lambda m, d: m.MultiSimilarityLoss(alpha=2, beta=9, base=0.5),
        ),
        (lambda x, y: jaxloss.circle_loss(x, y, margin=0.3, scale=5.0), lambda m, d: m.CircleLoss(m=0.3, gamma=5)),
        (
            lambda x, y: jaxloss.batch_all_triplet_loss(x, y, margin=0.7),
            lambda m, d: m.TripletMarginLoss(margin=0.7, distance=d.LpDistance(normalize_embeddings=False)),
        ),
    ],
    ids=["supcon", "ntxent", "multi_similarity", "circle", "batch_all_triplet"],
)
def test_parity_with_pytorch_metric_learning(batch, ours, theirs):
    """Values and gradients, the circle's with constant weights too."""
    torch = pytest.importorskip("torch")
    distances = pytest.importorskip("pytorch_metric_learning.distances")
    losses = pytest.importorskip("pytorch_metric_learning.losses")
    criterion = theirs(losses, distances)
    x = torch.tensor(batch[0].astype(np.float64), requires_grad=True)
    expected = criterion(x, torch.tensor(batch[1]))
    expected.backward()
    with jax.enable_x64(True):
        value, slope = jax.value_and_grad(ours)(jnp.asarray(batch[0], jnp.float64), jnp.asarray(batch[1]))
    np.testing.assert_allclose(value, float(expected.detach()), rtol=1e-6)
    np.testing.assert_allclose(slope, x.grad.numpy(), rtol=1e-5, atol=1e-7)


def test_n_pairs_equals_pytorch_metric_learning(rng):
    torch = pytest.importorskip("torch")
    losses = pytest.importorskip("pytorch_metric_learning.losses")
    distances = pytest.importorskip("pytorch_metric_learning.distances")
    x, y = rng.normal(size=(2, 5, 4))
    criterion = losses.NPairsLoss(distance=distances.DotProductSimilarity(normalize_embeddings=False))
    both = torch.tensor(np.concatenate([x, y]))
    theirs = criterion(both, torch.tensor([*range(5), *range(5)]))
    with jax.enable_x64(True):
        ways = jaxloss.n_pairs_loss(x, y), jaxloss.n_pairs_loss(y, x)
    assert min(abs(float(w) - float(theirs)) for w in ways) < 1e-9


def test_circle_weights_are_constants(batch):
    """The gradient is that of the loss with the weights frozen at the point."""
    x, labels = jnp.asarray(batch[0]), jnp.asarray(batch[1])
    unit_rows = lambda x: x / jnp.linalg.norm(x, axis=-1, keepdims=True)
    cosine = lambda x: unit_rows(x) @ unit_rows(x).T
    fixed = cosine(x)

    def frozen(x):
        s = cosine(x)
        same = labels[:, None] == labels[None, :]
        near, far = same & ~jnp.eye(12, dtype=bool), ~same
        low = jnp.where(near, -4 * jnp.maximum(1.3 - fixed, 0) * (s - 0.7), -jnp.inf)
        high = jnp.where(far, 4 * jnp.maximum(fixed + 0.3, 0) * (s - 0.3), -jnp.inf)
        return jnp.sum(jax.nn.softplus(jax.nn.logsumexp(low, 1) + jax.nn.logsumexp(high, 1))) / 12

    ours = jax.grad(lambda x: jaxloss.circle_loss(x, labels, margin=0.3, scale=4.0))(x)
    np.testing.assert_allclose(ours, jax.grad(frozen)(x), rtol=1e-4, atol=1e-6)


def test_supcon_counts_all_positives_in_the_denominator(batch):
    """With two views the two losses agree, with three they do not."""
    x, labels = batch
    pairs = np.repeat(np.arange(6), 2)
    np.testing.assert_allclose(
        jaxloss.supcon_loss(x, pairs, temperature=0.2), jaxloss.ntxent(x, pairs, temperature=0.2), rtol=2e-6
    )
    gap = jaxloss.supcon_loss(x, labels, temperature=1.0) - jaxloss.ntxent(x, labels, temperature=1.0)
    assert float(gap) > 0.05


def test_siglip_divides_by_the_number_of_images(rng):
    x, y = rng.normal(size=(2, 5, 4)).astype(np.float32)
    logits = unit(x) @ unit(y).T / 0.1 - 10
    signs = 2 * np.eye(5) - 1
    np.testing.assert_allclose(jaxloss.siglip_loss(x, y), np.sum(np.logaddexp(0, -signs * logits)) / 5, rtol=1e-5)


def test_a_queue_of_the_other_keys_is_the_batch(rng):
    """Query by query, the in-batch loss is that of a queue without the own key."""
    x, y = rng.normal(size=(2, 5, 4)).astype(np.float32)
    alone = [jaxloss.infonce_with_queue_loss(x[i : i + 1], y[i : i + 1], np.delete(y, i, axis=0)) for i in range(5)]
    np.testing.assert_allclose(jaxloss.infonce_loss(x, y, reduction="none"), np.array(alone), rtol=1e-5)


def test_queue_refuses_other_shapes():
    x = jnp.ones((3, 4))
    for wrong in (jnp.ones((2, 5)), jnp.ones(4), jnp.ones((0, 4)), jnp.ones((1, 2, 4))):
        with pytest.raises(ValueError, match="negatives"):
            jaxloss.infonce_with_queue_loss(x, x, wrong)
