"""The operation that makes the first NaN or infinity of a value that is not finite."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from jaxloss.inspect.diagnosis.arrays import first_index, is_floating, is_half, numbers
from jaxloss.inspect.diagnosis.report import Finding
from jaxloss.inspect.diagnosis.stepping import Node, Program, Step, step_through
from jaxloss.inspect.diagnosis.trial import Trial

__all__ = ["RULES", "culprit", "explained", "origin"]

REMEDIES = {
    "index_out_of_range": "give indices from 0 to the size of the axis minus 1, and mask padding.",
    "log_of_zero": "compute the logarithm of a probability from logits (jax.nn.log_softmax, jax.nn.log_sigmoid), or "
    "keep the argument away from 0.",
    "log_of_negative": "make the argument positive, for example with jax.nn.softplus, or use the log of its magnitude.",
    "root_of_negative": "keep the argument at or above a small number: jnp.sqrt(jnp.maximum(x, 1e-12)).",
    "zero_over_zero": "make the denominator safe before the division: jnp.where(d == 0, 1, d).",
    "division_by_zero": "make the denominator safe before the division: jnp.where(d == 0, 1, d).",
    "half_overflow": "compute this operation in float32, or in bfloat16, which has the range of float32.",
    "overflow": "use a stable form (jax.nn.logsumexp, jax.nn.softplus, jax.nn.log_softmax), or scale the inputs.",
    "infinity_minus_infinity": "subtract before anything can be infinite, and leave one finite score in each row.",
    "nonfinite_intermediate": "look at the inputs of this operation.",
}


def broken_value(trial: Trial) -> Iterator[Finding]:
    """Where the NaN or infinity of a value begins; for an objective, of each term that is not finite."""
    if trial.value is None or np.isfinite(trial.value):
        return
    for term, value in trial.terms.items():
        if not np.isfinite(np.asarray(value)):
            remedy = "look at the other findings about this term; give it the weight 0 meanwhile."
            yield Finding("nonfinite_term", f"term {term!r}", {"value": float(value)}, remedy)
    named = [term for term, value in trial.terms.items() if not np.isfinite(np.asarray(value))]
    for term in named:
        program = step_through(lambda learning, term=term: trial.term_total(term, learning), trial.starts)
        yield from _first_broken(program, f"term {term!r}, ")
    if not named:
        yield from _first_broken(trial.program, "")


def _first_broken(program: Program | None, prefix: str) -> Iterator[Finding]:
    for node in program.outputs if program else ():
        if not np.isfinite(numbers(node.value)).all() and (step := origin(node)) is not None:
            yield explained(step, prefix)


def origin(node: Node) -> Step | None:
    """The step that made the first NaN, or infinity, that this one comes from; None if an input has it."""
    maker = _first_maker(node, np.isnan) if np.isnan(numbers(node.value)).any() else None
    infinite = [node] if maker is None else maker.inputs
    for source in infinite:
        if is_floating(source.value) and np.isinf(numbers(source.value)).any():
            earlier = _first_maker(source, np.isinf)
            if earlier is not None and not _holds(earlier.inputs, np.isnan):
                return earlier
    return maker


def _first_maker(node: Node, has: np.ufunc) -> Step | None:
    """The step before which no input that matters to ``node`` has such entries."""
    step = node.maker
    while step is not None:
        sources = [source for source in step.inputs if _passes(source, node, has)]
        if not sources:
            return step
        node, step = sources[0], sources[0].maker
    return None


def _passes(source: Node, node: Node, has: np.ufunc) -> bool:
    """Whether such entries of ``source`` are also in ``node``: at the same place, if they have one shape."""
    if not is_floating(source.value):
        return False
    entries = has(numbers(source.value))
    if source.value.shape == node.value.shape and node.maker is not None and node.maker.primitive == "select_n":
        entries = entries & has(numbers(node.value))
    return bool(entries.any())


def _holds(nodes: list[Node], has: np.ufunc) -> bool:
    return any(is_floating(node.value) and has(numbers(node.value)).any() for node in nodes)


def explained(step: Step, prefix: str = "") -> Finding:
    """The finding about a step that makes a NaN or an infinity."""
    made = next(numbers(node.value) for node in step.outputs if is_floating(node.value))
    index = first_index(~np.isfinite(made))
    evidence = {"gives": float(made[index]) if index is not None else "a finite number", "at": list(index or ())}
    inputs = [numbers(node.value) for node in step.inputs if is_floating(node.value)]
    if index is not None:
        alike = [x for x in inputs if x.ndim in (0, made.ndim) and all(map(_fits, x.shape, made.shape))]
        evidence["of"] = [float(np.broadcast_to(x, made.shape)[index]) for x in alike]
    cause = culprit(step)
    return Finding(cause, prefix + step.where, evidence, REMEDIES[cause])


def _fits(size: int, other: int) -> bool:
    return size in (1, other)


def culprit(step: Step) -> str:
    """What went wrong in a step that makes a NaN or an infinity."""
    floats = [node.value for node in step.inputs if is_floating(node.value)]
    inputs = [numbers(value) for value in floats]
    made = next(numbers(node.value) for node in step.outputs if is_floating(node.value))
    bad, first = ~np.isfinite(made), inputs[0] if inputs else np.zeros(())
    name = step.primitive
    if name in ("gather", "dynamic_slice"):
        return "index_out_of_range"
    if name in ("log", "log1p"):
        edge = first + (name == "log1p")
        return "log_of_negative" if (edge < 0).any() else "log_of_zero"
    if name in ("sqrt", "rsqrt"):
        return "root_of_negative" if (first < 0).any() else "division_by_zero"
    if name == "div" and (inputs[1] == 0).any():
        zero = np.broadcast_to(inputs[1] == 0, made.shape) & np.broadcast_to(inputs[0] == 0, made.shape)
        return "zero_over_zero" if (zero & np.isnan(made)).any() else "division_by_zero"
    if (
        name in ("integer_pow", "pow")
        and (first == 0).any()
        and np.isinf(made[np.broadcast_to(first == 0, made.shape)]).any()
    ):
        return "division_by_zero"
    if name in ("sub", "add", "reduce_sum", "add_any") and np.isnan(made).any():
        return "infinity_minus_infinity"
    if np.isinf(made[bad]).any() and all(np.isfinite(x).all() for x in inputs):
        return "half_overflow" if any(is_half(node.value) for node in step.outputs) else "overflow"
    return "nonfinite_intermediate"


RULES = (broken_value,)
