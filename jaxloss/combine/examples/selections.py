"""Selections of examples: transformations that change the weights of examples before the mean."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.means import by_loss
from jaxloss._floor.typing import Array, Scalar
from jaxloss.combine.structure._observe import Factor, each, keep, setting
from jaxloss.combine.structure.terms import Terms, known_names
from jaxloss.combine.structure.transforms import LossTransform
from jaxloss.reductions import Term

__all__ = [
    "SkipNonfiniteState",
    "cvar",
    "nonzero_mean",
    "skip_nonfinite",
    "small_loss",
    "top_fraction",
    "trimmed_mean",
]


def _in_place(term: Term, order: Array, kept: Array) -> Term:
    """The term with the weights ``kept``, which are given in the order ``order`` of the flat examples."""
    weights = jnp.zeros_like(kept).at[order].set(kept, unique_indices=True)
    return keep(term, jnp.reshape(weights, term.weights.shape))


def _worst(fraction: Factor, kept: Callable[[Array, Scalar], Array], **limits: float) -> LossTransform:
    """Give every term the weights ``kept(weights, fraction)``, which get and return weights sorted worst first."""

    def rule(term: Term, step: Array) -> Term:
        share = setting("fraction", fraction, step, term.values.dtype, **limits)
        order = by_loss.worst_first(term.values, term.weights)
        return _in_place(term, order, kept(jnp.ravel(term.weights)[order], share))

    return each(rule)


def top_fraction(fraction: Factor) -> LossTransform:
    """Online hard example mining (OHEM): keep the examples with the largest losses.

    The mean of the result is `jaxloss.reductions.top_fraction`, but the term stays per example for later
    transformations.

    Args:
        fraction: Share in (0, 1] of the examples to keep, rounded up; a number or a schedule ``step -> number``. Among
            equal losses at the boundary, the first ones are kept. A NaN counts as the largest loss.

    Returns:
        A transformation without state.

    Example:
        >>> from jaxloss import combine
        >>> tx = combine.top_fraction(0.5)
        >>> term = jaxloss.reductions.Term(jnp.array([3.0, 1.0, 2.0, 0.0]), jnp.ones(4))
        >>> tx.update({"ce": term}, (), step=0)[0]["ce"].weights
        Array([1., 0., 1., 0.], dtype=float32)

    Reference:
        Shrivastava et al. (2016), Training Region-Based Object Detectors with Online Hard Example Mining.
        https://arxiv.org/abs/1604.03540
    """
    return _worst(fraction, by_loss.top_count, above=0, at_most=1)


def cvar(fraction: Factor) -> LossTransform:
    """Conditional value at risk (CVaR): keep the worst share of the weight, the example at the boundary in part.

    The mean of the result is `jaxloss.reductions.cvar`.

    Args:
        fraction: Share in (0, 1] of the weight to keep; a number or a schedule ``step -> number``.

    Returns:
        A transformation without state.

    Example:
        >>> from jaxloss import combine
        >>> tx = combine.cvar(0.5)
        >>> term = jaxloss.reductions.Term(jnp.array([3.0, 1.0, 2.0]), jnp.ones(3))
        >>> tx.update({"ce": term}, (), step=0)[0]["ce"].weights
        Array([1. , 0. , 0.5], dtype=float32)

    Reference:
        Rockafellar and Uryasev (2000), Optimization of Conditional Value-at-Risk.
        https://doi.org/10.21314/JOR.2000.038
    """
    return _worst(fraction, by_loss.top_weight, above=0, at_most=1)


def trimmed_mean(fraction: Factor) -> LossTransform:
    """Drop the worst share of the weight, the example at the boundary in part, so that outliers do not count.

    The mean of the result is `jaxloss.reductions.trimmed_mean`.

    Args:
        fraction: Share in [0, 1) of the weight to drop; a number or a schedule ``step -> number``. A NaN counts as the
            largest loss and is dropped first.

    Returns:
        A transformation without state.

    Example:
        >>> from jaxloss import combine
        >>> tx = combine.trimmed_mean(0.25)
        >>> term = jaxloss.reductions.Term(jnp.array([3.0, 1.0, 90.0, 0.0]), jnp.ones(4))
        >>> tx.update({"ce": term}, (), step=0)[0]["ce"].weights
        Array([1., 1., 0., 1.], dtype=float32)

    Reference:
        Rousseeuw (1984), Least Median of Squares Regression.
        https://doi.org/10.1080/01621459.1984.10477105
    """
    return _worst(fraction, by_loss.without_top_weight, at_least=0, below=1)


def small_loss(fraction: Factor, *, judges: Mapping[str, str] | None = None) -> LossTransform:
    """Keep the examples with the smallest losses, which are likely to be labelled correctly under label noise.

    With ``judges``, one term selects for another: two networks that select for each other,
    ``judges={"a": "b", "b": "a"}``, are co-teaching.

    Args:
        fraction: Share in (0, 1] of the examples to keep, rounded up; a number or a schedule ``step -> number``, such
            as one that falls from 1 to one minus the rate of noise. A NaN counts as the largest loss.
        judges: Name of a term to the name of the term whose losses rank its examples. Both must have the same shape; an
            example without weight in either is not kept. Unnamed terms rank their own examples.

    Returns:
        A transformation without state; its ``init`` raises a KeyError for a name that no term has.

    Example:
        >>> from jaxloss import combine
        >>> tx = combine.small_loss(0.5, judges={"a": "b"})
        >>> a, b = (jaxloss.reductions.Term(jnp.array(x), jnp.ones(2)) for x in ([1.0, 2.0], [2.0, 1.0]))
        >>> tx.update({"a": a, "b": b}, (), step=0)[0]["a"].weights
        Array([0., 1.], dtype=float32)

    Reference:
        Han et al. (2018), Co-teaching: Robust Training of Deep Neural Networks with Extremely Noisy Labels.
        https://arxiv.org/abs/1804.06872
    """
    judged_by = dict(judges or {})

    def init(terms: Terms, /) -> tuple[()]:
        known_names("small_loss", {*judged_by, *judged_by.values()}, terms)
        return ()

    def select(name: str, terms: Terms, step: Array) -> Term:
        term, judge = terms[name], terms[judged_by.get(name, name)]
        checks.has_shape(judge.values.shape, f"the judge of {name!r}", **{f"term {name!r}": term.values})
        share = setting("fraction", fraction, step, term.values.dtype, above=0, at_most=1)
        weights = jnp.where(judge.weights > 0, term.weights, jnp.zeros((), term.weights.dtype))
        order = by_loss.worst_first(judge.values, weights)
        weights = jnp.ravel(weights)[order]
        count = jnp.sum(weights > 0, dtype=jnp.int32).astype(weights.dtype)
        rank = jnp.arange(weights.size, dtype=jnp.int32).astype(weights.dtype)
        kept = jnp.where(rank >= count - jnp.ceil(share * count), weights, jnp.zeros((), weights.dtype))
        return _in_place(term, order, kept)

    def update(terms: Terms, state: Any, /, *, step: Array, **extra: Any) -> tuple[Terms, Any]:
        return {name: select(name, terms, step) for name in terms}, state

    return LossTransform(init, update)


def nonzero_mean() -> LossTransform:
    """Average over the examples with a positive loss only, as is usual for triplet losses with a margin.

    Returns:
        A transformation without state. A term without a positive loss becomes absent; a NaN is kept.

    Example:
        >>> from jaxloss import combine
        >>> term = jaxloss.reductions.Term(jnp.array([0.0, 1.0, 2.0]), jnp.ones(3))
        >>> combine.nonzero_mean().update({"triplet": term}, (), step=0)[0]["triplet"].weights
        Array([0., 1., 1.], dtype=float32)

    Reference:
        Hermans, Beyer and Leibe (2017), In Defense of the Triplet Loss for Person Re-Identification, section 4.
        https://arxiv.org/abs/1703.07737
    """
    return each(
        lambda term, _: keep(term, jnp.where(term.values <= 0, jnp.zeros((), term.weights.dtype), term.weights))
    )


class SkipNonfiniteState(NamedTuple):
    """What `skip_nonfinite` carries: the number of examples skipped so far.

    Attributes:
        skipped: Name to the number of examples, int32.
    """

    skipped: dict[str, Array]


def skip_nonfinite() -> LossTransform:
    """Treat examples with an infinite or NaN loss as absent, and count them.

    Their losses receive a cotangent of 0. If the derivative of the model itself is infinite or NaN, its product with 0
    is NaN: mask such inputs with ``where=`` before the computation.

    Returns:
        A transformation with a `SkipNonfiniteState`.

    Example:
        >>> from jaxloss import combine
        >>> terms = {"ce": jaxloss.reductions.Term(jnp.array([1.0, jnp.nan]), jnp.ones(2))}
        >>> tx = combine.skip_nonfinite()
        >>> terms, state = tx.update(terms, tx.init(terms), step=0)
        >>> float(jaxloss.reductions.summarize(terms["ce"]).values), int(state.skipped["ce"])
        (1.0, 1)
    """

    def init(terms: Terms, /) -> SkipNonfiniteState:
        return SkipNonfiniteState({name: jnp.zeros((), jnp.int32) for name in terms})

    def update(terms: Terms, state: Any, /, *, step: Array, **extra: Any) -> tuple[Terms, Any]:
        finite = {name: jnp.isfinite(term.values) for name, term in terms.items()}
        lost = {name: jnp.sum(~finite[name] & (term.weights > 0), dtype=jnp.int32) for name, term in terms.items()}
        kept = {
            name: keep(term, jnp.where(finite[name], term.weights, jnp.zeros((), term.weights.dtype)))
            for name, term in terms.items()
        }
        return kept, SkipNonfiniteState({name: state.skipped[name] + lost[name] for name in terms})

    return LossTransform(init, update)
