r"""Three fuzzy logics on truth values in [0, 1]: Gödel, Łukasiewicz and product, each a table of connectives."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

import jax.numpy as jnp

from jaxloss._floor.maths import numerics
from jaxloss._floor.typing import Array, ArrayLike
from jaxloss.logic._truths import truth_values, truths_of_pools

__all__ = ["Logic", "godel", "lukasiewicz", "negation", "product"]

Connective = Callable[[ArrayLike, ArrayLike], Array]


class Quantifier(Protocol):
    """A function of the truth values of instances ``[..., N]``."""

    def __call__(self, truths: ArrayLike, *, where: ArrayLike | None = None) -> Array: ...


class Logic(NamedTuple):
    r"""Conjunction, disjunction, implication and quantifiers of one fuzzy logic; with `negation` it is complete.

    ============================  =====================  ================================  =======================
    operation                     `godel`                `lukasiewicz`                     `product`
    ============================  =====================  ================================  =======================
    ``conjunction(a, b)``         :math:`\min(a, b)`     :math:`\max(0, a + b - 1)`        :math:`a b`
    ``disjunction(a, b)``         :math:`\max(a, b)`     :math:`\min(1, a + b)`            :math:`a + b - a b`
    ``implication(a, b)``         :math:`\max(1-a, b)`   :math:`\min(1, 1 - a + b)`        :math:`1 - a + a b`
    ``forall(truths)``            :math:`\min_i a_i`     :math:`\max(0, 1-\sum_i(1-a_i))`  :math:`\prod_i a_i`
    ``exists(truths)``            :math:`\max_i a_i`     :math:`\min(1, \sum_i a_i)`       :math:`1-\prod_i(1-a_i)`
    ============================  =====================  ================================  =======================

    In all three, De Morgan's laws hold, the implication is "not a or b", the quantifiers are the conjunction and the
    disjunction of all instances, and truth values of 0 and 1 give classical logic. They differ in what learns:

    * `godel`: only the least true operand of a conjunction and the most true of a disjunction receive a gradient;
      equal operands share it. Conjunction and disjunction are idempotent, so repeating a rule changes nothing. The
      implication is that of Kleene and Dienes. The residuum of the minimum (1 for a <= b, else b) is another function:
      it never corrects the premise, and it jumps.
    * `lukasiewicz`: the conjunction is flat, with zero slope, where the doubts 1 - a and 1 - b add up to 1 or more,
      and ``forall`` is flat as soon as the doubts of all instances do. Start training with another logic, or average
      instances by `forall_p_mean` with p = 1. The implication is flat where the conclusion is at least as true as the
      premise; elsewhere both receive gradients of equal size. It is also the residuum of the conjunction.
    * `product`: both operands of a conjunction receive a gradient unless the other is 0. The implication, that of
      Reichenbach, lowers the premise where the conclusion is false and raises the conclusion where the premise is
      true. The residuum of the product (Goguen's min(1, b / a)) is another function, with an unbounded slope near
      a = 0. ``forall`` has exact slopes where instances are false, but tends to 0 with the number of instances:
      minimise the sum of :math:`-\log` of the truths, `jaxloss.binary_cross_entropy` with targets of 1 and
      ``reduction="sum"``, or use `forall_p_mean`. ``exists`` (noisy or) keeps the relative accuracy of small truths.

    Args:
        conjunction: ``(a, b) -> truths``, "a and b", for truth values in [0, 1], floating, of one shape.
        disjunction: ``(a, b) -> truths``, "a or b", likewise.
        implication: ``(a, b) -> truths``, "if a then b", likewise: premise, then conclusion.
        forall: ``(truths, where=None) -> truths`` over the last axis of ``[..., N]``; ``where``, boolean, of the same
            shape, deletes instances. 1 over no instance.
        exists: ``(truths, where=None) -> truths``, likewise. 0 over no instance.

    Returns:
        Each operation returns truth values in [0, 1]: float32, or float64 if an operand is.

    Raises:
        TypeError: If an operand is not floating or ``where`` is not boolean.
        ValueError: If the shapes of two operands differ, or a quantifier has no axis of instances.

    Example:
        >>> a, b = jnp.array([0.5, 1.0]), jnp.array([0.75, 0.25])
        >>> jaxloss.logic.godel.conjunction(a, b)
        Array([0.5 , 0.25], dtype=float32)
        >>> jaxloss.logic.lukasiewicz.implication(a, b)
        Array([1.  , 0.25], dtype=float32)
        >>> jaxloss.logic.product.exists(jnp.array([0.5, 0.5, 0.0]))
        Array(0.75, dtype=float32)

    Reference:
        van Krieken, Acar and van Harmelen (2022), Analyzing Differentiable Fuzzy Logic Operators.
        https://arxiv.org/abs/2002.06100
    """

    conjunction: Connective
    disjunction: Connective
    implication: Connective
    forall: Quantifier
    exists: Quantifier


def negation(a: ArrayLike) -> Array:
    r"""Negation of truth values, the same in Gödel, Łukasiewicz and product logic.

    .. math:: \neg a = 1 - a

    Args:
        a: Truth values in [0, 1], any shape, floating.

    Returns:
        Truth values of that shape, float32 at least.

    Raises:
        TypeError: If ``a`` is not floating.

    Example:
        >>> jaxloss.logic.negation(jnp.array([0.0, 0.25]))
        Array([1.  , 0.75], dtype=float32)

    Reference:
        van Krieken, Acar and van Harmelen (2022), Analyzing Differentiable Fuzzy Logic Operators.
        https://arxiv.org/abs/2002.06100
    """
    return 1 - truth_values(a=a)[0]


def _godel_conjunction(a: ArrayLike, b: ArrayLike) -> Array:
    return jnp.minimum(*truth_values(a=a, b=b))


def _godel_disjunction(a: ArrayLike, b: ArrayLike) -> Array:
    return jnp.maximum(*truth_values(a=a, b=b))


def _godel_implication(a: ArrayLike, b: ArrayLike) -> Array:
    a, b = truth_values(a=a, b=b)
    return jnp.maximum(1 - a, b)


def _godel_forall(truths: ArrayLike, *, where: ArrayLike | None = None) -> Array:
    return jnp.min(truths_of_pools(truths, where, absent=1), axis=-1, initial=1)


def _godel_exists(truths: ArrayLike, *, where: ArrayLike | None = None) -> Array:
    return jnp.max(truths_of_pools(truths, where, absent=0), axis=-1, initial=0)


def _capped(total: Array) -> Array:
    """``min(1, total)``, flat from 1 on."""
    return jnp.where(total >= 1, jnp.ones((), total.dtype), total)


def _lukasiewicz_conjunction(a: ArrayLike, b: ArrayLike) -> Array:
    a, b = truth_values(a=a, b=b)
    return numerics.positive_part(a - (1 - b))


def _lukasiewicz_disjunction(a: ArrayLike, b: ArrayLike) -> Array:
    a, b = truth_values(a=a, b=b)
    return _capped(a + b)


def _lukasiewicz_implication(a: ArrayLike, b: ArrayLike) -> Array:
    a, b = truth_values(a=a, b=b)
    return _capped((1 - a) + b)


def _lukasiewicz_forall(truths: ArrayLike, *, where: ArrayLike | None = None) -> Array:
    doubts = 1 - truths_of_pools(truths, where, absent=1)
    return numerics.positive_part(1 - jnp.sum(doubts, axis=-1))


def _lukasiewicz_exists(truths: ArrayLike, *, where: ArrayLike | None = None) -> Array:
    return _capped(jnp.sum(truths_of_pools(truths, where, absent=0), axis=-1))


def _product_conjunction(a: ArrayLike, b: ArrayLike) -> Array:
    a, b = truth_values(a=a, b=b)
    return a * b


def _product_disjunction(a: ArrayLike, b: ArrayLike) -> Array:
    a, b = truth_values(a=a, b=b)
    return a + b * (1 - a)


def _product_implication(a: ArrayLike, b: ArrayLike) -> Array:
    a, b = truth_values(a=a, b=b)
    return (1 - a) + a * b


def _product_forall(truths: ArrayLike, *, where: ArrayLike | None = None) -> Array:
    return jnp.prod(truths_of_pools(truths, where, absent=1), axis=-1)


def _product_exists(truths: ArrayLike, *, where: ArrayLike | None = None) -> Array:
    truths = truths_of_pools(truths, where, absent=0)
    # a_1 + a_2 (1 - a_1) + a_3 (1 - a_1)(1 - a_2) + ...: the first true instance is the i-th.
    false_before = jnp.cumprod(1 - truths, axis=-1)
    first = jnp.concatenate([jnp.ones_like(truths[..., :1]), false_before[..., :-1]], axis=-1)
    return jnp.sum(truths * first[..., : truths.shape[-1]], axis=-1)


godel = Logic(_godel_conjunction, _godel_disjunction, _godel_implication, _godel_forall, _godel_exists)
"""Gödel logic: a formula is as true as its weakest part. See `Logic`."""

lukasiewicz = Logic(
    _lukasiewicz_conjunction,
    _lukasiewicz_disjunction,
    _lukasiewicz_implication,
    _lukasiewicz_forall,
    _lukasiewicz_exists,
)
"""Łukasiewicz logic: truths are added, doubts accumulate. See `Logic`."""

product = Logic(_product_conjunction, _product_disjunction, _product_implication, _product_forall, _product_exists)
"""Product logic: truths are probabilities of independent events. See `Logic`."""
