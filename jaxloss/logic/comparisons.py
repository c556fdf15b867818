"""DL2: comparisons of numbers, and formulas of them, as penalties that are 0 where they hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.maths.errors import distance
from jaxloss._floor.reduction import hide, promote
from jaxloss._floor.typing import Array, ArrayLike, Scalar

__all__ = ["Comparisons", "dl2"]

Comparison = Callable[[ArrayLike, ArrayLike], Array]


class StrictComparison(Protocol):
    """A comparison that equal numbers violate, by ``xi``."""

    def __call__(self, a: ArrayLike, b: ArrayLike, *, xi: Scalar = 1.0) -> Array: ...


class Quantifier(Protocol):
    """A function of the penalties of instances ``[..., N]``."""

    def __call__(self, penalties: ArrayLike, *, where: ArrayLike | None = None) -> Array: ...


class Comparisons(NamedTuple):
    r"""Comparisons and connectives of `dl2`: penalties >= 0, each 0 if and only if its formula holds.

    ============================  =================================================
    operation                     penalty
    ============================  =================================================
    ``less_equal(a, b)``          :math:`\max(0, a - b)`
    ``less(a, b)``                :math:`\max(0, a - b) + \xi \, 1[a = b]`
    ``equal(a, b)``               :math:`|a - b|`
    ``not_equal(a, b)``           :math:`\xi \, 1[a = b]`
    ``conjunction(p, q)``         :math:`p + q`
    ``disjunction(p, q)``         :math:`p q`
    ``forall(penalties)``         :math:`\sum_i p_i`
    ``exists(penalties)``         :math:`\prod_i p_i`
    ============================  =================================================

    Here 0 is true, and penalties have no upper bound: unlike the truth values of `Logic`, a penalty says by how much a
    comparison fails, in units of its operands. Negation is not offered: push it inwards, "not a <= b" being
    ``less(b, a)``, and "if p then q" the disjunction of "not p" and q. The conjunction counts a formula twice that it
    has twice. Where both parts of a disjunction fail, each pulls as much as the other one fails; where one part holds,
    nothing does. :math:`\xi` has no slope: ``less`` and ``not_equal`` never train two equal numbers apart. Ask for a
    margin instead, ``less_equal(a + margin, b)``.

    A penalty is a loss of examples: `jaxloss.reduce` takes its masked and weighted mean. Squared, ``less_equal(g, 0)``
    is `jaxloss.inequality_penalty` and ``equal(h, 0)`` is `jaxloss.equality_penalty`.

    Args:
        less_equal: ``(a, b) -> penalties``, "a <= b", for numbers of one shape, the first floating.
        less: ``(a, b, xi=1.0) -> penalties``, "a < b", likewise; ``xi`` > 0 is the penalty of equal numbers.
        equal: ``(a, b) -> penalties``, "a = b", likewise.
        not_equal: ``(a, b, xi=1.0) -> penalties``, "a != b", likewise.
        conjunction: ``(p, q) -> penalties``, "p and q", for penalties >= 0 of one shape.
        disjunction: ``(p, q) -> penalties``, "p or q", likewise.
        forall: ``(penalties, where=None) -> penalties`` over the last axis of ``[..., N]``; ``where``, boolean, of the
            same shape, deletes instances. 0 over no instance.
        exists: ``(penalties, where=None) -> penalties``, likewise. 1 over no instance, which does not hold.

    Returns:
        Each operation returns penalties in the shape of its operands, or without the last axis: float32, or float64 if
        an operand is.

    Raises:
        TypeError: If the first operand is not floating or ``where`` is not boolean.
        ValueError: If the shapes of two operands differ, ``xi`` is not positive, or a quantifier has no axis of
            instances.

    Example:
        >>> dl2 = jaxloss.logic.dl2
        >>> a, b = jnp.array([1.0, 2.0, 5.0]), jnp.array([2.0, 2.0, 2.0])
        >>> dl2.less_equal(a, b), dl2.less(a, b, xi=0.5)
        (Array([0., 0., 3.], dtype=float32), Array([0. , 0.5, 3. ], dtype=float32))
        >>> either = dl2.disjunction(dl2.less_equal(a, b), dl2.equal(a, jnp.full(3, 4.0)))
        >>> jaxloss.reduce(either, reduction="none")
        Array([0., 0., 3.], dtype=float32)

    Reference:
        Fischer et al. (2019), DL2: Training and Querying Neural Networks with Logic.
        https://proceedings.mlr.press/v97/fischer19a.html
    """

    less_equal: Comparison
    less: StrictComparison
    equal: Comparison
    not_equal: StrictComparison
    conjunction: Comparison
    disjunction: Comparison
    forall: Quantifier
    exists: Quantifier


def _numbers(a: ArrayLike, b: ArrayLike) -> tuple[Array, ...]:
    return promote(*checks.values(a=a, b=b))


def _less_equal(a: ArrayLike, b: ArrayLike) -> Array:
    return numerics.positive_part(numerics.difference(*_numbers(a, b)))


def _equal(a: ArrayLike, b: ArrayLike) -> Array:
    return distance(*_numbers(a, b))


def _not_equal(a: ArrayLike, b: ArrayLike, *, xi: Scalar = 1.0) -> Array:
    a, b = _numbers(a, b)
    xi = jnp.asarray(checks.scalar("xi", xi, a.dtype, above=0), a.dtype)
    return jnp.where(a == b, xi, jnp.zeros((), a.dtype)) + numerics.trace_of_nan(a) + numerics.trace_of_nan(b)


def _less(a: ArrayLike, b: ArrayLike, *, xi: Scalar = 1.0) -> Array:
    return _less_equal(a, b) + _not_equal(a, b, xi=xi)


def _penalties(**operands: Any) -> tuple[Array, ...]:
    arrays = checks.floating(**operands)
    checks.same_shape(**dict(zip(operands, arrays, strict=True)))
    return promote(*arrays)


def _conjunction(p: ArrayLike, q: ArrayLike) -> Array:
    return jnp.add(*_penalties(p=p, q=q))


def _disjunction(p: ArrayLike, q: ArrayLike) -> Array:
    return jnp.multiply(*_penalties(p=p, q=q))


def _instances(penalties: ArrayLike, where: ArrayLike | None, absent: float) -> Array:
    (penalties,) = checks.floating(penalties=penalties)
    checks.with_axes("instances", allow_empty=True, penalties=penalties)
    return promote(hide(where, penalties, fill=absent))[0]


def _forall(penalties: ArrayLike, *, where: ArrayLike | None = None) -> Array:
    return jnp.sum(_instances(penalties, where, absent=0), axis=-1)


def _exists(penalties: ArrayLike, *, where: ArrayLike | None = None) -> Array:
    return jnp.prod(_instances(penalties, where, absent=1), axis=-1)


dl2 = Comparisons(_less_equal, _less, _equal, _not_equal, _conjunction, _disjunction, _forall, _exists)
"""The comparisons and connectives of DL2. See `Comparisons`."""
