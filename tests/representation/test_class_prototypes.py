"""What the laws do not see of proxies and class means: parity with a package, identities, and learning."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss


@pytest.fixture
def compared(rng):
    """Ten embeddings of four of five classes, and a proxy for each class."""
    return rng.normal(size=(10, 6)), np.arange(10) % 4, rng.normal(size=(5, 6))


def test_the_positive_in_the_denominator_is_the_normalised_softmax(compared):
    """ProxyNCA++ and the loss of pytorch-metric-learning, which has its proxies normalised by the distance."""
    torch = pytest.importorskip("torch")
    losses = pytest.importorskip("pytorch_metric_learning.losses")
    x, labels, proxies = compared
    for scale in (1.0, 9.0):
        criterion = losses.ProxyNCALoss(5, 6, softmax_scale=scale)
        criterion.proxies.data = torch.tensor(proxies)
        theirs = criterion(torch.tensor(x), torch.tensor(labels))
        with jax.enable_x64(True):
            plus = jaxloss.normalized_softmax_loss(x, labels, proxies.T, scale=2 * scale, reduction="none")
            np.testing.assert_allclose(jnp.mean(plus), float(theirs.detach()), rtol=1e-9)
            ours = jaxloss.proxy_nca_loss(x, labels, proxies, temperature=1 / scale, reduction="none")
            # log(e^a / (e^a + e^b)) of the difference of the two exponents.
            np.testing.assert_allclose(plus, np.logaddexp(0, ours), rtol=1e-9)


def test_one_class_has_nothing_to_repel(compared):
    x, _, proxies = compared
    with pytest.raises(ValueError, match="at least two classes"):
        jaxloss.proxy_nca_loss(x, np.zeros(10, int), proxies[:1])


@pytest.mark.parametrize(("margin", "scale"), [(0.1, 32.0), (0.4, 3.0)])
def test_proxy_anchor_equals_pytorch_metric_learning(compared, margin, scale):
    """Values and gradients of both; class 4 does not occur, and only pushes."""
    torch = pytest.importorskip("torch")
    losses = pytest.importorskip("pytorch_metric_learning.losses")
    x, labels, proxies = compared
    criterion = losses.ProxyAnchorLoss(5, 6, margin=margin, alpha=scale)
    criterion.proxies.data = torch.tensor(proxies)
    given = torch.tensor(x, requires_grad=True)
    theirs = criterion(given, torch.tensor(labels))
    theirs.backward()
    with jax.enable_x64(True):
        loss = lambda x, p: jaxloss.proxy_anchor_loss(x, labels, p, margin=margin, scale=scale)
        value, slopes = jax.value_and_grad(loss, (0, 1))(jnp.asarray(x), jnp.asarray(proxies))
    np.testing.assert_allclose(value, float(theirs.detach()), rtol=1e-9)
    np.testing.assert_allclose(slopes[0], given.grad.numpy(), rtol=1e-7, atol=1e-12)
    np.testing.assert_allclose(slopes[1], criterion.proxies.grad.numpy(), rtol=1e-7, atol=1e-12)


def test_a_weight_in_proxy_anchor_is_copies(compared):
    x, labels, proxies = compared
    counts = np.array([2, 1, 0, 3, 1, 1, 0, 1, 2, 1])
    with jax.enable_x64(True):
        weighted = jaxloss.proxy_anchor_loss(x, labels, proxies, weights=counts, scale=4.0)
        copied = jaxloss.proxy_anchor_loss(np.repeat(x, counts, 0), np.repeat(labels, counts), proxies, scale=4.0)
    np.testing.assert_allclose(weighted, copied, rtol=1e-12)


def _trained(loss, start, steps, rate):
    step = jax.jit(lambda x: jax.tree.map(lambda a, g: a - rate * g, x, jax.grad(loss)(x)))
    for _ in range(steps):
        start = step(start)
    return start


@pytest.mark.parametrize("fn", [jaxloss.proxy_nca_loss, jaxloss.proxy_anchor_loss], ids=lambda fn: fn.__name__)
def test_training_gathers_embeddings_at_their_proxies(compared, fn):
    x, labels, proxies = (jnp.asarray(a) for a in compared)
    start = x.astype(jnp.float32), proxies.astype(jnp.float32)
    x, proxies = _trained(lambda both: fn(both[0], labels, both[1]), start, 200, 0.3)
    assert jnp.all(jnp.argmax(x @ (proxies / jnp.linalg.norm(proxies, axis=-1, keepdims=True)).T, axis=-1) == labels)


class TestPrototypical:
    @pytest.fixture
    def episode(self, rng):
        """Six queries and three shots of four classes."""
        classes = np.arange(12) % 4
        return rng.normal(size=(6, 5)), np.arange(6) % 4, rng.normal(size=(12, 5)), classes

    def test_equals_torch_on_class_means(self, episode):
        torch = pytest.importorskip("torch")
        queries, labels, support, classes = episode
        q, s = torch.tensor(queries, requires_grad=True), torch.tensor(support, requires_grad=True)
        means = torch.stack([s[torch.tensor(classes == k)].mean(0) for k in range(4)])
        theirs = torch.nn.functional.cross_entropy(-(torch.cdist(q, means) ** 2), torch.tensor(labels))
        theirs.backward()
        with jax.enable_x64(True):
            loss = lambda q, s: jaxloss.prototypical_loss(q, labels, s, classes, num_classes=4)
            value, slopes = jax.value_and_grad(loss, (0, 1))(jnp.asarray(queries), jnp.asarray(support))
        np.testing.assert_allclose(value, float(theirs.detach()), rtol=1e-10)
        for ours, x in zip(slopes, (q, s), strict=True):
            np.testing.assert_allclose(ours, x.grad.numpy(), rtol=1e-8, atol=1e-12)

    def test_one_shot_per_class_is_the_cross_entropy_of_distances(self, episode):
        queries, labels, support, _ = episode
        with jax.enable_x64(True):
            ours = jaxloss.prototypical_loss(queries, labels, support[:4], np.arange(4), num_classes=4)
            logits = -np.sum((queries[:, None] - support[None, :4]) ** 2, -1)
            theirs = jaxloss.softmax_cross_entropy_with_integer_labels(logits, labels)
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)

    def test_padding_is_absent(self, episode):
        """Rows of NaN with absurd labels, of weight 0; and the class 4 that nothing supports."""
        queries, labels, support, classes = episode
        padded = np.concatenate([support, np.full((3, 5), np.nan)])
        more = np.concatenate([classes, [-100, 2, 9]])
        mass = np.repeat([1.0, 0.0], [12, 3])
        loss = lambda s: jaxloss.prototypical_loss(queries, labels, s, more, num_classes=5, support_weights=mass)
        expected = lambda s: jaxloss.prototypical_loss(queries, labels, s, classes, num_classes=4)
        with jax.enable_x64(True):
            value, slope = jax.value_and_grad(loss)(jnp.asarray(padded))
            want, want_slope = jax.value_and_grad(expected)(jnp.asarray(support))
        np.testing.assert_allclose(value, want, rtol=1e-12)
        np.testing.assert_allclose(slope[:12], want_slope, rtol=1e-10, atol=1e-14)
        assert not np.any(slope[12:])

    def test_a_class_without_support_is_nan(self, episode):
        queries, _, support, classes = episode
        labels = np.array([0, 4, 1, 2, 3, 0])
        loss = lambda q: jaxloss.prototypical_loss(q, labels, support, classes, num_classes=5, reduction="none")
        values = loss(queries)
        np.testing.assert_array_equal(np.isnan(values), labels == 4)
        with pytest.raises(ValueError, match="in the support"):
            jaxloss.checked(loss)(queries)
        kept = jaxloss.prototypical_loss(queries, labels, support, classes, num_classes=5, where=labels != 4)
        assert np.isfinite(kept)

    def test_a_support_label_out_of_range_is_nan(self, episode):
        queries, labels, support, classes = episode
        assert np.isnan(jaxloss.prototypical_loss(queries, labels, support, classes, num_classes=3))
        loss = lambda q: jaxloss.prototypical_loss(q, labels % 3, support, classes, num_classes=3)
        with pytest.raises(ValueError, match="support_labels must lie"):
            jaxloss.checked(loss)(queries)
