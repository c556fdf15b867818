"""Virtual adversarial training: the paper's own iteration, the worst direction, images, parameters."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss


def _network(params, inputs):
    hidden = jnp.tanh(jnp.reshape(inputs, (inputs.shape[0], -1)) @ params["first"])
    return hidden @ params["second"]


def _params(rng, features):
    return {"first": jnp.asarray(rng.normal(size=(features, 6))), "second": jnp.asarray(rng.normal(size=(6, 4)))}


def test_the_paper_iterates_with_a_small_step(rng):
    """Its gradient of the divergence at a small multiple of the direction tends to the exact product."""
    torch = pytest.importorskip("torch")
    f = torch.nn.functional
    x, d = rng.normal(size=(8, 5)), rng.normal(size=(8, 5))
    with jax.enable_x64(True):
        params = _params(rng, 5)
        net = lambda z: (
            torch.tanh(z @ torch.tensor(np.asarray(params["first"]))) @ torch.tensor(np.asarray(params["second"]))
        )
        inputs, direction, xi = torch.tensor(x), torch.tensor(d), 1e-5
        target = f.softmax(net(inputs), -1)
        for _ in range(2):
            at = (xi * f.normalize(direction)).requires_grad_()
            kl = f.kl_div(f.log_softmax(net(inputs + at), -1), target, reduction="batchmean")
            (direction,) = torch.autograd.grad(kl, [at])
        moved = f.log_softmax(net(inputs + 1.5 * f.normalize(direction)), -1)
        theirs = f.kl_div(moved, target, reduction="batchmean")
        ours = jaxloss.virtual_adversarial_loss(_network, params, x, d, radius=1.5, iterations=2)
    np.testing.assert_allclose(ours, theirs, rtol=1e-4)


def test_the_direction_found_is_the_worst_nearby(rng):
    with jax.enable_x64(True):
        params, x = _params(rng, 3), rng.normal(size=(1, 3))
        many = rng.normal(size=(500, 3))
        random, one, found = (
            np.asarray(
                jaxloss.virtual_adversarial_loss(
                    _network, params, np.repeat(x, 500, 0), many, radius=1e-4, iterations=n, reduction="none"
                )
            )
            for n in (0, 1, 30)
        )
    assert np.all(found >= 0.999 * np.max(random))
    np.testing.assert_allclose(found, found[0], rtol=1e-3)
    assert np.mean(random) < np.mean(one) < np.mean(found)


def test_images_masks_and_parameters(rng):
    params = jax.tree.map(lambda x: x.astype(jnp.float32), _params(rng, 12))
    images, directions = rng.normal(size=(2, 5, 2, 2, 3)).astype(np.float32)
    keep = np.array([True, True, False, True, False])
    spoiled = np.where(keep[:, None, None, None], images, np.nan)
    loss = lambda p, x, d, **tail: jaxloss.virtual_adversarial_loss(_network, p, x, d, radius=0.5, **tail)
    value, slope = jax.jit(jax.value_and_grad(loss))(params, spoiled, directions, where=keep)
    expected, slopes = jax.value_and_grad(loss)(params, images[keep], directions[keep])
    np.testing.assert_allclose(value, expected, rtol=1e-5)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6), slope, slopes)
    with pytest.raises(ValueError, match="directions"):
        loss(params, images, directions[:3])
    with pytest.raises(ValueError, match="logits"):
        jaxloss.virtual_adversarial_loss(lambda p, x: x, params, images, directions)


def test_no_gradient_reaches_the_perturbation(rng):
    """The slope in the parameters is that of the perturbed prediction alone."""
    with jax.enable_x64(True):
        params, x, d = _params(rng, 3), rng.normal(size=(4, 3)), rng.normal(size=(4, 3))
        loss = lambda p: jaxloss.virtual_adversarial_loss(_network, p, x, d)
        # With the perturbation known, from the loss of a network that is linear in it.
        logits = _network(params, x)
        probs = jax.nn.softmax(logits)
        jacobians = jax.vmap(jax.jacobian(lambda z: _network(params, z[None])[0]))(jnp.asarray(x))
        flow = jnp.einsum("nkd,nd->nk", jacobians, d / np.linalg.norm(d, axis=1, keepdims=True))
        flow = probs * (flow - jnp.sum(probs * flow, -1, keepdims=True))
        turned = jnp.einsum("nkd,nk->nd", jacobians, flow)
        worst = x + turned / jnp.linalg.norm(turned, axis=1, keepdims=True)
        plain = lambda p: jaxloss.kl_divergence_from_logits(_network(p, worst), logits)
        value, slope = jax.value_and_grad(loss)(params)
        np.testing.assert_allclose(value, plain(params), rtol=1e-10)
        close = lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-14)
        jax.tree.map(close, slope, jax.grad(plain)(params))
