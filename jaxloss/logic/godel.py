"""Gödel logic on truth values in [0, 1]: a formula is as true as its weakest part."""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor.typing import Array, ArrayLike
from jaxloss.logic._truths import truth_values, truths_of_pools

__all__ = ["godel_and", "godel_exists", "godel_forall", "godel_implies", "godel_or"]


def godel_and(a: ArrayLike, b: ArrayLike) -> Array:
    r"""Conjunction in Gödel logic.

    .. math:: a \wedge b = \min(a, b)

    Only the less true operand learns; equal ones share the slope. It is idempotent, so repeating a rule changes
    nothing.

    Args:
        a: Truth values in [0, 1], any shape, floating.
        b: Truth values, the same shape.

    Returns:
        Truth values of that shape, float32 at least; classical logic at 0 and 1.

    Raises:
        TypeError: If an operand is not floating.
        ValueError: If the shapes differ.

    Example:
        >>> jaxloss.godel_and(jnp.array([0.5, 1.0]), jnp.array([0.75, 0.25]))
        Array([0.5 , 0.25], dtype=float32)

    Reference:
        van Krieken, Acar and van Harmelen (2022), Analyzing Differentiable Fuzzy Logic Operators.
        https://arxiv.org/abs/2002.06100
    """
    return jnp.minimum(*truth_values(a=a, b=b))


def godel_or(a: ArrayLike, b: ArrayLike) -> Array:
    r"""Disjunction in Gödel logic.

    .. math:: a \vee b = \max(a, b)

    Args:
        a: Truth values in [0, 1], any shape, floating.
        b: Truth values, the same shape.

    Returns:
        Truth values of that shape, float32 at least; classical logic at 0 and 1.

    Raises:
        TypeError: If an operand is not floating.
        ValueError: If the shapes differ.

    Example:
        >>> jaxloss.godel_or(jnp.array([0.5, 0.0]), jnp.array([0.75, 0.25]))
        Array([0.75, 0.25], dtype=float32)

    Reference:
        van Krieken, Acar and van Harmelen (2022), Analyzing Differentiable Fuzzy Logic Operators.
        https://arxiv.org/abs/2002.06100
    """
    return jnp.maximum(*truth_values(a=a, b=b))


def godel_implies(a: ArrayLike, b: ArrayLike) -> Array:
    r"""Implication in Gödel logic, not a or b (Kleene and Dienes).

    .. math:: a \rightarrow b = \max(1 - a, b)

    The residuum of the minimum, which is 1 for a <= b and else b, is another function: it never corrects the premise,
    and jumps.

    Args:
        a: Truth values of the premise in [0, 1], any shape, floating.
        b: Truth values of the conclusion, the same shape.

    Returns:
        Truth values of that shape, float32 at least; classical logic at 0 and 1.

    Raises:
        TypeError: If an operand is not floating.
        ValueError: If the shapes differ.

    Example:
        >>> jaxloss.godel_implies(jnp.array([1.0, 0.25]), jnp.array([0.5, 0.0]))
        Array([0.5 , 0.75], dtype=float32)

    Reference:
        van Krieken, Acar and van Harmelen (2022), Analyzing Differentiable Fuzzy Logic Operators.
        https://arxiv.org/abs/2002.06100
    """
    a, b = truth_values(a=a, b=b)
    return jnp.maximum(1 - a, b)


def godel_forall(truths: ArrayLike, *, where: ArrayLike | None = None) -> Array:
    r"""Universal quantifier of Gödel logic: the least true instance, the only one that learns.

    .. math:: \forall_i \, a_i = \min_i a_i

    Args:
        truths: Truth values of the instances in [0, 1], shape ``[..., N]``, floating.
        where: Shape ``[..., N]``, boolean; a masked instance is absent.

    Returns:
        Truth values ``[...]``, float32 at least; 1 over no instance.

    Raises:
        TypeError: If ``truths`` are not floating or ``where`` is not boolean.
        ValueError: If there is no axis of instances.

    Example:
        >>> jaxloss.godel_forall(jnp.array([0.5, 0.25, 1.0]))
        Array(0.25, dtype=float32)

    Reference:
        van Krieken, Acar and van Harmelen (2022), Analyzing Differentiable Fuzzy Logic Operators.
        https://arxiv.org/abs/2002.06100
    """
    return jnp.min(truths_of_pools(truths, where, absent=1), axis=-1, initial=1)


def godel_exists(truths: ArrayLike, *, where: ArrayLike | None = None) -> Array:
    r"""Existential quantifier of Gödel logic: the most true instance, the only one that learns.

    .. math:: \exists_i \, a_i = \max_i a_i

    Args:
        truths: Truth values of the instances in [0, 1], shape ``[..., N]``, floating.
        where: Shape ``[..., N]``, boolean; a masked instance is absent.

    Returns:
        Truth values ``[...]``, float32 at least; 0 over no instance.

    Raises:
        TypeError: If ``truths`` are not floating or ``where`` is not boolean.
        ValueError: If there is no axis of instances.

    Example:
        >>> jaxloss.godel_exists(jnp.array([0.5, 0.25, 0.0]))
        Array(0.5, dtype=float32)

    Reference:
        van Krieken, Acar and van Harmelen (2022), Analyzing Differentiable Fuzzy Logic Operators.
        https://arxiv.org/abs/2002.06100
    """
    return jnp.max(truths_of_pools(truths, where, absent=0), axis=-1, initial=0)
