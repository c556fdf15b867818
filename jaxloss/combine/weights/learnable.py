"""Weights from learned parameters, one per term, which an optimiser updates from the values of the losses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.typing import Array, Scalar
from jaxloss.combine.structure._observe import Observed, Optimiser, from_means, moved, named, stacked
from jaxloss.combine.structure.terms import known_names
from jaxloss.combine.structure.transforms import LossTransform

__all__ = ["LearnedState", "imtl_l", "learned", "revised_uncertainty", "uncertainty"]


class LearnedState(NamedTuple):
    """What `learned` carries.

    Attributes:
        parameters: Name to the parameter of the term.
        optimiser: The state of the optimiser.
    """

    parameters: dict[str, Array]
    optimiser: Any


def learned(
    initial: Scalar | Mapping[str, Scalar],
    scalarize: Callable[[Array, Array, Array], Array],
    tx: Optimiser,
    *,
    maximize: bool = False,
) -> LossTransform:
    r"""Weight terms by the slopes of a scalarisation :math:`S(\theta, L)` with one learned parameter per term.

    .. math:: w_k = \frac{\partial S}{\partial L_k}, \qquad
              \theta \text{ follows } \mp \frac{\partial S}{\partial \theta}

    The model then descends :math:`S` exactly. :math:`\theta` depends on the values of the losses only; it is stored in
    the state, not among the parameters of the model. A step uses the parameters before their update. Summands of
    :math:`S` that do not depend on the losses, such as a regulariser, are not part of the objective's value.

    Args:
        initial: First value of every parameter, or a dict from name to first value.
        scalarize: ``(parameters, losses, present) -> S``, all of shape ``[terms]`` in the order of the sorted names.
            ``present`` is boolean; an absent term has the loss 1 and must be excluded from ``S``.
        tx: Optimiser of the parameters with optax's ``init`` and ``update``, such as ``optax.adam(1e-3)``. The
            parameter and the moments of an absent term do not change.
        maximize: Whether the parameters ascend.

    Returns:
        A transformation with a `LearnedState`.

    Example:
        >>> import optax
        >>> from jaxloss import combine
        >>> def scalarize(parameters, losses, present):
        ...     return jnp.sum(jnp.where(present, jnp.exp(parameters) * losses - parameters, 0))
        >>> tx = combine.learned(0.0, scalarize, optax.sgd(0.1))
        >>> terms = {"ce": jaxloss.reductions.Term(jnp.full(2, 3.0), jnp.ones(2))}
        >>> _, state = tx.update(terms, tx.init(terms), step=0)
        >>> float(state.parameters["ce"])
        -0.2
    """

    def first(names: tuple[str, ...], dtype: Any) -> LearnedState:
        given = initial if isinstance(initial, Mapping) else dict.fromkeys(names, initial)
        known_names("learned", given, dict.fromkeys(names))
        if set(given) != set(names):
            raise KeyError(f"learned: initial has no number for the term(s) {sorted(set(names) - set(given))}")
        parameters = {
            name: jnp.array(checks.scalar(f"initial of {name!r}", given[name], dtype), dtype) for name in names
        }
        return LearnedState(parameters, tx.init(parameters))

    def rule(observed: Observed, state: LearnedState, step: Array) -> tuple[Array, LearnedState]:
        theta = stacked(observed.names, state.parameters)
        slopes, weights = jax.grad(scalarize, argnums=(0, 1))(theta, observed.means, observed.seen)
        slopes = named(observed.names, -slopes if maximize else slopes)
        return weights, LearnedState(*moved(tx, slopes, state.optimiser, state.parameters))

    return from_means(first, rule)


def _separable(
    initial: Scalar | Mapping[str, Scalar], each: Callable[[Array, Array], Array], tx: Optimiser
) -> LossTransform:
    """`learned` for a sum over terms of ``each(parameter, loss)``."""

    def scalarize(parameters: Array, losses: Array, present: Array) -> Array:
        return jnp.sum(jnp.where(present, each(parameters, losses), jnp.zeros((), losses.dtype)))

    return learned(initial, scalarize, tx)


def uncertainty(tx: Optimiser, *, initial: Scalar | Mapping[str, Scalar] = 0.0) -> LossTransform:
    r"""Uncertainty weighting (Kendall): weight terms by learned log-variances :math:`s_k`.

    .. math:: S = \sum_k \tfrac12 e^{-s_k} L_k + \tfrac12 s_k

    The optimal :math:`s_k` is :math:`\log L_k`, which may be negative. Weights start at 1/2.

    Args:
        tx: Optimiser of the log-variances, as for `learned`.
        initial: First log-variance of every term, or a dict from name to log-variance.

    Returns:
        A transformation with a `LearnedState`.

    Example:
        >>> import optax
        >>> from jaxloss import combine
        >>> tx = combine.uncertainty(optax.adam(1e-2))
        >>> terms = {"depth": jaxloss.reductions.Term(jnp.full(2, 3.0), jnp.ones(2))}
        >>> float(tx.update(terms, tx.init(terms), step=0)[0]["depth"].values[0])
        1.5

    Reference:
        Kendall, Gal and Cipolla (2018), Multi-Task Learning Using Uncertainty to Weigh Losses for Scene Geometry and
        Semantics. https://arxiv.org/abs/1705.07115
    """
    return _separable(initial, lambda s, loss: 0.5 * jnp.exp(-s) * loss + 0.5 * s, tx)


def revised_uncertainty(tx: Optimiser, *, initial: Scalar | Mapping[str, Scalar] = 1.0) -> LossTransform:
    r"""Revised uncertainty weighting: learned uncertainties :math:`c_k` with a regulariser that is never negative.

    .. math:: S = \sum_k \frac{L_k}{2 c_k^2} + \log(1 + c_k^2)

    Args:
        tx: Optimiser of the uncertainties, as for `learned`.
        initial: First uncertainty of every term, not 0, or a dict from name to uncertainty.

    Returns:
        A transformation with a `LearnedState`.

    Example:
        >>> import optax
        >>> from jaxloss import combine
        >>> tx = combine.revised_uncertainty(optax.adam(1e-2), initial=0.5)
        >>> terms = {"depth": jaxloss.reductions.Term(jnp.full(2, 3.0), jnp.ones(2))}
        >>> float(tx.update(terms, tx.init(terms), step=0)[0]["depth"].values[0])
        6.0

    Reference:
        Liebel and Koerner (2018), Auxiliary Tasks in Multi-task Learning. https://arxiv.org/abs/1805.06334
    """
    return _separable(initial, lambda c, loss: loss / (2 * jnp.square(c)) + jnp.log1p(jnp.square(c)), tx)


def imtl_l(tx: Optimiser, *, initial: Scalar | Mapping[str, Scalar] = 0.0) -> LossTransform:
    r"""IMTL-L, the loss part of impartial multi-task learning: learned scales that make all terms equally large.

    .. math:: S = \sum_k e^{s_k} L_k - s_k

    At the optimal :math:`s_k` every weighted term is 1.

    Args:
        tx: Optimiser of the log-scales, as for `learned`.
        initial: First log-scale of every term, or a dict from name to log-scale.

    Returns:
        A transformation with a `LearnedState`.

    Example:
        >>> import optax
        >>> from jaxloss import combine
        >>> tx = combine.imtl_l(optax.sgd(0.1))
        >>> terms = {"depth": jaxloss.reductions.Term(jnp.full(2, 3.0), jnp.ones(2))}
        >>> float(tx.update(terms, tx.init(terms), step=0)[1].parameters["depth"])
        -0.2

    Reference:
        Liu et al. (2021), Towards Impartial Multi-task Learning. https://openreview.net/forum?id=IMPnRXEWpvr
    """
    return _separable(initial, lambda s, loss: jnp.exp(s) * loss - s, tx)
