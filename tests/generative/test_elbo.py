"""Evidence bounds, free bits and vector quantisation: identities, floors, stopped gradients, other packages."""

from __future__ import annotations

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
import scipy.stats

import jaxloss

# ---- ELBO ------------------------------------------------------------------------------------------------------


def test_any_likelihood_serves(rng):
    """Gaussian, Bernoulli, categorical: each summed over the entries, then one number per example."""
    x, means = rng.normal(size=(2, 3, 4)).astype(np.float32)
    bits, logits = (x > 0).astype(np.float32), means
    labels, scores = rng.integers(0, 5, size=(3, 4)), rng.normal(size=(3, 4, 5)).astype(np.float32)
    mean, log_variance = rng.normal(size=(2, 3, 2)).astype(np.float32)
    kls = jaxloss.gaussian_kl_standard_normal(mean, log_variance, reduction="none")
    nlls = {
        "gaussian": jaxloss.gaussian_nll(means, jnp.ones((3, 4)), x, reduction="none"),
        "bernoulli": jaxloss.sigmoid_binary_cross_entropy(logits, bits, reduction="none"),
        "categorical": jaxloss.softmax_cross_entropy_with_integer_labels(scores, labels, reduction="none"),
    }
    probs = scipy.special.expit(logits)
    expected = {
        "gaussian": -scipy.stats.norm.logpdf(x, means).sum(-1),
        "bernoulli": -scipy.stats.bernoulli.logpmf(bits, probs).sum(-1),
        "categorical": -np.take_along_axis(scipy.special.log_softmax(scores, -1), labels[..., None], -1)[..., 0].sum(
            -1
        ),
    }
    for name, nll in nlls.items():
        value = jaxloss.elbo_loss(jnp.sum(nll, -1), kls, beta=4.0)
        np.testing.assert_allclose(value, np.mean(expected[name] + 4 * np.asarray(kls)), rtol=1e-5, err_msg=name)


def test_a_likelihood_that_is_not_summed_is_refused():
    """A mean over pixels, or none, changes the weight of the divergence."""
    with pytest.raises(ValueError, match="kl_divergences"):
        jaxloss.elbo_loss(jnp.ones((3, 4)), jnp.ones(3))


def test_beta_anneals_without_a_second_trace():
    loss = lambda beta: jaxloss.elbo_loss(jnp.ones(2), jnp.array([1.0, 3.0]), beta=beta)
    program = jax.jit(chex.assert_max_traces(loss, 1))
    np.testing.assert_allclose([program(0.0), program(0.5), program(1.0)], [1, 2, 3])


def test_the_bound_is_one():
    """p(z) = N(0, 1), p(x|z) = N(z, 1): the negative ELBO is -log p(x) at the posterior N(x/2, 1/2), more elsewhere."""
    x = 0.7
    evidence = -scipy.stats.norm.logpdf(x, 0, np.sqrt(2))
    for mean, variance in ((x / 2, 0.5), (0.0, 1.0), (x, 0.1)):
        nll = 0.5 * np.log(2 * np.pi) + 0.5 * ((x - mean) ** 2 + variance)
        with jax.enable_x64(True):
            kl = jaxloss.gaussian_kl_standard_normal(np.array([mean]), np.log([variance]))
            gap = float(jaxloss.elbo_loss(np.float64(nll), kl)) - evidence
        assert gap >= -1e-12
        assert (abs(gap) < 1e-12) == (variance == 0.5)


def test_capacity_is_a_kink_with_no_slope():
    fn = lambda kl: jaxloss.capacity_elbo_loss(jnp.zeros(3), kl, capacity=2.0, gamma=5.0, reduction="sum")
    np.testing.assert_array_equal(jax.grad(fn)(jnp.array([1.0, 2.0, 3.0])), [-5, 0, 5])


# ---- IWAE ------------------------------------------------------------------------------------------------------


def test_one_sample_is_the_elbo(rng):
    log_weights = jnp.asarray(50 * rng.normal(size=(6, 1)), jnp.float32)
    np.testing.assert_array_equal(jaxloss.iwae_loss(log_weights, reduction="none"), -log_weights[:, 0])


def test_more_samples_are_tighter_on_average(rng):
    log_weights = rng.normal(size=(2000, 8))
    with jax.enable_x64(True):
        values = [float(jaxloss.iwae_loss(log_weights[:, :k])) for k in (1, 2, 8)]
    assert values[0] > values[1] > values[2] > -0.5


def test_the_gradient_is_the_normalised_weight(rng):
    log_weights = jnp.asarray(rng.normal(size=5) - 1e4, jnp.float32)
    gradient = jax.grad(jaxloss.iwae_loss)(log_weights)
    np.testing.assert_allclose(gradient, -jax.nn.softmax(log_weights), rtol=1e-6)


def test_no_overflow_and_no_underflow():
    """exp(-1000) is 0 and exp(1000) inf: a mean of weights is -log 0 or -inf."""
    for level in (-1000.0, 1000.0):
        value, gradient = jax.value_and_grad(jaxloss.iwae_loss)(jnp.full(4, level))
        np.testing.assert_allclose(value, -level, rtol=1e-6)
        np.testing.assert_allclose(gradient, np.full(4, -0.25), rtol=1e-6)


def test_impossible_samples_count_in_k():
    value, gradient = jax.value_and_grad(jaxloss.iwae_loss)(jnp.array([0.0, -jnp.inf]))
    np.testing.assert_allclose(value, np.log(2), rtol=1e-6)
    np.testing.assert_array_equal(gradient, [-1, 0])
    assert jaxloss.iwae_loss(jnp.array([-jnp.inf, -jnp.inf])) == np.inf


# ---- free bits -------------------------------------------------------------------------------------------------


def test_gradient_below_at_and_above_the_floor():
    kl = jnp.array([0.0, 0.25, 0.5, 0.75, 4.0])
    value, gradient = jax.value_and_grad(lambda x: jaxloss.free_bits_loss(x, free_nats=0.5))(kl)
    assert value == 0.5 * 3 + 0.75 + 4
    np.testing.assert_array_equal(gradient, [0, 0, 0.5, 1, 1])


def test_a_floor_of_zero_is_the_divergence(rng):
    kl = jnp.asarray(rng.gamma(1.0, size=(3, 4)), jnp.float32)
    np.testing.assert_allclose(jaxloss.free_bits_loss(kl, free_nats=0.0), jnp.sum(kl) / 3, rtol=1e-6)
    np.testing.assert_allclose(jaxloss.batch_free_bits_loss(kl, free_nats=0.0), jnp.sum(kl) / 3, rtol=1e-6)


def test_batch_and_example_floors_differ():
    """One example of a batch may spend another's nats; by example none may."""
    kl = jnp.array([[0.0], [2.0]])
    assert jaxloss.batch_free_bits_loss(kl, free_nats=1.0) == 1
    assert jaxloss.free_bits_loss(kl, free_nats=1.0) == 1.5
    assert jaxloss.batch_free_bits_loss(kl, free_nats=0.75, where=jnp.array([True, False])) == 0.75


def test_a_nan_is_not_floored():
    kl = jnp.array([[0.1, jnp.nan], [0.1, 0.2]])
    np.testing.assert_array_equal(np.isnan(jaxloss.free_bits_loss(kl, free_nats=1.0, reduction="none")), [True, False])
    assert np.isnan(jaxloss.batch_free_bits_loss(kl, free_nats=1.0))


def test_dreamer_floors_the_total(rng):
    """free_nats of Dreamer: one group, max(KL, 3)."""
    total = jnp.asarray(6 * rng.gamma(1.0, size=20), jnp.float32)
    value = jaxloss.free_bits_loss(total[:, None], free_nats=3.0)
    np.testing.assert_allclose(value, np.mean(np.maximum(total, 3)), rtol=1e-6)


# ---- vector quantisation ---------------------------------------------------------------------------------------


def test_each_loss_moves_its_own_side(rng):
    z, e = jnp.asarray(rng.normal(size=(2, 4, 3)), jnp.float32)
    codebook = jax.grad(jaxloss.vq_codebook_loss, (0, 1))(z, e)
    np.testing.assert_allclose(codebook[1], 2 * (e - z) / 4, rtol=1e-6)
    assert not np.any(codebook[0])
    commitment = jax.grad(jaxloss.vq_commitment_loss, (0, 1))(z, e)
    np.testing.assert_allclose(commitment[0], 2 * (z - e) / 4, rtol=1e-6)
    assert not np.any(commitment[1])


def test_features_are_summed(rng):
    """vector-quantize-pytorch has the mean over features: 1/D of it."""
    torch = pytest.importorskip("torch")
    z, e = rng.normal(size=(2, 4, 3))
    mse = torch.nn.functional.mse_loss(torch.tensor(e), torch.tensor(z))
    with jax.enable_x64(True):
        np.testing.assert_allclose(jaxloss.vq_commitment_loss(z, e) / 3, mse, rtol=1e-12)


def test_the_objective_of_the_paper(rng):
    torch = pytest.importorskip("torch")
    z, e = rng.normal(size=(2, 4, 3))
    tz, te = (torch.tensor(x, requires_grad=True) for x in (z, e))
    expected = (((tz.detach() - te) ** 2).sum(-1) + 0.25 * ((tz - te.detach()) ** 2).sum(-1)).mean()
    slopes = torch.autograd.grad(expected, (tz, te))
    loss = lambda z, e: jaxloss.vq_codebook_loss(z, e) + 0.25 * jaxloss.vq_commitment_loss(z, e)
    with jax.enable_x64(True):
        value, ours = jax.value_and_grad(loss, (0, 1))(jnp.asarray(z), jnp.asarray(e))
    np.testing.assert_allclose(value, expected.detach(), rtol=1e-12)
    for a, b in zip(ours, slopes, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


def test_straight_through_is_the_code_to_the_last_bit(rng):
    z, e = jnp.asarray(1e3 * rng.normal(size=(2, 50)), jnp.float32) * jnp.array([[1.0], [1e-5]])
    value, pullback = jax.vjp(jaxloss.straight_through, z, e)
    np.testing.assert_array_equal(value, e)
    assert np.any(z + (e - z) != e)
    along = jnp.asarray(rng.normal(size=50), jnp.float32)
    in_z, in_e = pullback(along)
    np.testing.assert_array_equal(in_z, along)
    assert not np.any(in_e)
    np.testing.assert_array_equal(jax.jit(jaxloss.straight_through)(z, e), e)


def test_straight_through_refuses_and_promotes():
    with pytest.raises(ValueError, match="codes"):
        jaxloss.straight_through(jnp.ones((2, 3)), jnp.ones((2, 1)))
    with pytest.raises(TypeError, match="codes"):
        jaxloss.straight_through(jnp.ones(2), jnp.ones(2, jnp.int32))
    half = jnp.ones(2, jnp.bfloat16)
    assert jaxloss.straight_through(half, half).dtype == jnp.float32
    assert jax.grad(lambda z: jnp.sum(jaxloss.straight_through(z, half)))(half).dtype == jnp.bfloat16
