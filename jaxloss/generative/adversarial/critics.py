"""Adversarial losses of a critic, whose output is a score and not a probability: Wasserstein, hinge, least squares.

A critic loss pairs the scores of a real and of a generated example; only the two means matter.
"""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths.numerics import positive_part
from jaxloss._floor.reduction import blank, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar
from jaxloss.generative.adversarial._scores import score_pair

__all__ = [
    "gan_hinge_discriminator_loss",
    "gan_hinge_generator_loss",
    "gan_least_squares_discriminator_loss",
    "gan_least_squares_generator_loss",
    "gan_wasserstein_discriminator_loss",
    "gan_wasserstein_generator_loss",
]


def gan_wasserstein_discriminator_loss(
    real_logits: ArrayLike,
    fake_logits: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Wasserstein critic loss (WGAN): the negative estimate of the Wasserstein-1 distance.

    .. math:: \ell = f - r

    It is an estimate only while the critic is 1-Lipschitz: add `gradient_penalty`. For batches of different size or
    mask take the difference of two `jaxloss.reduce`.

    Args:
        real_logits: Scores :math:`r` of real examples, shape ``[...]``, floating.
        fake_logits: Scores :math:`f` of generated examples, shape ``[...]``, the same; never broadcast.
        where, weights: Shape ``[...]``, of the pairs; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar without bounds, in units of the scores; minus the distance at the best critic.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ.

    Example:
        >>> jaxloss.gan_wasserstein_discriminator_loss(jnp.array([2.0, 4.0]), jnp.array([1.0, 0.0]))
        Array(-2.5, dtype=float32)

    Reference:
        Arjovsky, Chintala and Bottou (2017), Wasserstein GAN.
        https://arxiv.org/abs/1701.07875
    """
    real_logits, fake_logits = score_pair(where, real_logits, fake_logits)
    return reduce(fake_logits - real_logits, where=where, weights=weights, reduction=reduction)


def gan_wasserstein_generator_loss(
    fake_logits: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Wasserstein generator loss (WGAN): the negative critic score of generated examples.

    .. math:: \ell = -f

    Args:
        fake_logits: Scores :math:`f` of generated examples, shape ``[...]``, floating.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar without bounds, in units of the scores.

    Raises:
        TypeError: If ``fake_logits`` are not floating.

    Example:
        >>> jaxloss.gan_wasserstein_generator_loss(jnp.array([1.0, 2.0]))
        Array(-1.5, dtype=float32)

    Reference:
        Arjovsky, Chintala and Bottou (2017), Wasserstein GAN.
        https://arxiv.org/abs/1701.07875
    """
    (fake_logits,) = blank(where, *checks.floating(fake_logits=fake_logits))
    return reduce(-fake_logits, where=where, weights=weights, reduction=reduction)


def gan_hinge_discriminator_loss(
    real_logits: ArrayLike,
    fake_logits: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Hinge critic loss: real scores below 1 and generated scores above -1 are penalised.

    .. math:: \ell = \max(0, 1 - r) + \max(0, 1 + f)

    For batches of different size or mask add ``hinge_loss`` of ``real_logits`` with ones and of ``fake_logits`` with
    minus ones. The slope at a margin is 0.

    Args:
        real_logits, fake_logits, where, weights, reduction: As in `gan_wasserstein_discriminator_loss`.

    Returns:
        A scalar >= 0; 0 exactly, with zero gradient, where all scores are beyond their margins.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ.

    Example:
        >>> jaxloss.gan_hinge_discriminator_loss(jnp.array([0.5, 2.0]), jnp.array([0.0, -2.0]), reduction="none")
        Array([1.5, 0. ], dtype=float32)

    Reference:
        Lim and Ye (2017), Geometric GAN.
        https://arxiv.org/abs/1705.02894
    """
    real_logits, fake_logits = score_pair(where, real_logits, fake_logits)
    values = positive_part(1 - real_logits) + positive_part(1 + fake_logits)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def gan_hinge_generator_loss(
    fake_logits: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Generator loss of the hinge game; the same numbers as `gan_wasserstein_generator_loss`.

    .. math:: \ell = -f

    It is not a hinge itself: it keeps its gradient beyond the margins of `gan_hinge_discriminator_loss`.

    Args:
        fake_logits, where, weights, reduction: As in `gan_wasserstein_generator_loss`.

    Returns:
        A scalar without bounds, in units of the scores.

    Raises:
        TypeError: If ``fake_logits`` are not floating.

    Example:
        >>> jaxloss.gan_hinge_generator_loss(jnp.array([1.0, 2.0]))
        Array(-1.5, dtype=float32)

    Reference:
        Lim and Ye (2017), Geometric GAN.
        https://arxiv.org/abs/1705.02894
    """
    return gan_wasserstein_generator_loss(fake_logits, where=where, weights=weights, reduction=reduction)


def gan_least_squares_discriminator_loss(
    real_logits: ArrayLike,
    fake_logits: ArrayLike,
    *,
    real_label: Scalar = 1.0,
    fake_label: Scalar = 0.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Least-squares critic loss (LSGAN): squared distance of scores from the labels for real and generated.

    .. math:: \ell = \tfrac12 (r - b)^2 + \tfrac12 (f - a)^2

    With the factors 1/2 of the paper and of TF-GAN, which BasicSR and MONAI omit. For batches of different size or
    mask add ``half_squared_error`` of each against its label.

    Args:
        real_logits, fake_logits: As in `gan_wasserstein_discriminator_loss`.
        real_label: Score :math:`b` that real examples should have.
        fake_label: Score :math:`a` that generated examples should have.
        where, weights: Shape ``[...]``, of the pairs; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0; 0 exactly where all scores are their labels.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ.

    Example:
        >>> jaxloss.gan_least_squares_discriminator_loss(jnp.array([1.0, 3.0]), jnp.array([0.0, 1.0]))
        Array(1.25, dtype=float32)

    Reference:
        Mao et al. (2017), Least Squares Generative Adversarial Networks, equation 2.
        https://arxiv.org/abs/1611.04076
    """
    real_logits, fake_logits = score_pair(where, real_logits, fake_logits)
    real_label = checks.scalar("real_label", real_label, real_logits.dtype)
    fake_label = checks.scalar("fake_label", fake_label, real_logits.dtype)
    values = 0.5 * (jnp.square(real_logits - real_label) + jnp.square(fake_logits - fake_label))
    return reduce(values, where=where, weights=weights, reduction=reduction)


def gan_least_squares_generator_loss(
    fake_logits: ArrayLike,
    *,
    real_label: Scalar = 1.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Least-squares generator loss (LSGAN): squared distance of generated scores from the label for real.

    .. math:: \ell = \tfrac12 (f - c)^2

    Args:
        fake_logits: Scores :math:`f` of generated examples, shape ``[...]``, floating.
        real_label: Score :math:`c` that the generator wants for them.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0; 0 exactly where all scores are ``real_label``.

    Raises:
        TypeError: If ``fake_logits`` are not floating.

    Example:
        >>> jaxloss.gan_least_squares_generator_loss(jnp.array([1.0, 3.0]), reduction="none")
        Array([0., 2.], dtype=float32)

    Reference:
        Mao et al. (2017), Least Squares Generative Adversarial Networks, equation 2.
        https://arxiv.org/abs/1611.04076
    """
    (fake_logits,) = blank(where, *checks.floating(fake_logits=fake_logits))
    real_label = checks.scalar("real_label", real_label, fake_logits.dtype)
    return reduce(0.5 * jnp.square(fake_logits - real_label), where=where, weights=weights, reduction=reduction)
