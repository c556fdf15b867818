"""Spectrogram losses: distances of waveforms by the magnitudes of their short-time Fourier transforms."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from jaxloss._floor import checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.reduction import blank, plain_mean, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar

__all__ = ["multi_resolution_stft_loss"]


def multi_resolution_stft_loss(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    fft_sizes: tuple[int, ...] = (512, 1024, 2048),
    hop_sizes: tuple[int, ...] = (50, 120, 240),
    window_lengths: tuple[int, ...] = (240, 600, 1200),
    epsilon: Scalar = 1e-7,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Multi-resolution STFT loss: spectral convergence plus distance of log-magnitudes, averaged over resolutions.

    .. math:: \ell = \frac1R \sum_r \left( \frac{\lVert S_r - \hat S_r \rVert_F}{\lVert S_r \rVert_F}
              + \frac{1}{n_r} \lVert \log S_r - \log \hat S_r \rVert_1 \right), \qquad
              S = \sqrt{|\mathrm{STFT}(s)|^2 + \epsilon}

    The transform is that of ``torch.stft`` with a periodic Hann window: both ends are padded by half an FFT by
    reflection, the window is in the middle of the FFT's frame, only positive frequencies are kept and nothing is
    normalised. The norms are over the frames of one example, not over the batch.

    Args:
        predictions: Waveforms, shape ``[..., T]``, floating; T above half the largest FFT.
        targets: Waveforms, shape ``[..., T]``, the same; never broadcast.
        fft_sizes: Length of the FFT of every resolution, static.
        hop_sizes: Samples from frame to frame of every resolution, static.
        window_lengths: Length of the window of every resolution, at most that of the FFT, static.
        epsilon: Added to the squared magnitudes under the root, > 0: finite logarithms and slopes at silence.
        where, weights: Shape ``[...]``: whole waveforms; cut or zero padding beforehand. See `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0; 0 exactly, with zero gradient, for equal waveforms.

    Raises:
        TypeError: If ``predictions`` is not floating.
        ValueError: If the shapes differ, the waveforms are too short, or the resolutions do not match.

    Example:
        >>> tone = jnp.sin(0.3 * jnp.arange(64.0))
        >>> resolution = {"fft_sizes": (16,), "hop_sizes": (4,), "window_lengths": (16,)}
        >>> print(f"{jaxloss.multi_resolution_stft_loss(2 * tone, tone, epsilon=1e-12, **resolution):.4f}")
        1.6931

    Reference:
        Yamamoto, Song and Kim (2020), Parallel WaveGAN. https://arxiv.org/abs/1910.11480
    """
    predictions, targets = checks.values(predictions=predictions, targets=targets)
    checks.with_axes("samples", predictions=predictions)
    resolutions = _resolutions(fft_sizes, hop_sizes, window_lengths, predictions.shape[-1])
    predictions, targets = blank(where, predictions, targets, event_ndim=1)
    epsilon = checks.scalar("epsilon", epsilon, predictions.dtype, above=0)
    both = jnp.stack([predictions, targets])
    # The squares of a loud waveform would overflow: it is scaled down to 1, and its magnitudes up again.
    loudness = jnp.maximum(numerics.scale_of(both), 1)
    guard = jnp.maximum(epsilon / jnp.square(loudness), 1e-30)
    distances = [
        _distance(_power(both / loudness, *resolution) + guard[..., None], loudness) for resolution in resolutions
    ]
    return reduce(sum(distances[1:], distances[0]) / len(distances), where=where, weights=weights, reduction=reduction)


def _resolutions(
    fft_sizes: tuple[int, ...], hop_sizes: tuple[int, ...], window_lengths: tuple[int, ...], samples: int
) -> list[tuple[int, int, int]]:
    if not len(fft_sizes) == len(hop_sizes) == len(window_lengths) > 0:
        raise ValueError(
            "fft_sizes, hop_sizes and window_lengths must name the same resolutions; found "
            f"{fft_sizes}, {hop_sizes} and {window_lengths}."
        )
    for size, hop, length in zip(fft_sizes, hop_sizes, window_lengths, strict=True):
        if hop < 1 or not 1 <= length <= size:
            raise ValueError(
                f"hop_sizes must be positive and window_lengths in [1, fft_sizes]; found {hop}, {length}, {size}."
            )
        if samples <= size // 2:
            raise ValueError(
                f"waveforms of an axis of {samples} samples are too short: fft_sizes of {size} are padded by "
                f"{size // 2} reflected samples at both ends."
            )
    return list(zip(fft_sizes, hop_sizes, window_lengths, strict=True))


def _power(signal: Array, fft_size: int, hop_size: int, window_length: int) -> Array:
    """Squared magnitudes ``[..., frames, bins]``. Only the samples under the window are gathered."""
    ends = [(0, 0)] * (signal.ndim - 1) + [(fft_size // 2, fft_size // 2)]
    padded = jnp.pad(signal, ends, mode="reflect")
    starts = np.arange(0, padded.shape[-1] - fft_size + 1, hop_size) + (fft_size - window_length) // 2
    window = np.sin(np.pi * np.arange(window_length) / window_length) ** 2
    frames = padded[..., starts[:, None] + np.arange(window_length)]
    frames = frames * jnp.asarray(window, signal.dtype).reshape((1,) * signal.ndim + (-1,))
    spectrum = jnp.fft.rfft(frames, fft_size, axis=-1)
    return jnp.square(jnp.real(spectrum)) + jnp.square(jnp.imag(spectrum))


def _distance(power: Array, loudness: Array) -> Array:
    """Spectral convergence plus the mean distance of log-magnitudes, of scaled power ``[2, ..., frames, bins]``.

    Only the ratio of the two scales is multiplied back. It is 1 for equal waveforms, and these cancel exactly, also
    where the compiler rounds a product and a difference once.
    """
    predicted, target = jnp.reshape(power, (*power.shape[:-2], power.shape[-2] * power.shape[-1]))
    louder = loudness[0] / loudness[1]
    magnitudes = jnp.sqrt(target)
    convergence = numerics.quotient(numerics.norm(magnitudes - louder * jnp.sqrt(predicted)), numerics.norm(magnitudes))
    apart = 0.5 * (jnp.log(target) - jnp.log(predicted)) - jnp.log(louder)
    return convergence + plain_mean(numerics.magnitude(apart), -1)
