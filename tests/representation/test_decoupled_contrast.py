"""What the laws do not see of decoupled contrast and in-batch retrieval: other packages, identities and learning."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss


@pytest.fixture
def views(rng):
    """Two views of five images."""
    return rng.normal(size=(2, 5, 4))


def _one_way(torch, z1, z2, temperature, sigma=None):
    """The implementation that lightly names as its source, for one direction, of unit vectors."""
    cross = torch.mm(z1, z2.t())
    positive = -torch.diag(cross) / temperature
    if sigma is not None:
        similarity = torch.sum(z1.detach() * z2.detach(), dim=1) / sigma
        positive = positive * (2 - z1.size(0) * torch.nn.functional.softmax(similarity, dim=0))
    neighbours = torch.cat((torch.mm(z1, z1.t()), cross), dim=1) / temperature
    mask = torch.eye(z1.size(0), dtype=z1.dtype).repeat(1, 2)
    return (positive + torch.logsumexp(neighbours - 1e30 * mask, dim=1)).mean()


@pytest.mark.parametrize("sigma", [None, 0.5])
def test_decoupled_equals_the_sum_over_both_views(views, sigma):
    """Value and gradient, weighted (with weights detached, as in lightly) and not, for both directions."""
    torch = pytest.importorskip("torch")
    given = [torch.tensor(x, requires_grad=True) for x in views]
    z1, z2 = (torch.nn.functional.normalize(x, dim=-1) for x in given)
    theirs = (_one_way(torch, z1, z2, 0.3, sigma) + _one_way(torch, z2, z1, 0.3, sigma)) / 2
    theirs.backward()
    labels = np.tile(np.arange(5), 2)

    def loss(x, y):
        both = jnp.concatenate([x, y])
        options = {"temperature": 0.3, "hard_positive_temperature": sigma}
        return jaxloss.decoupled_contrastive_loss(both, labels, **options)

    with jax.enable_x64(True):
        value, slopes = jax.value_and_grad(loss, (0, 1))(*map(jnp.asarray, views))
    np.testing.assert_allclose(value, float(theirs.detach()), rtol=1e-10)
    for ours, x in zip(slopes, given, strict=True):
        np.testing.assert_allclose(ours, x.grad.numpy(), rtol=1e-8, atol=1e-12)


def test_the_softplus_of_decoupled_is_ntxent(views):
    """For one positive: the log-share without the positive, put back into the denominator."""
    both, labels = np.concatenate(list(views)), np.tile(np.arange(5), 2)
    with jax.enable_x64(True):
        ours = jaxloss.decoupled_contrastive_loss(both, labels, temperature=0.3, reduction="none")
        ntxent = jaxloss.ntxent(both, labels, temperature=0.3, reduction="none")
    np.testing.assert_allclose(np.logaddexp(0, ours), ntxent, rtol=1e-10)


def test_a_good_batch_is_below_zero_and_still_pulls(rng):
    """What decoupling is for: with easy negatives the slope of NT-Xent vanishes, and this one does not."""
    x = np.repeat(np.eye(4), 2, axis=0) + 0.01 * rng.normal(size=(8, 4))
    labels = np.repeat(np.arange(4), 2)
    slope = lambda fn: np.linalg.norm(jax.grad(lambda x: fn(x, labels, temperature=0.1))(jnp.asarray(x)))
    assert jaxloss.decoupled_contrastive_loss(x, labels) < 0
    assert slope(jaxloss.decoupled_contrastive_loss) > 100 * slope(jaxloss.ntxent)


class TestInBatch:
    @pytest.fixture
    def towers(self, rng):
        """Queries, items and the logarithm of how often these are drawn; rows 1 and 4 hold one item."""
        x, y = rng.normal(size=(2, 6, 4))
        y[4] = y[1]
        return x, y, np.array([3, 8, 5, 1, 8, 2]), np.log(rng.uniform(0.1, 0.9, 6))

    def test_equal_q_and_different_items_are_n_pairs(self, towers):
        x, y, _, _ = towers
        with jax.enable_x64(True):
            ours = jaxloss.in_batch_softmax_loss(x, y, np.arange(6), np.full(6, -2.5), temperature=0.3)
            theirs = jaxloss.n_pairs_loss(x / 0.3, y)
            unit = lambda z: z / np.linalg.norm(z, axis=-1, keepdims=True)
            cosines = jaxloss.in_batch_softmax_loss(unit(x), unit(y), np.arange(6), np.zeros(6), temperature=0.3)
            infonce = jaxloss.infonce_loss(x, y, temperature=0.3)
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)
        np.testing.assert_allclose(cosines, infonce, rtol=1e-12)

    def test_equals_torch_with_masked_hits(self, towers):
        torch = pytest.importorskip("torch")
        x, y, ids, log_q = towers
        given = [torch.tensor(a, requires_grad=True) for a in (x, y)]
        logits = given[0] @ given[1].T / 0.5 - torch.tensor(log_q)
        hits = torch.tensor((ids[:, None] == ids) & ~np.eye(6, dtype=bool))
        theirs = torch.nn.functional.cross_entropy(logits.masked_fill(hits, -torch.inf), torch.arange(6))
        theirs.backward()
        with jax.enable_x64(True):
            loss = lambda x, y: jaxloss.in_batch_softmax_loss(x, y, ids, log_q, temperature=0.5)
            value, slopes = jax.value_and_grad(loss, (0, 1))(jnp.asarray(x), jnp.asarray(y))
        np.testing.assert_allclose(value, float(theirs.detach()), rtol=1e-10)
        for ours, a in zip(slopes, given, strict=True):
            np.testing.assert_allclose(ours, a.grad.numpy(), rtol=1e-8, atol=1e-12)

    def test_equals_sampled_softmax_of_the_other_items(self, towers):
        x, y, ids, log_q = towers
        with jax.enable_x64(True):
            ours = jaxloss.in_batch_softmax_loss(x, y, ids, log_q, reduction="none")
            other = ids[:, None] != ids
            scores = jnp.where(other, jnp.asarray(x @ y.T), -jnp.inf)
            shared = jnp.broadcast_to(jnp.asarray(log_q), (6, 6))
            theirs = jaxloss.sampled_softmax_loss(np.sum(x * y, -1), scores, log_q, shared, reduction="none")
        np.testing.assert_allclose(ours, theirs, rtol=1e-11)

    def test_the_correction_gives_the_slope_of_all_items(self, rng):
        """At equal scores the softmax over the whole catalogue is uniform, however often an item is in a batch."""
        popular = jnp.array([0.7, 0.2, 0.1])
        ids = jnp.asarray(rng.choice(3, size=(16, 256), p=popular))

        def loss(scores, log_q):
            queries, rows = jnp.ones((*ids.shape, 1)), jnp.broadcast_to(jnp.arange(256), ids.shape)
            return jaxloss.in_batch_softmax_loss(queries, scores[ids][..., None], rows, log_q[ids])

        drawn = jnp.bincount(ids.ravel(), length=3) / ids.size
        slope = jax.jit(jax.grad(loss))
        np.testing.assert_allclose(slope(jnp.zeros(3), jnp.log(popular)), 1 / 3 - drawn, atol=0.02)
        np.testing.assert_allclose(slope(jnp.zeros(3), jnp.zeros(3)), 0, atol=0.02)

    def test_mined_negatives_join_the_batch(self, towers, rng):
        """DPR and sentence-transformers: the keys of the batch, then hard negatives; one row of logits per query."""
        x, y, _, _ = towers
        mined = rng.normal(size=(7, 4))
        with jax.enable_x64(True):
            logits = jnp.asarray(x @ np.concatenate([y, mined]).T)
            ours = jaxloss.softmax_cross_entropy_with_integer_labels(logits, jnp.arange(6), reduction="none")
            each = [
                jaxloss.sampled_softmax_loss(
                    x[i] @ y[i], np.concatenate([np.delete(y, i, 0), mined]) @ x[i], 0.0, np.zeros(12)
                )
                for i in range(6)
            ]
        np.testing.assert_allclose(ours, np.array(each), rtol=1e-11)

    def test_refuses(self, towers):
        x, y, ids, log_q = towers
        with pytest.raises(ValueError, match="item_ids"):
            jaxloss.in_batch_softmax_loss(x, y, ids[:5], log_q)
        with pytest.raises(ValueError, match="item_log_q"):
            jaxloss.in_batch_softmax_loss(x, y, ids, log_q[None])
        with pytest.raises(TypeError, match="item_ids"):
            jaxloss.in_batch_softmax_loss(x, y, ids.astype(float), log_q)


def test_the_softplus_of_infoloob_is_infonce(views):
    """The share without the key in the denominator, put back."""
    with jax.enable_x64(True):
        ours = jaxloss.infoloob_loss(*views, temperature=0.3, reduction="none")
        infonce = jaxloss.infonce_loss(*views, temperature=0.3, reduction="none")
    np.testing.assert_allclose(np.logaddexp(0, ours), infonce, rtol=1e-10)


def test_infoloob_is_that_of_cloob(views):
    """The authors' code multiplies by the temperature, and fills the diagonal with -1000."""
    torch = pytest.importorskip("torch")
    given = [torch.nn.functional.normalize(torch.tensor(x), dim=-1) for x in views]
    k, eye = given[0] @ given[1].T * 30, torch.eye(5, dtype=torch.float64)
    theirs = torch.mean(torch.logsumexp(k * (1 - eye) - 1000 * eye, dim=1)) - torch.mean(torch.sum(k * eye, dim=1))
    with jax.enable_x64(True):
        np.testing.assert_allclose(jaxloss.infoloob_loss(*views), float(theirs), rtol=1e-10)


def test_infoloob_keeps_its_gradient_at_a_pair_that_is_found():
    keys = jnp.eye(3)
    slope = lambda fn: jnp.max(jnp.abs(jax.grad(fn)(keys + 0.1, keys)))
    assert slope(jaxloss.infoloob_loss) > 1e6 * slope(lambda x, y: jaxloss.infonce_loss(x, y, temperature=1 / 30))
