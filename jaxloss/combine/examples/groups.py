"""Robustness to groups: minimise the worst mean loss, over groups of examples or over terms."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.reduction import divide_sums, weighted_sums
from jaxloss._floor.typing import Array, Scalar
from jaxloss.combine.structure._observe import (
    Factor,
    Observed,
    annotation,
    from_means,
    hold,
    keep,
    named,
    setting,
    stacked,
    start,
    times,
)
from jaxloss.combine.structure.terms import Terms
from jaxloss.combine.structure.transforms import LossTransform
from jaxloss.reductions import Term

__all__ = ["GroupDROState", "TermDROState", "group_dro", "term_dro"]


def _legal(term: Term, index: Array, num_groups: int) -> Term:
    """The term with NaN where an example that counts belongs to no group."""
    checks.has_shape(term.values.shape, "the unreduced loss", groups=index)
    legal = ((index >= 0) & (index < num_groups)) | (term.weights == 0)
    return Term(numerics.poison(term.values, legal), term.weights)


class GroupDROState(NamedTuple):
    """What `group_dro` carries.

    Attributes:
        logits: Name to the log-probabilities of the groups, ``[num_groups]``.
    """

    logits: dict[str, Array]


def group_dro(num_groups: int, *, groups: str = "groups", step_size: Factor = 0.01) -> LossTransform:
    r"""Group DRO: weight groups of examples by a distribution that follows the groups with the largest losses.

    .. math:: q_g \propto q_g \, e^{\eta L_g}, \qquad \sum_g q_g L_g

    with :math:`L_g` the mean over the examples of group :math:`g`. The distribution is updated before it is used. A
    group without examples keeps its :math:`q_g` up to normalisation and adds nothing to the sum.

    Args:
        num_groups: Number of groups.
        groups: Name of the `Annotation` that holds the group index of every example, in ``[0, num_groups)``. An example
            that counts and has another index gets the loss NaN.
        step_size: Step :math:`\eta` >= 0, in inverse units of the loss; a number or a schedule ``step -> number``.

    Returns:
        A transformation with a `GroupDROState`, which starts uniform. The terms stay per example.

    Raises:
        KeyError: If the losses return no such annotation.

    Example:
        >>> from jaxloss import combine
        >>> terms = {"ce": jaxloss.reductions.Term(jnp.array([1.0, 3.0, 0.0]), jnp.ones(3))}
        >>> tx = combine.group_dro(2, step_size=1.0)
        >>> terms, state = tx.update(terms, tx.init(terms), step=0, groups=jnp.array([0, 1, 1]))
        >>> jnp.exp(state.logits["ce"])
        Array([0.37754068, 0.62245935], dtype=float32)

    Reference:
        Sagawa et al. (2020), Distributionally Robust Neural Networks for Group Shifts.
        https://arxiv.org/abs/1911.08731
    """

    def init(terms: Terms, /) -> GroupDROState:
        level = -math.log(num_groups)
        return GroupDROState({name: jnp.full(num_groups, level, t.values.dtype) for name, t in terms.items()})

    def update(terms: Terms, state: Any, /, *, step: Array, **extra: Any) -> tuple[Terms, Any]:
        (index,) = checks.integer(**{groups: annotation("group_dro", groups, extra)})
        index = checks.as_int32(index)
        changed, logits, seen = {}, {}, {}
        for name, term in terms.items():
            eta = setting("step_size", step_size, step, term.values.dtype, at_least=0)
            term = _legal(keep(term, term.weights), index, num_groups)
            changed[name], logits[name], seen[name] = _follow(term, index, state.logits[name], eta)
        return changed, hold(seen, GroupDROState(logits), state)

    return LossTransform(init, update)


def _follow(term: Term, index: Array, logits: Array, step_size: Scalar) -> tuple[Term, Array, Array]:
    """The term weighted by groups, the updated log-probabilities, and whether any group was seen."""
    values, weights = jnp.ravel(jax.lax.stop_gradient(term.values)), jnp.ravel(term.weights)
    member = jnp.ravel(index)[None, :] == jnp.arange(logits.size, dtype=jnp.int32)[:, None]
    mass = jnp.where(member, weights[None, :], jnp.zeros((), weights.dtype))
    sums, masses = weighted_sums(jnp.where(member, values[None, :], jnp.zeros((), values.dtype)), mass, -1)
    means = divide_sums(sums, masses)
    seen = (masses > 0) & jnp.isfinite(means)
    logits = _normalized(logits + step_size * jnp.where(seen, means, jnp.zeros((), means.dtype)))
    share = numerics.divide(masses, jnp.sum(masses))
    factors = numerics.divide(jnp.exp(logits), share)
    return times(term, factors[jnp.clip(index, 0, logits.size - 1)]), logits, jnp.any(seen)


def _normalized(logits: Array) -> Array:
    return logits - numerics.log_sum_exp(logits)


class TermDROState(NamedTuple):
    """What `term_dro` carries.

    Attributes:
        logits: Name to the log-probability of the term.
    """

    logits: dict[str, Array]


def term_dro(step_size: Factor = 0.01) -> LossTransform:
    r"""Distributional robustness over terms: weight terms by a distribution that follows the largest ones.

    .. math:: q_k \propto q_k \, e^{\eta L_k}, \qquad \sum_k q_k L_k

    Args:
        step_size: Step :math:`\eta` >= 0, in inverse units of the loss; a number or a schedule ``step -> number``.

    Returns:
        A transformation with a `TermDROState`, which starts uniform. The weights sum to 1.

    Example:
        >>> from jaxloss import combine
        >>> tx = combine.term_dro(step_size=1.0)
        >>> terms = {n: jaxloss.reductions.Term(jnp.full(2, v), jnp.ones(2)) for n, v in (("a", 1.0), ("b", 2.0))}
        >>> terms, state = tx.update(terms, tx.init(terms), step=0)
        >>> print(f"{jnp.exp(state.logits['b']):.4f}")
        0.7311

    Reference:
        Sagawa et al. (2020), Distributionally Robust Neural Networks for Group Shifts.
        https://arxiv.org/abs/1911.08731
    """

    def first(names: tuple[str, ...], dtype: Any) -> TermDROState:
        return TermDROState(start(names, -math.log(len(names)), dtype))

    def rule(observed: Observed, state: TermDROState, step: Array) -> tuple[Array, TermDROState]:
        eta = setting("step_size", step_size, step, observed.means.dtype, at_least=0)
        gain = jnp.where(observed.seen, eta * observed.means, jnp.zeros((), observed.means.dtype))
        logits = _normalized(stacked(observed.names, state.logits) + gain)
        return jnp.exp(logits), TermDROState(named(observed.names, logits))

    return from_means(first, rule)
