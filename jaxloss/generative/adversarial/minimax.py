"""Adversarial losses of the classifying discriminator: the minimax game and its non-saturating form.

A discriminator loss pairs the logits of a real and of a generated example; only the two means matter. Batches of
different size, or with masks of their own, take the two terms one by one: each discriminator loss names them.
"""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths.numerics import softplus
from jaxloss._floor.maths.sigmoids import negative_log_sigmoids, unless_absent
from jaxloss._floor.reduction import blank, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar
from jaxloss.generative.adversarial._scores import score_pair

__all__ = [
    "gan_minimax_discriminator_loss",
    "gan_minimax_generator_loss",
    "gan_nonsaturating_discriminator_loss",
    "gan_nonsaturating_generator_loss",
]


def gan_minimax_discriminator_loss(
    real_logits: ArrayLike,
    fake_logits: ArrayLike,
    *,
    real_smoothing: Scalar = 0.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Minimax discriminator loss: binary cross-entropy of real examples against generated ones.

    .. math:: \ell = -(1 - \varepsilon) \log \sigma(r) - \varepsilon \log \sigma(-r) - \log \sigma(-f)

    The two terms are ``sigmoid_binary_cross_entropy`` of ``real_logits`` against ones and of ``fake_logits`` against
    zeros; add those where the batches differ in size or mask. Imitation learning (GAIL) takes steps of the expert as
    real and those of the policy as generated, and rewards the policy by ``jax.nn.softplus(f)``; AIRL takes a learned
    reward minus the log-probability of the action as logits, and rewards by the logit itself.

    Args:
        real_logits: Logits :math:`r` of real examples, shape ``[...]``, floating.
        fake_logits: Logits :math:`f` of generated examples, shape ``[...]``, the same; never broadcast.
        real_smoothing: :math:`\varepsilon` in [0, 1]: the target of real examples is one minus it; generated ones
            are never smoothed. TF-GAN's ``label_smoothing``, 0.25 by default, is twice this number.
        where, weights: Shape ``[...]``, of the pairs; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0 in nats; 2 log 2 for a discriminator that always answers 1/2.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ, or ``real_smoothing`` is out of range.

    Example:
        >>> jaxloss.gan_minimax_discriminator_loss(jnp.zeros(4), jnp.zeros(4))
        Array(1.3862944, dtype=float32)

    Reference:
        Goodfellow et al. (2014), Generative Adversarial Nets.
        https://arxiv.org/abs/1406.2661
    """
    real_logits, fake_logits = score_pair(where, real_logits, fake_logits)
    smoothing = checks.scalar("real_smoothing", real_smoothing, real_logits.dtype, at_least=0, at_most=1)
    missed, found = negative_log_sigmoids(real_logits)
    found = unless_absent(found, jnp.asarray(smoothing <= 0))
    values = (1 - smoothing) * missed + smoothing * found + softplus(fake_logits)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def gan_minimax_generator_loss(
    fake_logits: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Minimax generator loss: the log-probability that the discriminator rejects a generated example.

    .. math:: \ell = \log \sigma(-f)

    Its gradient vanishes where the discriminator is certain, which is the case at the start of training; practice uses
    `gan_nonsaturating_generator_loss`.

    Args:
        fake_logits: Logits :math:`f` of generated examples, shape ``[...]``, floating.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar <= 0 in nats, without a lower bound.

    Raises:
        TypeError: If ``fake_logits`` are not floating.

    Example:
        >>> jaxloss.gan_minimax_generator_loss(jnp.zeros(4))
        Array(-0.6931472, dtype=float32)

    Reference:
        Goodfellow et al. (2014), Generative Adversarial Nets.
        https://arxiv.org/abs/1406.2661
    """
    (fake_logits,) = blank(where, *checks.floating(fake_logits=fake_logits))
    return reduce(-softplus(fake_logits), where=where, weights=weights, reduction=reduction)


def gan_nonsaturating_discriminator_loss(
    real_logits: ArrayLike,
    fake_logits: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Discriminator loss of the non-saturating game: `gan_minimax_discriminator_loss` without smoothing.

    .. math:: \ell = -\log \sigma(r) - \log \sigma(-f)

    The two terms are ``gan_nonsaturating_generator_loss`` of ``real_logits`` and of ``-fake_logits``; add those where
    the batches differ in size or mask.

    Args:
        real_logits, fake_logits: As in `gan_minimax_discriminator_loss`.
        where, weights, reduction: As in `gan_minimax_discriminator_loss`.

    Returns:
        A scalar >= 0 in nats; 2 log 2 for a discriminator that always answers 1/2.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ.

    Example:
        >>> jaxloss.gan_nonsaturating_discriminator_loss(jnp.zeros(4), jnp.zeros(4))
        Array(1.3862944, dtype=float32)

    Reference:
        Goodfellow et al. (2014), Generative Adversarial Nets, section 3.
        https://arxiv.org/abs/1406.2661
    """
    real_logits, fake_logits = score_pair(where, real_logits, fake_logits)
    values = softplus(-real_logits) + softplus(fake_logits)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def gan_nonsaturating_generator_loss(
    fake_logits: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Non-saturating generator loss: cross-entropy of generated examples against the label "real".

    .. math:: \ell = -\log \sigma(f)

    Its gradient is strong where the discriminator rejects the examples.

    Args:
        fake_logits: Logits :math:`f` of generated examples, shape ``[...]``, floating.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0 in nats.

    Raises:
        TypeError: If ``fake_logits`` are not floating.

    Example:
        >>> jaxloss.gan_nonsaturating_generator_loss(jnp.array([0.0, -100.0]), reduction="none")
        Array([  0.6931472, 100.       ], dtype=float32)

    Reference:
        Goodfellow et al. (2014), Generative Adversarial Nets, section 3.
        https://arxiv.org/abs/1406.2661
    """
    (fake_logits,) = blank(where, *checks.floating(fake_logits=fake_logits))
    return reduce(softplus(-fake_logits), where=where, weights=weights, reduction=reduction)
