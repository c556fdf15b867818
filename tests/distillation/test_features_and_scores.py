"""What the laws do not see of `jaxloss.distillation`: feature maps, correlations, scores and vocabularies."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special

import jaxloss


def test_attention_transfer_equals_the_code_of_the_authors(rng):
    torch = pytest.importorskip("torch")
    f = torch.nn.functional
    student, teacher = rng.normal(size=(4, 5, 6, 3)), rng.normal(size=(4, 5, 6, 7))
    maps = (f.normalize(torch.tensor(x).pow(2).mean(-1).view(4, -1)) for x in (student, teacher))
    with jax.enable_x64(True):
        ours = jaxloss.attention_transfer_loss(student, teacher)
    np.testing.assert_allclose(ours, f.mse_loss(*maps), rtol=1e-12)


def test_attention_transfer_sees_places_and_not_channels_signs_or_sizes(rng):
    x = rng.normal(size=(2, 3, 4, 5)).astype(np.float32)
    channels = -3 * x[..., ::-1]
    assert float(jaxloss.attention_transfer_loss(x, channels)) < 1e-13
    assert float(jaxloss.attention_transfer_loss(x, x[:, ::-1])) > 1e-4
    with pytest.raises(ValueError, match=r"teacher_features must have shape \(2, 3, 4, 5\)"):
        jaxloss.attention_transfer_loss(x, x[:, :2])


def test_a_map_of_zeros_stays_zero(rng):
    """A dead layer is as far from every map as from another dead one it is near."""
    x, dead = rng.normal(size=(3, 4, 5)).astype(np.float32), np.zeros((3, 4, 2), np.float32)
    for pair in ((x, dead), (dead, x)):
        np.testing.assert_allclose(jaxloss.attention_transfer_loss(*pair), 1 / 12, rtol=1e-6)
    assert float(jaxloss.attention_transfer_loss(dead, dead)) == 0


def test_correlations_equal_the_code_of_the_authors(rng):
    torch = pytest.importorskip("torch")
    logits, teacher_logits = 2 * rng.normal(size=(2, 8, 5))

    def lack(q, p):
        q, p = q - q.mean(1, keepdim=True), p - p.mean(1, keepdim=True)
        return 1 - torch.nn.functional.cosine_similarity(q, p, dim=1, eps=1e-30).mean()

    q, p = (torch.softmax(torch.tensor(x) / 4, 1) for x in (logits, teacher_logits))
    theirs = 16 * (2 * lack(q, p) + 3 * lack(q.T, p.T))
    with jax.enable_x64(True):
        ours = jaxloss.correlation_distillation_loss(
            logits, teacher_logits, inter_class_weight=2.0, intra_class_weight=3.0, temperature=4.0
        )
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)


def test_a_correlation_asks_for_proportions_only(rng):
    """Probabilities on the way to uniform ones have the correlation of those of the teacher, whose divergence is large."""
    p = scipy.special.softmax(3 * rng.normal(size=(8, 5)), -1)
    q = 0.3 * p + 0.7 / 5
    with jax.enable_x64(True):
        assert abs(float(jaxloss.correlation_distillation_loss(np.log(q), np.log(p)))) < 1e-14
        assert float(jaxloss.knowledge_distillation_loss(np.log(q), np.log(p), temperature=1.0)) > 0.1


def test_margins_equal_torch(rng):
    torch = pytest.importorskip("torch")
    s, u, t, v = 3 * rng.normal(size=(4, 7))
    theirs = torch.nn.functional.mse_loss(torch.tensor(s - u), torch.tensor(t - v))
    with jax.enable_x64(True):
        np.testing.assert_allclose(jaxloss.margin_squared_error(s, u, t, v), theirs, rtol=1e-12)
        # The labels of sentence-transformers are margins.
        np.testing.assert_allclose(jaxloss.margin_squared_error(s, u, t - v, np.zeros(7)), theirs, rtol=1e-12)


def test_a_student_on_another_scale_learns_margins(rng):
    """The teacher's scores lie around 100, and the student's weights need not follow them there."""
    x = rng.normal(size=(2, 20, 3)).astype(np.float32)
    target = jnp.array([1.0, -2.0, 0.5])
    teacher = x @ target + 100

    def step(w, _):
        value, slope = jax.value_and_grad(lambda w: jaxloss.margin_squared_error(*(x @ w), *teacher))(w)
        return w - 0.05 * slope, value

    w, _ = jax.jit(lambda w: jax.lax.scan(step, w, length=200))(jnp.zeros(3))
    np.testing.assert_allclose(w, target, atol=1e-2)


def test_sorted_probabilities_know_no_class(rng):
    logits = rng.normal(size=(4, 6)).astype(np.float32)
    shuffled = rng.permuted(logits, axis=-1)
    absent = np.concatenate([shuffled, np.full((4, 3), -np.inf, np.float32)], -1)
    for teacher_logits in (shuffled, absent):
        assert float(jaxloss.universal_logit_distillation_loss(logits, teacher_logits)) < 1e-6
    with pytest.raises(ValueError, match=r"teacher_logits must have shape \(4, 6\)"):
        jaxloss.universal_logit_distillation_loss(logits, shuffled[:3])


def test_sorted_probabilities_of_two_vocabularies(rng):
    """The formula of TRL: sorted, and the shorter one padded with zeros."""
    torch = pytest.importorskip("torch")
    q, p = (torch.softmax(torch.tensor(rng.normal(size=(5, size))), -1) for size in (6, 9))
    logits = (torch.log(x).numpy() for x in (q, p))
    q, p = (x.sort(dim=-1, descending=True).values for x in (q, p))
    theirs = torch.nn.functional.l1_loss(torch.nn.functional.pad(q, (0, 3)), p, reduction="sum") / 5
    with jax.enable_x64(True):
        np.testing.assert_allclose(jaxloss.universal_logit_distillation_loss(*logits), theirs, rtol=1e-12)
