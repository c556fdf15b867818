"""Focal losses of dense detectors, with qualities, heat maps or distances as targets instead of classes."""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths.numerics import magnitude, poison, power
from jaxloss._floor.maths.sigmoids import (
    in_unit_interval,
    negative_log_sigmoids,
    sigmoid_sides,
    times_surprise,
    unless_absent,
)
from jaxloss._floor.reduction import blank, hide, promote, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar
from jaxloss.classification.binary import sigmoid_binary_cross_entropy
from jaxloss.classification.softmax import softmax_cross_entropy

__all__ = ["distribution_focal_loss", "gaussian_focal_loss", "quality_focal_loss", "varifocal_loss"]


def quality_focal_loss(
    logits: ArrayLike,
    targets: ArrayLike,
    *,
    beta: Scalar = 2.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Quality focal loss: binary cross-entropy with a soft target, times a power of the distance to it, elementwise.

    .. math:: \ell = |y - \sigma(z)|^\beta \left(-y \log \sigma(z) - (1 - y) \log \sigma(-z)\right)

    For targets of 0 and 1 it is `jaxloss.sigmoid_focal_loss` with ``gamma`` = ``beta``; a target between is a quality,
    such as the IoU of the box that is scored, and the loss has its minimum, 0, where the score equals it.

    Args:
        logits: Shape ``[...]``, floating, unnormalised.
        targets: Shape ``[...]``, the same; qualities, floating or integer, in [0, 1]; outside gives NaN.
        beta: Exponent of the distance; >= 0. 0 is binary cross-entropy.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in nats.

    Raises:
        TypeError: If ``logits`` is not floating.
        ValueError: If the shapes differ or ``beta`` is out of range.

    Example:
        >>> jaxloss.quality_focal_loss(jnp.array([0.0, 0.0]), jnp.array([0.5, 1.0]), reduction="none")
        Array([0.       , 0.1732868], dtype=float32)

    Reference:
        Li et al. (2020), Generalized Focal Loss: Learning Qualified and Distributed Bounding Boxes for Dense Object
        Detection. https://arxiv.org/abs/2006.04388
    """
    logits, targets = _scores(logits, targets, where)
    beta = checks.scalar("beta", beta, logits.dtype, at_least=0)
    probs, rests = sigmoid_sides(logits)
    distance = magnitude((1 - targets) * probs - targets * rests)
    values = times_surprise(power(distance, beta), sigmoid_binary_cross_entropy(logits, targets, reduction="none"))
    return reduce(values, where=where, weights=weights, reduction=reduction)


def varifocal_loss(
    logits: ArrayLike,
    targets: ArrayLike,
    *,
    alpha: Scalar = 0.75,
    gamma: Scalar = 2.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Varifocal loss: binary cross-entropy that weights positives by quality and easy negatives less, elementwise.

    .. math:: \ell = \begin{cases}
              y \left(-y \log \sigma(z) - (1 - y) \log \sigma(-z)\right) & y > 0 \\
              -\alpha \, \sigma(z)^\gamma \log \sigma(-z) & y = 0 \end{cases}

    Args:
        logits: Shape ``[...]``, floating, unnormalised.
        targets: Shape ``[...]``, the same; qualities, floating or integer, in [0, 1], 0 for the background; outside
            gives NaN.
        alpha: Weight of negatives; >= 0.
        gamma: Exponent that focuses on hard negatives; >= 0.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in nats; over the logit of a positive its minimum is y times the entropy of y.

    Raises:
        TypeError: If ``logits`` is not floating.
        ValueError: If the shapes differ or a hyperparameter is out of range.

    Example:
        >>> jaxloss.varifocal_loss(jnp.array([0.0, 0.0]), jnp.array([0.5, 0.0]), reduction="none")
        Array([0.3465736, 0.1299651], dtype=float32)

    Reference:
        Zhang et al. (2021), VarifocalNet: An IoU-Aware Dense Object Detector. https://arxiv.org/abs/2008.13367
    """
    logits, targets = _scores(logits, targets, where)
    alpha = checks.scalar("alpha", alpha, logits.dtype, at_least=0)
    gamma = checks.scalar("gamma", gamma, logits.dtype, at_least=0)
    share = jnp.where(targets == 0, alpha * power(sigmoid_sides(logits)[0], gamma), targets)
    values = times_surprise(share, sigmoid_binary_cross_entropy(logits, targets, reduction="none"))
    return reduce(values, where=where, weights=weights, reduction=reduction)


def gaussian_focal_loss(
    logits: ArrayLike,
    targets: ArrayLike,
    *,
    alpha: Scalar = 2.0,
    gamma: Scalar = 4.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Gaussian focal loss (CenterNet): focal loss of a heat map with a peak of 1 per object, lenient near the peaks.

    .. math:: \ell = \begin{cases}
              -\sigma(-z)^\alpha \log \sigma(z) & y = 1 \\
              -(1 - y)^\gamma \sigma(z)^\alpha \log \sigma(-z) & y < 1 \end{cases}

    CornerNet and CenterNet divide the sum by the number of peaks:
    ``reduction=jaxloss.reductions.mean_over(jnp.maximum(jnp.sum(targets == 1), 1))``.

    Args:
        logits: Shape ``[...]``, floating, unnormalised.
        targets: Shape ``[...]``, the same; heat, floating or integer, in [0, 1], exactly 1 at a peak; outside
            gives NaN.
        alpha: Exponent that focuses on hard places; >= 0.
        gamma: Exponent that reduces the loss near a peak; >= 0.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in nats.

    Raises:
        TypeError: If ``logits`` is not floating.
        ValueError: If the shapes differ or a hyperparameter is out of range.

    Example:
        >>> jaxloss.gaussian_focal_loss(jnp.array([0.0, 0.0]), jnp.array([1.0, 0.5]), reduction="none")
        Array([0.1732868 , 0.01083042], dtype=float32)

    Reference:
        Law and Deng (2018), CornerNet: Detecting Objects as Paired Keypoints. https://arxiv.org/abs/1808.01244
    """
    logits, targets = _scores(logits, targets, where)
    alpha = checks.scalar("alpha", alpha, logits.dtype, at_least=0)
    gamma = checks.scalar("gamma", gamma, logits.dtype, at_least=0)
    (yes, no), (probs, rests) = negative_log_sigmoids(logits), sigmoid_sides(logits)
    centre = targets == 1
    around = times_surprise(power(1 - targets, gamma) * power(probs, alpha), unless_absent(no, centre))
    values = jnp.where(centre, times_surprise(power(rests, alpha), yes), around)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def distribution_focal_loss(
    logits: ArrayLike,
    targets: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Distribution focal loss: cross-entropy of the two bins around a number, each weighted by its nearness.

    With :math:`i = \lfloor y \rfloor` and :math:`p = \mathrm{softmax}(z)`:

    .. math:: \ell = -(i + 1 - y) \log p_i - (y - i) \log p_{i + 1}

    Args:
        logits: Scores of the bins 0, 1, ..., K - 1, shape ``[..., K]``, floating, unnormalised.
        targets: Shape ``[...]``, floating or integer, in units of bins, in [0, K - 1]; outside gives NaN.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in nats; its minimum over the logits is the entropy of the two shares, and 0 at a whole target.

    Raises:
        TypeError: If ``logits`` is not floating.
        ValueError: If ``targets.shape != logits.shape[:-1]`` or the axis of the bins is empty.

    Example:
        >>> jaxloss.distribution_focal_loss(jnp.array([0.0, 2.0, 1.0]), jnp.array(1.25))
        Array(0.65760595, dtype=float32)

    Reference:
        Li et al. (2020), Generalized Focal Loss: Learning Qualified and Distributed Bounding Boxes for Dense Object
        Detection. https://arxiv.org/abs/2006.04388
    """
    (logits,), (targets,) = checks.floating(logits=logits), checks.numeric(targets=targets)
    checks.with_axes("bins", logits=logits)
    checks.has_shape(logits.shape[:-1], "one number per distribution", targets=targets)
    logits = hide(where, logits, event_ndim=1)
    (targets, _) = promote(hide(where, targets), logits[..., :0])
    last = logits.shape[-1] - 1
    legal = (targets >= 0) & (targets <= last)
    value_checks.ensure(lambda: legal, f"targets must lie in [0, {last}]")
    bins = jnp.expand_dims(jnp.arange(last + 1, dtype=targets.dtype), tuple(range(targets.ndim)))
    low = jnp.clip(jnp.floor(targets), 0, max(last - 1, 0))[..., None]
    share = targets[..., None] - low
    shares = jnp.where(bins == low, 1 - share, jnp.where(bins == low + 1, share, jnp.zeros((), share.dtype)))
    values = softmax_cross_entropy(logits, poison(shares, legal[..., None]), reduction="none")
    return reduce(values, where=where, weights=weights, reduction=reduction)


def _scores(logits: ArrayLike, targets: ArrayLike, where: ArrayLike | None) -> tuple[Array, Array]:
    logits, targets = checks.values(logits=logits, targets=targets)
    logits, targets = blank(where, logits, targets)
    value_checks.ensure_probabilities(targets=targets)
    return logits, in_unit_interval(targets)
