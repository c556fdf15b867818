"""Relativistic adversarial losses: is a real example more real than a generated one, or than their average?"""

from __future__ import annotations

from jaxloss._floor import checks
from jaxloss._floor.maths.numerics import softplus
from jaxloss._floor.reduction import pool_mass, pool_mean, reduce
from jaxloss._floor.spread import whole_pool
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction
from jaxloss.generative.adversarial._scores import score_pair

__all__ = [
    "gan_relativistic_average_discriminator_loss",
    "gan_relativistic_average_generator_loss",
    "gan_relativistic_discriminator_loss",
    "gan_relativistic_generator_loss",
]


def _lag(
    higher: Array, lower: Array, where: ArrayLike | None, weights: ArrayLike | None, reduction: Reduction
) -> Array:
    """Cross-entropy of the pairs in which ``higher`` should exceed ``lower``; masked entries are blanked."""
    return reduce(softplus(lower - higher), where=where, weights=weights, reduction=reduction)


def _lag_of_averages(
    higher: Array, lower: Array, where: ArrayLike | None, weights: ArrayLike | None, reduction: Reduction
) -> Array:
    """Cross-entropy of each of ``higher`` against the average of ``lower``, and the other way round."""
    mass, present = pool_mass(where, weights, higher)
    floor, ceiling = pool_mean(lower, mass)[..., None], pool_mean(higher, mass)[..., None]
    values = pool_mean(softplus(floor - higher) + softplus(lower - ceiling), mass)
    return reduce(values, where=present, reduction=reduction)


def gan_relativistic_discriminator_loss(
    real_logits: ArrayLike,
    fake_logits: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Relativistic discriminator loss: cross-entropy of "the real example scores higher" over pairs.

    .. math:: \ell = -\log \sigma(r - f)

    With `r1_penalty` and `r2_penalty` this is the objective of R3GAN.

    Args:
        real_logits: Scores :math:`r` of real examples, shape ``[...]``, floating.
        fake_logits: Scores :math:`f` of generated examples, shape ``[...]``, paired by position; never broadcast.
        where, weights: Shape ``[...]``, of the pairs; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0 in nats; log 2 for equal scores.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ.

    Example:
        >>> jaxloss.gan_relativistic_discriminator_loss(jnp.array([5.0]), jnp.array([5.0]))
        Array(0.6931472, dtype=float32)

    Reference:
        Jolicoeur-Martineau (2018), The Relativistic Discriminator.
        https://arxiv.org/abs/1807.00734
    """
    real_logits, fake_logits = score_pair(where, real_logits, fake_logits)
    return _lag(real_logits, fake_logits, where, weights, reduction)


def gan_relativistic_generator_loss(
    real_logits: ArrayLike,
    fake_logits: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Relativistic generator loss: cross-entropy of "the generated example scores higher" over pairs.

    .. math:: \ell = -\log \sigma(f - r)

    Args:
        real_logits, fake_logits: As in `gan_relativistic_discriminator_loss`.
        where, weights, reduction: As in `gan_relativistic_discriminator_loss`.

    Returns:
        A scalar >= 0 in nats; log 2 where the two score alike.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ.

    Example:
        >>> jaxloss.gan_relativistic_generator_loss(jnp.array([3.0]), jnp.array([-7.0]))
        Array(10.000046, dtype=float32)

    Reference:
        Jolicoeur-Martineau (2018), The Relativistic Discriminator.
        https://arxiv.org/abs/1807.00734
    """
    real_logits, fake_logits = score_pair(where, real_logits, fake_logits)
    return _lag(fake_logits, real_logits, where, weights, reduction)


def gan_relativistic_average_discriminator_loss(
    real_logits: ArrayLike,
    fake_logits: ArrayLike,
    *,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Relativistic average discriminator loss: each score against the average score of the other kind.

    .. math:: \ell = -\overline{\log \sigma(r_i - \bar f)} - \overline{\log \sigma(\bar r - f_i)}

    The averages run over the last axis, so ``where`` and ``weights`` belong to its entries, and the gradient passes
    through them. This is the sum of the two terms; the author's code halves it.

    Args:
        real_logits: Scores :math:`r` of real examples, shape ``[..., N]``, floating.
        fake_logits: Scores :math:`f` of generated examples, shape ``[..., N]``, the same; never broadcast.
        axis_name: Mesh axes inside ``jax.shard_map`` over which the examples are spread, for the loss over all of them;
            None if all are here, ``()`` to take those of each device on purpose.
        where, weights: Shape ``[..., N]``; a pool without an entry is absent. See `jaxloss.reduce`.
        reduction: Over the pools ``[...]``; see `jaxloss.reduce`.

    Returns:
        A scalar >= 0 in nats; 2 log 2 for equal scores.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ, or the last axis is missing; or if every pool has one entry, as in ``[N, 1]``.

    Example:
        >>> jaxloss.gan_relativistic_average_discriminator_loss(jnp.array([1.0, 3.0]), jnp.array([-1.0, -3.0]))
        Array(0.0553027, dtype=float32)

    Reference:
        Jolicoeur-Martineau (2018), The Relativistic Discriminator.
        https://arxiv.org/abs/1807.00734
    """
    real_logits, fake_logits = score_pair(where, real_logits, fake_logits)
    checks.with_pool("entries", real_logits=real_logits)
    where, weights, real, fake = whole_pool(axis_name, where, weights, real_logits, fake_logits)
    return _lag_of_averages(real, fake, where, weights, reduction)


def gan_relativistic_average_generator_loss(
    real_logits: ArrayLike,
    fake_logits: ArrayLike,
    *,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Relativistic average generator loss: each score against the average of the other kind, roles swapped.

    .. math:: \ell = -\overline{\log \sigma(f_i - \bar r)} - \overline{\log \sigma(\bar f - r_i)}

    Both terms move the generator: the second through the average of its examples. The averages run over the last
    axis, so ``where`` and ``weights`` belong to its entries.

    Args:
        real_logits, fake_logits: As in `gan_relativistic_average_discriminator_loss`.
        axis_name, where, weights, reduction: As in `gan_relativistic_average_discriminator_loss`.

    Returns:
        A scalar >= 0 in nats; 2 log 2 where all score alike.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ, or the last axis is missing; or if every pool has one entry, as in ``[N, 1]``.

    Example:
        >>> jaxloss.gan_relativistic_average_generator_loss(jnp.array([1.0, 3.0]), jnp.array([-1.0, -3.0]))
        Array(8.055303, dtype=float32)

    Reference:
        Jolicoeur-Martineau (2018), The Relativistic Discriminator.
        https://arxiv.org/abs/1807.00734
    """
    real_logits, fake_logits = score_pair(where, real_logits, fake_logits)
    checks.with_pool("entries", real_logits=real_logits)
    where, weights, real, fake = whole_pool(axis_name, where, weights, real_logits, fake_logits)
    return _lag_of_averages(fake, real, where, weights, reduction)
