"""Functions with a derivative rule of their own whose value and rule were verified one by one.

The value of each is a closed form to within rounding, which the engine uses in its place: the bodies switch between
formulas that agree to the last digits only. The rule is the derivative of that form. Tests check both. Anything else
with a rule of its own is taken at its value, and its gradient counts as unverified.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import core

from jaxloss.inspect.intervals.numbers import barron_forms
from jaxloss.inspect.intervals.numbers import closed_forms as forms
from jaxloss.inspect.intervals.numbers.jets import Jet
from jaxloss.inspect.intervals.programs import softmax_forms
from jaxloss.inspect.intervals.programs.entries import Entries, each, of_list
from jaxloss.inspect.intervals.programs.memory import Memory, spread_undefined
from jaxloss.inspect.intervals.programs.rules import Value

__all__ = ["KNOWN", "Known", "by_its_form", "find", "keeps_its_rule", "name_of"]


@dataclasses.dataclass(frozen=True)
class Known:
    """A function with a verified rule.

    Attributes:
        path: Where it is, as ``"module:name"``.
        form: Its outputs, from enclosures of its inputs; None if it cannot say, and then its body is followed.
        of_arrays: Whether the form is ``fn(memory, *arrays)``; else it is one of numbers, for each entry.
    """

    path: str
    form: Callable[..., Sequence[Any] | None]
    of_arrays: bool = False

    @property
    def fn(self) -> Callable[..., Any]:
        module, _, name = self.path.partition(":")
        return getattr(importlib.import_module(module), name)


_NUMERICS, _SIGMOIDS = "jaxloss._floor.maths.numerics", "jaxloss._floor.maths.sigmoids"
_ERRORS, _SOFTMAX = "jaxloss._floor.maths.errors", "jaxloss._floor.maths.softmax.terms"

KNOWN: Mapping[str, Known] = {
    entry.path.partition(":")[2]: entry
    for entry in (
        Known("jax.numpy:logaddexp", forms.logaddexp),
        Known("jax.nn:relu", forms.by_its_body),
        Known(f"{_NUMERICS}:magnitude", forms.by_its_body),
        Known(f"{_ERRORS}:distance", forms.by_its_body),
        Known(f"{_ERRORS}:huber", forms.by_its_body),
        Known(f"{_ERRORS}:smooth_distance", forms.by_its_body),
        Known(f"{_NUMERICS}:difference", forms.difference),
        Known(f"{_NUMERICS}:quotient", forms.quotient),
        Known(f"{_NUMERICS}:_power", forms.power),
        Known(f"{_NUMERICS}:softplus", forms.softplus),
        Known(f"{_NUMERICS}:exp_excess", forms.exp_excess),
        Known(f"{_SIGMOIDS}:negative_log_sigmoid", forms.negative_log_sigmoid),
        Known(f"{_SIGMOIDS}:negative_log_sigmoids", forms.negative_log_sigmoids),
        Known(f"{_SIGMOIDS}:sigmoid_sides", forms.sigmoid_sides),
        Known(f"{_SIGMOIDS}:weighted_negative_log_sigmoids", forms.weighted_negative_log_sigmoids),
        Known("jaxloss._floor.maths.logarithms:log1p_near", forms.log1p),
        Known("jaxloss._floor.maths.log_ratios:gap", forms.gap),
        Known("jaxloss._floor.value_checks:_if_valid", forms.by_its_body),
        Known(f"{_SOFTMAX}:label_terms", softmax_forms.label_terms, of_arrays=True),
        Known("jaxloss._floor.maths.softmax.soft_targets:target_terms", softmax_forms.target_terms, of_arrays=True),
        Known("jaxloss.classification.focal:_miss", forms.miss),
        Known("jaxloss.regression.quantiles:_pinball", forms.by_its_body),
        Known("jaxloss.regression.expectiles:_expectile", forms.by_its_body),
        Known("jaxloss.regression.logarithmic:_log1p_difference", forms.log1p_difference),
        Known("jaxloss.regression.hyperbolic:_pseudo_huber", forms.pseudo_huber),
        Known("jaxloss.regression.hyperbolic:_charbonnier", forms.charbonnier),
        Known("jaxloss.regression.hyperbolic:_log_cosh", forms.log_cosh),
        Known("jaxloss.regression.redescending:_cauchy", forms.cauchy),
        Known("jaxloss.regression.redescending:_geman_mcclure", forms.geman_mcclure),
        Known("jaxloss.regression.redescending:_welsch", forms.welsch),
        Known("jaxloss.regression.redescending:_tukey", forms.tukey),
        Known("jaxloss.regression.barron:_mass", barron_forms.barron_mass),
        Known("jaxloss.regression.barron:_barron", barron_forms.barron),
        Known("jaxloss.regression.barron:_hyperbola", barron_forms.hyperbola),
    )
}


def name_of(step: core.JaxprEqn) -> str:
    """The name of the function that a step calls."""
    return step.params["call_jaxpr"].jaxpr.debug_info.func_name


def find(step: core.JaxprEqn) -> Known | None:
    """The entry of the function that a step calls, if it is this one to the letter and not one of the same name."""
    closed = step.params["call_jaxpr"]
    entry = KNOWN.get(name_of(step))
    if entry is None or step.primitive.name != "custom_jvp_call":
        return None
    texts = _texts(entry, _shapes(closed))
    return entry if texts is not None and texts[0] == _text(closed) else None


def by_its_form(entry: Known, inputs: Sequence[Entries], memory: Memory) -> list[Entries] | None:
    """The outputs of a known function; None if its form cannot say."""
    if entry.of_arrays:
        arrays = entry.form(memory, *inputs)
        operands = [value for array in inputs for value in array.ravel()]
        return None if arrays is None else [each(lambda out: spread_undefined(out, operands), a) for a in arrays]
    shape = np.broadcast_shapes(*(array.shape for array in inputs))
    places = zip(*(np.broadcast_to(array, shape).ravel() for array in inputs), strict=True)
    outputs = [_of_numbers(entry, operands, memory) for operands in places]
    if any(found is None for found in outputs):
        return None
    return [of_list(column, shape) for column in zip(*(found for found in outputs if found is not None), strict=True)]


def _of_numbers(entry: Known, operands: Sequence[Value], memory: Memory) -> Sequence[Jet] | None:
    if not all(isinstance(operand, Jet) for operand in operands):
        return None
    return memory.once(entry.path, operands, lambda: entry.form(*operands))


def keeps_its_rule(step: core.JaxprEqn, entry: Known) -> bool:
    """Whether the derivative rule of a step is that of the entry."""
    texts = _texts(entry, _shapes(step.params["call_jaxpr"]))
    return texts is not None and _own_rule(_Rule(step)) == texts[1]


class _Rule:
    """A step, compared by the function that it calls and the rule that it has."""

    def __init__(self, step: core.JaxprEqn) -> None:
        self.step = step
        self.key = step.params["call_jaxpr"], step.params["jvp_jaxpr_fun"]

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Rule) and self.key == other.key


Shapes = tuple[tuple[tuple[int, ...], Any], ...]


def _shapes(closed: core.ClosedJaxpr) -> Shapes:
    return tuple((v.aval.shape, v.aval.dtype) for v in closed.jaxpr.invars)


@functools.lru_cache(maxsize=512)
def _text(closed: core.ClosedJaxpr) -> str:
    return str(closed)


@functools.lru_cache(maxsize=512)
def _own_rule(rule: _Rule) -> str:
    """The program of the derivative of a step."""
    step = rule.step
    inner = step.params["call_jaxpr"].jaxpr
    alone = inner.replace(constvars=[], outvars=step.outvars, eqns=[step.replace(invars=inner.invars)])
    call = core.jaxpr_as_fun(core.ClosedJaxpr(alone, ()))
    with jax.enable_x64(True):
        numbers = tuple(jnp.zeros(v.aval.shape, v.aval.dtype) for v in inner.invars)
        return str(jax.make_jaxpr(lambda *inputs: jax.jvp(call, inputs, tuple(map(_tangent, inputs))))(*numbers))


def _tangent(x: jax.Array) -> Any:
    """Some tangent of a number; whole numbers have none."""
    return x if jnp.issubdtype(x.dtype, jnp.floating) else np.zeros(x.shape, jax.dtypes.float0)


@functools.lru_cache(maxsize=512)
def _texts(entry: Known, shapes: Shapes) -> tuple[str, str] | None:
    """The body and the rule of an entry, for inputs of these shapes; None if it does not take them."""
    name = entry.path.partition(":")[2]
    try:
        with jax.enable_x64(True):
            program = jax.make_jaxpr(entry.fn)(*(jnp.zeros(shape, dtype) for shape, dtype in shapes))
            step = next(s for s in _steps(program.jaxpr) if name_of(s) == name)
            return _text(step.params["call_jaxpr"]), _own_rule(_Rule(step))
    except (TypeError, ValueError, IndexError):
        return None


def _steps(jaxpr: core.Jaxpr) -> Iterator[core.JaxprEqn]:
    """The custom functions of a program, outermost first."""
    for step in jaxpr.eqns:
        if step.primitive.name == "custom_jvp_call":
            yield step
        for parameter in step.params.values():
            if isinstance(parameter, core.ClosedJaxpr):
                yield from _steps(parameter.jaxpr)
