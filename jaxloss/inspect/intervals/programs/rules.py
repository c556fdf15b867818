"""What the engine knows of JAX's primitives: one rule for each, from enclosures of the inputs to one of the output."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np

from jaxloss.inspect.intervals.arithmetic import truth
from jaxloss.inspect.intervals.arithmetic.arrays import Floats
from jaxloss.inspect.intervals.arithmetic.truth import Truth
from jaxloss.inspect.intervals.numbers import branches, exponentials, jets, smooth
from jaxloss.inspect.intervals.numbers.jets import Jet

__all__ = ["RULES", "Missing", "Rule", "Value", "Watch"]

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
_ZERO = jets.constant(0.0)


def _rule(*names: str) -> Callable[[Rule], Rule]:
    def register(rule: Rule) -> Rule:
        RULES.update(dict.fromkeys(names, rule))
        return rule

    return register


def _simple(fn: Callable[..., Jet]) -> Rule:
    return lambda _watch, _params, *inputs: fn(*inputs)


def _smooth(name: str) -> Rule:
    return lambda _watch, _params, a: jets.compose(smooth.SMOOTH[name], a)


def _remembered(name: str) -> Rule:
    def rule(_watch: Watch, _params: Mapping[str, Any], a: Jet) -> Jet:
        return dataclasses.replace(jets.compose(smooth.SMOOTH[name], a), made=jets.Made(name, (a,)))

    return rule


_PRIMITIVES = ("exp2", "expm1", "tanh", "rsqrt", "sinh", "asinh", "atan", "erf", "sin", "cos")
RULES.update({name: _smooth(name) for name in _PRIMITIVES}, exp=_remembered("exp"), cosh=_remembered("cosh"))
RULES.update(
    add=_simple(jets.add),
    add_any=_simple(jets.add),
    sub=_simple(exponentials.subtract),
    neg=_simple(jets.negative),
    mul=_simple(jets.multiply),
    div=_simple(exponentials.divide),
    log=_simple(exponentials.log),
    logistic=_simple(exponentials.logistic),
    square=_simple(lambda a: jets.multiply(a, a)),
)


@_rule("copy", "copy_p")
def _same(_watch: Watch, _params: Mapping[str, Any], a: Value) -> Value:
    return a


@_rule("convert_element_type")
def _convert(_watch: Watch, params: Mapping[str, Any], a: Value) -> Value:
    dtype = np.dtype(params["new_dtype"])
    if isinstance(a, Truth):
        return a if dtype == np.bool_ else branches.choose(a, jets.constant(1.0), jets.constant(0.0))
    if dtype == np.float64:
        return a
    if np.issubdtype(dtype, np.integer) and np.issubdtype(params["old_dtype"], np.integer):
        return a  # of whole numbers in their range, which the interpreter checks
    if a.number is None:
        raise Missing(f"conversion to {dtype.name}, which rounds")
    if np.issubdtype(dtype, np.integer) and not np.iinfo(dtype).min <= a.number <= np.iinfo(dtype).max:
        raise Missing(f"a number beyond {dtype.name}")
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
        return _abs(watch, params, made.of[0])
    if made is not None and made.form == "square" and made.constant > 0:
        return jets.compose(smooth.hyperbola(made.constant), made.of[0])
    return jets.compose(smooth.SMOOTH["sqrt"], a)


@_rule("log1p")
def _log1p(_watch: Watch, _params: Mapping[str, Any], a: Jet) -> Jet:
    exponents = jets.exponents(a)
    if a.made is not None and exponents and np.isfinite(a.value.high).all():
        return exponentials.log_of_sum((*exponents, _ZERO))
    return jets.compose(smooth.SMOOTH["log1p"], a)


@_rule("integer_pow")
def _integer_pow(_watch: Watch, params: Mapping[str, Any], a: Jet) -> Jet:
    return _whole_power(a, params["y"])


def _whole_power(a: Jet, exponent: int) -> Jet:
    if exponent == 1:
        return a
    if exponent == 2:
        return jets.multiply(a, a)
    return jets.compose(smooth.integer_power_of(exponent), a)


@_rule("pow")
def _pow(_watch: Watch, _params: Mapping[str, Any], a: Jet, exponent: Jet) -> Jet:
    return power(a, exponent)


def power(a: Jet, exponent: Jet) -> Jet:
    """``a ** exponent``."""
    number = exponent.number
    if number is None:
        logarithm = jets.compose(smooth.SMOOTH["log"], a)
        return jets.compose(smooth.SMOOTH["exp"], jets.multiply(exponent, logarithm))
    if number.is_integer() and abs(number) <= 32:
        return _whole_power(a, int(number))
    return jets.compose(smooth.power_of(number), a)


@_rule("erfc")
def _erfc(_watch: Watch, _params: Mapping[str, Any], a: Jet) -> Jet:
    return jets.subtract(jets.constant(1.0), jets.compose(smooth.SMOOTH["erf"], a))


def _abs(watch: Watch, _params: Mapping[str, Any], a: Jet) -> Jet:
    watch.note(a, _ZERO)
    return branches.absolute(a, truth.greater(a.value, _ZERO.value, or_equal=True))


RULES["abs"] = _abs


@_rule("sign")
def _sign(watch: Watch, _params: Mapping[str, Any], a: Jet) -> Jet:
    watch.note(a, _ZERO)
    up, down = truth.greater(a.value, _ZERO.value), truth.greater(_ZERO.value, a.value)
    return branches.choose(up, jets.constant(1.0), branches.choose(down, jets.constant(-1.0), _ZERO))


@_rule("max")
def _max(watch: Watch, _params: Mapping[str, Any], a: Value, b: Value) -> Value:
    if isinstance(a, Truth) or isinstance(b, Truth):
        raise Missing("the larger of truth values")
    watch.note(a, b)
    return a if a is b else branches.maximum(a, b, truth.greater(a.value, b.value, or_equal=True))


@_rule("min")
def _min(watch: Watch, _params: Mapping[str, Any], a: Value, b: Value) -> Value:
    if isinstance(a, Truth) or isinstance(b, Truth):
        raise Missing("the smaller of truth values")
    watch.note(a, b)
    return a if a is b else branches.minimum(a, b, truth.greater(b.value, a.value, or_equal=True))


@_rule("clamp")
def _clamp(watch: Watch, params: Mapping[str, Any], low: Jet, a: Jet, high: Jet) -> Value:
    return _min(watch, params, _max(watch, params, a, low), high)
