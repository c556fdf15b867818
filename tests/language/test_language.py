"""What language models predict, and terms on their scores."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special

import jaxloss
from jaxloss.reductions import merge, summarize, term

cross_entropy = jaxloss.softmax_cross_entropy_with_integer_labels

# ---- the next token --------------------------------------------------------------------------------------------


def test_labels_follow_their_inputs_once() -> None:
    batch = jaxloss.tokens.next_tokens(jnp.array([[3, 1, 4, 1], [5, 9, 2, 6]]))
    np.testing.assert_array_equal(batch.inputs, [[3, 1, 4], [5, 9, 2]])
    np.testing.assert_array_equal(batch.labels, [[1, 4, 1], [9, 2, 6]])
    assert np.all(batch.where)


def test_neither_padding_nor_other_documents_are_predicted() -> None:
    """Padding on either side, and two documents in one row: every document loses its first token, nothing else."""
    segments = jnp.array([[0, 0, 1, 1, 1, 2, 2, 0], [1, 1, 1, 1, 0, 0, 0, 0]])
    batch = jaxloss.tokens.next_tokens(jnp.arange(16).reshape(2, 8), segments=segments)
    np.testing.assert_array_equal(batch.labels[batch.where], [3, 4, 6, 9, 10, 11])


def test_a_prompt_is_read_and_not_predicted() -> None:
    """The mask belongs to the labels: the last token of the prompt predicts the first one of the response."""
    batch = jaxloss.tokens.next_tokens(jnp.arange(6), where=jnp.array([False, False, False, True, True, True]))
    np.testing.assert_array_equal(batch.labels[batch.where], [3, 4, 5])
    np.testing.assert_array_equal(batch.inputs[batch.where], [2, 3, 4])


def test_further_heads() -> None:
    batch = jaxloss.tokens.next_tokens(jnp.arange(6), segments=jnp.array([1, 1, 1, 2, 2, 2]), offset=2)
    np.testing.assert_array_equal(batch.labels, [2, 3, 4, 5])
    np.testing.assert_array_equal(batch.where, [True, False, False, True])
    assert jaxloss.tokens.next_tokens(jnp.arange(2), segments=jnp.ones(2, jnp.int32), offset=3).where.shape == (0,)


def test_pytorch_after_the_shift(rng: np.random.Generator) -> None:
    torch = pytest.importorskip("torch")
    tokens, logits = rng.integers(0, 5, (2, 6)), rng.normal(size=(2, 6, 5)).astype(np.float32)
    keep = np.array([[True] * 4 + [False] * 2, [True] * 6])
    labels = torch.tensor(np.where(keep, tokens, -100)[:, 1:])
    theirs = torch.nn.functional.cross_entropy(torch.tensor(logits[:, :-1]).flatten(0, 1), labels.flatten())
    batch = jaxloss.tokens.next_tokens(jnp.asarray(tokens), segments=jnp.asarray(keep.astype(int)))
    np.testing.assert_allclose(cross_entropy(logits[:, :-1], batch.labels, where=batch.where), theirs, rtol=1e-5)


def test_accumulated_batches_give_the_mean_over_all_tokens(rng: np.random.Generator) -> None:
    """Sequences of different length: the mean of two means is wrong, merged terms are exact."""
    logits = jnp.asarray(rng.normal(size=(2, 6, 5)), jnp.float32)
    segments = (np.arange(7) <= np.array([[2], [6]])).astype(np.int32)
    batch = jaxloss.tokens.next_tokens(jnp.asarray(rng.integers(0, 5, (2, 7))), segments=segments)
    loss = lambda i, **kwargs: cross_entropy(logits[i], batch.labels[i], where=batch.where[i], **kwargs)
    whole = loss(slice(None))
    merged = merge(*(summarize(loss(i, reduction=term)) for i in range(2)))
    np.testing.assert_allclose(merged.values, whole, rtol=1e-6)
    assert abs((loss(0) + loss(1)) / 2 - whole) > 1e-3


def test_shifting_refuses() -> None:
    tokens = jnp.arange(4)
    with pytest.raises(TypeError, match="tokens must be integer"):
        jaxloss.tokens.next_tokens(tokens.astype(jnp.float32))
    with pytest.raises(ValueError, match="tokens and segments must have the same shape"):
        jaxloss.tokens.next_tokens(tokens, segments=tokens[:-1])
    with pytest.raises(TypeError, match="where must be boolean"):
        jaxloss.tokens.next_tokens(tokens, where=tokens)
    with pytest.raises(ValueError, match="offset must be >= 1"):
        jaxloss.tokens.next_tokens(tokens, offset=0)
    with pytest.raises(ValueError, match="tokens must end with the axes"):
        jaxloss.tokens.next_tokens(jnp.int32(3))


# ---- hidden tokens ---------------------------------------------------------------------------------------------


def test_shares_of_hidden_tokens() -> None:
    """15 % chosen; of these 80 % hidden, 10 % random, 10 % left as they are; nothing outside ``where``."""
    tokens, may = jnp.full((200, 1000), 7), jnp.arange(1000)[None, :] < 500
    batch = jax.jit(
        lambda key: jaxloss.tokens.mask_tokens(key, tokens, mask_token=1, vocabulary_size=10**6, where=may)
    )(jax.random.key(3))
    assert not np.any(batch.where[:, 500:])
    np.testing.assert_array_equal(batch.inputs[~batch.where], 7)
    np.testing.assert_array_equal(batch.labels, tokens)
    chosen = np.asarray(batch.inputs[batch.where])
    assert abs(chosen.size / 1e5 - 0.15) < 0.01
    shares = [np.mean(chosen == 1), np.mean((chosen != 1) & (chosen != 7)), np.mean(chosen == 7)]
    np.testing.assert_allclose(shares, [0.8, 0.1, 0.1], atol=0.02)


def test_shares_at_their_ends() -> None:
    draw = lambda **kwargs: jaxloss.tokens.mask_tokens(
        jax.random.key(0), jnp.arange(2, 50), mask_token=1, vocabulary_size=2, **kwargs
    )
    assert not np.any(draw(rate=0.0).where)
    assert np.all(draw(rate=1.0, mask_share=1.0).inputs == 1)
    assert np.all(draw(rate=1.0, mask_share=0.0, random_share=1.0).inputs < 2)
    untouched = draw(rate=1.0, mask_share=0.0, random_share=0.0)
    assert np.all(untouched.where)
    np.testing.assert_array_equal(untouched.inputs, np.arange(2, 50))


def test_hiding_refuses() -> None:
    draw = lambda **kwargs: jaxloss.tokens.mask_tokens(
        jax.random.key(0), jnp.arange(4), **{"mask_token": 1, "vocabulary_size": 5, **kwargs}
    )
    for name in ("rate", "mask_share", "random_share"):
        with pytest.raises(ValueError, match=name):
            draw(**{name: 1.5})
    with pytest.raises(ValueError, match="vocabulary_size"):
        draw(vocabulary_size=0)
    with pytest.raises(TypeError, match="tokens must be integer"):
        jaxloss.tokens.mask_tokens(jax.random.key(0), jnp.ones(4), mask_token=1, vocabulary_size=5)


# ---- scores ----------------------------------------------------------------------------------------------------


def test_z_loss_is_that_of_the_cross_entropy(rng: np.random.Generator) -> None:
    """Values and gradients, also for targets that do not sum to one, where hand-written rules err."""
    logits, factor = jnp.asarray(3 * rng.normal(size=(6, 5)), jnp.float32), 0.3
    targets = jnp.asarray(rng.uniform(size=(6, 5)), jnp.float32).at[0].set(0.0).at[1].multiply(2.0)
    both = lambda x: jaxloss.softmax_cross_entropy(x, targets, z_loss=factor)
    apart = lambda x: jaxloss.softmax_cross_entropy(x, targets) + factor * jaxloss.softmax_z_loss(x)
    actual, expected = (jax.jit(jax.value_and_grad(f))(logits) for f in (apart, both))
    jax.tree.map(lambda a, e: np.testing.assert_allclose(a, e, rtol=1e-5, atol=1e-7), actual, expected)


def test_z_loss_has_its_whole_gradient(rng: np.random.Generator) -> None:
    logits = jnp.asarray(rng.normal(size=(4, 5)) + 3, jnp.float32)
    normaliser = scipy.special.logsumexp(np.asarray(logits, np.float64), -1, keepdims=True)
    slope = jax.grad(lambda x: jaxloss.softmax_z_loss(x, reduction="sum"))(logits)
    np.testing.assert_allclose(slope, 2 * normaliser * scipy.special.softmax(np.asarray(logits), -1), rtol=1e-5)


def test_selected_log_probabilities(rng: np.random.Generator) -> None:
    """Value, gradient and forward mode of the log-softmax, picked."""
    with jax.enable_x64(True):
        logits, labels = jnp.asarray(rng.normal(size=(2, 3, 5))), jnp.asarray(rng.integers(0, 5, (2, 3)))
        picked = lambda x: jnp.take_along_axis(jax.nn.log_softmax(x), labels[..., None], -1)[..., 0]
        ours = lambda x: jaxloss.tokens.selective_log_softmax(x, labels)
        along, cotangent = jnp.asarray(rng.normal(size=(2, 3, 5))), jnp.asarray(rng.normal(size=(2, 3)))
        for a, e in zip(jax.jvp(ours, (logits,), (along,)), jax.jvp(picked, (logits,), (along,)), strict=True):
            np.testing.assert_allclose(a, e, rtol=1e-12)
        slopes = [jax.vjp(f, logits)[1](cotangent)[0] for f in (ours, picked)]
        np.testing.assert_allclose(*slopes, rtol=1e-10, atol=1e-14)


def test_selected_log_probabilities_need_no_memory() -> None:
    """Value and gradient make no second array of the size of the logits."""
    shapes = jax.ShapeDtypeStruct((512, 4096), jnp.float32), jax.ShapeDtypeStruct((512,), jnp.int32)
    total = lambda logits, labels: jnp.sum(jaxloss.tokens.selective_log_softmax(logits, labels))
    memory = jax.jit(jax.value_and_grad(total)).lower(*shapes).compile().memory_analysis()
    assert memory.temp_size_in_bytes < 512 * 4096 * 4 / 16


def test_selected_log_probabilities_at_their_edges() -> None:
    """Labels out of range are NaN unless masked; a nearly certain class keeps its accuracy; 16 bits give float32."""
    logits, labels = jnp.array([[20.0, 0.0], [0.0, 1.0], [0.0, 1.0]]), jnp.array([0, 2, -100])
    loose = jaxloss.tokens.selective_log_softmax(logits, labels)
    np.testing.assert_allclose(loose, [-np.log1p(np.exp(-20.0)), np.nan, np.nan], rtol=1e-6)
    where = labels < 2
    masked = lambda x: jaxloss.tokens.selective_log_softmax(x, labels, where=where & (labels >= 0))
    np.testing.assert_array_equal(masked(logits)[1:], 0)
    slope = jax.grad(lambda x: jnp.sum(masked(x)))(logits)
    assert np.all(np.isfinite(slope))
    assert not np.any(slope[1:])
    assert jaxloss.tokens.selective_log_softmax(logits.astype(jnp.bfloat16), labels).dtype == jnp.float32
    with pytest.raises(ValueError, match="labels"):
        jaxloss.checked(jaxloss.tokens.selective_log_softmax)(logits, labels)
    with pytest.raises(ValueError, match="labels must have shape"):
        jaxloss.tokens.selective_log_softmax(logits, labels[:2])


def test_soft_cap(rng: np.random.Generator) -> None:
    """The cross-entropy of capped scores is that of the memory-bounded form; the bound holds, small scores stay."""
    hidden = jnp.asarray(5 * rng.normal(size=(6, 3)), jnp.float32)
    kernel, labels = jnp.asarray(rng.normal(size=(3, 7)), jnp.float32), jnp.asarray(rng.integers(0, 7, 6))
    capped = cross_entropy(jaxloss.tokens.soft_cap_logits(hidden @ kernel, soft_cap=4.0), labels)
    fused = jaxloss.linear_softmax_cross_entropy(hidden, kernel, labels, soft_cap=4.0, chunk_size=3)
    np.testing.assert_allclose(capped, fused, rtol=1e-6)
    np.testing.assert_allclose(
        jaxloss.tokens.soft_cap_logits(jnp.array([1e-4, 1e30]), soft_cap=4.0), [1e-4, 4], rtol=1e-6
    )
    np.testing.assert_allclose(jaxloss.tokens.soft_cap_logits(jnp.array([-1e30]), soft_cap=1e-3), [-1e-3], rtol=1e-6)
    with pytest.raises(ValueError, match="soft_cap"):
        jaxloss.tokens.soft_cap_logits(hidden, soft_cap=0.0)
    with pytest.raises(TypeError, match="logits must be floating"):
        jaxloss.tokens.soft_cap_logits(labels, soft_cap=1.0)
