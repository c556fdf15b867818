"""Product logic on truth values in [0, 1]: truth as the probability of independent events."""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor.typing import Array, ArrayLike
from jaxloss.logic._truths import truth_values, truths_of_pools

__all__ = ["product_and", "product_exists", "product_forall", "product_implies", "product_or"]


def product_and(a: ArrayLike, b: ArrayLike) -> Array:
    r"""Conjunction in product logic.

    .. math:: a \wedge b = a b

    Both operands learn unless the other is false. Over many truths the product underflows: minimise the sum of
    :math:`-\log` of them, `jaxloss.binary_cross_entropy` with targets of 1 and ``reduction="sum"``, whose slopes do
    not vanish.

    Args:
        a: Truth values in [0, 1], any shape, floating.
        b: Truth values, the same shape.

    Returns:
        Truth values of that shape, float32 at least; classical logic at 0 and 1.

    Raises:
        TypeError: If an operand is not floating.
        ValueError: If the shapes differ.

    Example:
        >>> jaxloss.product_and(jnp.array([0.5, 1.0]), jnp.array([0.5, 0.25]))
        Array([0.25, 0.25], dtype=float32)

    Reference:
        van Krieken, Acar and van Harmelen (2022), Analyzing Differentiable Fuzzy Logic Operators.
        https://arxiv.org/abs/2002.06100
    """
    a, b = truth_values(a=a, b=b)
    return a * b


def product_or(a: ArrayLike, b: ArrayLike) -> Array:
    r"""Disjunction in product logic, the probabilistic sum.

    .. math:: a \vee b = a + b - a b = 1 - (1 - a)(1 - b)

    Args:
        a: Truth values in [0, 1], any shape, floating.
        b: Truth values, the same shape.

    Returns:
        Truth values of that shape, float32 at least; classical logic at 0 and 1.

    Raises:
        TypeError: If an operand is not floating.
        ValueError: If the shapes differ.

    Example:
        >>> jaxloss.product_or(jnp.array([0.5, 0.0]), jnp.array([0.5, 0.25]))
        Array([0.75, 0.25], dtype=float32)

    Reference:
        van Krieken, Acar and van Harmelen (2022), Analyzing Differentiable Fuzzy Logic Operators.
        https://arxiv.org/abs/2002.06100
    """
    a, b = truth_values(a=a, b=b)
    return a + b * (1 - a)


def product_implies(a: ArrayLike, b: ArrayLike) -> Array:
    r"""Implication in product logic, not a or b (Reichenbach).

    .. math:: a \rightarrow b = 1 - a + a b

    It lowers the premise where the conclusion is false and raises the conclusion where the premise is true. The
    residuum of the product (Goguen's min(1, b / a)) is another function, whose slope is unbounded near a = 0.

    Args:
        a: Truth values of the premise in [0, 1], any shape, floating.
        b: Truth values of the conclusion, the same shape.

    Returns:
        Truth values of that shape, float32 at least; classical logic at 0 and 1.

    Raises:
        TypeError: If an operand is not floating.
        ValueError: If the shapes differ.

    Example:
        >>> jaxloss.product_implies(jnp.array([1.0, 0.5]), jnp.array([0.25, 0.0]))
        Array([0.25, 0.5 ], dtype=float32)

    Reference:
        van Krieken, Acar and van Harmelen (2022), Analyzing Differentiable Fuzzy Logic Operators.
        https://arxiv.org/abs/2002.06100
    """
    a, b = truth_values(a=a, b=b)
    return (1 - a) + a * b


def product_forall(truths: ArrayLike, *, where: ArrayLike | None = None) -> Array:
    r"""Universal quantifier of product logic: the conjunction of all instances.

    .. math:: \forall_i \, a_i = \prod_i a_i

    Exact slopes also where instances are false; but it tends to 0 with the number of instances, see `product_and`.
    `jaxloss.forall_p_mean` does not.

    Args:
        truths: Truth values of the instances in [0, 1], shape ``[..., N]``, floating.
        where: Shape ``[..., N]``, boolean; a masked instance is absent.

    Returns:
        Truth values ``[...]``, float32 at least; 1 over no instance.

    Raises:
        TypeError: If ``truths`` are not floating or ``where`` is not boolean.
        ValueError: If there is no axis of instances.

    Example:
        >>> jaxloss.product_forall(jnp.array([0.5, 0.5, 1.0]))
        Array(0.25, dtype=float32)

    Reference:
        van Krieken, Acar and van Harmelen (2022), Analyzing Differentiable Fuzzy Logic Operators.
        https://arxiv.org/abs/2002.06100
    """
    return jnp.prod(truths_of_pools(truths, where, absent=1), axis=-1)


def product_exists(truths: ArrayLike, *, where: ArrayLike | None = None) -> Array:
    r"""Existential quantifier of product logic: the disjunction of all instances (noisy or).

    .. math:: \exists_i \, a_i = 1 - \prod_i (1 - a_i)

    Args:
        truths: Truth values of the instances in [0, 1], shape ``[..., N]``, floating.
        where: Shape ``[..., N]``, boolean; a masked instance is absent.

    Returns:
        Truth values ``[...]``, float32 at least; 0 over no instance. Small ones keep their relative accuracy.

    Raises:
        TypeError: If ``truths`` are not floating or ``where`` is not boolean.
        ValueError: If there is no axis of instances.

    Example:
        >>> jaxloss.product_exists(jnp.array([0.5, 0.5, 0.0]))
        Array(0.75, dtype=float32)

    Reference:
        van Krieken, Acar and van Harmelen (2022), Analyzing Differentiable Fuzzy Logic Operators.
        https://arxiv.org/abs/2002.06100
    """
    truths = truths_of_pools(truths, where, absent=0)
    # a_1 + a_2 (1 - a_1) + a_3 (1 - a_1)(1 - a_2) + ...: the first true instance is the i-th.
    false_before = jnp.cumprod(1 - truths, axis=-1)
    first = jnp.concatenate([jnp.ones_like(truths[..., :1]), false_before[..., :-1]], axis=-1)
    return jnp.sum(truths * first[..., : truths.shape[-1]], axis=-1)
