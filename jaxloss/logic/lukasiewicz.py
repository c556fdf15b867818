"""Łukasiewicz logic on truth values in [0, 1]: truth is added, doubts accumulate."""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor import numerics
from jaxloss._floor.typing import Array, ArrayLike
from jaxloss.logic._truths import truth_values, truths_of_pools

__all__ = [
    "lukasiewicz_and",
    "lukasiewicz_exists",
    "lukasiewicz_forall",
    "lukasiewicz_implies",
    "lukasiewicz_or",
]


def _capped(total: Array) -> Array:
    """``min(1, total)``, flat from 1 on."""
    return jnp.where(total >= 1, jnp.ones((), total.dtype), total)


def lukasiewicz_and(a: ArrayLike, b: ArrayLike) -> Array:
    r"""Conjunction in Łukasiewicz logic.

    .. math:: a \wedge b = \max(0, a + b - 1)

    Flat, with zero slope, where the doubts 1 - a and 1 - b add up to 1 or more: the logic is indifferent there, so
    begin with another one.

    Args:
        a: Truth values in [0, 1], any shape, floating.
        b: Truth values, the same shape.

    Returns:
        Truth values of that shape, float32 at least; classical logic at 0 and 1.

    Raises:
        TypeError: If an operand is not floating.
        ValueError: If the shapes differ.

    Example:
        >>> jaxloss.lukasiewicz_and(jnp.array([0.75, 0.25]), jnp.array([0.5, 0.5]))
        Array([0.25, 0.  ], dtype=float32)

    Reference:
        van Krieken, Acar and van Harmelen (2022), Analyzing Differentiable Fuzzy Logic Operators.
        https://arxiv.org/abs/2002.06100
    """
    a, b = truth_values(a=a, b=b)
    return numerics.positive_part(a - (1 - b))


def lukasiewicz_or(a: ArrayLike, b: ArrayLike) -> Array:
    r"""Disjunction in Łukasiewicz logic.

    .. math:: a \vee b = \min(1, a + b)

    Args:
        a: Truth values in [0, 1], any shape, floating.
        b: Truth values, the same shape.

    Returns:
        Truth values of that shape, float32 at least; classical logic at 0 and 1.

    Raises:
        TypeError: If an operand is not floating.
        ValueError: If the shapes differ.

    Example:
        >>> jaxloss.lukasiewicz_or(jnp.array([0.75, 0.25]), jnp.array([0.5, 0.5]))
        Array([1.  , 0.75], dtype=float32)

    Reference:
        van Krieken, Acar and van Harmelen (2022), Analyzing Differentiable Fuzzy Logic Operators.
        https://arxiv.org/abs/2002.06100
    """
    a, b = truth_values(a=a, b=b)
    return _capped(a + b)


def lukasiewicz_implies(a: ArrayLike, b: ArrayLike) -> Array:
    r"""Implication in Łukasiewicz logic, not a or b, which is also the residuum of the conjunction.

    .. math:: a \rightarrow b = \min(1, 1 - a + b)

    Flat where the conclusion is at least as true as the premise; elsewhere premise and conclusion learn alike.

    Args:
        a: Truth values of the premise in [0, 1], any shape, floating.
        b: Truth values of the conclusion, the same shape.

    Returns:
        Truth values of that shape, float32 at least; classical logic at 0 and 1.

    Raises:
        TypeError: If an operand is not floating.
        ValueError: If the shapes differ.

    Example:
        >>> jaxloss.lukasiewicz_implies(jnp.array([1.0, 0.25]), jnp.array([0.5, 0.5]))
        Array([0.5, 1. ], dtype=float32)

    Reference:
        van Krieken, Acar and van Harmelen (2022), Analyzing Differentiable Fuzzy Logic Operators.
        https://arxiv.org/abs/2002.06100
    """
    a, b = truth_values(a=a, b=b)
    return _capped((1 - a) + b)


def lukasiewicz_forall(truths: ArrayLike, *, where: ArrayLike | None = None) -> Array:
    r"""Universal quantifier of Łukasiewicz logic: the conjunction of all instances.

    .. math:: \forall_i \, a_i = \max\left(0, 1 - \sum_i (1 - a_i)\right)

    Flat as soon as the doubts add up to 1, which many instances do; `jaxloss.forall_p_mean` with p = 1 averages them.

    Args:
        truths: Truth values of the instances in [0, 1], shape ``[..., N]``, floating.
        where: Shape ``[..., N]``, boolean; a masked instance is absent.

    Returns:
        Truth values ``[...]``, float32 at least; 1 over no instance.

    Raises:
        TypeError: If ``truths`` are not floating or ``where`` is not boolean.
        ValueError: If there is no axis of instances.

    Example:
        >>> jaxloss.lukasiewicz_forall(jnp.array([0.75, 0.75, 1.0]))
        Array(0.5, dtype=float32)

    Reference:
        van Krieken, Acar and van Harmelen (2022), Analyzing Differentiable Fuzzy Logic Operators.
        https://arxiv.org/abs/2002.06100
    """
    doubts = 1 - truths_of_pools(truths, where, absent=1)
    return numerics.positive_part(1 - jnp.sum(doubts, axis=-1))


def lukasiewicz_exists(truths: ArrayLike, *, where: ArrayLike | None = None) -> Array:
    r"""Existential quantifier of Łukasiewicz logic: the disjunction of all instances.

    .. math:: \exists_i \, a_i = \min\left(1, \sum_i a_i\right)

    Args:
        truths: Truth values of the instances in [0, 1], shape ``[..., N]``, floating.
        where: Shape ``[..., N]``, boolean; a masked instance is absent.

    Returns:
        Truth values ``[...]``, float32 at least; 0 over no instance.

    Raises:
        TypeError: If ``truths`` are not floating or ``where`` is not boolean.
        ValueError: If there is no axis of instances.

    Example:
        >>> jaxloss.lukasiewicz_exists(jnp.array([0.25, 0.5, 0.0]))
        Array(0.75, dtype=float32)

    Reference:
        van Krieken, Acar and van Harmelen (2022), Analyzing Differentiable Fuzzy Logic Operators.
        https://arxiv.org/abs/2002.06100
    """
    return _capped(jnp.sum(truths_of_pools(truths, where, absent=0), axis=-1))
