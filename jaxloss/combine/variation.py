"""Weights from how much every term varies over the run, relative to its size."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax.numpy as jnp

from jaxloss._floor import numerics
from jaxloss._floor.typing import Array
from jaxloss.combine._observe import Observed, from_means, named, ratio, stacked, start
from jaxloss.combine.transforms import LossTransform

__all__ = ["CovWeightingState", "cov_weighting"]


class CovWeightingState(NamedTuple):
    """What `cov_weighting` carries, everything by the name of the term.

    Attributes:
        counts: Number of steps in which the term was there.
        averages: Average of its means over these steps.
        ratios: Average of the ratios of a mean to the average before it.
        squares: Sum of the squared deviations of the ratios from their average.
    """

    counts: dict[str, Array]
    averages: dict[str, Array]
    ratios: dict[str, Array]
    squares: dict[str, Array]


def cov_weighting() -> LossTransform:
    r"""Weigh terms by the coefficient of variation of their progress: a term that has settled counts less.

    .. math:: \ell_k = \frac{L_k^{(t)}}{\bar L_k^{(t - 1)}}, \qquad
              w_k = \frac{\sigma_k / \mu_k}{\sum_j \sigma_j / \mu_j}

    with mean :math:`\mu_k` and standard deviation :math:`\sigma_k` of :math:`\ell_k`, and the average
    :math:`\bar L_k`, over all steps before. A term that was there less than twice has the weight 1 over the number of
    terms, and the others share the rest.

    Returns:
        A transformation with a `CovWeightingState`. The weights sum to 1.

    Example:
        >>> from jaxloss import combine
        >>> tx = combine.cov_weighting()
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

    def first(names: tuple[str, ...], dtype: Any) -> CovWeightingState:
        return CovWeightingState(start(names, 0, jnp.int32), *(start(names, 0, dtype) for _ in range(3)))

    def rule(observed: Observed, state: CovWeightingState, step: Array) -> tuple[Array, CovWeightingState]:  # noqa: ARG001
        names, means, seen = observed
        counts, averages, ratios, squares = (stacked(names, part) for part in state)
        weights = _shares(seen, counts, ratios, squares)
        now = jnp.where(counts == 0, jnp.ones((), means.dtype), ratio(means, averages))
        counts = counts + 1
        gain = 1 / counts.astype(means.dtype)
        moved = ratios + gain * (now - ratios)
        squares = squares + (now - ratios) * (now - moved)
        averages = averages + gain * (means - averages)
        return weights, CovWeightingState(*(named(names, part) for part in (counts, averages, moved, squares)))

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
