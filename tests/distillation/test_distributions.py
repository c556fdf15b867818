"""What the laws do not see of `jaxloss.distillation.distributions`."""

from __future__ import annotations

import jax
import numpy as np
import pytest

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
