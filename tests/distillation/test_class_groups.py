"""What the laws do not see of `jaxloss.distillation.class_groups`."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special

import jaxloss

TARGET, OTHERS = (
    {"target_weight": 1.0, "non_target_weight": 0.0},
    {"target_weight": 0.0, "non_target_weight": 1.0},
)


def authors_loss(z, t, labels, alpha, beta, temperature):
    """The formula of the authors' code: the label's logits are lowered by 1000 among the other classes."""
    torch = pytest.importorskip("torch")
    f = torch.nn.functional
    z, t, hot = torch.tensor(z), torch.tensor(t), f.one_hot(torch.tensor(labels, dtype=torch.int64), z.shape[-1])
    split = lambda p: torch.stack([(p * hot).sum(-1), (p * (1 - hot)).sum(-1)], -1)
    pairs = [split(f.softmax(x / temperature, -1)) for x in (z, t)]
    target = f.kl_div(torch.log(pairs[0]), pairs[1], reduction="batchmean")
    z, t = (x / temperature - 1000.0 * hot for x in (z, t))
    others = f.kl_div(f.log_softmax(z, -1), f.softmax(t, -1), reduction="batchmean")
    return float(temperature**2 * (alpha * target + beta * others))


def test_decoupled_distillation_equals_the_formula_of_the_authors(rng):
    z, t = 2 * rng.normal(size=(2, 6, 5))
    labels = rng.integers(0, 5, 6).astype(np.int32)
    with jax.enable_x64(True):
        ours = jaxloss.decoupled_distillation_loss(z, t, labels)
    np.testing.assert_allclose(ours, authors_loss(z, t, labels, 1.0, 8.0, 4.0), rtol=1e-10)


def test_plain_distillation_couples_the_two_parts(rng):
    """It weights the divergence among the other classes by what the teacher leaves to them (the paper's equation 5)."""
    z, t = 2 * rng.normal(size=(2, 6, 5))
    labels = rng.integers(0, 5, 6).astype(np.int32)
    left = 1 - scipy.special.softmax(t / 3, -1)[np.arange(6), labels]
    with jax.enable_x64(True):
        target, others = (
            np.asarray(jaxloss.decoupled_distillation_loss(z, t, labels, **part, temperature=3.0, reduction="none"))
            for part in (TARGET, OTHERS)
        )
        whole = jaxloss.knowledge_distillation_loss(z, t, temperature=3.0, reduction="none")
    np.testing.assert_allclose(target + left * others, whole, rtol=1e-12)


def test_a_certain_teacher_still_tells_of_the_other_classes(rng):
    """Plain distillation is nearly 0, and its gradient too, however wrong the student is about them."""
    z, t = np.array([[20.0, 0.0, 0.0]], np.float32), np.array([[20.0, 2.0, 0.0]], np.float32)
    slope = jax.grad(jaxloss.decoupled_distillation_loss)(z, t, np.array([0]), temperature=1.0)
    assert np.max(np.abs(jax.grad(jaxloss.knowledge_distillation_loss)(z, t, temperature=1.0))) < 1e-7
    np.testing.assert_allclose(slope[0, 1:], 8 * (0.5 - scipy.special.softmax([2.0, 0.0])), rtol=1e-5)


@pytest.mark.parametrize("k", [1, 2, 4, 7])
def test_fewer_classes_tell_less(k, rng):
    """Merging classes never makes a divergence larger; nothing is lost for all classes or all but one."""
    z, t = 2 * rng.normal(size=(2, 20, 5))
    with jax.enable_x64(True):
        whole = np.asarray(jaxloss.knowledge_distillation_loss(z, t, temperature=1.5, reduction="none"))
        if k > 5:
            with pytest.raises(ValueError, match="k must be at most the number of classes, 5; found 7"):
                jaxloss.top_k_distillation_loss(z, t, k=k)
            return
        some = np.asarray(jaxloss.top_k_distillation_loss(z, t, k=k, temperature=1.5, reduction="none"))
        every = jaxloss.top_k_distillation_loss(z, t, k=5, temperature=1.5, reduction="none")
    np.testing.assert_allclose(every, whole, rtol=1e-12)
    assert np.all(some <= whole + 1e-15)
    assert np.allclose(some, whole, rtol=1e-12) == (k == 4)


def test_the_best_log_probabilities_of_a_teacher_are_enough(rng):
    """Only what the other classes hold together matters: a teacher may be stored as its k best."""
    z, t = 2 * rng.normal(size=(2, 6, 9)).astype(np.float32)
    expected = jaxloss.top_k_distillation_loss(z, t, k=3)
    best, places = jax.lax.top_k(jax.nn.log_softmax(t), 3)
    rest = jnp.log1p(-jnp.sum(jnp.exp(best), -1, keepdims=True)) - np.log(6)
    stored = jnp.put_along_axis(jnp.broadcast_to(rest, t.shape), places, best, axis=-1, inplace=False)
    np.testing.assert_allclose(jaxloss.top_k_distillation_loss(z, stored, k=3), expected, rtol=1e-5)


def test_without_the_bucket_it_is_plain_distillation_of_the_best_scores(rng):
    """As the k best are renormalised elsewhere: of the scores themselves, since softmax does that."""
    z, t = 2 * rng.normal(size=(2, 6, 9))
    p, q = (scipy.special.softmax(x, -1) for x in (t, z))
    best = np.argsort(-t, -1)[:, :3]
    p, q = (np.take_along_axis(x, best, -1) for x in (p, q))
    p, q = (x / x.sum(-1, keepdims=True) for x in (p, q))
    scores = (np.take_along_axis(x, best, -1) for x in (z, t))
    with jax.enable_x64(True):
        ours = jaxloss.knowledge_distillation_loss(*scores, temperature=1.0)
    np.testing.assert_allclose(ours, np.mean(np.sum(p * np.log(p / q), -1)), rtol=1e-12)
