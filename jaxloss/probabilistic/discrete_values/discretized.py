"""Likelihoods of quantised values: the mass that a continuous density puts on one of evenly spaced levels."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths.errors import apart_on_cpu, blank_narrow
from jaxloss._floor.maths.numerics import log1mexp, log_sum_exp, softplus
from jaxloss._floor.maths.rules import with_rule
from jaxloss._floor.maths.special.normal_intervals import interval_nll, interval_slopes
from jaxloss._floor.reduction import hide, promote, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar

__all__ = ["discretized_gaussian_nll", "discretized_logistic_mixture_nll"]


def _bins(targets: Array, half_width: Scalar) -> tuple[Array, Array, Array]:
    """Which targets are the lowest level, which the highest, and which are legal.

    A rounding error beyond the range is legal: ``2 * level / (levels - 1) - 1`` fused into one multiply-add makes one.
    """
    end = 1 + 4 * float(jnp.finfo(targets.dtype).eps)
    return targets < half_width - 1, targets > 1 - half_width, jnp.abs(targets) <= end


def _least_log_scale(dtype: jnp.dtype) -> float:
    return math.log(float(jnp.finfo(dtype).tiny))


def _inverse_scale(log_scales: Array) -> Array:
    """``exp(-log_scales)``, finite: a scale below the smallest normal number counts as that number."""
    return jnp.exp(-jnp.maximum(log_scales, _least_log_scale(log_scales.dtype)))


def discretized_logistic_mixture_nll(
    logits: ArrayLike,
    means: ArrayLike,
    log_scales: ArrayLike,
    targets: ArrayLike,
    *,
    levels: Scalar = 256,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Negative log-mass of a quantised value under a mixture of logistic distributions, as in PixelCNN++.

    .. math:: \ell = -\log \sum_k \pi_k \left[ \sigma \Big( \frac{y + h - \mu_k}{s_k} \Big)
              - \sigma \Big( \frac{y - h - \mu_k}{s_k} \Big) \right], \qquad h = \frac{1}{L - 1}

    The lowest level has all the mass below it and the highest all above, so the masses of all levels sum to
    one. The difference is taken in the logarithm, exactly: no floor of 1e-12 and no density in place of the
    mass, so the loss is right and its gradient alive however far the target lies out.

    Args:
        logits: Shape ``[..., K]``, floating, the unnormalised log-weights of the components.
        means: Shape ``[..., K]``, on the scale of ``targets``.
        log_scales: Shape ``[..., K]``, the logarithms of the scales :math:`s`; not bounded here (PixelCNN++
            clamps them at -7).
        targets: Shape ``[...]``, values in [-1, 1], NaN otherwise: ``2 * level / (levels - 1) - 1``.
        levels: Number :math:`L` >= 2 of levels; 256 for pixels of 8 bits.
        where, weights, reduction: See `jaxloss.reduce`; over the batch axes ``[...]``, for images over height,
            width and channels.

    Returns:
        A scalar >= 0 in nats; over ``log(2)`` in bits per value.

    Raises:
        TypeError: If ``logits`` are not floating.
        ValueError: If the shapes do not match, K is 0, or ``levels`` is less than 2.

    Example:
        >>> one = jnp.zeros(1)
        >>> jaxloss.discretized_logistic_mixture_nll(one, one, one, jnp.array(-1.0), levels=2)
        Array(0.6931472, dtype=float32)

    Reference:
        Salimans et al. (2017), PixelCNN++: Improving the PixelCNN with Discretized Logistic Mixture Likelihood
        and Other Modifications. https://arxiv.org/abs/1701.05517
    """
    logits, means, log_scales = checks.values(logits=logits, means=means, log_scales=log_scales)
    (targets,) = checks.numeric(targets=targets)
    checks.with_axes("components", logits=logits)
    checks.has_shape(logits.shape[:-1], "logits.shape[:-1], the component axis is last", targets=targets)
    logits, means, log_scales = (hide(where, x, event_ndim=1) for x in (logits, means, log_scales))
    logits, means, log_scales, targets = promote(logits, means, log_scales, hide(where, targets))
    half_width = 1 / (checks.scalar("levels", levels, logits.dtype, at_least=2) - 1)
    lowest, highest, legal = _bins(targets, half_width)
    log_masses = _log_logistic_mass(
        targets[..., None] - means, log_scales, half_width, lowest[..., None], highest[..., None]
    )
    values = value_checks.within_domain(_mixture_nll(logits, log_masses), legal, "targets must lie in [-1, 1]")
    return reduce(values, where=where, weights=weights, reduction=reduction)


def _log_logistic_mass(error: Array, log_scales: Array, half_width: Scalar, lowest: Array, highest: Array) -> Array:
    """``log(sigmoid(a) - sigmoid(b)) = log(sigmoid(a)) + log(1 - sigmoid(b)) + log(1 - exp(b - a))``."""
    inverse = _inverse_scale(log_scales)
    below_upper = -softplus(-(error + half_width) * inverse)
    above_lower = -softplus((error - half_width) * inverse)
    width = 2 * half_width * inverse
    narrow = width < 0.5
    # log(1 - exp(-w)) = log(w) - w / 2 + log(sinh(w / 2) / (w / 2)); its log(w) is known better than w.
    square = jnp.square(jnp.where(narrow, width, 0))
    sinh_quotient = square / 24 * (1 + square / 80 * (1 + square / 168 * (1 + square / 288 * (1 + square / 440))))
    log_width = jnp.log(jnp.asarray(2 * half_width, error.dtype)) - jnp.where(narrow, log_scales, 0)
    close = log_width - 0.5 * jnp.where(narrow, width, 0) + jnp.log1p(sinh_quotient)
    wide = log1mexp(-jnp.where(narrow, 1, width))
    between = below_upper + above_lower + jnp.where(narrow, close, wide)
    return jnp.where(highest, above_lower, jnp.where(lowest, below_upper, between))


def _mixture_nll(logits: Array, log_masses: Array) -> Array:
    """``-log(sum(softmax(logits) * exp(log_masses)))``: to full relative accuracy near 0, and never below."""
    missing = jnp.sum(jax.nn.softmax(logits, axis=-1) * -jnp.expm1(log_masses), axis=-1)
    likely = missing < 0.5
    joint = jax.nn.log_softmax(logits, axis=-1) + log_masses
    unlikely = -log_sum_exp(jnp.where(likely[..., None], 0, joint))
    return jnp.where(likely, -jnp.log1p(-jnp.where(likely, missing, 0)), unlikely)


def _normal_bin(*arrays: Array) -> tuple[Array, Array, Array, Array]:
    """Centre, half width and open end of the bin in standard deviations, and the slope of the centre in the target.

    By symmetry the bin may lie above the mean; the end levels are open on the side that they face.
    """
    means, log_scales, targets, half_width = promote(*arrays)
    lowest, highest, _ = _bins(targets, half_width)
    error, inverse = targets - means, _inverse_scale(log_scales)
    outward = jnp.where(lowest | (~highest & (error < 0)), -inverse, inverse)
    return error * outward, half_width * inverse, lowest | highest, outward


def _gaussian_slopes(*arrays: Array) -> tuple[Array, Array, Array]:
    """In the target, minus that in the mean; in the log-scale; and in the logarithm of the half width."""
    center, half, open_end, outward = _normal_bin(*arrays)
    slopes = interval_slopes(center, half, open_end)
    (log_scales,) = promote(arrays[1])
    fixed = log_scales < _least_log_scale(log_scales.dtype)
    return slopes.in_center * outward, jnp.where(fixed, 0.0, slopes.in_log_scale), slopes.in_log_half


def _gaussian_nll_jvp(primals: tuple[Array, ...], tangents: tuple[Array, ...]) -> tuple[Array, Array]:
    means, log_scales, targets, half_width = promote(*tangents)
    # XLA on CPU stores every step that two results share: each is computed from inputs that it takes for other ones.
    again = apart_on_cpu(*primals)
    in_target, _, in_log_half = _gaussian_slopes(*again)
    _, in_log_scale, _ = _gaussian_slopes(*apart_on_cpu(*again))
    in_center = in_target * (targets - means) + in_log_half * (half_width / primals[3])
    return _gaussian_nll(*primals), in_center + in_log_scale * log_scales


@with_rule(_gaussian_nll_jvp)
def _gaussian_nll(means: Array, log_scales: Array, targets: Array, half_width: Array) -> Array:
    bin_ = _normal_bin(means, log_scales, targets, half_width)[:3]
    (log_scales,) = promote(log_scales)
    return interval_nll(*bin_, log_half=jnp.log(half_width) - log_scales)


def discretized_gaussian_nll(
    means: ArrayLike,
    log_scales: ArrayLike,
    targets: ArrayLike,
    *,
    levels: Scalar = 256,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Negative log-mass of a quantised value under a normal distribution: the decoder term of diffusion models.

    .. math:: \ell = -\log \left[ \Phi \Big( \frac{y + h - \mu}{s} \Big) - \Phi \Big( \frac{y - h - \mu}{s} \Big)
              \right], \qquad h = \frac{1}{L - 1}

    The lowest level has all the mass below it and the highest all above. :math:`\Phi` is the normal
    distribution function itself, not the tanh approximation of the reference implementation, and nothing is
    floored: a hundred standard deviations out the loss is 5000 nats and its gradient points back.

    Args:
        means: Shape ``[...]``, floating, on the scale of ``targets``.
        log_scales: Shape ``[...]``, the same; logarithms of the standard deviations :math:`s`.
        targets: Shape ``[...]``, the same; values in [-1, 1], NaN otherwise: ``2 * level / (levels - 1) - 1``.
        levels: Number :math:`L` >= 2 of levels; 256 for pixels of 8 bits.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0 in nats; over ``log(2)`` in bits per value.

    Raises:
        TypeError: If ``means`` are not floating.
        ValueError: If the shapes differ, or ``levels`` is less than 2.

    Example:
        >>> zero = jnp.zeros(())
        >>> jaxloss.discretized_gaussian_nll(zero, zero, zero - 1, levels=2)
        Array(0.6931472, dtype=float32)

    Reference:
        Ho, Jain and Abbeel (2020), Denoising Diffusion Probabilistic Models, section 3.3.
        https://arxiv.org/abs/2006.11239
    """
    means, log_scales, targets = checks.values(means=means, log_scales=log_scales, targets=targets)
    means, log_scales, targets = blank_narrow(where, means, log_scales, targets)
    dtype = promote(means, log_scales, targets)[0].dtype
    half_width = jnp.asarray(1 / (checks.scalar("levels", levels, dtype, at_least=2) - 1), dtype)
    values = _gaussian_nll(means, log_scales, targets, half_width)
    legal = _bins(promote(targets)[0], half_width)[2]
    values = value_checks.within_domain(values, legal, "targets must lie in [-1, 1]")
    return reduce(values, where=where, weights=weights, reduction=reduction)
