"""What the engine knows of JAX's primitives: one rule for each, from enclosures of the inputs to one of the output."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np

from jaxloss.inspect.intervals import elementary, jets, truth
from jaxloss.inspect.intervals import interval as iv
from jaxloss.inspect.intervals.arrays import Floats
from jaxloss.inspect.intervals.jets import Jet
from jaxloss.inspect.intervals.truth import Truth

__all__ = ["RULES", "Missing", "Value", "Watch"]

Value: TypeAlias = Jet | Truth


class Missing(Exception):
    """The engine has no rule for something; the message names it."""


@dataclasses.dataclass
class Watch:
    """Collects the left side minus the right side of every comparison: a kink is where it changes sign."""

    margins: list[Floats] | None = None

    def note(self, a: Jet, b: Jet) -> None:
        if self.margins is not None:
            with np.errstate(all="ignore"):
                self.margins.append((a.value.low - b.value.low) + (a.value.high - b.value.high))


Rule: TypeAlias = Callable[..., Value]
"""``rule(watch, params, *inputs)``."""

RULES: dict[str, Rule] = {}


def _rule(*names: str) -> Callable[[Rule], Rule]:
    def register(rule: Rule) -> Rule:
        RULES.update(dict.fromkeys(names, rule))
        return rule

    return register


def _simple(fn: Callable[..., Jet]) -> Rule:
    return lambda _watch, _params, *inputs: fn(*inputs)


def _smooth(name: str) -> Rule:
    return lambda _watch, _params, a: jets.compose(elementary.SMOOTH[name], a)


def _remembered(name: str) -> Rule:
    def rule(_watch: Watch, _params: Mapping[str, Any], a: Jet) -> Jet:
        return dataclasses.replace(jets.compose(elementary.SMOOTH[name], a), made=jets.Made(name, a))

    return rule


_PRIMITIVES = ("exp2", "expm1", "tanh", "logistic", "rsqrt", "sinh", "asinh", "atan", "erf", "sin", "cos")
RULES.update({name: _smooth(name) for name in _PRIMITIVES}, exp=_remembered("exp"), cosh=_remembered("cosh"))
RULES.update(
    add=_simple(jets.add),
    add_any=_simple(jets.add),
    sub=_simple(jets.subtract),
    neg=_simple(jets.negative),
    mul=_simple(jets.multiply),
    div=_simple(jets.divide),
    square=_simple(lambda a: jets.multiply(a, a)),
)


@_rule("copy", "copy_p", "reshape", "squeeze", "broadcast_in_dim", "expand_dims")
def _same(_watch: Watch, _params: Mapping[str, Any], a: Value) -> Value:
    return a


@_rule("reduce_sum", "reduce_max", "reduce_min", "reduce_prod", "reduce_and", "reduce_or", "cumsum", "cummax")
def _of_one_entry(_watch: Watch, _params: Mapping[str, Any], a: Value) -> Value:
    return a


@_rule("convert_element_type")
def _convert(_watch: Watch, params: Mapping[str, Any], a: Value) -> Value:
    dtype = np.dtype(params["new_dtype"])
    if isinstance(a, Truth):
        return a if dtype == np.bool_ else jets.choose(a, jets.constant(1.0), jets.constant(0.0))
    if dtype == np.float64:
        return a
    if a.number is None:
        raise Missing(f"conversion to {dtype.name}, which rounds")
    return jets.constant(float(np.asarray(a.number).astype(dtype)))


@_rule("stop_gradient")
def _stop_gradient(_watch: Watch, _params: Mapping[str, Any], a: Value) -> Value:
    if isinstance(a, Truth) or a.slope is None:
        return a
    moving = np.broadcast_to(a.slope.size > 0, a.value.low.shape)
    return jets.unverified(a, "stop_gradient", moving)


@_rule("sqrt")
def _sqrt(watch: Watch, params: Mapping[str, Any], a: Jet) -> Jet:
    made = a.made
    if made is not None and made.form == "square" and made.constant == 0:
        return _abs(watch, params, made.of)
    if made is not None and made.form == "square" and made.constant > 0:
        return jets.compose(elementary.hyperbola(made.constant), made.of)
    return jets.compose(elementary.SMOOTH["sqrt"], a)


@_rule("log")
def _log(_watch: Watch, _params: Mapping[str, Any], a: Jet) -> Jet:
    made = a.made
    if made is not None and made.form == "exp" and made.constant == 1:
        return jets.compose(elementary.SMOOTH["softplus"], made.of)
    if made is not None and made.form == "cosh" and made.constant == 0:
        return jets.compose(elementary.SMOOTH["log_cosh"], made.of)
    return jets.compose(elementary.SMOOTH["log"], a)


@_rule("log1p")
def _log1p(_watch: Watch, _params: Mapping[str, Any], a: Jet) -> Jet:
    made = a.made
    if made is not None and made.form == "exp" and made.constant == 0:
        return jets.compose(elementary.SMOOTH["softplus"], made.of)
    return jets.compose(elementary.SMOOTH["log1p"], a)


@_rule("integer_pow")
def _integer_pow(_watch: Watch, params: Mapping[str, Any], a: Jet) -> Jet:
    return _whole_power(a, params["y"])


def _whole_power(a: Jet, exponent: int) -> Jet:
    if exponent == 2:
        return jets.multiply(a, a)
    return jets.compose(elementary.integer_power_of(exponent), a)


@_rule("pow")
def _pow(_watch: Watch, _params: Mapping[str, Any], a: Jet, exponent: Jet) -> Jet:
    return power(a, exponent)


def power(a: Jet, exponent: Jet) -> Jet:
    """``a ** exponent``."""
    number = exponent.number
    if number is None:
        logarithm = jets.compose(elementary.SMOOTH["log"], a)
        return jets.compose(elementary.SMOOTH["exp"], jets.multiply(exponent, logarithm))
    if number.is_integer() and abs(number) <= 32:
        return _whole_power(a, int(number))
    return jets.compose(elementary.power_of(number), a)


@_rule("erfc")
def _erfc(_watch: Watch, _params: Mapping[str, Any], a: Jet) -> Jet:
    return jets.subtract(jets.constant(1.0), jets.compose(elementary.SMOOTH["erf"], a))


_ZERO = jets.constant(0.0)


def _abs(watch: Watch, _params: Mapping[str, Any], a: Jet) -> Jet:
    watch.note(a, _ZERO)
    return jets.absolute(a, truth.greater(a.value, _ZERO.value, or_equal=True))


RULES["abs"] = _abs


@_rule("sign")
def _sign(watch: Watch, _params: Mapping[str, Any], a: Jet) -> Jet:
    watch.note(a, _ZERO)
    up, down = truth.greater(a.value, _ZERO.value), truth.greater(_ZERO.value, a.value)
    return jets.choose(up, jets.constant(1.0), jets.choose(down, jets.constant(-1.0), _ZERO))


@_rule("max")
def _max(watch: Watch, _params: Mapping[str, Any], a: Value, b: Value) -> Value:
    if isinstance(a, Truth) or isinstance(b, Truth):
        return _or(watch, {}, a, b)
    watch.note(a, b)
    return a if a is b else jets.maximum(a, b, truth.greater(a.value, b.value, or_equal=True))


@_rule("min")
def _min(watch: Watch, _params: Mapping[str, Any], a: Value, b: Value) -> Value:
    if isinstance(a, Truth) or isinstance(b, Truth):
        return _and(watch, {}, a, b)
    watch.note(a, b)
    return a if a is b else jets.minimum(a, b, truth.greater(b.value, a.value, or_equal=True))


@_rule("clamp")
def _clamp(watch: Watch, params: Mapping[str, Any], low: Jet, a: Jet, high: Jet) -> Value:
    return _min(watch, params, _max(watch, params, a, low), high)


def _compared(holds: Callable[[iv.Interval, iv.Interval], Truth], sense: int, of_itself: bool) -> Rule:
    def rule(watch: Watch, _params: Mapping[str, Any], a: Value, b: Value) -> Value:
        if isinstance(a, Truth) or isinstance(b, Truth):
            raise Missing("comparison of truth values")
        watch.note(a, b)
        if a is b:
            return truth.of_constant(of_itself)
        return dataclasses.replace(holds(a.value, b.value), turn=sense * jets.direction(a, b))

    return rule


RULES.update(
    gt=_compared(truth.greater, 1, False),
    lt=_compared(lambda a, b: truth.greater(b, a), -1, False),
    ge=_compared(lambda a, b: truth.greater(a, b, or_equal=True), 1, True),
    le=_compared(lambda a, b: truth.greater(b, a, or_equal=True), -1, True),
)


@_rule("eq")
def _eq(watch: Watch, _params: Mapping[str, Any], a: Value, b: Value) -> Value:
    if isinstance(a, Truth) and isinstance(b, Truth):
        return truth.same(a, b)
    if isinstance(a, Truth) or isinstance(b, Truth):
        raise Missing("comparison of a number with a truth value")
    watch.note(a, b)
    return truth.of_constant(True) if a is b else truth.equal(a.value, b.value)


@_rule("ne")
def _ne(watch: Watch, params: Mapping[str, Any], a: Value, b: Value) -> Value:
    result = _eq(watch, params, a, b)
    assert isinstance(result, Truth)
    return truth.inverse(result)


@_rule("and")
def _and(_watch: Watch, _params: Mapping[str, Any], a: Value, b: Value) -> Value:
    return truth.both(*_truths(a, b))


@_rule("or")
def _or(_watch: Watch, _params: Mapping[str, Any], a: Value, b: Value) -> Value:
    return truth.either(*_truths(a, b))


@_rule("xor")
def _xor(_watch: Watch, _params: Mapping[str, Any], a: Value, b: Value) -> Value:
    return truth.inverse(truth.same(*_truths(a, b)))


@_rule("not")
def _not(_watch: Watch, _params: Mapping[str, Any], a: Value) -> Value:
    return truth.inverse(_truths(a, a)[0])


def _truths(a: Value, b: Value) -> tuple[Truth, Truth]:
    if isinstance(a, Jet) or isinstance(b, Jet):
        raise Missing("bitwise logic of numbers")
    return a, b


@_rule("is_finite")
def _is_finite(_watch: Watch, _params: Mapping[str, Any], a: Jet) -> Truth:
    finite = np.isfinite(a.value.low) & np.isfinite(a.value.high)
    return Truth(np.ones((), bool), ~finite)


@_rule("select_n")
def _select(_watch: Watch, _params: Mapping[str, Any], which: Value, *cases: Value) -> Value:
    if isinstance(which, Jet) or len(cases) != 2:
        raise Missing("select_n by an integer")
    if_false, if_true = cases
    if isinstance(if_true, Truth) and isinstance(if_false, Truth):
        return truth.either(truth.both(which, if_true), truth.both(truth.inverse(which), if_false))
    if isinstance(if_true, Truth) or isinstance(if_false, Truth):
        raise Missing("select_n of a number and a truth value")
    return if_true if if_true is if_false else jets.choose(which, if_true, if_false)
