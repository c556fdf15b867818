"""What one run of a program has computed already: a step that is done twice has one result.

Programs compute the same number in several places. If these were two enclosures, their difference would be known only
to within their widths, and a choice between them would seem to make a jump.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

import numpy as np

from jaxloss.inspect.intervals.arithmetic import truth
from jaxloss.inspect.intervals.arithmetic.arrays import Floats
from jaxloss.inspect.intervals.arithmetic.truth import Truth
from jaxloss.inspect.intervals.numbers.jets import Jet
from jaxloss.inspect.intervals.programs.cases import Cases
from jaxloss.inspect.intervals.programs.comparisons import COMPARISONS
from jaxloss.inspect.intervals.programs.rules import RULES, Missing, Value, Watch

__all__ = ["Memory", "spread_undefined"]

Output = TypeVar("Output", bound=Value)
Key: TypeAlias = tuple[Any, ...]

_QUESTIONS = ("gt", "lt", "ge", "le", "eq", "ne")

_NOTHING: Mapping[str, Any] = {}


def spread_undefined(output: Output, operands: Sequence[Value]) -> Output:
    """NaN makes NaN of everything that is computed from it, and a comparison with it has any answer.

    It is born where an enclosure is the whole line, which later steps may make narrow again.
    """
    undefined = np.zeros((), bool)
    for operand in operands:
        if isinstance(operand, Jet):
            undefined = undefined | operand.undefined
    if isinstance(output, Truth):
        return truth.unsure(output, undefined) if undefined.any() else output
    undefined = undefined | output.undefined | np.isneginf(output.value.low) & np.isposinf(output.value.high)
    return dataclasses.replace(output, undefined=undefined) if undefined.any() else output


@dataclasses.dataclass
class Memory:
    """Runs the rules of single numbers, each once for the same operands.

    Attributes:
        watch: Collects the margins of comparisons.
        cases: Answers to open comparisons; None leaves them open.
        done: Primitive, parameters and operands of each step to its operands, result and margins.
        forms: Name and operands of each closed form to its operands and outputs.
    """

    watch: Watch
    cases: Cases | None = None
    done: dict[Key, tuple[Sequence[Value], Value, Sequence[Floats]]] = dataclasses.field(default_factory=dict)
    forms: dict[Key, tuple[Sequence[Value], Sequence[Jet] | None]] = dataclasses.field(default_factory=dict)

    def step(self, name: str, *operands: Value, params: Mapping[str, Any] = _NOTHING) -> Value:
        """The result of a primitive of single numbers."""
        key = name, *sorted((k, str(v)) for k, v in params.items()), *map(_identity, operands)
        margins = self.watch.margins
        if key in self.done:
            _, result, noted = self.done[key]
            if margins is not None:
                margins.extend(noted)  # as many in every run, whatever is the same in it
            return result
        rule = RULES.get(name) or COMPARISONS.get(name)
        if rule is None:
            raise Missing(f"the primitive {name}")
        before = 0 if margins is None else len(margins)
        result = rule(self.watch, params, *operands)
        if name != "select_n":  # it leaves operands out, and knows itself which
            result = spread_undefined(result, operands)
        if self.cases is not None and name in _QUESTIONS and isinstance(result, Truth):
            result = self.cases.decide(result)
        # The operands are kept, so that no other object gets the identity of one.
        self.done[key] = operands, result, [] if margins is None else margins[before:]
        return result

    def once(
        self, name: str, operands: Sequence[Value], form: Callable[[], Sequence[Jet] | None]
    ) -> Sequence[Jet] | None:
        """The outputs of a closed form of single numbers."""
        key = name, *map(_identity, operands)
        if key not in self.forms:
            found = form()
            outputs = None if found is None else [spread_undefined(output, operands) for output in found]
            self.forms[key] = operands, outputs
        return self.forms[key][1]


def _identity(operand: Value) -> tuple[str, float]:
    if isinstance(operand, Jet) and operand.number is not None and not operand.undefined.any():
        return "number", operand.number
    return "object", id(operand)
