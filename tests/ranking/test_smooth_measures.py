"""Smooth ranks, relaxed sorting and unique softmax: parity with rax, allRank and pytorch-metric-learning, limits."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss
from tests.cases.ranking.relaxed_sorting import sorting


@pytest.fixture
def lists(rng: np.random.Generator):
    """Four lists of seven graded items, some of which are masked."""
    scores, relevance = rng.normal(size=(4, 7)), rng.integers(0, 3, size=(4, 7)).astype(float)
    relevance[:, :2] = [2.0, 0.0]
    where = rng.uniform(size=(4, 7)) < 0.7
    where[:, :2] = True
    return scores, relevance, where


def of_rax(fn, scores, relevance, where, **options):
    """A loss or measure of rax for each list, in float64; rax mixes ranks and dtypes."""
    with jax.enable_x64(True), jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        return np.asarray(
            fn(*map(jnp.asarray, (scores, relevance)), where=jnp.asarray(where), reduce_fn=None, **options)
        )


def ours(fn, scores, relevance, where, **options):
    with jax.enable_x64(True):
        return np.asarray(fn(scores, relevance, where=where, reduction="none", **options))


def test_approx_mrr_is_the_measure_of_rax_by_its_smooth_ranks(lists) -> None:
    rax = pytest.importorskip("rax")
    measure = of_rax(rax.mrr_metric, *lists, rank_fn=rax.utils.approx_ranks)
    np.testing.assert_allclose(ours(jaxloss.approx_mrr_loss, *lists, temperature=1.0), 1 - measure, rtol=1e-10)


def test_unique_softmax_is_that_of_rax(lists) -> None:
    rax = pytest.importorskip("rax")
    np.testing.assert_allclose(
        ours(jaxloss.unique_softmax_loss, *lists), of_rax(rax.unique_softmax_loss, *lists), rtol=1e-10
    )


def test_soft_zero_one_is_that_of_rax_over_the_pairs(lists) -> None:
    """rax gives the values of all pairs, and 0 for those that do not count."""
    rax = pytest.importorskip("rax")
    _, relevance, where = lists
    pairs = (relevance[..., :, None] > relevance[..., None, :]) & where[..., :, None] & where[..., None, :]
    total = of_rax(rax.pairwise_soft_zero_one_loss, *lists).reshape(4, -1).sum(-1)
    np.testing.assert_allclose(
        ours(jaxloss.pairwise_soft_zero_one_loss, *lists), total / pairs.sum((-2, -1)), rtol=1e-10
    )


def hard(scores, relevance, where):
    """``(1 - AP, 1 - reciprocal rank, 1 - NDCG)`` of a list."""
    order = np.argsort(-scores[where])
    y = relevance[where][order]
    ranks = np.arange(1, len(y) + 1)
    precision = np.cumsum(y > 0) / ranks
    gains, discount = 2**y - 1, 1 / np.log2(1 + ranks)
    ndcg = np.sum(gains * discount) / np.sum(np.sort(gains)[::-1] * discount)
    return 1 - np.mean(precision[y > 0]), 1 - 1 / (1 + np.argmax(y > 0)), 1 - ndcg


@pytest.mark.parametrize("place", range(3), ids=["smooth_ap", "approx_mrr", "neural_ndcg"])
def test_sharp_losses_are_the_measures(lists, place: int) -> None:
    fn = (jaxloss.smooth_ap_loss, jaxloss.approx_mrr_loss, jaxloss.neural_ndcg_loss)[place]
    expected = [hard(*one)[place] for one in zip(*lists, strict=True)]
    np.testing.assert_allclose(ours(fn, *lists, temperature=1e-5), expected, atol=1e-9)


def test_average_precision_is_that_of_scikit_learn(rng: np.random.Generator) -> None:
    """Binary classification is one list."""
    metrics = pytest.importorskip("sklearn.metrics")
    scores, targets = rng.normal(size=40), rng.integers(0, 2, size=40)
    with jax.enable_x64(True):
        value = jaxloss.smooth_ap_loss(scores, targets, temperature=1e-6)
    np.testing.assert_allclose(value, 1 - metrics.average_precision_score(targets, scores), rtol=1e-9)


def test_smooth_ap_of_cosines_is_that_of_pytorch_metric_learning(rng: np.random.Generator) -> None:
    """As many classes as examples of each: with other numbers pytorch-metric-learning mixes up the classes."""
    losses, torch = pytest.importorskip("pytorch_metric_learning.losses"), pytest.importorskip("torch")
    embeddings, labels = rng.normal(size=(9, 5)), np.repeat(np.arange(3), 3)
    x = torch.tensor(embeddings, requires_grad=True)
    expected = losses.SmoothAPLoss(temperature=0.05)(x, torch.tensor(labels))
    expected.backward()

    def loss(x):
        x = x / jnp.linalg.norm(x, axis=-1, keepdims=True)
        return jaxloss.smooth_ap_loss(x @ x.T, labels[:, None] == labels, temperature=0.05)

    with jax.enable_x64(True):
        value, slope = jax.value_and_grad(loss)(jnp.asarray(embeddings))
    np.testing.assert_allclose(value, float(expected.detach()), rtol=1e-6)
    np.testing.assert_allclose(slope, x.grad.numpy(), rtol=1e-5, atol=1e-7)


def test_a_query_that_does_not_retrieve_itself(rng: np.random.Generator) -> None:
    """The mask of the docstring, against one list at a time without the query."""
    x, labels = rng.normal(size=(8, 3)), np.array([0, 0, 0, 1, 1, 2, 2, 2])
    x = x / np.linalg.norm(x, axis=-1, keepdims=True)
    with jax.enable_x64(True):
        same = labels[:, None] == labels
        value = jaxloss.smooth_ap_loss(x @ x.T, same, where=~jnp.eye(8, dtype=bool), reduction="none")
        alone = [jaxloss.smooth_ap_loss(np.delete(x[i] @ x.T, i), np.delete(same[i], i)) for i in range(8)]
    np.testing.assert_allclose(value, alone, rtol=1e-10)


def test_smooth_ap_trains_embeddings(rng: np.random.Generator) -> None:
    labels = np.repeat(np.arange(4), 4)

    def loss(x, temperature):
        x = x / jnp.linalg.norm(x, axis=-1, keepdims=True)
        same = labels[:, None] == labels
        return jaxloss.smooth_ap_loss(x @ x.T, same, temperature=temperature, where=~jnp.eye(16, dtype=bool))

    @jax.jit
    def train(x):
        step = lambda _, x: x - jax.grad(loss)(x, 0.1)
        return jax.lax.fori_loop(0, 200, step, x)

    start = jnp.asarray(rng.normal(size=(16, 8)), jnp.float32)
    assert loss(start, 1e-3) > 0.4
    assert loss(train(start), 1e-3) < 0.05


def neural_ndcg_of_allrank(torch, scores, relevance, mask, tau, max_iter=50, tol=1e-6):
    """``neuralNDCG`` of allRank, deterministic; ``mask`` is True for padding."""
    s, n = scores[..., None].masked_fill(mask[..., None], -1e8), scores.shape[1]
    pairs = mask[:, :, None] | mask[:, None, :]
    apart = torch.abs(s - s.transpose(1, 2)).masked_fill(pairs, 0.0)
    spread = torch.matmul(apart, torch.ones(n, n, dtype=s.dtype))
    scaling = torch.zeros(len(s), n, dtype=s.dtype)
    for row, gone in enumerate(mask.sum(1).tolist()):
        scaling[row, : n - gone] = n - gone + 1 - 2 * torch.arange(1, n - gone + 1, dtype=s.dtype)
    logits = (torch.matmul(s.masked_fill(mask[..., None], 0.0), scaling[:, None]) - spread).transpose(1, 2)
    logits = logits.masked_fill(pairs, -torch.inf).masked_fill(mask[:, :, None] & mask[:, None, :], 1.0)
    matrix = torch.softmax(logits / tau, -1).masked_fill(pairs, 0.0)
    matrix = matrix.masked_fill(mask[:, :, None] & mask[:, None, :], 1.0)
    for _ in range(max_iter):
        matrix = matrix / matrix.sum(1, keepdim=True).clamp(min=1e-10)
        matrix = matrix / matrix.sum(2, keepdim=True).clamp(min=1e-10)
        if (matrix.sum(2) - 1).abs().max() < tol and (matrix.sum(1) - 1).abs().max() < tol:
            break
    matrix = matrix.masked_fill(pairs, 0.0)
    gains = (2.0 ** relevance.masked_fill(mask, 0.0)) - 1
    discount = 1 / torch.log2(torch.arange(n, dtype=s.dtype) + 2)
    found = torch.matmul(matrix, gains[..., None])[..., 0]
    best = torch.sort(gains, descending=True).values
    return (found * discount).sum(-1) / (best * discount).sum(-1)


def test_neural_ndcg_is_that_of_allrank(rng: np.random.Generator) -> None:
    """Padding is at the end there, and one more row and column of the matrix."""
    torch = pytest.importorskip("torch")
    scores, relevance = rng.normal(size=(3, 6)), rng.integers(0, 4, size=(3, 6)).astype(float)
    where = np.arange(6) < np.array([6, 4, 5])[:, None]
    expected = neural_ndcg_of_allrank(torch, *map(torch.tensor, (scores, relevance, ~where)), tau=1.0)
    value = ours(jaxloss.neural_ndcg_loss, scores, relevance, where)
    np.testing.assert_allclose(value, 1 - expected.numpy(), atol=1e-6)


def test_neural_sort_sorts(rng: np.random.Generator) -> None:
    scores = rng.normal(size=(3, 5))
    with jax.enable_x64(True):
        soft = np.asarray(jaxloss.neural_sort(scores, temperature=0.7))
        hard = np.asarray(jaxloss.neural_sort(scores, temperature=1e-4))
    np.testing.assert_allclose(soft, [sorting(row, 0.7) for row in scores], rtol=1e-10)
    np.testing.assert_allclose(soft.sum(-1), 1)
    np.testing.assert_allclose(np.einsum("lri,li->lr", hard, scores), -np.sort(-scores), atol=1e-12)
    ranks = 1 + np.argsort(np.argsort(-scores))
    np.testing.assert_allclose(np.einsum("r,lri->li", np.arange(1, 6), hard), ranks, atol=1e-9)


def test_neural_sort_without_masked_items(rng: np.random.Generator) -> None:
    scores, keep = rng.normal(size=6), np.array([True, False, True, True, False, True])
    spoiled = np.where(keep, scores, np.nan)
    with jax.enable_x64(True):
        matrix = jaxloss.neural_sort(spoiled, where=keep)
        slope = jax.grad(lambda s: jnp.sum(jnp.square(jaxloss.neural_sort(s, where=keep))))(jnp.asarray(spoiled))
    np.testing.assert_allclose(np.asarray(matrix)[:4, keep], sorting(scores[keep], 1.0), rtol=1e-10)
    assert not np.any(matrix[4:])
    assert not np.any(np.asarray(matrix)[:, ~keep])
    assert np.all(np.isfinite(slope))
    assert jaxloss.neural_sort(jnp.zeros((2, 0))).shape == (2, 0, 0)
    for bad in ({"temperature": 0.0}, {"where": jnp.ones(5, bool)}):
        with pytest.raises(ValueError, match=r"temperature|where"):
            jaxloss.neural_sort(scores, **bad)
