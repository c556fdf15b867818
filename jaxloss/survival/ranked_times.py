"""Order of events in discrete time: who has the event earlier should be the more likely to have had it by then."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.chunks import by_rows, chunk_rows
from jaxloss._floor.maths import numerics
from jaxloss._floor.maths.rules import with_rule
from jaxloss._floor.reduction import blank, hide, reduce, relative_mass
from jaxloss._floor.spread import whole_pool
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction, Scalar

__all__ = ["deephit_ranking_loss"]


def _later(x: Array) -> Array:
    """The sums over all later entries of the last axis."""
    from_here = jax.lax.cumsum(x, axis=x.ndim - 1, reverse=True)
    return jnp.concatenate([from_here[..., 1:], jnp.zeros_like(x[..., :1])], axis=-1)


def _risks_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    """From the sums before and after each interval: one minus a risk near 1 would lose its digits."""
    (logits,), (logits_dot,) = primals, tangents
    probs, risks = jax.nn.softmax(logits, axis=-1), _risks(logits)
    moved = probs * logits_dot
    return risks, _later(probs) * jnp.cumsum(moved, axis=-1) - risks * _later(moved)


@with_rule(_risks_jvp)
def _risks(logits: Array) -> Array:
    """The probability that the event has come by the end of each interval."""
    return jnp.cumsum(jax.nn.softmax(logits, axis=-1), axis=-1)


def deephit_ranking_loss(
    logits: ArrayLike,
    intervals: ArrayLike,
    events: ArrayLike,
    *,
    sigma: Scalar = 0.1,
    chunk_size: int | None = None,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Ranking loss of DeepHit: pairs of subjects whose predicted risks are not in the order of their events.

    .. math:: \ell = \frac{1}{\sum_{i, j} A_{ij}} \sum_{i, j} A_{ij} \, e^{-(F_i(k_i) - F_j(k_i)) / \sigma}, \qquad
              F_i(k) = \sum_{l \le k} p_{il}, \quad p_i = \mathrm{softmax}(z_i)

    with :math:`A_{ij} = 1` where the event of i was observed and j survived its interval: :math:`k_j > k_i`, or a
    censored j with :math:`k_j = k_i`. DeepHit adds it, with a factor, to `jaxloss.survival_pmf_nll` of the same
    arguments; it raises the concordance. pycox takes the mean over all pairs of the batch, comparable or not. The N
    subjects of the last batch axis are pooled, so ``where`` and ``weights`` belong to them. Time grows with
    :math:`N^2`, memory with the chunk.

    Args:
        logits: Scores of the intervals, shape ``[..., N, K]``, floating, unnormalised; the last interval is open. See
            `jaxloss.survival_pmf_nll`.
        intervals: Interval :math:`k` of the event or the last one survived, shape ``[..., N]``, integer in ``[0, K)``;
            outside gives NaN.
        events: True where the event was observed, False where censored, shape ``[..., N]``, boolean.
        sigma: The difference of risks :math:`\sigma` by which a pair counts e times as much; > 0, and well above 0.01,
            where the exponential overflows in float32.
        chunk_size: Number of rows per chunk, >= 1, static: so many subjects are compared with all at a time. None
            chooses.
        axis_name: Mesh axes inside ``jax.shard_map`` over which the subjects are spread, for the loss over all of them;
            None if all are here, ``()`` to take those of each device on purpose.
        where, weights: Shape ``[..., N]``; a pair has the product of two weights. A pool without comparable pairs is
            absent. See `jaxloss.reduce`.
        reduction: Over the pools ``[...]``; see `jaxloss.reduce`.

    Returns:
        A scalar > 0, at most :math:`e^{1 / \sigma}`; 1 where risks are equal, :math:`e^{-1 / \sigma}` at best; 0
        without comparable pairs.

    Raises:
        TypeError: If ``logits`` is not floating, ``intervals`` not integer or ``events`` not boolean.
        ValueError: If the shapes do not match, the interval axis is empty, or ``sigma`` is not positive; or if every
            pool has one subject.

    Example:
        >>> logits = jnp.log(jnp.array([[0.8, 0.1, 0.1], [0.3, 0.3, 0.4]]))
        >>> intervals, events = jnp.array([0, 1]), jnp.array([True, False])
        >>> loss = jaxloss.deephit_ranking_loss(logits, intervals, events, sigma=0.5)  # exp(-(0.8 - 0.3) / 0.5)
        >>> print(f"{loss:.4f}")
        0.3679

    Reference:
        Lee, Zame, Yoon and van der Schaar (2018), DeepHit: A Deep Learning Approach to Survival Analysis with Competing
        Risks. https://doi.org/10.1609/aaai.v32i1.11842
    """
    logits, intervals = checks.scores_and_labels(logits=logits, intervals=intervals)
    (events,) = checks.boolean("True where the event was observed", events=events)
    checks.same_shape(intervals=intervals, events=events)
    checks.with_pool("subjects intervals", logits=logits)
    (logits,), intervals, events = blank(where, logits, event_ndim=1), hide(where, intervals), hide(where, events)
    value_checks.ensure_labels(intervals, logits.shape[-1], "intervals")
    sigma = checks.scalar("sigma", sigma, logits.dtype, above=0)
    intervals = checks.as_int32(intervals)
    inside = jnp.clip(intervals, 0, logits.shape[-1] - 1)
    logits = numerics.poison(logits, (inside == intervals)[..., None])
    _, _, risks = whole_pool(axis_name, None, None, _risks(logits), event_ndim=1)
    keep, scale, inside, events = whole_pool(axis_name, where, weights, inside, events)
    mass, _ = relative_mass(keep, scale, risks[..., 0])
    every = jnp.ones(inside.shape, risks.dtype) if mass is None else mass.astype(risks.dtype)
    total, pairs = _over_pairs(risks, inside, events, every, sigma, chunk_size)
    return reduce(numerics.divide(total, pairs), where=pairs > 0, reduction=reduction)


def _over_pairs(
    risks: Array, intervals: Array, events: Array, mass: Array, sigma: Scalar, chunk_size: int | None
) -> tuple[Array, Array]:
    """The sums over comparable pairs of what they cost and of their masses, a chunk of earlier subjects at a time."""
    axis, size = intervals.ndim - 1, intervals.shape[-1]
    chunk = chunk_rows(chunk_size, size, size * math.prod(intervals.shape[:-1]))
    by_interval = jnp.swapaxes(risks, -1, -2)

    def of_rows(rows: tuple[Array, ...], _: Array) -> tuple[Array, Array]:
        own_risks, own, own_mass = rows
        now = own[..., None]
        others = jnp.take_along_axis(by_interval, now, axis=-2, mode="promise_in_bounds")
        mine = jnp.take_along_axis(own_risks, now, axis=-1, mode="promise_in_bounds")
        later = (intervals[..., None, :] > now) | ((intervals[..., None, :] == now) & ~events[..., None, :])
        pairs = own_mass[..., None] * jnp.where(later, mass[..., None, :], jnp.zeros((), mass.dtype))
        costs = jnp.exp((others - mine) / sigma)
        return jnp.sum(pairs * costs, axis=-1), jnp.sum(pairs, axis=-1)

    starts = jnp.where(events, mass, jnp.zeros((), mass.dtype))
    totals, counts = by_rows(of_rows, chunk, (risks, intervals, starts), axis)
    return jnp.sum(totals, axis=-1), jnp.sum(counts, axis=-1)
