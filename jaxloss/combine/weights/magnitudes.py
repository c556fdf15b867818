"""Weights that make terms comparable: by their magnitude, their relative rate of decrease, or their variation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxloss._floor.maths import numerics
from jaxloss._floor.typing import Array, Scalar
from jaxloss.combine.structure._observe import (
    Factor,
    Observed,
    Optimiser,
    Running,
    from_means,
    masked_softmax,
    moved,
    named,
    ratio,
    setting,
    stacked,
    start,
    track,
)
from jaxloss.combine.structure.terms import known_names
from jaxloss.combine.structure.transforms import LossTransform

__all__ = [
    "CoefficientOfVariationState",
    "EMANormalizeState",
    "FAMOState",
    "coefficient_of_variation",
    "ema_normalize",
    "famo",
]


class FAMOState(NamedTuple):
    """What `famo` carries.

    Attributes:
        logits: Name to the logit of the term.
        previous: Name to the mean of the last step in which the term was present.
        started: Name to whether there was such a step.
        optimiser: The state of the optimiser.
    """

    logits: dict[str, Array]
    previous: dict[str, Array]
    started: dict[str, Array]
    optimiser: Any


def famo(tx: Optimiser, *, minima: Mapping[str, Scalar] | None = None, epsilon: Scalar = 1e-8) -> LossTransform:
    r"""Fast adaptive multitask optimisation (FAMO): the logarithms of all terms decrease at the same rate.

    .. math:: w_k = c \, \frac{z_k}{D_k}, \qquad z = \operatorname{softmax}(\xi), \qquad
              D_k = L_k - b_k + \epsilon, \qquad c = 1 \Big/ \sum_k \frac{z_k}{D_k}

    The logits :math:`\xi` descend :math:`\sum_k z_k (\log D_k^{(t-1)} - \log D_k^{(t)})` at the beginning of a step, so
    that the change of a loss over a step is measured between successive batches. The paper evaluates the old batch a
    second time instead.

    Args:
        tx: Optimiser of the logits with optax's ``init`` and ``update``; the paper's is
            ``optax.chain(optax.add_decayed_weights(1e-3), optax.adam(0.025))``.
        minima: Name to the lower bound :math:`b_k` of the term; 0 for unnamed terms.
        epsilon: Added to the distance from the bound, in units of the losses; >= 0.

    Returns:
        A transformation with a `FAMOState`; its weights sum to 1. A weight is NaN if its term is not above its bound.

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


class EMANormalizeState(NamedTuple):
    """What `ema_normalize` carries.

    Attributes:
        magnitude: The moving averages of the magnitudes of the means.
    """

    magnitude: Running


def ema_normalize(decay: Factor = 0.99, *, epsilon: Scalar = 1e-8) -> LossTransform:
    r"""Divide every term by a moving average of its magnitude, so that all are close to 1.

    .. math:: w_k = \frac{1}{\max(\operatorname{EMA} |L_k|, \epsilon)}

    The average includes the current step and has no bias towards its start: the first step gives exactly 1.

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


class CoefficientOfVariationState(NamedTuple):
    """What `coefficient_of_variation` carries, everything by the name of the term.

    Attributes:
        counts: Number of steps in which the term was present.
        averages: Average of its means over these steps.
        ratios: Average of the ratios of a mean to the preceding average.
        squares: Sum of the squared deviations of the ratios from their average.
    """

    counts: dict[str, Array]
    averages: dict[str, Array]
    ratios: dict[str, Array]
    squares: dict[str, Array]


def coefficient_of_variation() -> LossTransform:
    r"""CoV-Weighting: weight terms by the coefficient of variation of their progress, so that settled terms count less.

    .. math:: \ell_k = \frac{L_k^{(t)}}{\bar L_k^{(t - 1)}}, \qquad
              w_k = \frac{\sigma_k / \mu_k}{\sum_j \sigma_j / \mu_j}

    with mean :math:`\mu_k` and standard deviation :math:`\sigma_k` of :math:`\ell_k`, and the average :math:`\bar L_k`,
    over all previous steps. A term that was present fewer than two times has the weight 1 over the number of terms; the
    other terms share the rest.

    Returns:
        A transformation with a `CoefficientOfVariationState`. The weights sum to 1.

    Example:
        >>> from jaxloss import combine
        >>> tx = combine.coefficient_of_variation()
        >>> make = lambda *v: {n: jaxloss.reductions.Term(jnp.full(1, x), jnp.ones(1)) for n, x in zip("ab", v)}
        >>> state = tx.init(make(1.0, 1.0))
        >>> for t, (a, b) in enumerate([(4.0, 4.0), (2.0, 3.0), (1.0, 1.0)]):
        ...     terms, state = tx.update(make(a, b), state, step=t)
        >>> print(f"{terms['a'].values[0]:.2f} {terms['b'].values[0]:.2f}")
        0.70 0.30

    Reference:
        Groenendijk et al. (2021), Multi-Loss Weighting with Coefficient of Variations.
        https://arxiv.org/abs/2009.01717
    """

    def first(names: tuple[str, ...], dtype: Any) -> CoefficientOfVariationState:
        return CoefficientOfVariationState(start(names, 0, jnp.int32), *(start(names, 0, dtype) for _ in range(3)))

    def rule(
        observed: Observed, state: CoefficientOfVariationState, step: Array
    ) -> tuple[Array, CoefficientOfVariationState]:
        names, means, seen = observed
        counts, averages, ratios, squares = (stacked(names, part) for part in state)
        weights = _shares(seen, counts, ratios, squares)
        now = jnp.where(counts == 0, jnp.ones((), means.dtype), ratio(means, averages))
        counts = counts + 1
        gain = 1 / counts.astype(means.dtype)
        moved = ratios + gain * (now - ratios)
        squares = squares + (now - ratios) * (now - moved)
        averages = averages + gain * (means - averages)
        return weights, CoefficientOfVariationState(
            *(named(names, part) for part in (counts, averages, moved, squares))
        )

    return from_means(first, rule)


def _shares(seen: Array, counts: Array, ratios: Array, squares: Array) -> Array:
    """The weights from the statistics; equal ones where there are none."""
    ready = seen & (counts >= 2)
    deviation = jnp.sqrt(squares / jnp.maximum(counts, 1).astype(squares.dtype))
    variation = jnp.where(ready, numerics.divide(deviation, ratios), jnp.zeros((), ratios.dtype))
    total = jnp.sum(variation)
    everyone, those = (jnp.sum(mask, dtype=jnp.int32).astype(ratios.dtype) for mask in (seen, ready))
    equal = 1 / jnp.maximum(everyone, 1)
    return jnp.where(ready & (total > 0), those * equal * numerics.divide(variation, total), equal)
