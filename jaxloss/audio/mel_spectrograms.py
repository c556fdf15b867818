"""Distance of waveforms by spectrograms on a perceptual scale of frequencies."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.maths.rows.products import precision
from jaxloss._floor.reduction import blank, plain_mean, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar
from jaxloss.audio._transforms import at_unit_loudness, checked_resolutions, power

__all__ = ["mel_spectrogram_loss"]


def mel_spectrogram_loss(
    predictions: ArrayLike,
    targets: ArrayLike,
    filters: ArrayLike,
    *,
    fft_size: int = 1024,
    hop_size: int = 256,
    window_length: int = 1024,
    epsilon: Scalar = 1e-9,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Mel-spectrogram loss of vocoders (HiFi-GAN): mean absolute difference of the logarithms of mel spectrograms.

    .. math:: \ell = \frac{1}{n} \lVert \log(A S) - \log(A \hat S) \rVert_1, \qquad
              S = \sqrt{|\mathrm{STFT}(s)|^2 + \epsilon}

    The filters :math:`A` are an argument, so that any scale of frequencies will do. The transform is that of
    `jaxloss.multi_resolution_stft_loss`. HiFi-GAN cuts mel magnitudes at 1e-5 and has no gradient below; here
    ``epsilon`` keeps them above 0, and a silent prediction learns.

    Args:
        predictions: Waveforms, shape ``[..., T]``, floating; T above half of ``fft_size``.
        targets: Waveforms, shape ``[..., T]``, the same; never broadcast.
        filters: The filter bank, shape ``[M, F]``, >= 0, as of ``librosa.filters.mel``, with one number for each of the
            F = ``fft_size // 2 + 1`` frequencies. A filter of zeros adds nothing but counts in the mean. Without
            gradient.
        fft_size: Length of the FFT, static.
        hop_size: Samples from frame to frame, static.
        window_length: Length of the Hann window, at most ``fft_size``, static.
        epsilon: Added to the squared magnitudes under the root; > 0.
        where, weights: Shape ``[...]``: whole waveforms. See `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in nats; 0 exactly, with zero gradient, for equal waveforms.

    Raises:
        TypeError: If ``predictions`` is not floating.
        ValueError: If the shapes do not match, the waveforms are too short, or a hyperparameter is out of range.

    Example:
        >>> tone, filters = jnp.sin(0.3 * jnp.arange(64.0)), jnp.ones((2, 9))
        >>> transform = {"fft_size": 16, "hop_size": 4, "window_length": 16, "epsilon": 1e-12}
        >>> print(f"{jaxloss.mel_spectrogram_loss(2 * tone, tone, filters, **transform):.4f}")
        0.6931

    Reference:
        Kong, Kim and Bae (2020), HiFi-GAN: Generative Adversarial Networks for Efficient and High Fidelity Speech
        Synthesis. https://arxiv.org/abs/2010.05646
    """
    predictions, targets = checks.values(predictions=predictions, targets=targets)
    checks.with_axes("samples", predictions=predictions)
    (resolution,) = checked_resolutions((fft_size,), (hop_size,), (window_length,), predictions.shape[-1])
    predictions, targets = blank(where, predictions, targets, event_ndim=1)
    (filters,) = checks.numeric(filters=filters)
    checks.with_axes("filters bins", filters=filters)
    checks.has_shape((filters.shape[0], fft_size // 2 + 1), "one row of fft_size // 2 + 1 per filter", filters=filters)
    epsilon = checks.scalar("epsilon", epsilon, predictions.dtype, above=0)
    filters = jax.lax.stop_gradient(filters.astype(predictions.dtype))
    both, guard, loudness = at_unit_loudness(predictions, targets, epsilon)
    mel = jnp.einsum("...f,mf->...m", jnp.sqrt(power(both, *resolution) + guard), filters, precision=precision())
    silent = mel == 0  # a filter of zeros
    log_mel = jnp.log(jnp.where(silent, jnp.ones((), mel.dtype), mel))
    log_louder = jnp.log(loudness[0] / loudness[1])[..., None]
    apart = jnp.where(silent[0], jnp.zeros((), mel.dtype), log_mel[1] - log_mel[0] - log_louder)
    flat = jnp.reshape(numerics.magnitude(apart), (*apart.shape[:-2], apart.shape[-2] * apart.shape[-1]))
    return reduce(plain_mean(flat, -1), where=where, weights=weights, reduction=reduction)
