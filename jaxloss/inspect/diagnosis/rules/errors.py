"""Causes of errors: arguments in the wrong place, the wrong shape or the wrong dtype."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxloss.inspect.diagnosis.arguments import Leaf
from jaxloss.inspect.diagnosis.arrays import is_number_array
from jaxloss.inspect.diagnosis.compiling import failed_check
from jaxloss.inspect.diagnosis.places import line_of_error
from jaxloss.inspect.diagnosis.recording import Call
from jaxloss.inspect.diagnosis.report import Finding
from jaxloss.inspect.diagnosis.trial import Trial

__all__ = ["RULES", "swapped_call"]

WORDS = (
    ("Classes are the last axis", "class_axis", "write jnp.moveaxis(logits, 1, -1), so that the classes come last"),
    ("are one-hot", "one_hot_labels", "write jnp.argmax(labels, axis=-1), or use the loss that takes targets"),
    ("For integer class labels", "integer_targets", "use the loss with integer labels, or write jax.nn.one_hot"),
    ("For class indices write", "integer_targets", "write jax.nn.one_hot(labels, num_classes)"),
    ("where must be boolean", "mask_not_boolean", "write where=mask.astype(bool), or weights=mask for a float mask"),
    ("weights must have the shape", "shapes_differ", "give one weight per entry of the unreduced loss"),
    ("must have the same shape", "shapes_differ", "give both arrays the same shape: nothing is broadcast"),
    ("must have shape", "shapes_differ", "give the array the shape that the message names"),
    ("ncompatible shapes", "shapes_differ", "print the shapes in the line above the error"),
)
"""Words of a message, the cause that they mean, and what to write."""


READ = "read the message of the error, which says what was expected and found."


def raised(trial: Trial) -> Iterator[Finding]:
    """An error of the function, whatever raised it."""
    error = trial.error
    if error is None:
        return
    failing = next((call for call in reversed(trial.calls) if call.result is None), None)
    where = failing.where if failing else line_of_error(error) or "the function"
    evidence = {"error": f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"}
    if pair := swapped_call(failing) if failing else _swapped_arguments(trial):
        yield Finding("swapped_arguments", where, evidence, f"swap {pair[0]} and {pair[1]}: then no error is raised.")
        return
    if failing and _one_per_class(failing, str(error)):
        remedy = "pass class_weights= where the loss has it, else weights=class_weights[labels]."
        yield Finding("class_weights_as_weights", where, evidence, remedy)
        return
    for words, cause, remedy in WORDS:
        if words in str(error):
            yield Finding(cause, where, evidence, _advice(error) if failing else f"{remedy}.")
            return
    cause = "wrong_dtype" if isinstance(error, TypeError) and "must be " in str(error) and failing else "exception"
    yield Finding(cause, where, evidence, _advice(error) if cause == "wrong_dtype" else READ)


def _advice(error: Exception) -> str:
    """What a message of jaxloss advises, which stands behind what it says was found."""
    return str(error).partition("; found ")[2].partition(". ")[2] or READ


def swapped_call(call: Call) -> tuple[str, str] | None:
    """The names of the first two arguments of a loss, if it takes them in the other order."""
    data = [name for name in list(call.arguments)[:2] if call.array(name) is not None]
    if len(data) == 2:
        with contextlib.suppress(Exception):
            first, second = (call.arguments[name] for name in data)
            other = {data[0]: second, data[1]: first}
            result = jax.tree.leaves(call.run(**other))[0]
            if np.all(np.isfinite(np.asarray(result))) and failed_check(lambda given: call.run(**given), other) is None:
                return data[0], data[1]
    return None


def _swapped_arguments(trial: Trial) -> tuple[str, str] | None:
    """Two positional arguments, or the two parts of one, if the function takes them in the other order."""
    args = trial.args
    names = list(inspect.signature(trial.fn).parameters) if trial.objective is None else ["params", "state"]
    candidates = [(swapped(args, i, i + 1), (names[i], names[i + 1])) for i in range(min(len(args), len(names)) - 1)]
    for place, arg in enumerate(args):
        if isinstance(arg, tuple | list) and len(arg) == 2:
            pair = (f"{names[min(place, len(names) - 1)]}[0]", f"{names[min(place, len(names) - 1)]}[1]")
            candidates.append(((*args[:place], type(arg)((arg[1], arg[0])), *args[place + 1 :]), pair))
    for changed, pair in candidates:
        with contextlib.suppress(Exception):
            value = trial.evaluate(*changed, **trial.kwargs)
            if jnp.ndim(value) == 0 and bool(jnp.isfinite(value)):
                return pair
    return None


def swapped(args: tuple[Any, ...], first: int, second: int) -> tuple[Any, ...]:
    """``args`` with two of them in each other's place."""
    order = list(args)
    order[first], order[second] = order[second], order[first]
    return tuple(order)


def _one_per_class(call: Call, message: str) -> bool:
    """Whether the weights of a loss have one entry per class of its scores."""
    scores, weights = call.array(next(iter(call.arguments))), call.array("weights")
    return (
        "weights must have the shape" in message
        and scores is not None
        and weights is not None
        and scores.ndim > 1
        and weights.shape == scores.shape[-1:]
    )


def not_a_loss(trial: Trial) -> Iterator[Finding]:
    """A result that cannot be differentiated: several numbers, integers, or no numbers."""
    if trial.error is not None or trial.direct:
        return
    name = getattr(trial.fn, "__name__", "the function")
    if trial.values is None:
        kind = type(jax.tree.leaves(trial.result) and trial.result).__name__
        remedy = "return one floating number; for named terms, use jaxloss.combine.objective."
        yield Finding("not_scalar", name, {"returned": kind}, remedy)
    elif trial.values.ndim:
        evidence = {"shape": list(trial.values.shape)}
        yield Finding("not_scalar", name, evidence, "use the default reduction, or return jnp.mean of the losses.")
    elif trial.leaves and not trial.learning and (integers := _integer_parameters(trial)):
        remedy = "convert the parameters to floats before training."
        yield Finding("integer_parameters", integers[0].where, {"dtype": str(integers[0].value.dtype)}, remedy)
    elif not trial.is_differentiable:
        evidence = {"dtype": str(trial.values.dtype)}
        remedy = "convert counts to floats, and use a loss with a derivative instead of a count of errors."
        yield Finding("integer_loss", name, evidence, remedy)


def _integer_parameters(trial: Trial) -> list[Leaf]:
    """The integers that the function would differentiate, if nothing else is there to learn."""
    return [leaf for leaf in trial.leaves if leaf.parameter and is_number_array(leaf.value)]


def no_gradient(trial: Trial) -> Iterator[Finding]:
    """A gradient that raises an error although the value does not."""
    if trial.error is None and trial.gradient is None and trial.gradient_error is not None:
        error = trial.gradient_error
        evidence = {"error": f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"}
        remedy = "use operations with a derivative: lax.scan or a bounded lax.fori_loop instead of lax.while_loop."
        yield Finding("no_gradient", line_of_error(error) or "the gradient", evidence, remedy)


RULES = (no_gradient, raised, not_a_loss)
