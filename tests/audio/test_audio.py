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


def test_snr_is_that_of_torchmetrics():
    torch = pytest.importorskip("torch")
    audio = pytest.importorskip("torchmetrics.functional.audio")
    predictions, targets = waves()
    theirs = audio.signal_noise_ratio(torch.tensor(predictions), torch.tensor(targets))
    np.testing.assert_allclose(jaxloss.snr_loss(predictions, targets, reduction="none"), -theirs.numpy(), rtol=1e-4)


def test_snr_has_a_threshold_and_counts_loudness():
    _, targets = waves()
    np.testing.assert_allclose(jaxloss.snr_loss(targets, targets, threshold=1e-3), -30, atol=0.001)
    np.testing.assert_allclose(jaxloss.snr_loss(0.9 * targets, targets), -20, atol=0.01)
    silence = np.zeros_like(targets)
    assert jaxloss.snr_loss(silence, silence) == 0
    np.testing.assert_allclose(jaxloss.snr_loss(targets, silence), 100, atol=0.01)


def test_parts_of_the_multi_resolution_loss():
    """Each weight leaves its own part, and together they are the loss."""
    predictions, targets = waves()
    only = {"convergence_weight": 0.0, "log_weight": 0.0, "linear_weight": 0.0}
    each = {
        name: jaxloss.multi_resolution_stft_loss(predictions, targets, **{**only, name: 1.0}, **SMALL) for name in only
    }
    whole = jaxloss.multi_resolution_stft_loss(predictions, targets, **SMALL)
    np.testing.assert_allclose(each["convergence_weight"] + each["log_weight"], whole, rtol=1e-6)
    louder = jaxloss.multi_resolution_stft_loss(
        1e20 * predictions, 1e20 * targets, **{**only, "linear_weight": 1.0}, **SMALL
    )
    np.testing.assert_allclose(louder / 1e20, each["linear_weight"], rtol=1e-3)
    assert jaxloss.multi_resolution_stft_loss(predictions, targets, **only, **SMALL) == 0


def test_the_mel_loss_is_that_of_torch_with_filters_of_any_scale():
    torch = pytest.importorskip("torch")
    predictions, targets = (x.astype(np.float64) for x in waves())
    filters = np.random.default_rng(1).uniform(size=(5, 17))
    signal = torch.tensor(predictions, requires_grad=True)
    mels = [torch.tensor(filters) @ magnitudes(torch, x, 32, 7, 20, 1e-5) for x in (signal, torch.tensor(targets))]
    theirs = torch.nn.functional.l1_loss(torch.log(mels[0]), torch.log(mels[1]))
    theirs.backward()
    with jax.enable_x64(True):
        fn = lambda x: jaxloss.mel_spectrogram_loss(
            x, targets, filters, fft_size=32, hop_size=7, window_length=20, epsilon=1e-5
        )
        value, gradient = jax.jit(jax.value_and_grad(fn))(predictions)
    np.testing.assert_allclose(value, theirs.item(), rtol=1e-12)
    np.testing.assert_allclose(gradient, signal.grad, rtol=1e-9, atol=1e-14)


def test_filters_must_fit_the_transform():
    _, targets = waves()
    with pytest.raises(ValueError, match="fft_size // 2"):
        jaxloss.mel_spectrogram_loss(targets, targets, jnp.ones((4, 9)), fft_size=32, hop_size=8, window_length=32)


def test_sources_may_come_in_any_order():
    """The loss of swapped sources is that of the sources in order, with the gradient where it belongs."""
    rng = np.random.default_rng(3)
    sources = rng.normal(size=(3, 64)).astype(np.float32)
    noisy = sources + 0.1 * rng.normal(size=sources.shape).astype(np.float32)
    each_pair = jax.vmap(jax.vmap(jaxloss.si_sdr_loss, (None, 0)), (0, None))
    swapped = noisy[np.array([2, 0, 1])]
    loss = jax.jit(lambda x: jaxloss.permutation_invariant_loss(each_pair(x, sources)))
    np.testing.assert_allclose(loss(swapped), jaxloss.si_sdr_loss(noisy, sources), rtol=1e-5)
    direct = jax.grad(jaxloss.si_sdr_loss)(noisy, sources)
    np.testing.assert_allclose(jax.grad(loss)(swapped)[np.array([1, 2, 0])], direct, rtol=1e-3, atol=1e-5)


def test_as_many_predicted_as_true_sources():
    with pytest.raises(ValueError, match="as many predicted as true sources"):
        jaxloss.permutation_invariant_loss(jnp.zeros((2, 3)))


def test_mixit_finds_the_sources_of_each_mixture():
    """With the true sources the loss is at its threshold, whatever their order; one of them in two is worse."""
    rng = np.random.default_rng(0)
    sources = rng.normal(size=(2, 4, 50)).astype(np.float32)
    mixtures = np.stack([sources[:, 1] + sources[:, 3], sources[:, 0] + sources[:, 2]], axis=1)
    for order in ([0, 1, 2, 3], [3, 0, 2, 1]):
        np.testing.assert_allclose(jaxloss.mixture_invariant_loss(sources[:, order], mixtures), -30, atol=1e-3)
    blurred = sources.copy()
    blurred[:, 0], blurred[:, 1] = sources[:, 0] + 0.5 * sources[:, 1], 0.5 * sources[:, 1]
    assert jaxloss.mixture_invariant_loss(blurred, mixtures) > -20


def test_one_source_per_mixture_is_permutation_invariant_training():
    """Where every source has a mixture of its own, the best of all assignments is the best of all orders."""
    predictions, targets = waves(6)
    predictions, targets = (x.reshape(2, 3, 50) for x in (predictions, targets))
    pair = lambda x, y: jaxloss.snr_loss(x, y, threshold=1e-3, reduction="none")
    losses = jax.vmap(jax.vmap(jax.vmap(pair, (None, 0)), (0, None)))(predictions, targets)
    expected = jaxloss.permutation_invariant_loss(losses)
    np.testing.assert_allclose(jaxloss.mixture_invariant_loss(predictions[:, ::-1], targets), expected, rtol=1e-5)


def test_mixit_refuses():
    predictions, targets = waves()
    with pytest.raises(ValueError, match="mixtures"):
        jaxloss.mixture_invariant_loss(predictions, targets[:, :40])
    with pytest.raises(ValueError, match="few sources"):
        jaxloss.mixture_invariant_loss(np.zeros((30, 8), np.float32), np.zeros((2, 8), np.float32))
    with pytest.raises(TypeError, match="predictions"):
        jaxloss.mixture_invariant_loss(np.zeros((3, 8), np.int32), targets[:2, :8])


def test_error_to_signal_ratio_and_offset_of_auraloss():
    """Compositions: `ESRLoss` and `DCLoss`, with the filter that emphasises high frequencies in front."""
    predictions, targets = (x.astype(np.float64) for x in waves())
    filtered = lambda x: x[..., 1:] - 0.95 * x[..., :-1]
    p, t = filtered(predictions), filtered(targets)
    esr = np.mean(np.sum((t - p) ** 2, -1) / np.sum(t**2, -1))
    dc = np.mean(np.mean(targets - predictions, -1) ** 2 / np.mean(targets**2, -1))
    with jax.enable_x64(True):
        ratio = jaxloss.reduce(jnp.square(jaxloss.relative_l2_error(p, t, reduction="none")))
        apart = jaxloss.squared_error(predictions.mean(-1), targets.mean(-1), reduction="none")
        offset = jaxloss.reduce(apart / np.mean(targets**2, -1))
    np.testing.assert_allclose(ratio, esr, rtol=1e-12)
    np.testing.assert_allclose(offset, dc, rtol=1e-12)


def test_the_forward_sum_of_an_attention_is_a_ctc_loss():
    """RAD-TTS, `AttentionCTCLoss` with PyTorch: value and gradient of padded texts and frames."""
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(2)
    attention, frames, letters = rng.normal(size=(3, 9, 4)), np.array([9, 6, 8]), np.array([4, 2, 3])
    scores = torch.tensor(attention, requires_grad=True)
    padded = torch.nn.functional.pad(scores, (1, 0), value=-1)
    total = 0
    for i in range(3):
        log_probs = torch.log_softmax(padded[i, : frames[i], : letters[i] + 1], -1)[:, None]
        text, sizes = torch.arange(1, letters[i] + 1)[None], torch.tensor([[frames[i]], [letters[i]]])
        total += torch.nn.functional.ctc_loss(log_probs, text, *sizes)
    (total / 3).backward()

    def forward_sum(attention):
        inside = jnp.where(jnp.arange(4)[None, None] < letters[:, None, None], attention, -jnp.inf)
        logits = jnp.pad(inside, ((0, 0), (0, 0), (1, 0)), constant_values=-1)
        text = jnp.broadcast_to(jnp.arange(1, 5)[None], (3, 4))
        mean = jaxloss.reductions.mean_over(3)
        return jaxloss.ctc_loss(logits, text, frames, letters, weights=1 / letters, reduction=mean)

    with jax.enable_x64(True):
        value, slope = jax.jit(jax.value_and_grad(forward_sum))(jnp.asarray(attention))
    np.testing.assert_allclose(value, total.item() / 3, rtol=1e-11)
    np.testing.assert_allclose(slope, scores.grad, rtol=1e-8, atol=1e-14)
