"""Contrast that corrects its negatives: some are positives by chance (debiased), and hard ones should count more."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.reduction import pool_mean, reduce
from jaxloss._floor.spread import over
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction, Scalar
from jaxloss.representation._groups import gathered, labelled, per_pair, some, unit

__all__ = ["hard_negative_contrastive_loss"]

FURTHEST = 80.0
"""An exponent whose exponential is within the range of float32."""


def hard_negative_contrastive_loss(
    embeddings: ArrayLike,
    labels: ArrayLike,
    *,
    temperature: Scalar = 0.5,
    hardness: Scalar = 1.0,
    class_prior: Scalar = 0.1,
    chunk_size: int | None = None,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Contrast with hard negatives (HCL): NT-Xent whose negatives count by their similarity, less chance positives.

    .. math:: \ell_i = -\frac{1}{P_i} \sum_{p: y_p = y_i} \log \frac{e^{s_{ip}}}{e^{s_{ip}} + G_{ip}}, \qquad
              G_{ip} = \max\left( N_i \frac{R_i - \tau_+ e^{s_{ip}}}{1 - \tau_+}, \; N_i e^{-1 / \tau} \right)

    .. math:: R_i = \frac{\sum_{n: y_n \ne y_i} e^{(1 + \beta) s_{in}}}{\sum_{n: y_n \ne y_i} e^{\beta s_{in}}}

    with :math:`s` the cosines over the temperature :math:`\tau` and :math:`N_i` the number of negatives. With
    ``hardness=0`` it is the debiased contrastive loss; with ``class_prior=0`` as well it is `jaxloss.ntxent`. The
    weights of the negatives are differentiated, as in the authors' code.

    Args:
        embeddings, labels, chunk_size, axis_name, where, weights: See `jaxloss.representation`. For two views of an
            image, the two rows have its label.
        temperature: :math:`\tau` > 0.
        hardness: :math:`\beta` >= 0: the larger, the more the most similar negatives count.
        class_prior: :math:`\tau_+` in [0, 1), the probability that a negative is of the class of its anchor.
        reduction: Over the anchors ``[..., N]``; see `jaxloss.reduce`. An anchor counts once for each of its
            :math:`P_i` positives; one without positives is absent.

    Returns:
        A scalar >= 0, in nats, with full relative accuracy for small values; 0 if there are no negatives or no
        positives.

    Raises:
        TypeError: If ``embeddings`` is not floating or ``labels`` is not integer.
        ValueError: If the shapes do not match, or a hyperparameter is out of range.

    Example:
        >>> views = jnp.array([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0], [0.0, 3.0]])
        >>> labels = jnp.array([0, 0, 1, 1])
        >>> print(f"{jaxloss.hard_negative_contrastive_loss(views, labels, class_prior=0.05):.4f}")
        0.1652

    Reference:
        Robinson et al. (2021), Contrastive Learning with Hard Negative Samples. https://arxiv.org/abs/2010.04592
        Chuang et al. (2020), Debiased Contrastive Learning. https://arxiv.org/abs/2007.00224
    """
    x, group = labelled(where, axis_name, chunk_size, embeddings, labels)
    tau = checks.scalar("temperature", temperature, x.dtype, above=0)
    beta = checks.scalar("hardness", hardness, x.dtype, at_least=0)
    prior = checks.scalar("class_prior", class_prior, x.dtype, at_least=0, below=1)
    x = unit(x)

    def of_rows(logits: Array, positives: Array, negatives: Array) -> tuple[Array, Array]:
        repelled = jnp.any(negatives, axis=-1, keepdims=True)
        hard, usual = (
            jnp.where(repelled, gathered(factor * logits, negatives)[..., None], jnp.zeros((), x.dtype))
            for factor in (1 + beta, beta)
        )
        count = jnp.log(jnp.maximum(jnp.sum(negatives, axis=-1, keepdims=True, dtype=x.dtype), 1))
        # The logarithms of R, and of G, over the positive.
        lead = hard - usual - logits
        repulsion = count + jnp.maximum(lead + _rest(-lead, prior), -1 / tau - logits)
        values = jnp.where(repelled, numerics.softplus(repulsion), jnp.zeros((), x.dtype))
        return pool_mean(values, positives), jnp.sum(positives, axis=-1, dtype=jnp.int32)

    values, pairs = group.anchors(of_rows, x / tau, x)
    each = per_pair(pairs, weights, x.dtype, axis_name, reduction)
    return reduce(values, where=some(where, pairs > 0), weights=each, reduction=over(axis_name, reduction))


def _rest(exponents: Array, prior: Scalar) -> Array:
    """``log((1 - prior * exp(exponents)) / (1 - prior))``; a large negative number where nothing is left."""
    share = prior * jnp.exp(jnp.minimum(exponents, FURTHEST))
    left = jax.lax.stop_gradient(share) < 1
    share = jnp.where(left, share, jnp.zeros((), share.dtype))
    return jnp.where(left, jnp.log1p(-share) - jnp.log1p(-prior), -1e9)
