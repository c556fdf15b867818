"""Weights of collocation points, as in physics-informed networks: causal in time, or learned per point."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.reduction import divide_sums, weighted_sums
from jaxloss._floor.typing import Array, Scalar
from jaxloss.combine.structure._observe import Factor, Optimiser, annotation, each, hold, keep, moved, setting, times
from jaxloss.combine.structure.terms import Terms
from jaxloss.combine.structure.transforms import LossTransform
from jaxloss.reductions import Term

__all__ = ["SelfAdaptiveState", "causal", "self_adaptive"]


def causal(strength: Factor = 1.0) -> LossTransform:
    r"""Causal weights of time steps: later times count only once the earlier ones are solved.

    .. math:: w_i = \exp\left(-\epsilon \sum_{k < i} L_k\right)

    with :math:`L_k` the mean over the points of the :math:`k`-th time. The denominator of the mean of the term is
    unchanged.

    Args:
        strength: :math:`\epsilon` >= 0, in inverse units of the loss; a number or a schedule ``step -> number``.

    Returns:
        A transformation without state. The leading axis of a term is time, in order: reshape flat points, sorted by
        time, to ``[times, points]``.

    Raises:
        ValueError: If a term has no leading axis.

    Example:
        >>> from jaxloss import combine
        >>> term = jaxloss.reductions.Term(jnp.array([1.0, 1.0, 1.0]), jnp.ones(3))
        >>> combine.causal(jnp.log(2.0)).update({"pde": term}, (), step=0)[0]["pde"].values
        Array([1.  , 0.5 , 0.25], dtype=float32)

    Reference:
        Wang, Sankaran and Perdikaris (2022), Respecting Causality Is All You Need for Training Physics-Informed
        Neural Networks. https://arxiv.org/abs/2203.07404
    """

    def rule(term: Term, step: Array) -> Term:
        checks.with_axes("time", allow_empty=True, **{"a causal term": term.values})
        rate = setting("strength", strength, step, term.values.dtype, at_least=0)
        flat = (term.values.shape[0], term.values.size // max(term.values.shape[0], 1))
        values = jax.lax.stop_gradient(term.values)
        means = divide_sums(*weighted_sums(jnp.reshape(values, flat), jnp.reshape(term.weights, flat), -1))
        factors = jnp.exp(-rate * (jnp.cumsum(means) - means))
        factors = jnp.reshape(factors, (flat[0],) + (1,) * (term.values.ndim - 1))
        return times(term, jnp.broadcast_to(factors, term.values.shape))

    return each(rule)


class SelfAdaptiveState(NamedTuple):
    """What `self_adaptive` carries.

    Attributes:
        multipliers: Name to one number per point.
        optimiser: The state of the optimiser.
    """

    multipliers: dict[str, Array]
    optimiser: Any


def self_adaptive(
    tx: Optimiser,
    *,
    initial: Scalar = 1.0,
    mask: Callable[[Array], Array] = jnp.square,
    points: str | None = None,
    num_points: int | None = None,
) -> LossTransform:
    r"""Self-adaptive weights: every point has its own weight, which grows while the loss there stays large.

    .. math:: \frac{\sum_i w_i \, m(\lambda_i) \, \ell_i}{\sum_i w_i}

    is minimised by the model and maximised over :math:`\lambda` by an optimiser. A point without weight keeps its
    :math:`\lambda`. As everywhere, a step is weighted by the state before it.

    Args:
        tx: Optimiser of :math:`\lambda` with optax's ``init`` and ``update``, such as ``optax.adam(1e-2)``. It receives
            negated gradients, so that it ascends.
        initial: First :math:`\lambda` of every point.
        mask: Increasing elementwise function :math:`m \ge 0`.
        points: Name of the `Annotation` that holds the index of every example's point. None means that the examples of
            a term are the same points in the same order at every step.
        num_points: Number of points; required together with ``points``.

    Returns:
        A transformation with a `SelfAdaptiveState`.

    Raises:
        KeyError: If the losses return no such annotation.
        ValueError: If only one of ``points`` and ``num_points`` is given.

    Example:
        >>> import optax
        >>> from jaxloss import combine
        >>> terms = {"pde": jaxloss.reductions.Term(jnp.array([0.0, 1.0]), jnp.ones(2))}
        >>> tx = combine.self_adaptive(optax.sgd(0.1))
        >>> _, state = tx.update(terms, tx.init(terms), step=0)
        >>> state.multipliers["pde"]
        Array([1. , 1.1], dtype=float32)

    Reference:
        McClenny and Braga-Neto (2023), Self-Adaptive Physics-Informed Neural Networks.
        https://arxiv.org/abs/2009.04544
    """
    if (points is None) != (num_points is None):
        raise ValueError("points and num_points belong together: give both or neither.")

    def init(terms: Terms, /) -> SelfAdaptiveState:
        shapes = {name: t.values.shape if num_points is None else (num_points,) for name, t in terms.items()}
        table = {name: jnp.full(shapes[name], initial, t.values.dtype) for name, t in terms.items()}
        return SelfAdaptiveState(table, tx.init(table))

    def gather(terms: Terms, extra: dict[str, Any]) -> dict[str, Callable[[Array], Array]]:
        if points is None:
            return dict.fromkeys(terms, lambda table: table)
        (index,) = checks.integer(**{points: annotation("self_adaptive", points, extra)})
        for term in terms.values():
            checks.has_shape(term.values.shape, "the unreduced loss", **{points: index})
        return dict.fromkeys(terms, lambda table: table.at[checks.as_int32(index)].get(mode="fill", fill_value=jnp.nan))

    def update(terms: Terms, state: Any, /, *, step: Array, **extra: Any) -> tuple[Terms, Any]:
        own = gather(terms, extra)
        terms = {name: keep(term, term.weights) for name, term in terms.items()}
        constant = jax.lax.stop_gradient(terms)
        factors = {name: mask(own[name](state.multipliers[name])) for name in terms}
        used = {name: (t.weights > 0) & jnp.isfinite(t.values) for name, t in constant.items()}

        def payoff(table: dict[str, Array]) -> Array:
            losses = [
                divide_sums(
                    *weighted_sums(jnp.where(used[name], mask(own[name](table[name])) * t.values, 0), t.weights)
                )
                for name, t in constant.items()
            ]
            return jnp.sum(jnp.stack(losses))

        def count(table: Array, name: str) -> Array:
            return jnp.sum(jnp.where(used[name], own[name](table), jnp.zeros((), table.dtype)))

        seen = {name: jax.grad(count)(jnp.ones_like(state.multipliers[name]), name) > 0 for name in terms}
        slopes = jax.tree.map(jnp.negative, jax.grad(payoff)(state.multipliers))
        multipliers, optimiser = moved(tx, slopes, state.optimiser, state.multipliers)
        changed = {
            name: times(term, jnp.broadcast_to(factors[name], term.values.shape)) for name, term in terms.items()
        }
        return changed, hold(seen, SelfAdaptiveState(multipliers, optimiser), state)

    return LossTransform(init, update)
