"""Masks that the mean does not know of, in a function that masks by itself."""

from __future__ import annotations

from collections.abc import Iterator

import jax.numpy as jnp
import numpy as np

from jaxloss.inspect.diagnosis.arguments import Leaf
from jaxloss.inspect.diagnosis.arrays import is_number_array, numbers
from jaxloss.inspect.diagnosis.flow import ancestors
from jaxloss.inspect.diagnosis.report import Finding
from jaxloss.inspect.diagnosis.stepping import Node, Program, Step, step_through
from jaxloss.inspect.diagnosis.trial import Trial

__all__ = ["RULES"]

NAMES = ("mask", "valid", "where", "padding_mask", "attention_mask", "is_valid")
"""What people call a mask that holds floats or integers."""
SHAPING = ("convert_element_type", "broadcast_in_dim", "reshape", "squeeze", "expand_dims", "not", "eq", "ne", "copy")
"""Operations that leave a mask a mask."""


def masks_by_hand(trial: Trial) -> Iterator[Finding]:
    """Masks among the inputs that nothing depends on, or that set losses to 0 in front of a plain mean."""
    given = {id(value) for call in trial.calls for value in call.arguments.values()}
    masks = [leaf for leaf in trial.leaves if _is_mask(leaf) and id(leaf.value) not in given]
    if trial.direct or trial.value is None or not masks:
        return
    program = step_through(lambda some: _with(trial, masks, some), [jnp.asarray(leaf.value) for leaf in masks])
    useful = ancestors(program.outputs) if program else set()
    for leaf, node in zip(masks, program.inputs if program else (), strict=False):
        evidence = {"masked entries": int(np.sum(numbers(leaf.value) == 0)), "of": int(np.size(leaf.value))}
        if node not in useful:
            yield Finding("unused_mask", leaf.where, evidence, f"pass it to the loss: where={leaf.where}.")
        elif program and (step := _plain_mean(program, node)) is not None:
            remedy = f"pass where={leaf.where} to the loss, or divide by jnp.sum({leaf.where})."
            yield Finding("mean_over_padding", f"{leaf.where}, {step.where}", evidence, remedy)


def _is_mask(leaf: Leaf) -> bool:
    """Whether an input is a mask that removes something and keeps something."""
    if leaf.parameter or not is_number_array(leaf.value) or np.ndim(leaf.value) == 0:
        return False
    named = any(leaf.where.rstrip("]'").endswith(name) for name in NAMES)
    values = np.unique(numbers(leaf.value))
    return (leaf.value.dtype == jnp.bool_ or named) and values.tolist() == [0.0, 1.0]


def _with(trial: Trial, masks: list[Leaf], given: list[jnp.ndarray]) -> jnp.ndarray:
    """The loss as a function of its masks."""
    replaced = {id(leaf): value for leaf, value in zip(masks, given, strict=True)}
    return trial.in_one_piece([replaced.get(id(leaf), leaf.value) for leaf in trial.leaves])


def _plain_mean(program: Program, mask: Node) -> Step | None:
    """The division by the number of all entries of a sum of entries that the mask sets to 0."""
    shaped = {mask}
    for step in program.steps:
        if step.primitive in SHAPING and any(node in shaped for node in step.inputs):
            shaped.update(step.outputs)
    for step in program.steps:
        if step.primitive != "div" or step.inputs[1].maker is not None or np.ndim(step.inputs[1].value):
            continue
        total = step.inputs[0].maker
        masked = total.inputs[0] if total is not None and total.primitive == "reduce_sum" else None
        if masked is None or masked.maker is None or float(step.inputs[1].value) != np.size(masked.value):
            continue
        if masked.maker.primitive in ("mul", "select_n") and any(node in shaped for node in masked.maker.inputs):
            return step
    return None


def negative_indices(trial: Trial) -> Iterator[Finding]:
    """Labels of -1 or -100 that mark padding and are used as indices, where they mean the last entry."""
    marked = [leaf for leaf in trial.leaves if _marks_padding(leaf)]
    if trial.direct or trial.value is None or not marked:
        return
    program = step_through(lambda some: _with(trial, marked, some), [jnp.asarray(leaf.value) for leaf in marked])
    for leaf, node in zip(marked, program.inputs if program else (), strict=False):
        if program and _is_index(program, node):
            values = numbers(leaf.value)
            evidence = {"padding": int(values.min()), "count": int(np.sum(values < 0)), "of": int(values.size)}
            remedy = f"mask the padding: where={leaf.where} != {int(values.min())}."
            yield Finding("unmasked_padding", leaf.where, evidence, remedy)


def _marks_padding(leaf: Leaf) -> bool:
    """Whether an input is made of indices and one negative number in place of some."""
    if leaf.parameter or not is_number_array(leaf.value) or not jnp.issubdtype(leaf.value.dtype, jnp.signedinteger):
        return False
    values = numbers(leaf.value)
    return np.unique(values[values < 0]).tolist() in ([-1.0], [-100.0]) and bool((values >= 0).any())


def _is_index(program: Program, labels: Node) -> bool:
    """Whether labels choose entries of an array, and no comparison, as for a mask, looks at them."""
    shaped, chooses = {labels}, False
    for step in program.steps:
        if not any(node in shaped for node in step.inputs):
            continue
        if step.primitive in ("ne", "eq", "ge", "gt", "le", "max", "clamp"):
            return False
        chooses = chooses or (step.primitive == "gather" and step.inputs[1] in shaped)
        if step.primitive in (*SHAPING, "add", "select_n", "concatenate"):
            shaped.update(step.outputs)
    return chooses


RULES = (masks_by_hand, negative_indices)
