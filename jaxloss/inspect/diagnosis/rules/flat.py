"""A gradient of zero: by which argument, and what stops it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from jaxloss.inspect.diagnosis.arguments import Leaf
from jaxloss.inspect.diagnosis.arrays import is_floating, numbers
from jaxloss.inspect.diagnosis.flow import ancestors, flow_from
from jaxloss.inspect.diagnosis.report import Finding
from jaxloss.inspect.diagnosis.stepping import Node, Program, Step
from jaxloss.inspect.diagnosis.trial import Trial

__all__ = ["RULES"]

FLAT = 1e-12
"""A gradient below this share of the value per unit of the argument moves nothing."""
FLAT_SLOPE = 1e-8
"""A slope of a sigmoid below which it is saturated."""

REMEDIES = {
    "gradient_stopped": "remove stop_gradient from the branch that should learn.",
    "not_differentiable": "replace this operation by one with a derivative, such as a softmax for an argmax.",
    "unused_argument": "use it in the loss, or leave it out of what is differentiated.",
    "satisfied": "nothing is left to learn from these examples: give harder ones, or a larger margin.",
    "saturated": "give logits to a loss that takes logits, scale the inputs down, or start from smaller weights.",
    "dead_relu": "start from smaller biases or a smaller learning rate, or use jax.nn.leaky_relu or jax.nn.gelu.",
    "clipped": "clip only what is reported, or use a smooth bound such as jnp.tanh.",
    "zero_factor": "look at what this product multiplies with: a mask, a weight or a schedule is 0.",
    "zero_gradient": "change the argument by a large step and see whether the value changes.",
}


def flat_arguments(trial: Trial) -> Iterator[Finding]:
    """Arguments that learn nothing; those with one reason together."""
    if trial.value is None or not np.isfinite(trial.value) or trial.gradient is None:
        return
    flat = [_is_flat(leaf, slope, trial.value) for leaf, slope in zip(trial.learning, trial.gradient, strict=True)]
    if not any(flat) or (trial.direct and not all(flat)):
        return
    reasons: dict[tuple[str, str], list[str]] = {}
    for leaf, reason in _reasons(trial, flat):
        reasons.setdefault(reason, []).append(leaf.where)
    for (cause, step), leaves in reasons.items():
        named = ", ".join(leaves[:3]) + (f" and {len(leaves) - 3} more" if len(leaves) > 3 else "")
        evidence = {"value": trial.value, "arguments without gradient": len(leaves), "of": len(trial.learning)}
        yield Finding(cause, f"{named}, through {step}" if step else named, evidence, REMEDIES[cause])


def _is_flat(leaf: Leaf, slope: Any, value: float) -> bool:
    size = max(float(np.max(np.abs(numbers(leaf.value)), initial=0)), 1.0)
    return bool(np.size(slope)) and float(np.max(np.abs(numbers(slope)), initial=0)) * size <= FLAT * abs(value)


def _reasons(trial: Trial, flat: list[bool]) -> Iterator[tuple[Leaf, tuple[str, str]]]:
    """Each flat leaf with the cause and the step to blame."""
    program = trial.program
    for place, leaf in enumerate(trial.learning):
        if not flat[place]:
            continue
        cause, step = _structural(program, place) if program else ("", "")
        if cause == "gradient_stopped" and not all(flat) and "in jaxloss" in step:
            continue  # a target network, or the other side of a codebook, that a loss is made for
        if not cause and all(flat) and abs(trial.value or 0.0) == 0:
            cause, step = "satisfied", ""
        if not cause and program and not trial.starts_at_zero:
            cause, step = _numerical(program, place)
        if cause:
            yield leaf, (cause, step)


def _structural(program: Program, place: int) -> tuple[str, str]:
    """Why no gradient can flow from an input, whatever the numbers."""
    flow = flow_from(program, [program.inputs[place]])
    useful = ancestors(program.outputs)
    if not any(node in flow.reached for node in program.outputs):
        return "unused_argument", ""
    if any(node in flow.differentiable for node in program.outputs):
        return "", ""
    blockers = flow.blockers(program, useful)
    stops = [step for step in blockers if step.primitive == "stop_gradient"] or blockers
    if not stops:
        return "zero_gradient", ""
    return ("gradient_stopped" if stops[0].primitive == "stop_gradient" else "not_differentiable"), stops[0].where


def _numerical(program: Program, place: int) -> tuple[str, str]:
    """Which operation has zero slope at these numbers."""
    through = flow_from(program, [program.inputs[place]]).differentiable
    useful = ancestors(program.outputs)
    for step in program.steps:
        on_the_way = any(n in through for n in step.inputs) and any(n in useful and n in through for n in step.outputs)
        if on_the_way and (cause := _flat_step(step, through)):
            return cause, step.where
    return "zero_gradient", ""


def _flat_step(step: Step, through: set[Node]) -> str:
    """The cause, if the slope of a step by what depends on the input is 0 everywhere."""
    made = numbers(step.outputs[0].value)
    if step.primitive == "logistic" and np.all(made * (1 - made) <= FLAT_SLOPE):
        return "saturated"
    if step.primitive == "tanh" and np.all(1 - made * made <= FLAT_SLOPE):
        return "saturated"
    if step.primitive in ("exp", "erf", "erfc") and np.all((made == 0) | (step.primitive != "exp") & (made == 1)):
        return "saturated"
    if step.primitive in ("max", "min") and len(step.inputs) == 2 and is_floating(step.inputs[0].value):
        return _bound(step, made, through)
    if step.primitive == "clamp" and step.inputs[1] in through:
        low, middle, high = (numbers(node.value) for node in step.inputs)
        return "clipped" if np.all((middle < low) | (middle > high)) else ""
    if step.primitive == "mul":
        others = [node for node in step.inputs if node not in through]
        return "zero_factor" if others and not np.any(numbers(others[0].value)) else ""
    return ""


def _bound(step: Step, made: np.ndarray, through: set[Node]) -> str:
    """The cause, if a maximum or minimum takes the other argument everywhere."""
    learning, bounds = [n for n in step.inputs if n in through], [n for n in step.inputs if n not in through]
    if len(learning) != 1 or np.any(np.broadcast_to(numbers(learning[0].value), made.shape) == made):
        return ""
    return "dead_relu" if step.primitive == "max" and not np.any(numbers(bounds[0].value)) else "clipped"


RULES = (flat_arguments,)
