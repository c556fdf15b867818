"""What the laws do not see of `jaxloss.classification.sampled` and `jaxloss.classification.adaptive`."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss

CORRECTED = (jaxloss.sampled_softmax_loss, jaxloss.nce_loss)


@pytest.fixture
def scores(rng):
    logits = (2 * rng.normal(size=(6, 5))).astype(np.float32)
    log_q = np.log(rng.dirichlet(np.ones(5), 6)).astype(np.float32)
    return logits[:, 0], logits[:, 1:], log_q[:, 0], log_q[:, 1:]


def test_all_classes_sampled_is_cross_entropy(scores):
    one, many, *_ = scores
    whole = jaxloss.softmax_cross_entropy_with_integer_labels(
        np.concatenate([one[:, None], many], -1), np.zeros(6, int), reduction="none"
    )
    even = np.full_like(one, -1.3), np.full_like(many, -1.3)
    np.testing.assert_allclose(jaxloss.sampled_softmax_loss(one, many, *even, reduction="none"), whole, rtol=2e-6)


@pytest.mark.parametrize("fn", CORRECTED, ids=lambda fn: fn.__name__)
@pytest.mark.parametrize("garbage", [0.0, -np.inf, np.nan])
def test_a_negative_of_minus_infinity_is_absent(scores, fn, garbage):
    """Whatever its log-probability holds, in value and gradient."""
    one, many, one_q, many_q = scores
    hit, hit_q = many.copy(), many_q.copy()
    hit[:, 2], hit_q[:, 2] = -np.inf, garbage
    rest = [0, 1, 3]
    both = jax.value_and_grad(lambda s, n, q: fn(s, n, one_q, q), argnums=(0, 1, 2))
    value, (pull, push, tilt) = both(one, hit, hit_q)
    expected, (pull_rest, push_rest, tilt_rest) = both(one, many[:, rest], many_q[:, rest])
    np.testing.assert_allclose(value, expected, rtol=1e-6)
    np.testing.assert_allclose(pull, pull_rest, rtol=1e-5)
    for whole, part in ((push, push_rest), (tilt, tilt_rest)):
        np.testing.assert_allclose(whole[:, rest], part, rtol=1e-5)
        np.testing.assert_array_equal(whole[:, 2], 0)


def test_an_absent_negative_costs_nothing(scores):
    one, many, *_ = scores
    hit = many.copy()
    hit[:, 2] = -np.inf
    value, slope = jax.value_and_grad(lambda n: jaxloss.negative_sampling_loss(one, n))(hit)
    np.testing.assert_allclose(value, jaxloss.negative_sampling_loss(one, many[:, [0, 1, 3]]), rtol=1e-6)
    np.testing.assert_array_equal(slope[:, 2], 0)


@pytest.mark.parametrize("fn", CORRECTED, ids=lambda fn: fn.__name__)
def test_without_negatives_there_is_no_loss(fn):
    one, none = jnp.array([-3.0]), jnp.zeros((1, 0))
    for many in (none, jnp.full((1, 3), -jnp.inf)):
        value, slope = jax.value_and_grad(lambda s, many=many: fn(s, many, one, jnp.zeros_like(many)))(one)
        assert float(value) == 0
        np.testing.assert_array_equal(slope, 0)


def test_common_log_q_does_not_matter_to_the_softmax(scores):
    one, many, one_q, many_q = scores
    shifted = jaxloss.sampled_softmax_loss(one, many, one_q + 3, many_q + 3)
    np.testing.assert_allclose(shifted, jaxloss.sampled_softmax_loss(*scores), rtol=1e-5)


def test_negative_sampling_is_nce_with_unit_counts(scores):
    one, many, *_ = scores
    unit = np.full_like(one, -np.log(4)), np.full_like(many, -np.log(4))
    np.testing.assert_allclose(jaxloss.nce_loss(one, many, *unit), jaxloss.negative_sampling_loss(one, many), rtol=1e-6)


def test_nce_is_least_at_the_log_probabilities():
    """With data p and noise q, the expected loss over all classes is stationary at s = log p."""
    p, q = jnp.array([0.6, 0.3, 0.1]), jnp.array([0.2, 0.3, 0.5])

    def expected(scores):
        log_q = jnp.log(q)
        terms = [
            p[i] * q[j] * jaxloss.nce_loss(scores[i], scores[j : j + 1], log_q[i], log_q[j : j + 1])
            for i in range(3)
            for j in range(3)
        ]
        return sum(terms)

    np.testing.assert_allclose(jax.grad(expected)(jnp.log(p)), 0, atol=1e-6)
    assert np.max(np.abs(jax.grad(expected)(jnp.log(p) + 1))) > 0.1


@pytest.fixture
def vocabulary(rng):
    draw = lambda *shape: rng.normal(size=shape).astype(np.float32)
    hidden, labels = draw(12, 8), np.arange(12).astype(np.int32)
    return hidden, labels, draw(8, 3 + 2), [(draw(8, 4), draw(4, 4)), (draw(8, 2), draw(2, 5))]


def test_adaptive_softmax_equals_torch(vocabulary):
    torch = pytest.importorskip("torch")
    hidden, labels, head, tails = vocabulary
    module = torch.nn.AdaptiveLogSoftmaxWithLoss(8, 12, cutoffs=[3, 7], div_value=2.0).double()
    with torch.no_grad():
        module.head.weight.copy_(torch.tensor(head.T))
        for layer, (projection, kernel) in zip(module.tail, tails, strict=True):
            layer[0].weight.copy_(torch.tensor(projection.T))
            layer[1].weight.copy_(torch.tensor(kernel.T))
    inputs = torch.tensor(hidden).double().requires_grad_()
    output, mean = module(inputs, torch.tensor(labels).long())
    losses = jaxloss.adaptive_softmax_loss(hidden, labels, head, tails, reduction="none")
    np.testing.assert_allclose(losses, -output.detach(), rtol=1e-5)
    mean.backward()
    slope, (by_head, by_tails) = jax.grad(
        lambda h, kernels: jaxloss.adaptive_softmax_loss(h, labels, *kernels), argnums=(0, 1)
    )(hidden, (head, tails))
    np.testing.assert_allclose(slope, inputs.grad, atol=1e-6)
    np.testing.assert_allclose(by_head, module.head.weight.grad.T, atol=1e-6)
    for layer, pair in zip(module.tail, by_tails, strict=True):
        for linear, kernel in zip(layer, pair, strict=True):
            np.testing.assert_allclose(kernel, linear.weight.grad.T, atol=1e-6)


def test_adaptive_softmax_is_a_distribution(vocabulary):
    hidden, labels, head, tails = vocabulary
    same = np.broadcast_to(hidden[:1], hidden.shape)
    losses = jaxloss.adaptive_softmax_loss(same, labels, head, tails, reduction="none")
    np.testing.assert_allclose(jnp.sum(jnp.exp(-losses)), 1, rtol=1e-5)


def test_adaptive_softmax_without_tails_is_cross_entropy(vocabulary):
    hidden, labels, head, _ = vocabulary
    expected = jaxloss.softmax_cross_entropy_with_integer_labels(jnp.asarray(hidden) @ head, labels % 5)
    np.testing.assert_allclose(jaxloss.adaptive_softmax_loss(hidden, labels % 5, head, []), expected, rtol=1e-6)


def test_adaptive_softmax_names_the_wrong_kernel(vocabulary):
    hidden, labels, head, tails = vocabulary
    with pytest.raises(ValueError, match="head_kernel"):
        jaxloss.adaptive_softmax_loss(hidden, labels, head[:-1], tails)
    with pytest.raises(ValueError, match="head_kernel"):
        jaxloss.adaptive_softmax_loss(hidden, labels, head[:, :2], tails)
    with pytest.raises(ValueError, match=r"tail_kernels\[1\]\[1\]"):
        jaxloss.adaptive_softmax_loss(hidden, labels, head, [tails[0], (tails[1][0], tails[1][1].T)])
    with pytest.raises(TypeError, match=r"tail_kernels\[0\]\[0\]"):
        jaxloss.adaptive_softmax_loss(hidden, labels, head, [(tails[0][0].astype(int), tails[0][1]), tails[1]])
