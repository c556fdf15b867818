"""Weights from the rate at which each term decreases: slow terms get larger weights."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.typing import Array
from jaxloss.combine.structure._observe import (
    Factor,
    Observed,
    from_means,
    masked_softmax,
    named,
    ratio,
    setting,
    stacked,
    start,
)
from jaxloss.combine.structure.transforms import LossTransform

__all__ = ["DWAState", "RelobraloState", "SoftadaptState", "dwa", "relobralo", "softadapt"]


class DWAState(NamedTuple):
    """What `dwa` carries, everything by the name of the term.

    Attributes:
        epoch: The last epoch in which the term was present.
        sums: Sum of its means over the steps of that epoch.
        counts: Number of these steps. newer, older: Averages over the two previous such epochs.
        averages: Number of averages so far, at most 2.
    """

    epoch: dict[str, Array]

    sums: dict[str, Array]
    counts: dict[str, Array]
    newer: dict[str, Array]
    older: dict[str, Array]
    averages: dict[str, Array]


def dwa(epoch_length: int, *, temperature: Factor = 2.0) -> LossTransform:
    r"""Dynamic weight average (DWA): weights follow the ratio of a term's averages over the last two epochs.

    .. math:: w_k = m \operatorname{softmax}_k\left(\frac{1}{T} \frac{\bar L_k^{(t-1)}}{\bar L_k^{(t-2)}}\right)

    Weights are 1 until two epochs are complete; after that they sum to the number :math:`m` of terms.

    Args:
        epoch_length: Number of steps >= 1 of an epoch; epochs begin at step 0.
        temperature: :math:`T` > 0; larger values make the weights more equal. A number or a schedule
            ``step -> number``.

    Returns:
        A transformation with a `DWAState`.

    Raises:
        ValueError: If ``epoch_length`` is less than 1.

    Example:
        >>> from jaxloss import combine
        >>> tx = combine.dwa(1, temperature=1.0)
        >>> make = lambda *v: {n: jaxloss.reductions.Term(jnp.full(1, x), jnp.ones(1)) for n, x in zip("ab", v)}
        >>> state = tx.init(make(1.0, 1.0))
        >>> for t, (a, b) in enumerate([(2.0, 2.0), (2.0, 1.0), (1.0, 1.0)]):
        ...     terms, state = tx.update(make(a, b), state, step=jnp.int32(t))
        >>> print(f"{terms['a'].values[0]:.4f} {terms['b'].values[0]:.4f}")
        1.2449 0.7551

    Reference:
        Liu, Johns and Davison (2019), End-to-End Multi-Task Learning with Attention. https://arxiv.org/abs/1803.10704
    """
    checks.scalar("epoch_length", epoch_length, jnp.float32, at_least=1)

    def first(names: tuple[str, ...], dtype: Any) -> DWAState:
        sums, counts, newer, older = (start(names, 0, dtype) for _ in range(4))
        epoch, averages = (start(names, 0, jnp.int32) for _ in range(2))
        return DWAState(epoch, sums, counts, newer, older, averages)

    def rule(observed: Observed, state: DWAState, step: Array) -> tuple[Array, DWAState]:
        names, means, seen = observed
        heat = setting("temperature", temperature, step, means.dtype, above=0)
        epoch = jnp.asarray(step).astype(jnp.int32) // epoch_length
        before, *parts = (stacked(names, part) for part in state)
        sums, counts, newer, older, averages = parts
        over = (before < epoch) & (counts > 0)
        zero, length = jnp.zeros_like(sums), jnp.maximum(counts, 1)
        rolled = (zero, zero, sums / length, newer, jnp.minimum(averages + 1, 2))
        sums, counts, newer, older, averages = (jnp.where(over, r, p) for r, p in zip(rolled, parts, strict=True))
        ready = seen & (averages == 2)
        total = jnp.sum(ready, dtype=jnp.int32).astype(means.dtype)
        weights = jnp.where(ready, total * masked_softmax(ratio(newer, older) / heat, ready), jnp.ones((), means.dtype))
        parts = (jnp.broadcast_to(epoch, before.shape), sums + means, counts + 1, newer, older, averages)
        return weights, DWAState(*(named(names, part) for part in parts))

    return from_means(first, rule)


class SoftadaptState(NamedTuple):
    """What `softadapt` carries.

    Attributes:
        previous: Name to the mean of the last step in which the term was present.
        started: Name to whether there was such a step.
    """

    previous: dict[str, Array]
    started: dict[str, Array]


def softadapt(beta: Factor = 0.1) -> LossTransform:
    r"""SoftAdapt: weight terms by the softmax of their last change, so that rising terms count more.

    .. math:: w_k = \operatorname{softmax}_k\left(\beta \, (L_k^{(t)} - L_k^{(t-1)})\right)

    The changes are differences of losses, as in the paper; other libraries use ratios.

    Args:
        beta: Sharpness in inverse units of the losses; a negative value favours the terms that fall fastest. A number
            or a schedule ``step -> number``.

    Returns:
        A transformation with a `SoftadaptState`. The weights sum to 1; a new term counts as unchanged.

    Example:
        >>> from jaxloss import combine
        >>> tx = combine.softadapt(beta=1.0)
        >>> make = lambda *v: {n: jaxloss.reductions.Term(jnp.full(1, x), jnp.ones(1)) for n, x in zip("ab", v)}
        >>> _, state = tx.update(make(1.0, 1.0), tx.init(make(1.0, 1.0)), step=0)
        >>> terms, state = tx.update(make(1.0, 2.0), state, step=1)
        >>> print(f"{terms['b'].values[0] / 2:.4f}")
        0.7311

    Reference:
        Heydari, Thompson and Mehmood (2019), SoftAdapt: Techniques for Adaptive Loss Weighting of Neural Networks
        with Multi-Part Loss Functions. https://arxiv.org/abs/1912.12355
    """

    def first(names: tuple[str, ...], dtype: Any) -> SoftadaptState:
        return SoftadaptState(start(names, 0, dtype), start(names, False, bool))

    def rule(observed: Observed, state: SoftadaptState, step: Array) -> tuple[Array, SoftadaptState]:
        names, means, seen = observed
        started, previous = stacked(names, state.started), stacked(names, state.previous)
        change = jnp.where(started, means - previous, jnp.zeros((), means.dtype))
        weights = masked_softmax(setting("beta", beta, step, means.dtype) * change, seen)
        return weights, SoftadaptState(named(names, means), named(names, jnp.ones_like(seen)))

    return from_means(first, rule)


class RelobraloState(NamedTuple):
    """What `relobralo` carries.

    Attributes:
        first: Name to the mean of the first step in which the term was present.
        previous: Name to the mean of the last such step.
        started: Name to whether there was such a step.
        weights: Name to the last weight.
        key: The data of the random key.
    """

    first: dict[str, Array]
    previous: dict[str, Array]
    started: dict[str, Array]
    weights: dict[str, Array]
    key: Array


def relobralo(key: Array, *, temperature: Factor = 1.0, decay: Factor = 0.95, lookback: Factor = 0.99) -> LossTransform:
    r"""Relative loss balancing with random lookback (ReLoBRaLo), for the many terms of physics-informed networks.

    .. math:: b_k(t') = m \operatorname{softmax}_k\left(\frac{L_k^{(t)}}{\tau L_k^{(t')}}\right), \qquad
              w^{(t)} = \alpha \left(\rho \, w^{(t-1)} + (1 - \rho) \, b(0)\right) + (1 - \alpha) \, b(t - 1)

    with :math:`\rho` drawn as 0 or 1. Weights are 1 at first and sum to the number :math:`m` of terms.

    Args:
        key: Random key, as from ``jax.random.key``.
        temperature: :math:`\tau` > 0.
        decay: :math:`\alpha` in [0, 1], the share of the past that is kept.
        lookback: Probability in [0, 1] that :math:`\rho` is 1: the past then consists of the last weights, otherwise of
            weights relative to the first losses. All three are numbers or schedules ``step -> number``.

    Returns:
        A transformation with a `RelobraloState`.

    Example:
        >>> from jaxloss import combine
        >>> tx = combine.relobralo(jax.random.key(0), decay=0.5, lookback=1.0)
        >>> make = lambda *v: {n: jaxloss.reductions.Term(jnp.full(1, x), jnp.ones(1)) for n, x in zip("ab", v)}
        >>> _, state = tx.update(make(1.0, 1.0), tx.init(make(1.0, 1.0)), step=0)
        >>> terms, state = tx.update(make(1.0, 2.0), state, step=1)
        >>> print(f"{state.weights['a']:.4f} {state.weights['b']:.4f}")
        0.7689 1.2311

    Reference:
        Bischof and Kraus (2021), Multi-Objective Loss Balancing for Physics-Informed Deep Learning.
        https://arxiv.org/abs/2110.09813
    """
    seed, kind = jax.random.key_data(key), jax.random.key_impl(key)

    def first(names: tuple[str, ...], dtype: Any) -> RelobraloState:
        oldest, previous, weights = (start(names, value, dtype) for value in (0, 0, 1))
        return RelobraloState(oldest, previous, start(names, False, bool), weights, jnp.array(seed))

    def rule(observed: Observed, state: RelobraloState, step: Array) -> tuple[Array, RelobraloState]:
        names, means, seen = observed
        new, draw = jax.random.split(jax.random.wrap_key_data(state.key, impl=kind))
        heat = setting("temperature", temperature, step, means.dtype, above=0)
        past = setting("decay", decay, step, means.dtype, at_least=0, at_most=1)
        chance = setting("lookback", lookback, step, means.dtype, at_least=0, at_most=1)
        oldest, previous, started, weights = (stacked(names, part) for part in state[:4])
        fresh = ~started
        total = jnp.sum(seen, dtype=jnp.int32).astype(means.dtype)

        def balance(reference: Array) -> Array:
            reference = jnp.where(fresh, means, reference)
            return total * masked_softmax(ratio(means, reference) / heat, seen)

        kept = jnp.where(jax.random.bernoulli(draw, chance), weights, balance(oldest))
        weights = past * kept + (1 - past) * balance(previous)
        weights = jnp.where(fresh, jnp.ones((), means.dtype), weights)
        state = RelobraloState(
            named(names, jnp.where(fresh, means, oldest)),
            named(names, means),
            named(names, jnp.ones_like(started)),
            named(names, weights),
            jax.random.key_data(new),
        )
        return weights, state

    return from_means(first, rule)
