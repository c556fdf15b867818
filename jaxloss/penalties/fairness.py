"""Group fairness: predictions that do not depend on a sensitive attribute, over a batch."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.maths.rows.moments import deviations, shares
from jaxloss._floor.reduction import blank, hide, reduce
from jaxloss._floor.spread import mass_over, mean_over, require_whole, summed
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction

__all__ = ["attribute_covariance_penalty", "demographic_parity_penalty"]


def demographic_parity_penalty(
    predictions: ArrayLike,
    groups: ArrayLike,
    *,
    num_groups: int = 2,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Demographic parity: mean squared distance of the mean prediction of each group from that of all examples.

    .. math:: \ell = \frac{1}{|G|} \sum_{g \in G} \left( \bar p_g - \bar p \right)^2, \qquad
              \bar p_g = \frac{\sum_i w_i 1[g_i = g] \, p_i}{\sum_i w_i 1[g_i = g]}, \quad
              \bar p = \frac{\sum_i w_i p_i}{\sum_i w_i}

    G are the groups that occur, of any size: small groups count as much as large ones. Of probabilities, the means are
    the rates at which the groups are accepted by a classifier that draws its decision; the rates of hard decisions have
    no gradient. With ``where=labels == 1`` it is equal opportunity, and the sum of it over the classes
    equalised odds. The N examples of the last batch axis are pooled, so ``where`` and ``weights`` belong to them; in
    small batches the means are noisy and the penalty is biased upwards. Memory grows with the number of groups times N.

    Args:
        predictions: Probabilities of the favourable outcome, or other numbers, shape ``[..., N]``, floating.
        groups: Index of the group, shape ``[..., N]``, integer in ``[0, num_groups)``. An unmasked one outside gives
            NaN in value and gradient of its pool.
        num_groups: Number of groups, >= 1, static.
        axis_name: Mesh axes inside ``jax.shard_map`` over which the examples are spread, for the loss over all of them;
            None if all are here, ``()`` to take those of each device on purpose.
        where, weights: Shape ``[..., N]``. A pool without an example is absent. See `jaxloss.reduce`.
        reduction: Over the pools ``[...]``; see `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in squared units of the predictions; 0 where the means are equal, and for a single group.

    Raises:
        TypeError: If ``predictions`` are not floating or ``groups`` not integer.
        ValueError: If the shapes differ, the batch axis is missing, or ``num_groups`` is not positive; or if every pool
            has one entry, as in ``[N, 1]``.

    Example:
        >>> predictions, groups = jnp.array([1.0, 0.5, 0.0, 0.5]), jnp.array([0, 0, 1, 1])
        >>> jaxloss.demographic_parity_penalty(predictions, groups)
        Array(0.0625, dtype=float32)
        >>> labels = jnp.array([1, 0, 1, 0])
        >>> sum(jaxloss.demographic_parity_penalty(predictions, groups, where=labels == k) for k in (0, 1))
        Array(0.25, dtype=float32)

    Reference:
        Agarwal et al. (2018), A Reductions Approach to Fair Classification. https://arxiv.org/abs/1803.02453
        Hardt, Price and Srebro (2016), Equality of Opportunity in Supervised Learning.
        https://arxiv.org/abs/1610.02413
    """
    (predictions,), (groups,) = checks.floating(predictions=predictions), checks.integer(groups=groups)
    checks.with_pool("examples", predictions=predictions)
    checks.has_shape(predictions.shape, "the shape of predictions", groups=groups)
    num_groups = checks.whole("num_groups", num_groups)
    (predictions,), groups = blank(where, predictions), hide(where, checks.as_int32(groups))
    value_checks.ensure_labels(groups, num_groups, "groups")
    require_whole(axis_name, predictions.shape, predictions, groups)
    mass, present = mass_over(axis_name, where, weights, predictions)
    if not predictions.shape[-1]:
        present = jnp.zeros(predictions.shape[:-1], bool)
    predictions = numerics.poison(predictions, (groups >= 0) & (groups < num_groups))
    # From the mean of all, the digits of a small gap between groups of large numbers are kept.
    gaps = deviations(axis_name, predictions[..., None, :], mass)
    share = shares(axis_name, mass, predictions)[..., None, :]
    index = jax.lax.broadcasted_iota(jnp.int32, (*groups.shape[:-1], num_groups, groups.shape[-1]), groups.ndim - 1)
    share = jnp.where(index == groups[..., None, :], share, jnp.zeros((), share.dtype))
    sums = jnp.sum(share * gaps, axis=-1), jnp.sum(share, axis=-1)
    total, size = summed(axis_name, sums)
    occurs = (size > 0).astype(size.dtype)
    squares = jnp.square(numerics.divide(total, size)) * occurs
    values = numerics.divide(jnp.sum(squares, axis=-1), jnp.sum(occurs, axis=-1))
    return reduce(values, where=present, reduction=reduction)


def attribute_covariance_penalty(
    scores: ArrayLike,
    attributes: ArrayLike,
    *,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Fairness by covariance: squared covariance of a decision score and a sensitive attribute.

    .. math:: \ell = \left( \frac1N \sum_i (z_i - \bar z)(s_i - \bar s) \right)^2

    Zafar et al. bound the absolute covariance with the signed distance to the decision boundary, the logit; as a
    penalty it is squared. The attribute may be continuous, or 0 and 1 for two groups, where the loss is
    :math:`(\pi_0 \pi_1 (\bar s_1 - \bar s_0))^2`. It sees linear dependence only. The N examples of the last batch axis
    are pooled, so ``where`` and ``weights`` belong to them.

    Args:
        scores: Decision scores :math:`s`, such as logits, shape ``[..., N]``, floating.
        attributes: Sensitive attribute :math:`z`, shape ``[..., N]``, floating or integer.
        axis_name: Mesh axes inside ``jax.shard_map`` over which the examples are spread, for the loss over all of them;
            None if all are here, ``()`` to take those of each device on purpose.
        where, weights: Shape ``[..., N]``. A pool without an example is absent. See `jaxloss.reduce`.
        reduction: Over the pools ``[...]``; see `jaxloss.reduce`.

    Returns:
        A scalar >= 0; 0 where the two are uncorrelated, and where one of them is constant.

    Raises:
        TypeError: If ``scores`` are not floating.
        ValueError: If the shapes differ, or the batch axis is missing; or if every pool has one entry, as in
            ``[N, 1]``.

    Example:
        >>> jaxloss.attribute_covariance_penalty(jnp.array([2.0, 0.0, 0.0, -2.0]), jnp.array([1, 1, 0, 0]))
        Array(0.25, dtype=float32)

    Reference:
        Zafar et al. (2017), Fairness Constraints: Mechanisms for Fair Classification.
        https://arxiv.org/abs/1507.05259
    """
    scores, attributes = checks.values(scores=scores, attributes=attributes)
    checks.with_pool("examples", scores=scores)
    scores, attributes = blank(where, scores, attributes)
    require_whole(axis_name, scores.shape, scores, attributes)
    mass, present = mass_over(axis_name, where, weights, scores)
    if not scores.shape[-1]:
        present = jnp.zeros(scores.shape[:-1], bool)
    centred = (deviations(axis_name, x[..., None, :], mass)[..., 0, :] for x in (scores, attributes))
    products = jnp.multiply(*centred)
    return reduce(jnp.square(mean_over(axis_name, products, mass)), where=present, reduction=reduction)
