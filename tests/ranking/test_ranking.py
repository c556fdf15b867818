"""Ranking losses against rax, optax and PyTorch, and at lists where others go wrong."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special

import jaxloss

LISTWISE = [
    jaxloss.ranking_softmax_loss,
    jaxloss.listmle_loss,
    jaxloss.pairwise_logistic_loss,
    jaxloss.pairwise_hinge_loss,
    jaxloss.lambdarank_loss,
    jaxloss.lambda_loss,
    jaxloss.approx_ndcg_loss,
]
PAIRWISE = LISTWISE[2:4]


def value_of(loss, scores, relevance, reduction="mean", **tail):
    """As one program, which compiles faster than its operations one by one."""
    return jax.jit(lambda s, y, t: loss(s, y, **t, reduction=reduction))(scores, relevance, tail)


def some_lists(rng, lists=3, items=6, distinct=False):
    scores = rng.normal(size=(lists, items)).astype(np.float32)
    draw = (
        rng.permuted(np.tile(np.arange(items), (lists, 1)), axis=-1) if distinct else rng.integers(0, 4, (lists, items))
    )
    relevance = draw.astype(np.float32)
    where = rng.uniform(size=(lists, items)) < 0.8
    where[:, :2], relevance[:, :2] = True, [[3, 1]]
    if distinct:
        relevance[:, :2] = [[items + 1, items]]
    return scores, relevance, where


@pytest.mark.parametrize("loss", LISTWISE, ids=lambda f: f.__name__)
class TestDegenerateLists:
    """Finite, with a finite gradient, and absent where they say nothing."""

    def each(self, loss, scores, relevance, where=None):
        fn = lambda s: jnp.sum(loss(s, relevance, where=where, reduction="none"))
        value, slope = jax.jit(jax.value_and_grad(fn))(jnp.asarray(scores))
        assert np.all(np.isfinite(slope))
        return float(value), np.asarray(slope)

    def test_a_list_without_relevant_items_is_absent(self, loss, rng) -> None:
        scores, relevance, _ = some_lists(rng, lists=2)
        idle = np.zeros((1, 6), np.float32)
        both = value_of(loss, np.concatenate([scores, scores[:1]]), np.concatenate([relevance, idle]))
        np.testing.assert_allclose(both, value_of(loss, scores, relevance), rtol=1e-6)
        value, slope = self.each(loss, scores[:1], idle)
        assert value == 0
        assert not np.any(slope)

    def test_a_list_of_one_item_costs_nothing(self, loss) -> None:
        value, slope = self.each(loss, np.array([[3.0]], np.float32), np.array([[1.0]]))
        assert value == 0
        assert not np.any(slope)

    def test_equal_scores(self, loss) -> None:
        value, slope = self.each(loss, np.zeros((1, 3), np.float32), np.array([[2.0, 1.0, 0.0]]))
        assert value > 0
        assert slope[0, 0] < 0 < slope[0, 2]

    def test_a_masked_list_is_absent(self, loss, rng) -> None:
        scores, relevance, where = some_lists(rng)
        where[1] = False
        kept = np.array([0, 2])
        np.testing.assert_allclose(
            value_of(loss, scores, relevance, where=where),
            value_of(loss, scores[kept], relevance[kept], where=where[kept]),
            rtol=1e-6,
        )

    def test_a_masked_item_is_deleted(self, loss, rng) -> None:
        """From the pairs and the ranks of the others too, on both sides of the score that hides it."""
        scores, relevance, _ = some_lists(rng, lists=8)
        keep = np.array([True, True, False, True, False, True])
        masked = value_of(loss, scores, relevance, where=np.broadcast_to(keep, (8, 6)), reduction="none")
        alone = value_of(loss, scores[:, keep], relevance[:, keep], reduction="none")
        np.testing.assert_allclose(masked, alone, rtol=1e-5)

    def test_the_order_of_the_items_does_not_matter(self, loss, rng) -> None:
        scores, relevance, where = some_lists(rng)
        shuffle = rng.permutation(6)
        expected = value_of(loss, scores, relevance, where=where)
        actual = value_of(loss, scores[:, shuffle], relevance[:, shuffle], where=where[:, shuffle])
        np.testing.assert_allclose(actual, expected, rtol=1e-6)

    def test_nan_among_the_relevance_shows(self, loss, rng) -> None:
        scores, relevance, _ = some_lists(rng)
        relevance[1, 5] = np.nan
        values = value_of(loss, scores, relevance, reduction="none")
        np.testing.assert_array_equal(np.isnan(values), [False, True, False])
        relevance[1] = np.nan
        assert np.isnan(value_of(loss, scores, relevance))

    def test_integer_relevance(self, loss, rng) -> None:
        scores, relevance, _ = some_lists(rng)
        assert value_of(loss, scores, relevance.astype(np.int32)) == value_of(loss, scores, relevance)


@pytest.mark.parametrize("loss", [LISTWISE[0], *LISTWISE[4:]], ids=lambda f: f.__name__)
def test_negative_relevance_is_nan(loss) -> None:
    values = value_of(loss, np.zeros((2, 2), np.float32), np.array([[1.0, -1.0], [1.0, 0.0]]), reduction="none")
    np.testing.assert_array_equal(np.isnan(values), [True, False])


def test_listmle_of_a_right_order_keeps_its_accuracy() -> None:
    value = value_of(jaxloss.listmle_loss, np.array([[40.0, 0.0]], np.float32), np.array([[1, 0]]))
    np.testing.assert_allclose(value, np.exp(-40.0), rtol=1e-5)


def test_listmle_ties_are_drawn_from_one_set() -> None:
    scores = np.array([0.5, -1.0, 2.0])
    expected = -scipy.special.log_softmax(scores)[:2].sum()
    value = value_of(jaxloss.listmle_loss, scores.astype(np.float32), np.array([1, 1, 0]))
    np.testing.assert_allclose(value, expected, rtol=1e-6)
    alike = value_of(jaxloss.listmle_loss, scores.astype(np.float32), np.array([1, 1, 1]), reduction="none")
    assert alike == 0


def test_weights_of_labels_scale_their_terms(rng) -> None:
    """A weight scales the term of an item, and leaves it as a rival of the others."""
    scores, relevance, _ = some_lists(rng, lists=1)
    weights = rng.uniform(0.5, 2, size=(1, 6))
    weights[0, 3] = 0
    log_probs = scipy.special.log_softmax(scores.astype(np.float64))
    np.testing.assert_allclose(
        value_of(jaxloss.ranking_softmax_loss, scores, relevance, weights=weights),
        -np.sum(weights * relevance * log_probs),
        rtol=1e-5,
    )
    terms = [
        scipy.special.logsumexp(scores[0][relevance[0] <= y]) - s for s, y in zip(scores[0], relevance[0], strict=True)
    ]
    np.testing.assert_allclose(
        value_of(jaxloss.listmle_loss, scores, relevance, weights=weights), np.sum(weights * terms), rtol=1e-5
    )


@pytest.mark.parametrize("loss", LISTWISE[4:], ids=lambda f: f.__name__)
def test_weights_of_ranks_scale_gains(loss, rng) -> None:
    """A weight is a factor of the gain: an item of relevance 2 weighed 1/3 gains as much as one of relevance 1."""
    scores, relevance, _ = some_lists(rng, lists=1)
    weights = np.where(relevance == 2, 1 / 3, 1).astype(np.float32)
    if loss is not jaxloss.approx_ndcg_loss:  # pairs are still ordered by relevance; equal gains change nothing
        relevance = np.array([[1, 0, 2, 0, 0, 0]], np.float32)
        weights = np.where(relevance == 2, 1 / 3, 1).astype(np.float32)
    expected = value_of(loss, scores, np.where(relevance == 2, 1, relevance))
    np.testing.assert_allclose(value_of(loss, scores, relevance, weights=weights), expected, rtol=2e-6)
    np.testing.assert_allclose(value_of(loss, scores, relevance, weights=8 * weights), expected, rtol=2e-6)


@pytest.mark.parametrize("loss", PAIRWISE, ids=lambda f: f.__name__)
def test_tiny_weights_of_pairs_do_not_vanish(loss, rng) -> None:
    scores, relevance, _ = some_lists(rng)
    expected = value_of(loss, scores, relevance)
    np.testing.assert_allclose(value_of(loss, scores, relevance, weights=np.full((3, 6), 1e-30)), expected, rtol=1e-6)


def test_a_cold_approx_ndcg_is_the_ndcg(rng) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    scores, relevance, _ = some_lists(rng)
    expected = 1 - metrics.ndcg_score(2**relevance - 1, scores)
    np.testing.assert_allclose(
        value_of(jaxloss.approx_ndcg_loss, scores, relevance, temperature=1e-4), expected, rtol=1e-5
    )


def test_approx_ndcg_never_exceeds_its_best(rng) -> None:
    scores = np.concatenate([np.zeros((50, 6)), 0.01 * rng.normal(size=(50, 6))]).astype(np.float32)
    relevance = rng.integers(0, 2, size=(100, 6))
    values = value_of(jaxloss.approx_ndcg_loss, scores, relevance, reduction="none")
    assert np.all((values >= 0) & (values < 1))


def test_lambdarank_weights_pass_no_gradient() -> None:
    scores = jnp.array([1.0, 0.0, 2.0])
    slope = jax.grad(lambda s: jaxloss.lambdarank_loss(s, jnp.array([1, 0, 0])))(scores)
    weight = (1 / np.log2(3) - np.array([1 / np.log2(4), 1])) * np.array([1, -1])
    pull = weight * scipy.special.expit(-np.array([1.0, -1.0]))
    np.testing.assert_allclose(slope, [-pull.sum(), pull[0], pull[1]], rtol=1e-5)
    assert not np.any(jax.grad(lambda y: jaxloss.lambdarank_loss(scores, y))(jnp.array([1.0, 0.0, 0.0])))


class TestMarginRanking:
    def test_targets_that_are_no_sign_are_nan(self) -> None:
        fn = lambda s: jaxloss.margin_ranking_loss(s, jnp.zeros(3), jnp.array([0, 1, 2]), reduction="none")
        np.testing.assert_array_equal(np.isnan(fn(jnp.ones(3))), [True, False, True])
        slope = jax.grad(lambda s: jnp.sum(fn(s)))(jnp.ones(3))
        np.testing.assert_array_equal(np.isnan(slope), [True, False, True])
        with pytest.raises(ValueError, match="-1 or"):
            jaxloss.checked(fn)(jnp.ones(3))

    def test_slope_at_the_margin_is_zero(self) -> None:
        slope = jax.grad(lambda s: jaxloss.margin_ranking_loss(s, jnp.zeros(()), jnp.array(1), margin=0.5))
        assert slope(jnp.array(0.5)) == 0
        assert slope(jnp.array(0.25)) == -1

    def test_equals_torch(self, rng) -> None:
        torch = pytest.importorskip("torch")
        first, second = rng.normal(size=(2, 4, 3)).astype(np.float32)
        targets = rng.choice([-1.0, 1.0], size=(4, 3)).astype(np.float32)
        expected = torch.nn.functional.margin_ranking_loss(*map(torch.tensor, (first, second, targets)), margin=0.3)
        np.testing.assert_allclose(
            jaxloss.margin_ranking_loss(first, second, targets, margin=0.3), expected.numpy(), rtol=1e-6
        )


class TestEqualsOptax:
    def test_ranking_softmax(self, rng) -> None:
        losses = pytest.importorskip("optax").losses
        scores, relevance, where = some_lists(rng)
        weights = rng.uniform(0.5, 2, size=where.shape).astype(np.float32)
        for tail in ({}, {"where": where}, {"where": where, "weights": weights}):
            expected = losses.ranking_softmax_loss(jnp.asarray(scores), jnp.asarray(relevance), **tail)
            np.testing.assert_allclose(
                value_of(jaxloss.ranking_softmax_loss, scores, relevance, **tail), expected, rtol=1e-5
            )


class TestEqualsRax:
    @pytest.fixture(autouse=True)
    def as_in_rax(self):
        with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
            yield

    def per_list(self, loss, scores, relevance, where, **options):
        fn = lambda s, y, w: loss(s, y, where=w, **options)
        return [fn(*map(jnp.asarray, row)) for row in zip(scores, relevance, where, strict=True)]

    def test_listmle_without_ties(self, rng) -> None:
        rax = pytest.importorskip("rax")
        lists = some_lists(rng, distinct=True)
        np.testing.assert_allclose(
            value_of(jaxloss.listmle_loss, *lists[:2], where=lists[2], reduction="none"),
            self.per_list(rax.listmle_loss, *lists),
            rtol=1e-5,
        )

    def test_softmax(self, rng) -> None:
        rax = pytest.importorskip("rax")
        lists = some_lists(rng)
        np.testing.assert_allclose(
            value_of(jaxloss.ranking_softmax_loss, *lists[:2], where=lists[2], reduction="none"),
            self.per_list(rax.softmax_loss, *lists),
            rtol=1e-5,
        )

    @pytest.mark.parametrize("loss", PAIRWISE, ids=lambda f: f.__name__)
    def test_pairs(self, rng, loss) -> None:
        theirs = getattr(pytest.importorskip("rax"), loss.__name__)
        lists = some_lists(rng)
        np.testing.assert_allclose(
            value_of(loss, *lists[:2], where=lists[2], reduction="none"), self.per_list(theirs, *lists), rtol=1e-5
        )

    def test_lambdarank(self, rng) -> None:
        """rax does not divide by the best DCG, unless told to, and multiplies by the length of the list."""
        rax = pytest.importorskip("rax")
        weight = lambda *args, **kwargs: rax.dcg_lambdaweight(*args, **kwargs, normalize=True)
        scores, relevance, _ = some_lists(rng)
        expected = self.per_list(
            rax.pairwise_logistic_loss,
            scores,
            relevance,
            np.ones((3, 6), bool),
            lambdaweight_fn=weight,
            reduce_fn=jnp.sum,
        )
        actual = value_of(jaxloss.lambdarank_loss, scores, relevance, reduction="none")
        np.testing.assert_allclose(actual, np.asarray(expected) / 6, rtol=1e-5)

    def test_lambda_loss(self, rng) -> None:
        """NDCG-Loss2 alone, and the sum with the weights of LambdaRank; value and gradient."""
        rax = pytest.importorskip("rax")

        def weight(*args, **kwargs):
            options = {**kwargs, "normalize": True}
            return 0.5 * rax.dcg_lambdaweight(*args, **options) + 3 * rax.dcg2_lambdaweight(*args, **options)

        gap = lambda *args, **kwargs: rax.dcg2_lambdaweight(*args, **kwargs, normalize=True)
        scores, relevance, _ = some_lists(rng)
        for lambdas, factors in ((gap, (0.0, 1.0)), (weight, (0.5, 3.0))):
            factors = dict(zip(("swap_weight", "gap_weight"), factors, strict=True))
            theirs = lambda s, y, fn=lambdas: rax.pairwise_logistic_loss(s, y, lambdaweight_fn=fn, reduce_fn=jnp.sum)
            ours = lambda s, y, factors=factors: jaxloss.lambda_loss(s, y, **factors)
            for s, y in zip(jnp.asarray(scores), jnp.asarray(relevance), strict=True):
                mine, expected = (jax.value_and_grad(fn)(s, y) for fn in (ours, theirs))
                np.testing.assert_allclose(mine[0], expected[0] / 6, rtol=1e-5)
                np.testing.assert_allclose(mine[1], expected[1] / 6, rtol=1e-4, atol=1e-6)


def test_lambda_loss_without_gaps_is_lambdarank(rng) -> None:
    scores, relevance, where = some_lists(rng)
    ours = jaxloss.lambda_loss(scores, relevance, gap_weight=0.0, where=where, reduction="none")
    np.testing.assert_allclose(
        ours, jaxloss.lambdarank_loss(scores, relevance, where=where, reduction="none"), rtol=1e-6
    )


@pytest.mark.parametrize("loss", LISTWISE[2:], ids=lambda f: f.__name__)
def test_memory_of_pairs_grows_with_the_chunk(loss) -> None:
    def temporaries(items):
        lists = jax.ShapeDtypeStruct((1, items), jnp.float32)
        program = jax.jit(jax.value_and_grad(lambda s, y: loss(s, y, chunk_size=16)))
        return program.lower(lists, lists).compile().memory_analysis().temp_size_in_bytes

    small, large = temporaries(512), temporaries(1024)
    assert large < 2.2 * small
    assert large < 1024 * 1024


def test_memory_of_listmle_is_not_that_of_pairs() -> None:
    lists = jax.ShapeDtypeStruct((1, 4096), jnp.float32)
    program = jax.jit(jax.value_and_grad(jaxloss.listmle_loss)).lower(lists, lists).compile()
    assert program.memory_analysis().temp_size_in_bytes < 4096 * 4096 / 8


def test_listmle_of_a_long_list_far_from_the_origin() -> None:
    """Against the sum of every run in float64: the digits do not depend on the size of the scores."""
    rng = np.random.default_rng(5)
    scores = (1e4 + 5 * rng.normal(size=300)).astype(np.float32)
    relevance = rng.integers(0, 40, size=300)
    exact = sum(
        scipy.special.logsumexp(scores[relevance <= y].astype(np.float64)) - float(s)
        for s, y in zip(scores, relevance, strict=True)
    )
    np.testing.assert_allclose(value_of(jaxloss.listmle_loss, scores, relevance), exact, rtol=1e-6)
