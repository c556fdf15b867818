"""Weights that balance terms: equal rates of progress, equal magnitudes, or none of it, which is chance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxloss._floor import numerics
from jaxloss._floor.typing import Array, Scalar
from jaxloss.combine._observe import (
    Observed,
    Running,
    from_means,
    masked_softmax,
    named,
    setting,
    stacked,
    start,
    track,
)
from jaxloss.combine.learned import Optimiser, moved
from jaxloss.combine.terms import known_names
from jaxloss.combine.transforms import Factor, LossTransform

__all__ = [
    "EMANormalizeState",
    "FAMOState",
    "RandomWeightsState",
    "ema_normalize",
    "famo",
    "random_weights",
]


class FAMOState(NamedTuple):
    """What `famo` carries.

    Attributes:
        logits: Name to the logit of the term.
        previous: Name to the mean of the last step in which the term was there.
        started: Name to whether there was one.
        optimiser: The state of the optimiser.
    """

    logits: dict[str, Array]
    previous: dict[str, Array]
    started: dict[str, Array]
    optimiser: Any


def famo(tx: Optimiser, *, minima: Mapping[str, Scalar] | None = None, epsilon: Scalar = 1e-8) -> LossTransform:
    r"""Let the logarithms of all terms fall at the same rate: fast adaptive multitask optimisation.

    .. math:: w_k = c \, \frac{z_k}{D_k}, \qquad z = \operatorname{softmax}(\xi), \qquad
              D_k = L_k - b_k + \epsilon, \qquad c = 1 \Big/ \sum_k \frac{z_k}{D_k}

    The logits :math:`\xi` descend :math:`\sum_k z_k (\log D_k^{(t-1)} - \log D_k^{(t)})` at the beginning of a step, so
    that the change of a loss over a step is taken between successive batches. The paper evaluates the old batch again.

    Args:
        tx: Optimiser of the logits with optax's ``init`` and ``update``; the paper's is
            ``optax.chain(optax.add_decayed_weights(1e-3), optax.adam(0.025))``.
        minima: Name to the lower bound :math:`b_k` of the term; 0 for terms that are not named.
        epsilon: Added to the distance from the bound, in units of the losses; >= 0.

    Returns:
        A transformation with a `FAMOState`; its weights sum to 1. NaN if a term is not above its bound.

    Example:
        >>> import optax
        >>> from jaxloss import combine
        >>> tx = combine.famo(optax.adam(0.025))
        >>> terms = {n: jaxloss.reductions.Term(jnp.full(2, v), jnp.ones(2)) for n, v in (("a", 1.0), ("b", 3.0))}
        >>> terms, _ = tx.update(terms, tx.init(terms), step=0)
        >>> print(f"{terms['a'].values[0]:.2f} {terms['b'].values[0]:.2f}")
        0.75 0.75

    Reference:
        Liu, Feng, Stone and Liu (2023), FAMO: Fast Adaptive Multitask Optimization. https://arxiv.org/abs/2306.03792
    """
    bounds = dict(minima or {})

    def first(names: tuple[str, ...], dtype: Any) -> FAMOState:
        known_names("famo", bounds, dict.fromkeys(names))
        logits = start(names, 0, dtype)
        return FAMOState(logits, start(names, 0, dtype), start(names, False, bool), tx.init(logits))

    def rule(observed: Observed, state: FAMOState, step: Array) -> tuple[Array, FAMOState]:
        names, means, seen = observed
        guard = setting("epsilon", epsilon, step, means.dtype, at_least=0)
        low = jnp.stack([jnp.asarray(bounds.get(name, 0), means.dtype) for name in names])
        previous = stacked(names, state.previous)
        legal = seen & (means - low + guard > 0)
        known = legal & stacked(names, state.started)
        distance = jnp.where(legal, means - low + guard, jnp.ones((), means.dtype))
        before = jnp.where(known, previous - low + guard, distance)
        fall = jnp.log(before) - jnp.log(distance)

        def payoff(logits: dict[str, Array]) -> Array:
            return jnp.sum(masked_softmax(stacked(names, logits), seen) * fall)

        logits, optimiser = moved(tx, jax.grad(payoff)(state.logits), state.optimiser, state.logits)
        anything = jnp.any(known)  # no optimiser step without a step of the losses
        logits, optimiser = jax.tree.map(
            lambda new, old: jnp.where(anything, new.astype(old.dtype), old),
            (logits, optimiser),
            (state.logits, state.optimiser),
        )
        shares = masked_softmax(stacked(names, logits), seen) / distance
        weights = jnp.where(seen & ~legal, jnp.nan, numerics.divide(shares, jnp.sum(shares)))
        previous = named(names, jnp.where(legal, means, previous))
        started = named(names, legal | stacked(names, state.started))
        return weights, FAMOState(logits, previous, started, optimiser)

    return from_means(first, rule)


class RandomWeightsState(NamedTuple):
    """What `random_weights` carries.

    Attributes:
        key: The data of the random key.
    """

    key: Array


def random_weights(key: Array, *, spread: Factor = 1.0) -> LossTransform:
    r"""Draw new weights in every step, the baseline that adaptive weights should beat: random loss weighting.

    .. math:: w = \operatorname{softmax}(s z), \qquad z_k \sim \mathcal N(0, 1)

    Args:
        key: Random key, as from ``jax.random.key``.
        spread: Standard deviation :math:`s` >= 0 of the logits; 1 in the paper. A number or a schedule
            ``step -> number``.

    Returns:
        A transformation with a `RandomWeightsState`. The weights sum to 1.

    Example:
        >>> from jaxloss import combine
        >>> tx = combine.random_weights(jax.random.key(0))
        >>> terms = {n: jaxloss.reductions.Term(jnp.ones(2), jnp.ones(2)) for n in "ab"}
        >>> terms, state = tx.update(terms, tx.init(terms), step=0)
        >>> print(f"{terms['a'].values[0] + terms['b'].values[0]:.4f}")
        1.0000

    Reference:
        Lin et al. (2022), Reasonable Effectiveness of Random Weighting: A Litmus Test for Multi-Task Learning.
        https://arxiv.org/abs/2111.10603
    """
    seed, kind = jax.random.key_data(key), jax.random.key_impl(key)

    def rule(observed: Observed, state: RandomWeightsState, step: Array) -> tuple[Array, RandomWeightsState]:
        new, draw = jax.random.split(jax.random.wrap_key_data(state.key, impl=kind))
        deviation = setting("spread", spread, step, observed.means.dtype, at_least=0)
        logits = deviation * jax.random.normal(draw, observed.means.shape, observed.means.dtype)
        return masked_softmax(logits, observed.seen), RandomWeightsState(jax.random.key_data(new))

    return from_means(lambda names, dtype: RandomWeightsState(jnp.array(seed)), rule)  # noqa: ARG005


class EMANormalizeState(NamedTuple):
    """What `ema_normalize` carries.

    Attributes:
        magnitude: The moving averages of the magnitudes of the means.
    """

    magnitude: Running


def ema_normalize(decay: Factor = 0.99, *, epsilon: Scalar = 1e-8) -> LossTransform:
    r"""Divide every term by a moving average of its magnitude, so that all are about 1.

    .. math:: w_k = \frac{1}{\max(\operatorname{EMA} |L_k|, \epsilon)}

    The average includes the step it weighs, and is not biased towards its start: the first step gives 1 exactly.

    Args:
        decay: Decay per step in [0, 1); a number or a schedule ``step -> number``.
        epsilon: Floor of the average > 0, in units of the losses.

    Returns:
        A transformation with an `EMANormalizeState`.

    Example:
        >>> from jaxloss import combine
        >>> tx = combine.ema_normalize()
        >>> terms = {"ce": jaxloss.reductions.Term(jnp.array([2.0, 6.0]), jnp.ones(2))}
        >>> terms, _ = tx.update(terms, tx.init(terms), step=0)
        >>> print(f"{terms['ce'].values[0]:.2f} {terms['ce'].values[1]:.2f}")
        0.50 1.50
    """

    def first(names: tuple[str, ...], dtype: Any) -> EMANormalizeState:
        return EMANormalizeState(Running(start(names, 0, dtype), start(names, 0, dtype)))

    def rule(observed: Observed, state: EMANormalizeState, step: Array) -> tuple[Array, EMANormalizeState]:
        dtype = observed.means.dtype
        rate = setting("decay", decay, step, dtype, at_least=0, below=1)
        magnitude, average = track(state.magnitude, observed.names, jnp.abs(observed.means), rate)
        return 1 / jnp.maximum(average, setting("epsilon", epsilon, step, dtype, above=0)), EMANormalizeState(magnitude)

    return from_means(first, rule)
