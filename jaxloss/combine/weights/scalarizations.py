"""Scalarisations: functions from all terms to one number, which weight the terms by their slopes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from jaxloss._floor.maths import numerics
from jaxloss._floor.typing import Array, Scalar
from jaxloss.combine.structure._observe import Factor, Observed, from_means, masked_softmax, setting
from jaxloss.combine.structure.terms import known_names
from jaxloss.combine.structure.transforms import LossTransform

__all__ = ["geometric_mean", "scalarized", "tchebycheff", "vrex"]

Weigher = Callable[[Observed, Array], Array]
"""The weights ``[terms]`` from what is observed and the step."""


def _stateless(rule: Weigher) -> LossTransform:
    return from_means(lambda names, dtype: (), lambda observed, state, step: (rule(observed, step), state))


def scalarized(scalarize: Callable[[Array, Array], Array]) -> LossTransform:
    r"""Weight terms so that the model descends a given function of their means.

    .. math:: w_k = \frac{\partial S}{\partial L_k}

    The value of the objective is :math:`\sum_k w_k L_k`. It equals :math:`S` if :math:`S(cL) = c \, S(L)` for c > 0.

    Args:
        scalarize: ``(losses, present) -> S``, both ``[terms]`` in the order of the sorted names. ``present`` is
            boolean; an absent term has the loss 1 and must be excluded from ``S``.

    Returns:
        A transformation without state.

    Example:
        >>> from jaxloss import combine
        >>> tx = combine.scalarized(lambda losses, present: jnp.max(jnp.where(present, losses, -jnp.inf)))
        >>> terms = {n: jaxloss.reductions.Term(jnp.full(2, v), jnp.ones(2)) for n, v in (("a", 1.0), ("b", 3.0))}
        >>> terms, _ = tx.update(terms, tx.init(terms), step=0)
        >>> float(terms["a"].values[0]), float(terms["b"].values[0])
        (0.0, 3.0)
    """
    return _stateless(lambda observed, step: jax.grad(scalarize)(observed.means, observed.seen))


def geometric_mean(*, epsilon: Scalar = 1e-12) -> LossTransform:
    r"""Descend the geometric mean of the terms, which does not depend on their units.

    .. math:: w_k = \frac{1}{m} \frac{S}{L_k}, \qquad S = \Bigl(\prod_k L_k\Bigr)^{1/m}, \qquad \sum_k w_k L_k = S

    Args:
        epsilon: Floor of the losses > 0, in their units; at a loss of 0 the slope would be infinite.

    Returns:
        A transformation without state. The weights are NaN if a term is below 0.

    Example:
        >>> from jaxloss import combine
        >>> tx = combine.geometric_mean()
        >>> terms = {n: jaxloss.reductions.Term(jnp.full(2, v), jnp.ones(2)) for n, v in (("a", 1.0), ("b", 4.0))}
        >>> terms, _ = tx.update(terms, tx.init(terms), step=0)
        >>> float(terms["a"].values[0] + terms["b"].values[0])
        2.0

    Reference:
        Chennupati et al. (2019), MultiNet++: Multi-Stream Feature Aggregation and Geometric Loss Strategy for
        Multi-Task Learning. https://arxiv.org/abs/1904.08492
    """

    def rule(observed: Observed, step: Array) -> Array:
        floor = setting("epsilon", epsilon, step, observed.means.dtype, above=0)
        means = jnp.where(observed.means < 0, jnp.nan, jnp.maximum(observed.means, floor))
        logs = jnp.where(observed.seen, jnp.log(means), jnp.zeros((), means.dtype))
        count = jnp.maximum(jnp.sum(observed.seen, dtype=jnp.int32), 1).astype(means.dtype)
        return jnp.exp(jnp.sum(logs) / count - jnp.log(means)) / count

    return _stateless(rule)


def tchebycheff(
    smoothing: Factor = 0.1,
    *,
    preference: Mapping[str, Scalar] | None = None,
    ideal: Mapping[str, Scalar] | None = None,
) -> LossTransform:
    r"""Smooth Tchebycheff scalarisation: descend a smooth maximum of the terms, led by the worst one.

    .. math:: S = \mu \log \sum_k \exp\left(\frac{\lambda_k (L_k - z_k)}{\mu}\right)

    Args:
        smoothing: :math:`\mu` > 0, in units of the losses; a number or a schedule ``step -> number``. Near 0, only the
            worst term counts.
        preference: Name to :math:`\lambda_k`, 1 for unnamed terms. None is 1 over the number of present terms for all.
        ideal: Name to the best loss that can be reached, :math:`z_k`; 0 for unnamed terms.

    Returns:
        A transformation without state; its ``init`` raises a KeyError for a name that no term has.

    Example:
        >>> from jaxloss import combine
        >>> tx = combine.tchebycheff(1.0, preference={"a": 1.0, "b": 1.0})
        >>> terms = {n: jaxloss.reductions.Term(jnp.full(2, v), jnp.ones(2)) for n, v in (("a", 1.0), ("b", 2.0))}
        >>> terms, _ = tx.update(terms, tx.init(terms), step=0)
        >>> print(f"{terms['b'].values[0] / 2:.4f}")
        0.7311

    Reference:
        Lin et al. (2024), Smooth Tchebycheff Scalarization for Multi-Objective Optimization.
        https://arxiv.org/abs/2402.19078
    """

    def vector(numbers: Mapping[str, Scalar], names: tuple[str, ...], default: float, dtype: Any) -> Array:
        return jnp.stack([jnp.asarray(numbers.get(name, default), dtype) for name in names])

    def first(names: tuple[str, ...], dtype: Any) -> tuple[()]:
        known_names("tchebycheff", {*(preference or {}), *(ideal or {})}, dict.fromkeys(names))
        return ()

    def rule(observed: Observed, state: tuple[()], step: Array) -> tuple[Array, tuple[()]]:
        names, means, seen = observed
        mu = setting("smoothing", smoothing, step, means.dtype, above=0)
        if preference is None:
            count = jnp.maximum(jnp.sum(seen, dtype=jnp.int32), 1).astype(means.dtype)
            shares = jnp.full_like(means, 1) / count
        else:
            shares = vector(preference, names, 1.0, means.dtype)
        gaps = means - vector(ideal or {}, names, 0.0, means.dtype)
        return shares * masked_softmax(shares * gaps / mu, seen), state

    return from_means(first, rule)


def vrex(beta: Factor = 1.0) -> LossTransform:
    r"""Risk extrapolation (V-REx): penalise the variance of the terms, each of which is an environment.

    .. math:: S = \sum_k \frac{L_k}{m} + \beta \sum_k \frac{(L_k - \bar L)^2}{m}, \qquad
              w_k = \frac{1 + 2 \beta (L_k - \bar L)}{m}

    Args:
        beta: Strength >= 0, in inverse units of the losses; a number or a schedule ``step -> number``.

    Returns:
        A transformation without state. Weights of easy environments may be negative.

    Example:
        >>> from jaxloss import combine
        >>> tx = combine.vrex(0.5)
        >>> terms = {n: jaxloss.reductions.Term(jnp.full(2, v), jnp.ones(2)) for n, v in (("a", 1.0), ("b", 2.0))}
        >>> terms, _ = tx.update(terms, tx.init(terms), step=0)
        >>> float(terms["a"].values[0]), float(terms["b"].values[0])
        (0.25, 1.5)

    Reference:
        Krueger et al. (2021), Out-of-Distribution Generalization via Risk Extrapolation.
        https://arxiv.org/abs/2003.00688
    """

    def rule(observed: Observed, step: Array) -> Array:
        _, means, seen = observed
        strength = setting("beta", beta, step, means.dtype, at_least=0)
        count = jnp.sum(seen, dtype=jnp.int32).astype(means.dtype)
        centre = numerics.divide(jnp.sum(jnp.where(seen, means, jnp.zeros((), means.dtype))), count)
        return (1 + 2 * strength * (means - centre)) / jnp.maximum(count, 1)

    return _stateless(rule)
