"""The short-time Fourier transform of waveforms: squared magnitudes, in the range of the dtype for any loudness."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from jaxloss._floor.maths import numerics
from jaxloss._floor.typing import Array, Scalar

__all__ = ["at_unit_loudness", "checked_resolutions", "power"]


def checked_resolutions(
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


def at_unit_loudness(predictions: Array, targets: Array, epsilon: Scalar) -> tuple[Array, Array, Array]:
    """Both waveforms ``[2, ..., T]`` over their scales, ``epsilon`` over the squares of these, and the scales.

    The scales ``[2, ..., 1]`` are the loudness of each, at least 1: the squares of a loud waveform would overflow.
    """
    both = jnp.stack([predictions, targets])
    loudness = jnp.maximum(numerics.scale_of(both), 1)
    return both / loudness, jnp.maximum(epsilon / jnp.square(loudness), 1e-30)[..., None], loudness


def power(signal: Array, fft_size: int, hop_size: int, window_length: int) -> Array:
    """Squared magnitudes ``[..., frames, bins]``. Only the samples under the window are gathered."""
    ends = [(0, 0)] * (signal.ndim - 1) + [(fft_size // 2, fft_size // 2)]
    padded = jnp.pad(signal, ends, mode="reflect")
    starts = np.arange(0, padded.shape[-1] - fft_size + 1, hop_size) + (fft_size - window_length) // 2
    window = np.sin(np.pi * np.arange(window_length) / window_length) ** 2
    frames = padded[..., starts[:, None] + np.arange(window_length)]
    frames = frames * jnp.asarray(window, signal.dtype).reshape((1,) * signal.ndim + (-1,))
    spectrum = jnp.fft.rfft(frames, fft_size, axis=-1)
    return jnp.square(jnp.real(spectrum)) + jnp.square(jnp.imag(spectrum))
