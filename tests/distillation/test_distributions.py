"""What the laws do not see of `jaxloss.distillation.distributions`."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special

import jaxloss


def test_distillation_equals_torch(rng):
    torch = pytest.importorskip("torch")
    f = torch.nn.functional
    z, t = 3 * rng.normal(size=(2, 6, 4))
    theirs = 9 * f.kl_div(
        f.log_softmax(torch.tensor(z) / 3, -1), f.softmax(torch.tensor(t) / 3, -1), reduction="batchmean"
    )
    with jax.enable_x64(True):
        np.testing.assert_allclose(jaxloss.knowledge_distillation_loss(z, t, temperature=3.0), theirs, rtol=1e-12)


@pytest.mark.parametrize("fn", [jaxloss.knowledge_distillation_loss, jaxloss.generalized_jensen_shannon_divergence])
def test_small_divergences_keep_their_accuracy(fn, rng):
    """Of order 1e-8, where differences of float32 logarithms leave nothing, or something negative."""
    teacher = np.asarray(rng.normal(size=(50, 8)), np.float32)
    student = teacher + np.asarray(2e-4 * rng.normal(size=(50, 8)), np.float32)
    with jax.enable_x64(True):
        exact = fn(student.astype(np.float64), teacher.astype(np.float64), reduction="none")
    ours = fn(student, teacher, reduction="none")
    assert np.min(ours) >= 0
    np.testing.assert_allclose(ours, exact, rtol=1e-2)


def test_gradient_of_distillation_does_not_shrink_with_the_temperature(rng):
    """At a high temperature it is the difference of the centred logits over the number of classes (Hinton, section 2.1)."""
    z, t = rng.normal(size=(2, 1, 4)).astype(np.float32)
    slope = jax.grad(jaxloss.knowledge_distillation_loss)(z, t, temperature=100.0)
    gap = z - t
    np.testing.assert_allclose(slope, (gap - gap.mean()) / 4, rtol=0, atol=2e-2)


@pytest.mark.parametrize("beta", [1e-4, 1 - 1e-4])
def test_limits_of_the_generalized_jensen_shannon_divergence(beta, rng):
    """It vanishes like a Kullback-Leibler divergence times the share: forward at 0, reverse at 1."""
    z, t = rng.normal(size=(2, 5, 4))
    with jax.enable_x64(True):
        value = jaxloss.generalized_jensen_shannon_divergence(z, t, beta=beta)
        forward, reverse = (jaxloss.knowledge_distillation_loss(*pair, temperature=1.0) for pair in ((z, t), (t, z)))
    expected = beta * float(forward) if beta < 0.5 else (1 - beta) * float(reverse)
    np.testing.assert_allclose(value, expected, rtol=1e-3)


def test_generalized_jensen_shannon_divergence_at_its_ends_is_zero(rng):
    """Traced shares of 0 and 1 are not special: no jump to another divergence."""
    z, t = rng.normal(size=(2, 5, 4)).astype(np.float32)
    program = jax.jit(jax.value_and_grad(lambda z, b: jaxloss.generalized_jensen_shannon_divergence(z, t, beta=b)))
    for beta in (0.0, 1.0):
        value, slope = program(z, beta)
        assert 0 <= float(value) < 1e-13
        np.testing.assert_allclose(slope, 0, atol=1e-7)


def test_absent_classes(rng):
    """A class that both lack is absent; one that only the student lacks is infinitely surprising."""
    z, t = rng.normal(size=(2, 3, 4)).astype(np.float32)
    both = [np.concatenate([x, np.full((3, 1), -np.inf, np.float32)], -1) for x in (z, t)]
    for fn in (jaxloss.knowledge_distillation_loss, jaxloss.generalized_jensen_shannon_divergence):
        np.testing.assert_allclose(fn(*both), fn(z, t), rtol=1e-6)
        assert all(np.all(np.isfinite(slope)) for slope in jax.grad(fn, (0, 1))(*both))
    z[0, 1] = -np.inf
    assert float(jaxloss.knowledge_distillation_loss(z, t)) == np.inf
    assert np.isfinite(jaxloss.generalized_jensen_shannon_divergence(z, t))


def test_limits_of_the_skewed_divergence(rng):
    """It is the divergence itself without a skew, and near a perfect fit it is less by the square of what is left."""
    z, t = rng.normal(size=(2, 5, 4))
    with jax.enable_x64(True):
        plain = jaxloss.kl_divergence_from_logits(z, t)
        np.testing.assert_allclose(jaxloss.skewed_kl_divergence(z, t, skew=1e-12), plain, rtol=1e-10)
        near, small = t + 1e-6 * z, jaxloss.kl_divergence_from_logits(t + 1e-6 * z, t)
        np.testing.assert_allclose(jaxloss.skewed_kl_divergence(near, t, skew=0.3), 0.49 * small, rtol=1e-5)


def test_a_skew_bounds_the_divergence_where_the_student_has_nothing(rng):
    """Where the plain divergence is infinite, and its slope with it."""
    z, t = np.array([[0.0, -np.inf]], np.float32), np.array([[-np.inf, 0.0]], np.float32)
    for pair in ((z, t), (t, z)):
        value, slopes = jax.value_and_grad(jaxloss.skewed_kl_divergence, (0, 1))(*pair, skew=0.1)
        np.testing.assert_allclose(value, np.log(10), rtol=1e-6)
        assert all(np.all(np.isfinite(slope)) for slope in slopes)


def test_skewed_divergences_make_up_the_jensen_shannon_divergence(rng):
    z, t = rng.normal(size=(2, 5, 4))
    with jax.enable_x64(True):
        parts = (jaxloss.skewed_kl_divergence(*pair, skew=skew) for pair, skew in (((z, t), 0.3), ((t, z), 0.7)))
        whole = jaxloss.generalized_jensen_shannon_divergence(z, t, beta=0.3)
        np.testing.assert_allclose(sum(x * y for x, y in zip((0.3, 0.7), parts, strict=True)), whole, rtol=1e-12)


def test_the_slope_of_generated_tokens_is_that_of_the_reverse_divergence(rng):
    """On-policy distillation: the log-ratio as the advantage of a policy gradient, in expectation over the tokens."""
    z, t = rng.normal(size=(2, 1, 4)).astype(np.float32)
    every = np.arange(4, dtype=np.int32)

    def expected(z):
        logps, teacher_logps = jax.nn.log_softmax(z)[0], jax.nn.log_softmax(t)[0]
        chances = jax.lax.stop_gradient(jnp.exp(logps))
        logits = jnp.broadcast_to(z, (4, 4))
        return jaxloss.policy_gradient_loss(logits, every, teacher_logps - logps, weights=chances, reduction="sum")

    reverse = jax.grad(lambda z: jaxloss.kl_divergence_from_logits(t, z))
    np.testing.assert_allclose(jax.grad(expected)(z), reverse(z), rtol=1e-4, atol=1e-6)


def test_standardised_logits_may_differ_in_shift_and_scale(rng):
    """Per example: only the relations between the classes are learned (Sun et al.)."""
    t = rng.normal(size=(5, 4))
    z = rng.uniform(0.1, 5.0, size=(5, 1)) * t + rng.normal(size=(5, 1))
    with jax.enable_x64(True):
        pair = (jax.nn.standardize(jnp.asarray(x), epsilon=0) for x in (z, t))
        assert float(jaxloss.knowledge_distillation_loss(*pair)) < 1e-28
        assert float(jaxloss.knowledge_distillation_loss(z, t)) > 1e-2


def test_channel_wise_distillation_is_a_distribution_over_places(rng):
    """Its authors divide the sum over channels and places by the number of channels."""
    x, y = rng.normal(size=(2, 3, 4, 5, 2))
    p, q = (scipy.special.softmax(z.reshape(3, 20, 2) / 4, axis=1) for z in (y, x))
    expected = 16 * np.mean(np.sum(p * np.log(p / q), axis=(1, 2)) / 2)
    with jax.enable_x64(True):
        maps = (jnp.moveaxis(z, -1, 1).reshape(3, 2, 20) for z in (x, y))
        np.testing.assert_allclose(jaxloss.knowledge_distillation_loss(*maps, temperature=4.0), expected, rtol=1e-12)
