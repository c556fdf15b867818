"""The public vocabulary of reductions: functions ``(values, weights) -> result`` for the ``reduction`` argument.

Every factory here returns such a function, and any function of your own works as well. ``values`` are the
per-example losses, ``weights`` their weights, 0 where an example is masked.
"""

from __future__ import annotations

import dataclasses
import typing as _t

import jax
import jax.numpy as jnp

from jaxloss._floor import by_loss, checks, numerics
from jaxloss._floor.reduction import divide_sums, weighted_sums
from jaxloss._floor.typing import Array, Reducer, Scalar
from jaxloss.names import no_such_name as _no_such_name

__all__ = [
    "Term",
    "cvar",
    "mean",
    "mean_over",
    "merge",
    "sequence_mean",
    "soft_maximum",
    "sum",
    "summarize",
    "term",
    "top_fraction",
    "trimmed_mean",
    "worst_group",
]

AxisName = str | tuple[str, ...]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Term:
    """Per-example losses and their weights, not yet averaged: a pytree.

    Its mean is ``sum(weights * values) / sum(weights)``. A term whose fields are scalars is such a mean with
    its total weight; terms of that kind `merge` exactly, over micro-batches, devices and steps.

    Example:
        >>> a = jaxloss.absolute_error(jnp.array([3.0]), jnp.zeros(1), reduction=jaxloss.reductions.term)
        >>> b = jaxloss.absolute_error(jnp.ones(2), jnp.zeros(2), reduction=jaxloss.reductions.term)
        >>> both = jaxloss.reductions.merge(jaxloss.reductions.summarize(a), jaxloss.reductions.summarize(b))
        >>> print(f"{both.values:.4f} over {both.weights:.0f} examples")
        1.6667 over 3 examples
    """

    values: Array
    weights: Array


def term(values: Array, weights: Array) -> Term:
    """Keep the losses per example, as a `Term`, for the combinator layer or for exact accumulation."""
    return Term(values, weights)


def summarize(term: Term) -> Term:
    """The 0-d term: the mean of ``term`` and its total weight."""
    return Term(mean()(term.values, term.weights), jnp.sum(term.weights))


def merge(first: Term, second: Term) -> Term:
    """The 0-d term of two 0-d terms together: exact, commutative, with weight 0 as its unit."""
    total = first.weights + second.weights
    return Term(divide_sums(first.values * first.weights + second.values * second.weights, total), total)


def mean(*, axis_name: AxisName | None = None) -> Reducer:
    """The weighted mean, over all devices along ``axis_name`` if given.

    Numerator and denominator are summed over the devices separately, so that shards with different masks
    give exactly the mean of the whole batch.
    """

    def reduction(values: Array, weights: Array) -> Array:
        sums = weighted_sums(values, weights)
        return divide_sums(*(sums if axis_name is None else jax.lax.psum(sums, axis_name)))

    return reduction


def sum(*, axis_name: AxisName | None = None) -> Reducer:
    """The weighted sum, over all devices along ``axis_name`` if given."""

    def reduction(values: Array, weights: Array) -> Array:
        total = jnp.sum(values * weights)
        return total if axis_name is None else jax.lax.psum(total, axis_name)

    return reduction


def mean_over(n: Scalar) -> Reducer:
    """The weighted sum over a given ``n`` > 0, for example the tokens of all micro-batches together."""

    def reduction(values: Array, weights: Array) -> Array:
        return jnp.sum(values * weights) / checks.scalar("n", n, values.dtype, above=0)

    return reduction


def sequence_mean(values: Array, weights: Array) -> Array:
    """The mean over the last axis, then over the sequences that have any weight: short sequences count in full."""
    sums, masses = weighted_sums(values, weights, -1)
    return mean()(divide_sums(sums, masses), (masses > 0).astype(values.dtype))


def _worst_first(values: Array, weights: Array) -> tuple[Array, Array]:
    order = by_loss.worst_first(values, weights)
    return jnp.ravel(values)[order], jnp.ravel(weights)[order]


def top_fraction(fraction: Scalar) -> Reducer:
    """Mean over the ``fraction`` in (0, 1] of the examples with the largest losses, rounded up: hard example mining.

    Reference:
        Shrivastava et al. (2016), Training Region-Based Object Detectors with Online Hard Example Mining.
        https://arxiv.org/abs/1604.03540
    """

    def reduction(values: Array, weights: Array) -> Array:
        share = checks.scalar("fraction", fraction, values.dtype, above=0, at_most=1)
        values, weights = _worst_first(values, weights)
        return mean()(values, by_loss.top_count(weights, share))

    return reduction


def cvar(fraction: Scalar) -> Reducer:
    """Mean of the worst ``fraction`` in (0, 1] of the weight; the example on the boundary counts in part.

    Reference:
        Rockafellar and Uryasev (2000), Optimization of Conditional Value-at-Risk.
        https://doi.org/10.21314/JOR.2000.038
    """

    def reduction(values: Array, weights: Array) -> Array:
        share = checks.scalar("fraction", fraction, values.dtype, above=0, at_most=1)
        values, weights = _worst_first(values, weights)
        return mean()(values, by_loss.top_weight(weights, share))

    return reduction


def trimmed_mean(fraction: Scalar) -> Reducer:
    """Mean without the worst ``fraction`` in [0, 1) of the weight: outliers do not count at all.

    Reference:
        Rousseeuw (1984), Least Median of Squares Regression.
        https://doi.org/10.1080/01621459.1984.10477105
    """

    def reduction(values: Array, weights: Array) -> Array:
        share = checks.scalar("fraction", fraction, values.dtype, at_least=0, below=1)
        values, weights = _worst_first(values, weights)
        kept = by_loss.without_top_weight(weights, share)
        return mean()(jnp.where(kept > 0, values, jnp.zeros((), values.dtype)), kept)

    return reduction


def soft_maximum(temperature: Scalar) -> Reducer:
    r"""Tilted mean :math:`\tau \log \frac{\sum_i w_i \exp(\ell_i / \tau)}{\sum_i w_i}`.

    ``temperature`` :math:`\tau` > 0 in units of the loss: near 0 it is the largest loss, at infinity the mean.

    Reference:
        Li et al. (2021), Tilted Empirical Risk Minimization. https://arxiv.org/abs/2007.01162
    """

    def reduction(values: Array, weights: Array) -> Array:
        tau = checks.scalar("temperature", temperature, values.dtype, above=0)
        present = weights > 0
        peak = jax.lax.stop_gradient(jnp.max(jnp.where(present, values, -jnp.inf), initial=-jnp.inf))
        peak = jnp.where(jnp.isneginf(peak), jnp.zeros((), values.dtype), peak)
        tilted = mean()(jnp.exp(jnp.where(present, values - peak, jnp.zeros((), values.dtype)) / tau), weights)
        some = jnp.any(present)
        return jnp.where(some, peak + tau * jnp.log(jnp.where(some, tilted, 1)), jnp.zeros((), values.dtype))

    return reduction


def worst_group(groups: Array, num_groups: int) -> Reducer:
    """The largest of the mean losses of groups: the objective of distributionally robust training.

    Args:
        groups: Group index of every example, of the shape of the unreduced loss. An example that counts and whose
            index is not in ``[0, num_groups)`` makes the result NaN.
        num_groups: Number of groups; one without an example does not take part.

    Reference:
        Sagawa et al. (2020), Distributionally Robust Neural Networks for Group Shifts.
        https://arxiv.org/abs/1911.08731
    """

    def reduction(values: Array, weights: Array) -> Array:
        (index,) = checks.integer(groups=groups)
        checks.has_shape(values.shape, "the unreduced loss", groups=index)
        member = jnp.ravel(index)[None, :] == jnp.arange(num_groups, dtype=index.dtype)[:, None]
        values = numerics.poison(values, ((index >= 0) & (index < num_groups)) | (weights == 0))
        mass = jnp.where(member, jnp.ravel(weights)[None, :], jnp.zeros((), weights.dtype))
        sums, masses = weighted_sums(jnp.broadcast_to(jnp.ravel(values), mass.shape), mass, -1)
        means = jnp.where(masses > 0, divide_sums(sums, masses), -jnp.inf)
        some = jnp.any(masses > 0)
        return jnp.where(some, jnp.max(jnp.where(some, means, 0)), jnp.zeros((), values.dtype))

    return reduction


if not _t.TYPE_CHECKING:  # to a type checker a module with __getattr__ has every attribute

    def __getattr__(name: str) -> _t.NoReturn:
        """For names that do not exist: what to write instead."""
        _no_such_name(__name__, name)
