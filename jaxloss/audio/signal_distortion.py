"""Ratios of signal and error of waveforms, in decibels: of a prediction at any scale (SI-SDR), and at its own (SNR)."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.reduction import blank, pool_sum, reduce, relative_mass
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar

__all__ = ["si_sdr", "si_sdr_loss", "snr_loss"]


def si_sdr(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    epsilon: Scalar = 1e-10,
    where: ArrayLike | None = None,
) -> Array:
    r"""Scale-invariant signal-to-distortion ratio (SI-SDR, SI-SNR) in decibels: a metric, larger is better.

    .. math:: \mathrm{SI\text{-}SDR} = 10 \log_{10} \frac{\lVert \alpha s \rVert^2}{\lVert \alpha s - \hat s \rVert^2},
              \qquad \alpha = \frac{\langle \hat s, s \rangle}{\lVert s \rVert^2}

    Means are not removed, as in torchmetrics; auraloss and asteroid remove them. `jaxloss.si_sdr_loss` is its negative.

    Args:
        predictions, targets: Waveforms, shape ``[..., T]``; see `jaxloss.si_sdr_loss`.
        epsilon: Guard > 0 that keeps the ratio within :math:`\pm 10 \log_{10}(1 + 1 / \epsilon)`, 100 dB by default;
            see `jaxloss.si_sdr_loss`.
        where: Shape ``[..., T]``, boolean; False for padding.

    Returns:
        Shape ``[...]``, in decibels: the largest for a prediction proportional to its target, the smallest if either
        is silent, 0 for an empty waveform.

    Raises:
        TypeError: If ``predictions`` is not floating.
        ValueError: If the shapes differ, or ``epsilon`` is not positive.

    Example:
        >>> s = jnp.array([1.0, -1.0, 1.0, -1.0])
        >>> print(f"{jaxloss.si_sdr(3 * s + jnp.array([1.0, 1.0, -1.0, -1.0]), s):.4f}")
        9.5424

    Reference:
        Le Roux et al. (2019), SDR - Half-baked or Well Done? https://arxiv.org/abs/1811.02508
    """
    return -si_sdr_loss(predictions, targets, epsilon=epsilon, where=where, reduction="none")


def si_sdr_loss(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    epsilon: Scalar = 1e-10,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Negative scale-invariant signal-to-distortion ratio (SI-SDR) in decibels, for separation and enhancement.

    .. math:: \ell = -10 \log_{10}
              \frac{\lVert \alpha s \rVert^2 + \epsilon \lVert \hat s \rVert^2}
              {\lVert \alpha s - \hat s \rVert^2 + \epsilon \lVert \hat s \rVert^2},
              \qquad \alpha = \frac{\langle \hat s, s \rangle}{\lVert s \rVert^2}

    The guard is relative to the energy, so the loss does not depend on the scale of either waveform. Subtract means
    beforehand if offsets should not count.

    Args:
        predictions: Waveforms :math:`\hat s`, shape ``[..., T]``, floating.
        targets: Waveforms :math:`s`, shape ``[..., T]``, the same; never broadcast.
        epsilon: Guard :math:`\epsilon` > 0, a share of the energy of the prediction that is added to both energies.
            Above :math:`-10 \log_{10} \epsilon` dB the gradient vanishes; 1e-3 is the soft threshold at 30 dB of
            mixture invariant training.
        where, weights: Shape ``[..., T]``; False for padding. A waveform without samples is absent. See
            `jaxloss.reduce`.
        reduction: Over the waveforms ``[...]``; see `jaxloss.reduce`.

    Returns:
        A scalar in decibels, within :math:`\pm 10 \log_{10}(1 + 1 / \epsilon)`; smallest where the prediction is
        proportional to the target. A silent prediction or target has the largest loss and no gradient.

    Raises:
        TypeError: If ``predictions`` is not floating.
        ValueError: If the shapes differ, or ``epsilon`` is not positive; or if every pool has one entry, as in ``[N,
            1]``.

    Example:
        >>> s = jnp.array([1.0, -1.0, 1.0, -1.0])
        >>> print(f"{jaxloss.si_sdr_loss(3 * s + jnp.array([1.0, 1.0, -1.0, -1.0]), s):.4f}")
        -9.5424

    Reference:
        Le Roux et al. (2019), SDR - Half-baked or Well Done? https://arxiv.org/abs/1811.02508
    """
    predictions, targets = checks.values(predictions=predictions, targets=targets)
    checks.with_pool("samples", predictions=predictions)
    predictions, targets = blank(where, predictions, targets)
    epsilon = checks.scalar("epsilon", epsilon, predictions.dtype, above=0)
    mass, present = relative_mass(where, weights, predictions)
    estimate, signal = (x / numerics.binary_scale_of(x) for x in (predictions, targets))
    energy = pool_sum(jnp.square(estimate), mass)
    power = pool_sum(jnp.square(signal), mass)
    along = numerics.divide(jnp.square(pool_sum(estimate * signal, mass)), energy * power)
    rest = numerics.divide(pool_sum(jnp.square(_residual(estimate, signal, power, mass)), mass), energy)
    silent = jnp.logical_not(jnp.any(predictions != 0, axis=-1))
    rest = jnp.where(silent, jnp.ones((), rest.dtype), rest)
    values = (10 / math.log(10)) * (jnp.log(rest + epsilon) - jnp.log(along + epsilon))
    if not predictions.shape[-1]:
        values = jnp.zeros_like(values)
    return reduce(values, where=present, reduction=reduction)


def _residual(estimate: Array, signal: Array, power: Array, mass: Array | None) -> Array:
    r"""``estimate`` less its projection :math:`\alpha s` on ``signal``, with the digits of a small residual.

    A product with :math:`\alpha` is rounded, and so is a normalised signal: by a large part of what is left at 60 dB.
    Here most of the projection is taken off exactly, as products of numbers of half the digits each, and only the rest
    of :math:`\alpha`, which comes from what is left then, is rounded.
    """
    along = numerics.divide(pool_sum(estimate * signal, mass), power)
    factor, most = _half_of_the_digits(along)[..., None], _half_of_the_digits(signal)
    left = (estimate - factor * most) - factor * (signal - most)
    return left - numerics.divide(pool_sum(left * signal, mass), power)[..., None] * signal


def _half_of_the_digits(x: Array) -> Array:
    """``x`` with half the digits of its dtype, a constant of differentiation; what it lacks has the other half."""
    info = jnp.finfo(x.dtype)
    return jax.lax.reduce_precision(jax.lax.stop_gradient(x), info.nexp, (info.nmant - 1) // 2)


def snr_loss(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    threshold: Scalar = 1e-10,
    epsilon: Scalar = 1e-10,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Negative signal-to-noise ratio (SNR) in decibels, with a soft threshold: unlike SI-SDR the loudness counts.

    .. math:: \ell = -10 \log_{10}
              \frac{\lVert s \rVert^2 + \epsilon \lVert \hat s \rVert^2}
              {\lVert s - \hat s \rVert^2 + \tau \lVert s \rVert^2}

    Args:
        predictions: Waveforms :math:`\hat s`, shape ``[..., T]``, floating.
        targets: Waveforms :math:`s`, shape ``[..., T]``, the same; never broadcast.
        threshold: Share :math:`\tau` > 0 of the energy of the target that is added to that of the error: above
            :math:`-10 \log_{10} \tau` dB the gradient vanishes. Mixture invariant training takes 1e-3, for 30 dB.
        epsilon: Guard :math:`\epsilon` > 0 that keeps the loss of a silent target finite, at
            :math:`-10 \log_{10} \epsilon` dB and without gradient.
        where, weights: Shape ``[..., T]``; False for padding. A waveform without samples is absent. See
            `jaxloss.reduce`.
        reduction: Over the waveforms ``[...]``; see `jaxloss.reduce`.

    Returns:
        A scalar in decibels, smallest for a prediction equal to its target: about :math:`10 \log_{10} \tau`; 0 for a
        silent prediction, and if both are silent.

    Raises:
        TypeError: If ``predictions`` is not floating.
        ValueError: If the shapes differ, or a hyperparameter is not positive; or if every pool has one entry, as in
            ``[N, 1]``.

    Example:
        >>> s = jnp.array([1.0, -1.0, 1.0, -1.0])
        >>> print(f"{jaxloss.snr_loss(1.1 * s, s):.2f}")
        -20.00

    Reference:
        Wisdom, Tzinis, Erdogan, Weiss, Wilson and Hershey (2020), Unsupervised Sound Separation Using Mixture Invariant
        Training. https://arxiv.org/abs/2006.12701
    """
    predictions, targets = checks.values(predictions=predictions, targets=targets)
    checks.with_pool("samples", predictions=predictions)
    predictions, targets = blank(where, predictions, targets)
    threshold = checks.scalar("threshold", threshold, predictions.dtype, above=0)
    epsilon = checks.scalar("epsilon", epsilon, predictions.dtype, above=0)
    mass, present = relative_mass(where, weights, predictions)
    scale = numerics.binary_scale_of(jnp.concatenate([predictions, targets], axis=-1))
    estimate, signal = predictions / scale, targets / scale
    power, energy = (pool_sum(jnp.square(x), mass) for x in (signal, estimate))
    noise = pool_sum(jnp.square(numerics.difference(estimate, signal)), mass)
    silent = (power == 0) & (energy == 0)
    above, below = (
        jnp.where(silent, jnp.ones_like(power), x) for x in (noise + threshold * power, power + epsilon * energy)
    )
    values = (10 / math.log(10)) * (jnp.log(above) - jnp.log(below))
    return reduce(values, where=present, reduction=reduction)
