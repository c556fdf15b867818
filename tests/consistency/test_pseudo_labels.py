"""FixMatch and its relatives: peers, identities, what trains and what does not."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss


def _views(rng, classes=4):
    return 2 * rng.normal(size=(32, classes)), 6 * rng.normal(size=(32, classes))


def test_fixmatch_equals_the_code_of_torchssl(rng):
    """The mean is over the batch, and not over the examples that are confident."""
    torch = pytest.importorskip("torch")
    strong, weak = _views(rng)
    probs = torch.softmax(torch.tensor(weak), -1)
    confidence, labels = probs.max(-1)
    mask = confidence.ge(0.95).double()
    assert 0 < mask.sum() < 32
    theirs = (torch.nn.functional.cross_entropy(torch.tensor(strong), labels, reduction="none") * mask).mean()
    with jax.enable_x64(True):
        np.testing.assert_allclose(jaxloss.fixmatch_loss(strong, weak), theirs, rtol=1e-12)
        confident = jaxloss.fixmatch_loss(strong, weak, reduction="sum") / mask.sum().item()
        shown = jaxloss.fixmatch_loss(strong, weak, where=mask.numpy() > 0)
    np.testing.assert_allclose(confident, shown, rtol=1e-6)


def test_uda_equals_the_code_of_torchssl(rng):
    """The divergence has the gradient of the cross-entropy with the sharpened target, which TorchSSL takes."""
    torch = pytest.importorskip("torch")
    strong, weak = _views(rng)
    logits = torch.tensor(strong, requires_grad=True)
    probs = torch.softmax(torch.tensor(weak), -1)
    mask = probs.max(-1)[0].ge(0.8).double()
    assert 0 < mask.sum() < 32
    target = torch.softmax(torch.tensor(weak) / 0.4, -1)
    crossed = (-(target * torch.log_softmax(logits, -1)).sum(-1) * mask).mean()
    apart = torch.nn.functional.kl_div(torch.log_softmax(logits, -1), target, reduction="none").sum(-1) * mask
    crossed.backward()
    with jax.enable_x64(True):
        value, slope = jax.value_and_grad(jaxloss.uda_loss)(jnp.asarray(strong), weak)
        perfect = jaxloss.uda_loss(weak / 0.4, weak)
        sharp = jaxloss.uda_loss(strong, weak, temperature=1e-3, threshold=0.95)
        fixmatch = jaxloss.fixmatch_loss(strong, weak)
    np.testing.assert_allclose(value, apart.mean().item(), rtol=1e-11)
    np.testing.assert_allclose(slope, logits.grad, rtol=1e-10, atol=1e-16)
    np.testing.assert_allclose(perfect, 0, atol=1e-30)
    np.testing.assert_allclose(sharp, fixmatch, rtol=1e-9)


def test_pseudo_labels_of_one_view(rng):
    """Lee (2013): minus the logarithm of the largest probability, with the slope of a cross-entropy."""
    logits, _ = _views(rng)
    fn = lambda x: jaxloss.fixmatch_loss(x, x, threshold=0.0, reduction="sum")
    with jax.enable_x64(True):
        value, slope = jax.value_and_grad(fn)(jnp.asarray(logits))
        p = np.asarray(jax.nn.softmax(jnp.asarray(logits)))
    np.testing.assert_allclose(value, -np.log(p.max(-1)).sum(), rtol=1e-12)
    np.testing.assert_allclose(slope, p - np.eye(4)[p.argmax(-1)], atol=1e-12)


def test_below_the_threshold_nothing_trains_and_nan_is_seen(rng):
    logits, weak = _views(rng)
    weak = 0.01 * weak
    value, slope = jax.value_and_grad(jaxloss.fixmatch_loss)(jnp.asarray(logits, jnp.float32), weak)
    assert value == 0
    assert not np.any(slope)
    absent = jnp.array([[0.0, -jnp.inf, 1.0]])
    assert jaxloss.fixmatch_loss(absent, jnp.array([[0.0, 0.1, 0.0]])) == 0
    assert jaxloss.fixmatch_loss(absent, jnp.array([[0.0, 9.0, 0.0]])) == jnp.inf
    for pair in ((jnp.array([[jnp.nan, 0.0]]), jnp.zeros((1, 2))), (jnp.zeros((1, 2)), jnp.array([[jnp.nan, 0.0]]))):
        value, slope = jax.value_and_grad(jaxloss.fixmatch_loss)(*pair)
        assert np.isnan(value)
        assert np.all(np.isnan(slope))


def test_consistency_of_two_predictions_is_a_squared_error(rng):
    """The Pi model and the mean teacher in the code of TorchSSL, and the Brier score of MixMatch."""
    torch = pytest.importorskip("torch")
    logits, teacher = _views(rng)
    student, target = (torch.softmax(torch.tensor(x), -1) for x in (logits, teacher))
    with jax.enable_x64(True):
        ours = jaxloss.squared_error(jax.nn.softmax(jnp.asarray(logits)), jax.nn.softmax(jnp.asarray(teacher)))
    np.testing.assert_allclose(ours, torch.nn.functional.mse_loss(student, target), rtol=1e-12)


def test_r_drop_and_trades_are_divergences_from_logits(rng):
    """As the authors of both write them in PyTorch."""
    torch = pytest.importorskip("torch")
    f = torch.nn.functional
    one, other = (torch.tensor(x) for x in _views(rng))
    log_p, log_q = f.log_softmax(one, -1), f.log_softmax(other, -1)
    r_drop = (f.kl_div(log_p, log_q.exp(), reduction="none") + f.kl_div(log_q, log_p.exp(), reduction="none")).sum() / 2
    trades = f.kl_div(log_q, log_p.exp(), reduction="sum") / 32
    kl = jaxloss.kl_divergence_from_logits
    with jax.enable_x64(True):
        a, b = one.numpy(), other.numpy()
        both = 0.5 * (kl(a, b, reduction="sum") + kl(b, a, reduction="sum"))
        np.testing.assert_allclose(both, r_drop, rtol=1e-12)
        np.testing.assert_allclose(kl(b, a), trades, rtol=1e-12)


def test_unlabelled_examples_train_a_classifier():
    """Two clusters with one label each, far from their centres: the classes divide between the clusters."""
    rng = np.random.default_rng(0)
    centers = np.array([[1.5, 0.0], [-1.5, 0.0]])
    truth = rng.integers(0, 2, size=200)
    weak = (centers[truth] + 0.4 * rng.normal(size=(200, 2))).astype(np.float32)
    strong = (weak + 0.8 * rng.normal(size=weak.shape)).astype(np.float32)
    seen, labels = np.array([[0.5, 1.5], [-0.5, -1.5]], np.float32), np.array([0, 1])

    def loss(kernel, factor):
        labelled = jaxloss.softmax_cross_entropy_with_integer_labels(seen @ kernel, labels)
        return labelled + factor * jaxloss.fixmatch_loss(strong @ kernel, weak @ kernel, threshold=0.9)

    step = jax.jit(lambda kernel, factor: kernel - 0.5 * jax.grad(loss)(kernel, factor))
    right = {}
    for factor in (0.0, 1.0):
        kernel = jnp.zeros((2, 2))
        for _ in range(200):
            kernel = step(kernel, factor)
        right[factor] = np.mean(np.argmax(weak @ np.asarray(kernel), -1) == truth)
    assert right[0.0] < 0.9
    assert right[1.0] > 0.98
