"""Reductions that let large losses count for more, or not at all."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.maths.scales import at_unit_scale
from jaxloss._floor.means import by_loss
from jaxloss._floor.means.reducers import reducer
from jaxloss._floor.reduction import weighted_mean
from jaxloss._floor.typing import Array, ArrayLike, Scalar
from jaxloss.reductions._ranges import within
from jaxloss.reductions.means import mean

__all__ = ["cvar", "soft_maximum", "top_fraction", "trimmed_mean", "worst_group"]


def _worst_first(values: Array, weights: Array) -> tuple[Array, Array]:
    """Flat losses and their weights, the latter at unit scale."""
    order = by_loss.worst_first(values, weights)
    return jnp.ravel(values)[order], jnp.ravel(at_unit_scale(weights))[order]


@reducer
def top_fraction(values: Array, weights: Array, fraction: Scalar) -> Array:
    """Mean over the ``fraction`` in (0, 1] of the examples with the largest losses, rounded up: hard example mining.

    Reference:
        Shrivastava et al. (2016), Training Region-Based Object Detectors with Online Hard Example Mining.
        https://arxiv.org/abs/1604.03540
    """
    share = checks.scalar("fraction", fraction, values.dtype, above=0, at_most=1)
    legal = (share > 0) & (share <= 1)
    values, weights = _worst_first(within(values, legal), weights)
    return within(mean()(values, by_loss.top_count(weights, share)), legal)


@reducer
def cvar(values: Array, weights: Array, fraction: Scalar) -> Array:
    """Mean of the worst ``fraction`` in (0, 1] of the weight; the example on the boundary counts in part.

    Reference:
        Rockafellar and Uryasev (2000), Optimization of Conditional Value-at-Risk.
        https://doi.org/10.21314/JOR.2000.038
    """
    share = checks.scalar("fraction", fraction, values.dtype, above=0, at_most=1)
    legal = (share > 0) & (share <= 1)
    values, weights = _worst_first(within(values, legal), weights)
    return within(mean()(values, by_loss.top_weight(weights, share)), legal)


@reducer
def trimmed_mean(values: Array, weights: Array, fraction: Scalar) -> Array:
    """Mean without the worst ``fraction`` in [0, 1) of the weight: outliers do not count at all.

    Reference:
        Rousseeuw (1984), Least Median of Squares Regression.
        https://doi.org/10.1080/01621459.1984.10477105
    """
    share = checks.scalar("fraction", fraction, values.dtype, at_least=0, below=1)
    legal = (share >= 0) & (share < 1)
    values, weights = _worst_first(within(values, legal), weights)
    kept = by_loss.without_top_weight(weights, share)
    return within(mean()(jnp.where(kept > 0, values, jnp.zeros((), values.dtype)), kept), legal)


@reducer
def soft_maximum(values: Array, weights: Array, temperature: Scalar) -> Array:
    r"""Tilted mean :math:`\tau \log \frac{\sum_i w_i \exp(\ell_i / \tau)}{\sum_i w_i}`.

    ``temperature`` :math:`\tau` > 0 in units of the loss: near 0 it is the largest loss, at infinity the mean.

    Reference:
        Li et al. (2021), Tilted Empirical Risk Minimization. https://arxiv.org/abs/2007.01162
    """
    tau = checks.scalar("temperature", temperature, values.dtype, above=0)
    present = weights > 0
    peak = jax.lax.stop_gradient(jnp.max(jnp.where(present, values, -jnp.inf), initial=-jnp.inf))
    peak = jnp.where(jnp.isneginf(peak), jnp.zeros((), values.dtype), peak)
    tilt = jnp.where(present, values - peak, jnp.zeros((), values.dtype)) / tau
    excess = mean()(jnp.expm1(tilt), weights)
    # Each form of the logarithm where it keeps its digits: of nearly equal losses the mean of exponentials is nearly 1.
    near = excess > -0.5
    far = jnp.log(jnp.where(near, jnp.ones((), values.dtype), mean()(jnp.exp(tilt), weights)))
    log_mean = jnp.where(near, jnp.log1p(jnp.where(near, excess, jnp.zeros((), values.dtype))), far)
    maximum = peak + tau * log_mean
    return within(maximum, tau > 0)


@reducer
def worst_group(values: Array, weights: Array, groups: ArrayLike, num_groups: int) -> Array:
    """Largest of the mean losses of groups: the objective of distributionally robust training (group DRO).

    Args:
        groups: Group index of every example, of the shape of the unreduced loss. An example that counts and whose
            index is not in ``[0, num_groups)`` makes the result NaN.
        num_groups: Number of groups; one without an example does not take part.

    Reference:
        Sagawa et al. (2020), Distributionally Robust Neural Networks for Group Shifts.
        https://arxiv.org/abs/1911.08731
    """
    (index,) = checks.integer(groups=groups)
    checks.has_shape(values.shape, "the unreduced loss", groups=index)
    member = jnp.ravel(index)[None, :] == jnp.arange(num_groups, dtype=index.dtype)[:, None]
    legal = jnp.all(((index >= 0) & (index < num_groups)) | (weights == 0))
    mass = jnp.where(member, jnp.ravel(weights)[None, :], jnp.zeros((), weights.dtype))
    means = weighted_mean(jnp.broadcast_to(jnp.ravel(values), mass.shape), mass, -1)
    present = jnp.any(mass > 0, axis=-1)
    some = jnp.any(present)
    worst = jnp.max(jnp.where(some, jnp.where(present, means, -jnp.inf), 0))
    return numerics.poison(worst, legal)
