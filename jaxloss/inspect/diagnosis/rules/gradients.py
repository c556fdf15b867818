"""A gradient that is not finite although the value is: which argument, and which operation has no slope there."""

from __future__ import annotations

from collections.abc import Iterator

import jax
import numpy as np

from jaxloss.inspect.diagnosis.arrays import is_floating, nonfinite_index, numbers
from jaxloss.inspect.diagnosis.flow import ancestors, flow_from
from jaxloss.inspect.diagnosis.report import Finding
from jaxloss.inspect.diagnosis.rules.intermediates import culprit, origin
from jaxloss.inspect.diagnosis.stepping import Program, Step, step_through
from jaxloss.inspect.diagnosis.trial import Trial

__all__ = ["RULES"]

REMEDIES = {
    "nan_behind_where": "make the argument safe before the operation, too: jnp.log(jnp.where(mask, x, 1)) inside the "
    "outer jnp.where.",
    "zero_norm": "use a norm that is safe at 0: square = jnp.sum(x * x); jnp.where(square > 0, "
    "jnp.sqrt(jnp.where(square > 0, square, 1)), 0).",
    "root_at_zero": "add a small number under the root, or use jnp.where on both sides of it.",
    "infinite_slope": "keep the argument away from this number.",
    "half_overflow": "compute this operation in float32, or use a smaller loss scale.",
    "nonfinite_gradient": "look at this operation of the backward pass; a function with a stable derivative helps.",
}


def broken_gradient(trial: Trial) -> Iterator[Finding]:
    """The argument and index whose gradient is not finite, and the operation to blame."""
    if trial.value is None or not np.isfinite(trial.value) or trial.gradient is None:
        return
    for place, (leaf, slope) in enumerate(zip(trial.learning, trial.gradient, strict=True)):
        index = nonfinite_index(slope)
        if index is None:
            continue
        evidence = {"gradient": float(numbers(slope)[index]), "value": float(numbers(leaf.value)[index])}
        evidence |= {"count": int(np.sum(~np.isfinite(numbers(slope)))), "of": int(np.size(slope))}
        cause, step = _cause(trial, place)
        where = f"{leaf.where}{list(index) if index else ''}"
        yield Finding(cause, f"{where}, through {step.where}" if step else where, evidence, REMEDIES[cause])


def _cause(trial: Trial, place: int) -> tuple[str, Step | None]:
    """Why the gradient by one leaf is not finite, and the step to blame."""
    if trial.program and (step := _without_slope(trial.program, place)) is not None:
        return _name(step), step
    backward = step_through(jax.grad(trial.total), trial.starts)
    step = origin(backward.outputs[place]) if backward else None
    if step is not None and culprit(step) == "half_overflow":
        return "half_overflow", step
    return "nonfinite_gradient", step


def _without_slope(program: Program, place: int) -> Step | None:
    """The first step on the way from an input to the value whose own derivative is not finite."""
    through = flow_from(program, [program.inputs[place]]).differentiable
    useful = ancestors(program.outputs)
    for step in program.steps:
        on_the_way = any(n in through for n in step.inputs) and any(n in useful and n in through for n in step.outputs)
        if on_the_way and not step.guarded and _is_singular(step):
            return step
    return None


def _is_singular(step: Step) -> bool:
    values = [numbers(node.value) for node in step.inputs if is_floating(node.value)]
    if not values:
        return False
    first = values[0]
    made = [numbers(node.value) for node in step.outputs if is_floating(node.value)]
    if any(not np.isfinite(x).all() for x in made) and all(np.isfinite(x).all() for x in values):
        return True
    if step.primitive in ("sqrt", "rsqrt", "log", "cbrt"):
        return bool((first == 0).any())
    if step.primitive == "pow":
        return bool((first == 0).any() and (values[1] < 1).any()) if len(values) > 1 else False
    if step.primitive in ("acos", "asin", "atanh"):
        return bool((np.abs(first) == 1).any())
    return step.primitive == "atan2" and bool(((first == 0) & (values[1] == 0)).any())


def _name(step: Step) -> str:
    if any(not np.isfinite(numbers(node.value)).all() for node in step.outputs if is_floating(node.value)):
        return "half_overflow" if culprit(step) == "half_overflow" else "nan_behind_where"
    if step.primitive == "sqrt":
        return "zero_norm" if _sums_squares(step) else "root_at_zero"
    return "infinite_slope"


def _sums_squares(step: Step) -> bool:
    """Whether a root is taken of a sum of squares."""
    maker = step.inputs[0].maker
    while maker is not None and maker.primitive in ("reduce_sum", "broadcast_in_dim", "reshape", "squeeze"):
        if maker.primitive == "reduce_sum":
            square = maker.inputs[0].maker
            return square is not None and square.primitive in ("mul", "square", "integer_pow")
        maker = maker.inputs[0].maker
    return maker is not None and maker.primitive == "dot_general"


RULES = (broken_gradient,)
