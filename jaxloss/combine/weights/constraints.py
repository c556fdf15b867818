"""Terms as constraints: bounds instead of weights, enforced by multipliers in the state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax.numpy as jnp

from jaxloss._floor.typing import Array
from jaxloss.combine.structure._observe import (
    Factor,
    Observed,
    Optimiser,
    Running,
    from_means,
    moved,
    named,
    setting,
    stacked,
    start,
    track,
)
from jaxloss.combine.structure.terms import known_names
from jaxloss.combine.structure.transforms import LossTransform

__all__ = ["ConstrainState", "GecoState", "constrain", "geco"]

Bounds = Mapping[str, Factor]
"""Name of a term to a number or a schedule ``step -> number``."""

SIDES = {"at_most": 1.0, "at_least": -1.0, "equal": 1.0}
"""Kind of constraint to the sign of ``loss - bound`` in its violation."""


class ConstrainState(NamedTuple):
    """What `constrain` carries.

    Attributes:
        multipliers: Kind of constraint to name to multiplier.
        optimiser: The state of the optimiser.
    """

    multipliers: dict[str, dict[str, Array]]
    optimiser: Any


def constrain(
    tx: Optimiser,
    *,
    at_most: Bounds | None = None,
    at_least: Bounds | None = None,
    equal: Bounds | None = None,
    damping: Factor = 1.0,
) -> LossTransform:
    r"""Constrain terms to bounds by the method of multipliers, instead of searching for weights.

    With the violation :math:`g = L - b` of an upper bound or an equality, and :math:`g = b - L` of a lower bound:

    .. math:: \min_\theta \max_\lambda \; \lambda g + \tfrac{c}{2} g^2 \;\text{ (equal)}, \qquad
              \tfrac{1}{2c} \left(\max(0, \lambda + c g)^2 - \lambda^2\right) \;\text{ (at most, at least)}

    The weight of the term is :math:`\lambda + c g`, clipped at 0 for inequalities, with the sign of :math:`L` in
    :math:`g`. An inequality that holds with a margin thus passes no gradient. Multipliers start at 0 and ascend
    :math:`g` after they are used; those of inequalities stay >= 0. Constrained terms are not minimised beyond their
    bounds; the other terms keep weight 1.

    Args:
        tx: Optimiser of the multipliers with optax's ``init`` and ``update``, such as ``optax.sgd(1e-2)``. It receives
            negated gradients, so that it ascends.
        at_most, at_least, equal: Name of a term to its bound, in units of the loss; numbers or schedules
            ``step -> number``. A name may have both an upper and a lower bound.
        damping: :math:`c` >= 0, in inverse units of the loss. It damps oscillations between the model and the
            multipliers; 0 is the plain Lagrangian. A number or a schedule ``step -> number``.

    Returns:
        A transformation with a `ConstrainState`; its ``init`` raises a KeyError for a name that no term has.

    Raises:
        ValueError: If no bound is given.

    Example:
        >>> import optax
        >>> from jaxloss import combine
        >>> tx = combine.constrain(optax.sgd(0.1), at_most={"kl": 1.0})
        >>> terms = {"kl": jaxloss.reductions.Term(jnp.full(2, 3.0), jnp.ones(2))}
        >>> weighted, state = tx.update(terms, tx.init(terms), step=0)
        >>> float(weighted["kl"].values[0]), float(state.multipliers["at_most"]["kl"])
        (6.0, 0.2)

    Reference:
        Platt and Barr (1987), Constrained Differential Optimization.
        https://papers.nips.cc/paper/4-constrained-differential-optimization
        Nocedal and Wright (2006), Numerical Optimization, section 17.4.
        https://doi.org/10.1007/978-0-387-40065-5
    """
    kinds: dict[str, Bounds] = {"at_most": at_most or {}, "at_least": at_least or {}, "equal": equal or {}}
    if not any(kinds.values()):
        raise ValueError("constrain needs a bound: constrain(tx, at_most={'kl': 0.1}).")

    def first(names: tuple[str, ...], dtype: Any) -> ConstrainState:
        known_names("constrain", {name for bounds in kinds.values() for name in bounds}, dict.fromkeys(names))
        multipliers = {kind: start(bounds, 0, dtype) for kind, bounds in kinds.items()}
        return ConstrainState(multipliers, tx.init(multipliers))

    def rule(observed: Observed, state: ConstrainState, step: Array) -> tuple[Array, ConstrainState]:
        dtype = observed.means.dtype
        strength = setting("damping", damping, step, dtype, at_least=0)
        seen, means = named(observed.names, observed.seen), named(observed.names, observed.means)
        weights: dict[str, Array] = {}
        slopes: dict[str, dict[str, Array]] = {kind: {} for kind in kinds}
        for kind, bounds in kinds.items():
            for name, bound in bounds.items():
                limit = setting(f"the bound of {name!r}", bound, step, dtype)
                violation = SIDES[kind] * (means[name] - limit)
                force = state.multipliers[kind][name] + strength * violation
                force = force if kind == "equal" else jnp.maximum(force, 0)
                weights[name] = weights.get(name, jnp.zeros((), dtype)) + SIDES[kind] * force
                slopes[kind][name] = jnp.where(seen[name], -violation, jnp.zeros((), dtype))
        multipliers, optimiser = moved(tx, slopes, state.optimiser, state.multipliers)
        for kind in ("at_most", "at_least"):
            multipliers[kind] = {name: jnp.maximum(value, 0) for name, value in multipliers[kind].items()}
        one = jnp.ones((), dtype)
        return jnp.stack([weights.get(name, one) for name in observed.names]), ConstrainState(multipliers, optimiser)

    return from_means(first, rule)


class GecoState(NamedTuple):
    """What `geco` carries.

    Attributes:
        log_weights: Name to the logarithm of the weight.
        violation: The moving averages of the violations.
    """

    log_weights: dict[str, Array]
    violation: Running


def geco(
    at_most: Bounds,
    *,
    step_size: Factor = 1e-2,
    decay: Factor = 0.99,
    largest: float = 1e6,
) -> LossTransform:
    r"""GECO: keep terms, such as a reconstruction error, below bounds by weights that change exponentially.

    .. math:: \lambda \leftarrow \lambda \, e^{\nu \bar C}, \qquad \bar C = \operatorname{EMA}(L - b)

    The weight of a term is :math:`\lambda`. It starts at 1 and stays > 0, so that the term is still minimised, with a
    small weight, when the bound holds. It is updated after it is used.

    Args:
        at_most: Name of a term to its bound, in units of the loss; numbers or schedules ``step -> number``.
            step_size: Step :math:`\nu` >= 0 of the logarithm of the weight, in inverse units of the loss.
        decay: Decay per step of the moving average, in [0, 1). Both are numbers or schedules ``step -> number``.
        largest: Weights stay between ``1 / largest`` and ``largest`` > 1.

    Returns:
        A transformation with a `GecoState`; its ``init`` raises a KeyError for a name that no term has.

    Raises:
        ValueError: If no bound is given.

    Example:
        >>> from jaxloss import combine
        >>> tx = combine.geco({"reconstruction": 1.0}, step_size=0.5)
        >>> terms = {"reconstruction": jaxloss.reductions.Term(jnp.full(2, 3.0), jnp.ones(2))}
        >>> weighted, state = tx.update(terms, tx.init(terms), step=0)
        >>> float(weighted["reconstruction"].values[0]), float(state.log_weights["reconstruction"])
        (3.0, 1.0)

    Reference:
        Rezende and Viola (2018), Taming VAEs. https://arxiv.org/abs/1810.00597
    """
    if not at_most:
        raise ValueError("geco needs a bound: geco({'reconstruction': 0.1}).")

    def first(names: tuple[str, ...], dtype: Any) -> GecoState:
        known_names("geco", at_most, dict.fromkeys(names))
        return GecoState(start(at_most, 0, dtype), Running(start(at_most, 0, dtype), start(at_most, 0, dtype)))

    def rule(observed: Observed, state: GecoState, step: Array) -> tuple[Array, GecoState]:
        dtype = observed.means.dtype
        speed = setting("step_size", step_size, step, dtype, at_least=0)
        memory = setting("decay", decay, step, dtype, at_least=0, below=1)
        limit = jnp.log(jnp.asarray(setting("largest", largest, step, dtype, above=1), dtype))
        names = tuple(sorted(at_most))
        means = named(observed.names, observed.means)
        gaps = [means[name] - setting(f"the bound of {name!r}", at_most[name], step, dtype) for name in names]
        violation, average = track(state.violation, names, jnp.stack(gaps), memory)
        logs = stacked(names, state.log_weights)
        moving = named(names, jnp.clip(logs + speed * average, -limit, limit))
        weights = named(names, jnp.exp(logs))
        one = jnp.ones((), dtype)
        return jnp.stack([weights.get(name, one) for name in observed.names]), GecoState(moving, violation)

    return from_means(first, rule)
