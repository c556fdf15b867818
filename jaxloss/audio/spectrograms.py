"""Spectrogram losses: distances of waveforms by the magnitudes of their short-time Fourier transforms."""

from __future__ import annotations

from collections.abc import Sequence

import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.reduction import blank, plain_mean, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar
from jaxloss.audio._transforms import at_unit_loudness, checked_resolutions, power

__all__ = ["multi_resolution_stft_loss"]


def multi_resolution_stft_loss(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    fft_sizes: tuple[int, ...] = (512, 1024, 2048),
    hop_sizes: tuple[int, ...] = (50, 120, 240),
    window_lengths: tuple[int, ...] = (240, 600, 1200),
    convergence_weight: Scalar = 1.0,
    log_weight: Scalar = 1.0,
    linear_weight: Scalar = 0.0,
    epsilon: Scalar = 1e-7,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Multi-resolution STFT loss: spectral convergence plus distance of log-magnitudes, averaged over resolutions.

    .. math:: \ell = \frac1R \sum_r \left( w_1 \frac{\lVert S_r - \hat S_r \rVert_F}{\lVert S_r \rVert_F}
              + \frac{w_2}{n_r} \lVert \log S_r - \log \hat S_r \rVert_1
              + \frac{w_3}{n_r} \lVert S_r - \hat S_r \rVert_1 \right), \qquad
              S = \sqrt{|\mathrm{STFT}(s)|^2 + \epsilon}

    The defaults are those of Parallel WaveGAN. With ``convergence_weight=1``, ``log_weight=0`` it is the spectral
    convergence alone, the other way around the distance of log-magnitudes. The multi-scale spectral loss of DDSP, which
    sums over its resolutions, has ``convergence_weight=0``, ``linear_weight=1``, FFTs and windows of 2048 down to 64
    samples and hops of a quarter.

    The transform is that of ``torch.stft`` with a periodic Hann window: both ends are padded by half an FFT by
    reflection, the window is in the middle of the FFT's frame, only positive frequencies are kept and nothing is
    normalised. The norms are over the frames of one example, not over the batch.

    Args:
        predictions: Waveforms, shape ``[..., T]``, floating; T above half the largest FFT.
        targets: Waveforms, shape ``[..., T]``, the same; never broadcast.
        fft_sizes: Length of the FFT of every resolution, static.
        hop_sizes: Samples from frame to frame of every resolution, static.
        window_lengths: Length of the window of every resolution, at most that of the FFT, static.
        convergence_weight: Factor :math:`w_1` of the spectral convergence; >= 0.
        log_weight: Factor :math:`w_2` of the mean distance of log-magnitudes; >= 0.
        linear_weight: Factor :math:`w_3` of the mean distance of magnitudes, in units of the waveforms; >= 0.
        epsilon: Added to the squared magnitudes under the root, > 0: finite logarithms and slopes at silence.
        where, weights: Shape ``[...]``: whole waveforms; cut or zero padding beforehand. See `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0; 0 exactly, with zero gradient, for equal waveforms.

    Raises:
        TypeError: If ``predictions`` is not floating.
        ValueError: If the shapes differ, the waveforms are too short, the resolutions do not match, or a
            hyperparameter is out of range.

    Example:
        >>> tone = jnp.sin(0.3 * jnp.arange(64.0))
        >>> resolution = {"fft_sizes": (16,), "hop_sizes": (4,), "window_lengths": (16,)}
        >>> print(f"{jaxloss.multi_resolution_stft_loss(2 * tone, tone, epsilon=1e-12, **resolution):.4f}")
        1.6931

    Reference:
        Yamamoto, Song and Kim (2020), Parallel WaveGAN. https://arxiv.org/abs/1910.11480; Engel, Hantrakul, Gu and
        Roberts (2020), DDSP: Differentiable Digital Signal Processing. https://arxiv.org/abs/2001.04643
    """
    predictions, targets = checks.values(predictions=predictions, targets=targets)
    checks.with_axes("samples", predictions=predictions)
    resolutions = checked_resolutions(fft_sizes, hop_sizes, window_lengths, predictions.shape[-1])
    predictions, targets = blank(where, predictions, targets, event_ndim=1)
    epsilon = checks.scalar("epsilon", epsilon, predictions.dtype, above=0)
    factors = [
        checks.scalar(name, factor, predictions.dtype, at_least=0)
        for name, factor in (
            ("convergence_weight", convergence_weight),
            ("log_weight", log_weight),
            ("linear_weight", linear_weight),
        )
    ]
    both, guard, loudness = at_unit_loudness(predictions, targets, epsilon)
    distances = [_distance(power(both, *resolution) + guard, loudness, factors) for resolution in resolutions]
    return reduce(sum(distances[1:], distances[0]) / len(distances), where=where, weights=weights, reduction=reduction)


def _distance(powers: Array, loudness: Array, factors: Sequence[Scalar]) -> Array:
    """The weighted sum of the three distances of one resolution, from scaled powers ``[2, ..., frames, bins]``.

    Only the ratio of the two scales is multiplied back. It is 1 for equal waveforms, and these cancel exactly, also
    where the compiler rounds a product and a difference once.
    """
    predicted, target = jnp.reshape(powers, (*powers.shape[:-2], powers.shape[-2] * powers.shape[-1]))
    louder = loudness[0] / loudness[1]
    magnitudes = jnp.sqrt(target)
    apart = magnitudes - louder * jnp.sqrt(predicted)

    def convergence() -> Array:
        return numerics.quotient(numerics.norm(apart), numerics.norm(magnitudes))

    def log_distance() -> Array:
        log_apart = 0.5 * (jnp.log(target) - jnp.log(predicted)) - jnp.log(louder)
        return plain_mean(numerics.magnitude(log_apart), -1)

    def linear_distance() -> Array:
        return plain_mean(numerics.magnitude(apart), -1) * loudness[1, ..., 0]

    parts = zip(factors, (convergence, log_distance, linear_distance), strict=True)
    # A factor that is known to be 0 costs nothing.
    terms = [factor * part() for factor, part in parts if not (isinstance(factor, float) and factor == 0)]
    return sum(terms, jnp.zeros(predicted.shape[:-1], predicted.dtype))
