"""What predictions say of their inputs: nothing where views of one example agree, much where examples are told apart.

Both losses are the mutual information of a place in the pool and the predicted class: the entropy of the mean
prediction minus the mean entropy, which is the mean divergence of the predictions from their mixture.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths.entropies import entropy_term
from jaxloss._floor.maths.rows.moments import greatest
from jaxloss._floor.maths.softmax.terms import is_zero
from jaxloss._floor.reduction import hide, reduce
from jaxloss._floor.spread import mean_over, pools_of_rows
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction, Scalar
from jaxloss.penalties.entropies import entropy

__all__ = ["information_maximization_loss", "jensen_shannon_divergence_of_views"]


def _mean_divergence(axis_name: AxisName | None, logits: Array, mass: Array | None) -> Array:
    """The mean divergence of the softmax of rows ``[..., N, K]`` from their mean; exactly 0 if all are equal."""
    log_p = jax.lax.optimization_barrier(jax.nn.log_softmax(logits, axis=-1))
    rows = None if mass is None else mass[..., None]
    counted = None if rows is None else rows.astype(bool)
    mass_of_entries = None if rows is None else jnp.broadcast_to(rows, log_p.shape)
    zero, one = jnp.zeros((), log_p.dtype), jnp.ones((), log_p.dtype)
    # All are taken relative to the largest of their class: of nearly equal rows the differences have their digits.
    top = jnp.max(jax.lax.stop_gradient(hide(counted, log_p, fill=-jnp.inf)), -2, keepdims=True, initial=-jnp.inf)
    top = greatest(axis_name, top)
    absent = jnp.isneginf(top)
    below = hide(counted, jnp.where(absent, zero, log_p) - jnp.where(absent, zero, top))
    mean = lambda x: jnp.expand_dims(mean_over(axis_name, x, mass_of_entries, axis=-2), -2)
    lack, size = mean(jnp.expm1(below)), mean(jnp.exp(below))
    near = lack > -0.5
    log_mean = jnp.where(near, jnp.log1p(jnp.where(near, lack, zero)), jnp.log(jnp.where(near, one, size)))
    p = jnp.exp(log_p)
    ratio = jnp.where(p == 0, zero, log_mean - below)
    divergences = jnp.sum(entropy_term(p, jnp.exp(top + log_mean), ratio), axis=-1)
    return mean_over(axis_name, hide(None if mass is None else mass.astype(bool), divergences), mass)


def jensen_shannon_divergence_of_views(
    logits: ArrayLike,
    *,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Jensen-Shannon divergence of any number of views, from logits: the consistency term of AugMix.

    .. math:: \ell = \frac1V \sum_v \mathrm{KL}(p_v \,\|\, m) = H(m) - \frac1V \sum_v H(p_v), \qquad
              m = \frac1V \sum_v p_v, \quad p_v = \mathrm{softmax}(z_v)

    AugMix takes three views, the clean one and two augmented ones, and multiplies this term by 12 beside the
    cross-entropy of the clean view. The V views of an example are pooled, so ``where`` and ``weights`` belong to them:
    :math:`1/V` becomes the share of a view. Of two distributions given by their logarithms it is
    `jaxloss.jensen_shannon_divergence`. The clamp of the mixture at 1e-7 in the authors' code is not needed here.

    Args:
        logits: Scores of all views, such as ``jnp.stack([clean, augmented, other], axis=-2)``, shape ``[..., V, K]``,
            floating, unnormalised. A class of logit -inf is absent. All views are differentiated.
        axis_name: Mesh axes inside ``jax.shard_map`` over which the views are spread, for the loss over all of them;
            None if all are here, ``()`` to take those of each device on purpose.
        where, weights: Shape ``[..., V]``. A pool without a view is absent. See `jaxloss.reduce`.
        reduction: Over the examples ``[...]``; see `jaxloss.reduce`.

    Returns:
        A scalar in ``[0, log V]``, in nats; 0 exactly, with zero gradient, where the views are equal, and accurate near
        it.

    Raises:
        TypeError: If ``logits`` are not floating.
        ValueError: If an axis is missing, the class axis is empty, or every example has one view, as in ``[N, 1, K]``.

    Example:
        >>> views = jnp.array([[[50.0, 0.0, 0.0], [0.0, 50.0, 0.0], [0.0, 0.0, 50.0]], jnp.zeros((3, 3)).tolist()])
        >>> jaxloss.jensen_shannon_divergence_of_views(views, reduction="none")
        Array([1.0986123, 0.       ], dtype=float32)

    Reference:
        Hendrycks et al. (2020), AugMix: A Simple Data Processing Method to Improve Robustness and Uncertainty.
        https://arxiv.org/abs/1912.02781
        Lin (1991), Divergence Measures Based on the Shannon Entropy. https://doi.org/10.1109/18.61115
    """
    logits, mass, present = pools_of_rows(axis_name, where, weights, "views classes", logits=logits)
    return reduce(_mean_divergence(axis_name, logits, mass), where=present, reduction=reduction)


def information_maximization_loss(
    logits: ArrayLike,
    *,
    diversity_weight: Scalar = 1.0,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Information maximisation (SHOT): predictions are certain for every example and diverse over the batch.

    .. math:: \ell = \frac1N \sum_i H(p_i) - \lambda H\!\left( \frac1N \sum_i p_i \right), \qquad
              p_i = \mathrm{softmax}(z_i)

    With :math:`\lambda = 1` this is minus the mutual information of example and class. The entropy alone,
    `jaxloss.entropy`, is minimal where all examples fall into one class. The N examples of the last batch axis are
    pooled, so ``where`` and ``weights`` belong to them; the marginal of a small batch is a poor estimate.

    Args:
        logits: Shape ``[..., N, K]``, floating, unnormalised. A class of logit -inf is absent.
        diversity_weight: Factor :math:`\lambda` >= 0 of the entropy of the mean prediction.
        axis_name: Mesh axes inside ``jax.shard_map`` over which the examples are spread, for the loss over all of them;
            None if all are here, ``()`` to take those of each device on purpose.
        where, weights: Shape ``[..., N]``. A pool without an example is absent. See `jaxloss.reduce`.
        reduction: Over the pools ``[...]``; see `jaxloss.reduce`.

    Returns:
        A scalar, in nats, in ``[-log K, 0]`` at the default weight; 0 where all predictions are equal, minimal where
        they are certain and the classes equally frequent.

    Raises:
        TypeError: If ``logits`` are not floating.
        ValueError: If an axis is missing, the class axis is empty, or ``diversity_weight`` is negative; or if every
            pool has one entry, as in ``[N, 1, K]``.

    Example:
        >>> certain = 100 * jnp.eye(2)
        >>> print(f"{jaxloss.information_maximization_loss(certain):.4f}")
        -0.6931

    Reference:
        Liang, Hu and Feng (2020), Do We Really Need to Access the Source Data? Source Hypothesis Transfer for
        Unsupervised Domain Adaptation. https://arxiv.org/abs/2002.08546
    """
    logits, mass, present = pools_of_rows(axis_name, where, weights, "examples classes", logits=logits)
    factor = checks.scalar("diversity_weight", diversity_weight, logits.dtype, at_least=0)
    values = -factor * _mean_divergence(axis_name, logits, mass)
    if not is_zero(1 - factor):
        values = values + (1 - factor) * mean_over(axis_name, entropy(logits, reduction="none"), mass)
    return reduce(values, where=present, reduction=reduction)
