"""Losses of waveforms against torch, at silence, and how resolutions add up."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss

SMALL = {"fft_sizes": (32, 16), "hop_sizes": (7, 5), "window_lengths": (20, 16)}


def waves(count=3, samples=50, seed=0):
    rng = np.random.default_rng(seed)
    targets = rng.normal(size=(count, samples))
    return (targets + 0.4 * rng.normal(size=targets.shape)).astype(np.float32), targets.astype(np.float32)


def test_si_sdr_does_not_depend_on_loudness_and_is_minus_its_loss():
    predictions, targets = waves()
    index = jaxloss.si_sdr(predictions, targets)
    assert index.shape == (3,)
    np.testing.assert_array_equal(index, -jaxloss.si_sdr_loss(predictions, targets, reduction="none"))
    for factor in (-3.0, 1e-20, 1e20):
        np.testing.assert_allclose(jaxloss.si_sdr(factor * predictions, targets), index, rtol=1e-5)
        np.testing.assert_allclose(jaxloss.si_sdr(predictions, factor * targets), index, rtol=1e-5)


def test_si_sdr_is_capped_and_silence_is_the_worst():
    _, targets = waves()
    np.testing.assert_allclose(jaxloss.si_sdr(0.5 * targets, targets), 100, atol=0.01)
    np.testing.assert_allclose(jaxloss.si_sdr(0.5 * targets, targets, epsilon=1e-3), 30, atol=0.01)
    silence = jnp.zeros_like(targets)
    for pair in ((silence, targets), (targets, silence), (silence, silence)):
        loss = lambda x, pair=pair: jaxloss.si_sdr_loss(x, pair[1])
        value, gradient = jax.value_and_grad(loss)(jnp.asarray(pair[0]))
        np.testing.assert_allclose(value, 100, atol=0.01)
        assert np.all(np.isfinite(gradient))
    assert jaxloss.si_sdr(targets[:, :0], targets[:, :0]).tolist() == [0, 0, 0]


def test_padding_is_absent_from_si_sdr():
    predictions, targets = waves()
    padded = np.pad(predictions, ((0, 0), (0, 9)), constant_values=np.nan), np.pad(targets, ((0, 0), (0, 9)))
    keep = np.arange(59)[None] < 50
    np.testing.assert_allclose(jaxloss.si_sdr(*padded, where=keep), jaxloss.si_sdr(predictions, targets), rtol=1e-5)


def magnitudes(torch, signal, size, hop, length, epsilon):
    spectrum = torch.stft(
        signal, size, hop, length, window=torch.hann_window(length, dtype=signal.dtype), return_complex=True
    )
    return torch.sqrt(spectrum.real**2 + spectrum.imag**2 + epsilon)


def test_stft_of_torch_in_value_and_gradient():
    torch = pytest.importorskip("torch")
    predictions, targets = (x.astype(np.float64) for x in waves())
    signal = torch.tensor(predictions, requires_grad=True)
    total = 0
    for resolution in zip(*SMALL.values(), strict=True):
        p = magnitudes(torch, signal, *resolution, 1e-4)
        t = magnitudes(torch, torch.tensor(targets), *resolution, 1e-4)
        convergence = torch.linalg.norm(t - p, dim=(-2, -1)) / torch.linalg.norm(t, dim=(-2, -1))
        total = total + (convergence + torch.mean(torch.abs(torch.log(t) - torch.log(p)), dim=(-2, -1))).mean() / 2
    total.backward()
    with jax.enable_x64(True):
        fn = lambda x: jaxloss.multi_resolution_stft_loss(x, targets, epsilon=1e-4, **SMALL)
        value, gradient = jax.jit(jax.value_and_grad(fn))(predictions)
    np.testing.assert_allclose(value, total.item(), rtol=1e-12)
    np.testing.assert_allclose(gradient, signal.grad, rtol=1e-9, atol=1e-14)


def test_several_resolutions_are_the_mean_of_each():
    predictions, targets = waves()
    each = [
        jaxloss.multi_resolution_stft_loss(
            predictions, targets, **{name: (values[i],) for name, values in SMALL.items()}, reduction="none"
        )
        for i in range(2)
    ]
    both = jaxloss.multi_resolution_stft_loss(predictions, targets, **SMALL, reduction="none")
    np.testing.assert_allclose(both, np.mean(each, 0), rtol=1e-6)


def test_stft_at_silence_and_of_short_waveforms():
    _, targets = waves()
    fn = jax.jit(jax.value_and_grad(lambda p, t: jaxloss.multi_resolution_stft_loss(p, t, **SMALL), (0, 1)))
    for pair in ((0 * targets, targets), (targets, 0 * targets), (0 * targets, 0 * targets)):
        value, gradients = fn(*pair)
        assert np.isfinite(value)
        assert np.all(np.isfinite(gradients))
    with pytest.raises(ValueError, match="too short"):
        jaxloss.multi_resolution_stft_loss(targets[:, :16], targets[:, :16], **SMALL)
    with pytest.raises(ValueError, match="same resolutions"):
        jaxloss.multi_resolution_stft_loss(targets, targets, fft_sizes=(16,))


def test_descent_on_the_stft_finds_the_loudness():
    """A quiet tone becomes as loud as its target."""
    time = np.arange(64.0)
    target = np.sin(0.7 * time).astype(np.float32)
    fn = jax.jit(jax.value_and_grad(lambda gain: jaxloss.multi_resolution_stft_loss(gain * target, target, **SMALL)))
    gain = 0.1
    first, _ = fn(gain)
    for _ in range(60):
        _, slope = fn(gain)
        gain = gain - 0.02 * slope
    assert fn(gain)[0] < 0.2 * first
