"""Divergences from the scores of a critic on samples: lower bounds that the critic pushes up (Donsker-Varadhan, NWJ).

With joint samples (x, y) and samples in which y is drawn anew, these are bounds on the mutual information of x and y.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.maths.scales import at_unit_scale
from jaxloss._floor.reduction import blank, hide, pool_mass, pool_mean, reduce
from jaxloss._floor.spread import whole_pool
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction

__all__ = ["donsker_varadhan_loss", "nwj_loss"]


def donsker_varadhan_loss(
    joint_scores: ArrayLike,
    marginal_scores: ArrayLike,
    *,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Donsker-Varadhan loss (MINE): minus a lower bound on the mutual information, by the scores of a critic.

    .. math:: \ell = \log\Big( \frac1N \sum_i e^{v_i} \Big) - \frac1N \sum_i u_i

    Minus the loss is, at the best critic, the divergence of the joint from the product of the marginals. The samples
    are pooled, so ``where`` and ``weights`` belong to them: :math:`1/N` becomes the share of a sample. The logarithm of
    a mean over a batch is biased, and so is its gradient. The correction of MINE divides by a running mean of
    :math:`e^{v}` instead: with its logarithm ``log_mean``, the gradient is that of
    ``jaxloss.nwj_loss(joint_scores, marginal_scores + 1 - log_mean)``.

    Args:
        joint_scores: Scores :math:`u` of joint samples, shape ``[..., N]``, floating.
        marginal_scores: Scores :math:`v` of samples of the product of the marginals, such as those of shuffled pairs,
            shape ``[..., N]``, the same; never broadcast.
        axis_name: Mesh axes inside ``jax.shard_map`` over which the samples are spread, for the loss over all of them;
            None if all are here, ``()`` to take those of each device on purpose.
        where, weights: Shape ``[..., N]``, of both scores; a pool without a sample is absent. See `jaxloss.reduce`.
        reduction: Over the pools ``[...]``; see `jaxloss.reduce`.

    Returns:
        A scalar without bounds, in nats; 0 for a constant critic. A constant added to all scores changes nothing.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ or the last axis is missing; or if every pool has one sample, as in ``[N, 1]``.

    Example:
        >>> joint, shuffled = jnp.array([2.0, 1.0, 3.0]), jnp.array([0.0, 0.0, 0.0])
        >>> jaxloss.donsker_varadhan_loss(joint, shuffled)
        Array(-2., dtype=float32)

    Reference:
        Belghazi et al. (2018), Mutual Information Neural Estimation. https://arxiv.org/abs/1801.04062
        Donsker and Varadhan (1983), Asymptotic Evaluation of Certain Markov Process Expectations for Large Time, IV.
        https://doi.org/10.1002/cpa.3160360204
    """
    joint, marginal = checks.floating(joint_scores=joint_scores, marginal_scores=marginal_scores)
    checks.same_shape(joint_scores=joint, marginal_scores=marginal)
    checks.with_pool("samples", joint_scores=joint)
    joint, marginal = blank(where, joint, marginal)
    where, weights, joint, marginal = whole_pool(axis_name, where, weights, joint, marginal)
    mass, _ = pool_mass(where, weights, joint)
    kept = jnp.ones(joint.shape, bool) if mass is None else mass.astype(bool)
    present = jnp.any(kept, axis=-1)
    mass = None if mass is None else at_unit_scale(mass, -1).astype(joint.dtype)
    sizes = jnp.zeros_like(joint) if mass is None else jnp.log(hide(kept, mass, fill=1))
    # Both parts relative to the largest score: those far from 0 have the digits of their differences.
    top = jax.lax.stop_gradient(jnp.max(marginal, axis=-1, keepdims=True, where=kept, initial=-jnp.inf))
    top = jnp.where(jnp.isneginf(top), jnp.zeros((), top.dtype), top)
    parts = (numerics.log_sum_exp(jnp.where(kept, x, -jnp.inf)) for x in (marginal - top + sizes, sizes))
    total, whole = (hide(present, part) for part in parts)
    values = (total - whole) - pool_mean(hide(kept, joint - top), mass)
    return reduce(values, where=present, reduction=reduction)


def nwj_loss(
    joint_scores: ArrayLike,
    marginal_scores: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""NWJ loss (MINE-f, f-GAN with KL): minus a lower bound on the mutual information that is a mean of samples.

    .. math:: \ell = e^{v - 1} - u

    A batch gives an unbiased estimate of the bound and of its gradient, at a larger variance than that of
    `jaxloss.donsker_varadhan_loss`. The best critic is one plus the logarithm of the density ratio. A critic loss pairs
    a joint and a marginal sample; only the two means matter. For batches of different size or mask take the
    difference of two `jaxloss.reduce`.

    Args:
        joint_scores: Scores :math:`u` of joint samples, shape ``[...]``, floating.
        marginal_scores: Scores :math:`v` of samples of the product of the marginals, such as those of shuffled pairs,
            shape ``[...]``, the same; never broadcast.
        where, weights: Shape ``[...]``, of the pairs; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar without bounds, in nats; 0 for a constant critic of 1. It overflows for marginal scores above 89, in
        float32.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ.

    Example:
        >>> jaxloss.nwj_loss(jnp.array([2.0, 1.0, 3.0]), jnp.array([1.0, 1.0, 1.0]))
        Array(-1., dtype=float32)

    Reference:
        Nguyen, Wainwright and Jordan (2010), Estimating Divergence Functionals and the Likelihood Ratio by Convex Risk
        Minimization. https://arxiv.org/abs/0809.0853
    """
    joint, marginal = checks.floating(joint_scores=joint_scores, marginal_scores=marginal_scores)
    checks.same_shape(joint_scores=joint, marginal_scores=marginal)
    joint, marginal = blank(where, joint, marginal)
    return reduce(jnp.exp(marginal - 1) - joint, where=where, weights=weights, reduction=reduction)
