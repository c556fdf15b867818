"""Reductions of per-example losses, for the ``reduction`` argument of every loss.

A reduction is a function ``(values, weights) -> result``: ``values`` are the per-example losses, ``weights`` their
weights, 0 where an example is masked. Any function of your own works as well. Here `term` is passed as it is, without
parentheses, because it has no arguments; every other one is called.

>>> jaxloss.squared_error(jnp.array([1.0, 3.0]), jnp.zeros(2), reduction=jaxloss.reductions.top_fraction(0.5))
Array(9., dtype=float32)

With ``axis_name`` a mean or sum is that over all devices, also where their masks differ. Inside `jax.shard_map`, whose
types tell what varies, its gradient is that of the whole batch. Inside `jax.pmap`, or with ``check_vma=False``, JAX
differentiates the sum of what all devices return: a gradient taken inside is that of this device's part times the
number of devices, so take ``jax.lax.pmean`` of the gradients, never ``psum``. A gradient of the whole mapped function
is right in both.

Reductions made by a call are values: ``mean() == mean()``, ``repr(top_fraction(0.5))`` is ``"top_fraction(0.5)"``, and
they can be hashed, so ``jax.jit(loss, static_argnames="reduction")`` compiles once for equal reductions. A reduction
that holds an array, such as the groups of `worst_group` or an annealed temperature, may be traced but not hashed:
Python raises a TypeError. Build it inside the compiled function.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor import by_loss, checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.maths.scales import at_unit_scale
from jaxloss._floor.reducers import reducer
from jaxloss._floor.reduction import weighted_mean
from jaxloss._floor.terms import Term, merge, summarize, term
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Scalar

__all__ = [
    "Term",
    "cvar",
    "mean",
    "mean_over",
    "merge",
    "sequence_mean",
    "sequence_mean_token_sum",
    "sequence_mean_token_sum_norm",
    "soft_maximum",
    "sum",
    "summarize",
    "term",
    "top_fraction",
    "trimmed_mean",
    "worst_group",
]


@reducer
def mean(values: Array, weights: Array, *, axis_name: AxisName | None = None) -> Array:
    """Weighted mean, over all devices along ``axis_name`` if given; called: ``reductions.mean()``.

    Numerator and denominator are summed over the devices separately, so that shards with different masks
    give exactly the mean of the whole batch. Over the tokens of a policy loss this is ``token-mean`` in verl and
    ``loss_type="bnpo"`` in TRL; over the tokens of all devices it is the objective of the DAPO paper.

    Reference:
        Yu et al. (2025), DAPO: An Open-Source LLM Reinforcement Learning System at Scale.
        https://arxiv.org/abs/2503.14476
    """
    return weighted_mean(values, weights, axis_name=axis_name)


@reducer
def sum(values: Array, weights: Array, *, axis_name: AxisName | None = None) -> Array:
    """Weighted sum, over all devices along ``axis_name`` if given; called: ``reductions.sum()``."""
    total = jnp.sum(values * weights)
    return total if axis_name is None else jax.lax.psum(total, axis_name)


@reducer
def mean_over(values: Array, weights: Array, n: Scalar, *, axis_name: AxisName | None = None) -> Array:
    """Weighted sum over a given ``n`` > 0, for example the number of tokens of all micro-batches together.

    The weights are not normalised, as importance weights must not be: with ``n`` the batch size this is the estimate
    without bias of prioritised replay and of off-policy losses.

    This is exact under gradient accumulation: the parts add up to the mean of the whole batch. Over the tokens of a
    policy loss it is ``loss_type="dapo"`` in TRL. A traced ``n`` may be 0 where every weight is 0: the mean over no
    tokens is 0, with zero gradient. With any weight, an ``n`` that is not positive gives NaN.

    Example:
        >>> jaxloss.reduce(jnp.array([1.0, 2.0, 3.0]), reduction=jaxloss.reductions.mean_over(12))
        Array(0.5, dtype=float32)
    """
    n = checks.scalar("n", n, values.dtype, above=0)
    total = sum(axis_name=axis_name)
    if isinstance(n, float):
        return total(values, weights) / n
    some = total((weights != 0).astype(values.dtype), jnp.ones_like(weights)) > 0
    mean = total(values, weights) / jnp.where(n > 0, n, jnp.ones((), values.dtype))
    return numerics.poison(mean, (n > 0) | ~some)


def _within(values: Array, legal: ArrayLike) -> Array:
    """NaN where a traced argument is out of its range; a concrete one is refused when the reduction is called.

    A rule that may drop every loss asks for it before and after: of the losses for the gradient, of its result for the
    value.
    """
    return numerics.poison(values, legal) if isinstance(legal, jax.Array) else values


def _over_sequences(values: Array, weights: Array, axis_name: AxisName | None) -> Array:
    """The mean of losses ``[...]`` of sequences; ``weights`` ``[..., T]`` say which of them have any token."""
    return mean(axis_name=axis_name)(values, jnp.any(weights > 0, axis=-1).astype(values.dtype))


@reducer
def sequence_mean(values: Array, weights: Array, *, axis_name: AxisName | None = None) -> Array:
    r"""Mean over the tokens of each sequence, then over sequences: short sequences count in full.

    .. math:: \frac{1}{N} \sum_i \frac{\sum_t w_{it} \ell_{it}}{\sum_t w_{it}}

    over the last axis, and then over the :math:`N` sequences that have any weight, on all devices along ``axis_name``
    if given. This is the objective of GRPO: ``seq-mean-token-mean`` in verl, ``loss_type="grpo"`` in TRL.

    Example:
        >>> losses, where = jnp.array([[1.0, 1.0], [4.0, 9.0]]), jnp.array([[True, True], [True, False]])
        >>> jaxloss.reduce(losses, where=where, reduction=jaxloss.reductions.sequence_mean())
        Array(2.5, dtype=float32)

    Reference:
        Shao et al. (2024), DeepSeekMath: Pushing the Limits of Mathematical Reasoning in Open Language Models.
        https://arxiv.org/abs/2402.03300
    """
    checks.with_axes("tokens", allow_empty=True, values=values)
    return _over_sequences(weighted_mean(values, weights, -1), weights, axis_name)


@reducer
def sequence_mean_token_sum(values: Array, weights: Array, *, axis_name: AxisName | None = None) -> Array:
    r"""Sum over the tokens of each sequence, then the mean over sequences: long sequences count for more.

    .. math:: \frac{1}{N} \sum_{it} w_{it} \ell_{it}

    with the sum over :math:`t` along the last axis and the :math:`N` sequences that have any weight, on all devices
    along ``axis_name`` if given. With log-probabilities it is the mean log-likelihood of sequences. It is
    ``seq-mean-token-sum`` in verl.

    Example:
        >>> losses, where = jnp.array([[1.0, 1.0], [4.0, 9.0]]), jnp.array([[True, True], [True, False]])
        >>> jaxloss.reduce(losses, where=where, reduction=jaxloss.reductions.sequence_mean_token_sum())
        Array(3., dtype=float32)
    """
    checks.with_axes("tokens", allow_empty=True, values=values)
    return _over_sequences(jnp.sum(values * weights, axis=-1), weights, axis_name)


@reducer
def sequence_mean_token_sum_norm(
    values: Array, weights: Array, norm: Scalar | None = None, *, axis_name: AxisName | None = None
) -> Array:
    r"""Sum over the tokens of each sequence over a constant length ``norm``, then the mean over sequences.

    .. math:: \frac{1}{N L} \sum_{it} w_{it} \ell_{it}

    with ``norm`` :math:`L` > 0, by default the size of the last axis, and the :math:`N` sequences that have any weight,
    on all devices along ``axis_name`` if given. With :math:`L` the longest completion allowed this is the objective of
    Dr. GRPO: ``loss_type="dr_grpo"`` in TRL and ``seq-mean-token-sum-norm`` in verl, whose older versions do not take
    the mean over sequences.

    Example:
        >>> losses, where = jnp.array([[1.0, 1.0], [4.0, 9.0]]), jnp.array([[True, True], [True, False]])
        >>> jaxloss.reduce(losses, where=where, reduction=jaxloss.reductions.sequence_mean_token_sum_norm(4))
        Array(0.75, dtype=float32)

    Reference:
        Liu et al. (2025), Understanding R1-Zero-Like Training: A Critical Perspective.
        https://arxiv.org/abs/2503.20783
    """
    checks.with_axes("tokens", allow_empty=True, values=values)
    length = checks.scalar("norm", max(values.shape[-1], 1) if norm is None else norm, values.dtype, above=0)
    mean = _over_sequences(jnp.sum(values * weights, axis=-1) / length, weights, axis_name)
    return _within(mean, length > 0)


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
    values, weights = _worst_first(_within(values, legal), weights)
    return _within(mean()(values, by_loss.top_count(weights, share)), legal)


@reducer
def cvar(values: Array, weights: Array, fraction: Scalar) -> Array:
    """Mean of the worst ``fraction`` in (0, 1] of the weight; the example on the boundary counts in part.

    Reference:
        Rockafellar and Uryasev (2000), Optimization of Conditional Value-at-Risk.
        https://doi.org/10.21314/JOR.2000.038
    """
    share = checks.scalar("fraction", fraction, values.dtype, above=0, at_most=1)
    legal = (share > 0) & (share <= 1)
    values, weights = _worst_first(_within(values, legal), weights)
    return _within(mean()(values, by_loss.top_weight(weights, share)), legal)


@reducer
def trimmed_mean(values: Array, weights: Array, fraction: Scalar) -> Array:
    """Mean without the worst ``fraction`` in [0, 1) of the weight: outliers do not count at all.

    Reference:
        Rousseeuw (1984), Least Median of Squares Regression.
        https://doi.org/10.1080/01621459.1984.10477105
    """
    share = checks.scalar("fraction", fraction, values.dtype, at_least=0, below=1)
    legal = (share >= 0) & (share < 1)
    values, weights = _worst_first(_within(values, legal), weights)
    kept = by_loss.without_top_weight(weights, share)
    return _within(mean()(jnp.where(kept > 0, values, jnp.zeros((), values.dtype)), kept), legal)


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
    return _within(maximum, tau > 0)


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
