"""What to do about an array of the wrong shape, guessed from the shapes: one sentence for the end of a message.

Code that is suggested here must run: a wrong suggestion costs more than none.
"""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor.typing import Array

__all__ = ["of_kernel", "of_labels", "of_same_shape", "of_shape", "of_tail", "of_targets"]

Shape = tuple[int, ...]


def of_shape(name: str, found: Shape, expected: Shape, reference: str | None = None) -> str:
    """For an array ``name`` that must have the shape ``expected``, which is that of ``reference`` if there is one."""
    if found == (*expected, 1):
        return f"Did you mean jnp.squeeze({name}, -1)?"
    if expected == (*found, 1):
        return f"Did you mean {name}[..., None]{f', or jnp.squeeze({reference}, -1)' if reference else ''}?"
    repeat = _repeat(name, found, expected, f"{reference}.shape" if reference else f"{expected}")
    if repeat is None and reference is not None:
        repeat = _repeat(reference, expected, found, f"{name}.shape")
    if repeat is not None:
        return f"If repeating is intended, write it out: {repeat}."
    if sorted(map(str, found)) == sorted(map(str, expected)):  # symbolic sizes of jax.export have no order
        return "The axes seem to be in another order: move them with jnp.moveaxis."
    return f"It cannot be repeated to that shape: look where {name} is made."


def of_same_shape(reference: str, first: Array, name: str, array: Array) -> str:
    """For an array ``name`` that must have the shape of ``first``; integers may be class indices."""
    fix = of_shape(name, array.shape, first.shape, reference)
    floats, integers = jnp.issubdtype(first.dtype, jnp.floating), jnp.issubdtype(array.dtype, jnp.integer)
    if floats and integers and _lacks_classes(array.shape, first.shape):
        return f"For class indices write jax.nn.one_hot({name}, {first.shape[-1]}). {fix}"
    return fix


def of_targets(scores_name: str, scores: Array, name: str, targets: Array, *, twin: str = "") -> str:
    """For targets that must have the shape ``[..., classes]`` of their scores."""
    if _lacks_classes(targets.shape, scores.shape):
        indices = name if jnp.issubdtype(targets.dtype, jnp.integer) else f"{name}.astype(jnp.int32)"
        other = f"use jaxloss.{twin}, or write" if twin else "write"
        return f"For integer class labels {other} jax.nn.one_hot({indices}, {scores.shape[-1]})."
    move = _move_classes(scores_name, scores.shape, targets.shape)
    return move or of_shape(name, targets.shape, scores.shape, scores_name)


def of_labels(scores_name: str, scores: Shape, name: str, found: Shape, twin: str = "") -> str:
    """For class indices that must have the shape of their scores without its last axis."""
    if found == scores and scores[-1] != 1:
        other = f"use jaxloss.{twin}, or write" if twin else "write"
        return f"If {name} are one-hot, {other} jnp.argmax({name}, axis=-1)."
    return _move_classes(scores_name, scores, found) or of_shape(name, found, scores[:-1])


def of_kernel(found: Shape, features: int) -> str:
    """For the matrix ``kernel``, which must have ``features`` rows."""
    if found[1:] == (features,):
        return "Did you mean kernel.T?"
    return of_shape("kernel", found, (features, found[-1]))


def of_tail(name: str, found: Shape, shape: Shape) -> str:
    """For a mask or weights that must have as many axes as the unreduced loss of this ``shape``."""
    if found == (*shape, 1):
        return f"Did you mean jnp.squeeze({name}, -1)?"
    if _leads(found, shape):
        examples = f"add axes of size 1: {_add_axes(name, found, shape)}"
    else:
        examples = f"use shape {shape[:1] + (1,) * (len(shape) - 1)}"
    if 0 < len(found) < len(shape) and shape[len(shape) - len(found) :] == found:
        last = "the last axis" if len(found) == 1 else "the last axes"
        examples += f"; for {last}, {name}[{'None, ' * (len(shape) - len(found))}...]"
    per_class = ", or for one weight per class use class_weights= where the loss has it, else weights=w[labels]"
    return f"To mask or weight whole examples {examples}{per_class if name == 'weights' and len(found) == 1 else ''}."


def _repeat(name: str, found: Shape, expected: Shape, target: str) -> str | None:
    """Code that repeats the array to ``expected``: batch axes lead, so that what fits in front comes first."""
    if _leads(found, expected):
        return f"jnp.broadcast_to({_add_axes(name, found, expected)}, {target})"
    aligned = expected[len(expected) - len(found) :]
    fits = len(found) <= len(expected) and all(n in (1, m) for n, m in zip(found, aligned, strict=True))
    return f"jnp.broadcast_to({name}, {target})" if fits else None


def _leads(found: Shape, expected: Shape) -> bool:
    return 0 < len(found) < len(expected) and expected[: len(found)] == found


def _add_axes(name: str, found: Shape, expected: Shape) -> str:
    return f"{name}[..., {', '.join(['None'] * (len(expected) - len(found)))}]"


def _lacks_classes(found: Shape, scores: Shape) -> bool:
    """Whether one class index per example was given; with one class it is a column that lost its axis."""
    return found == scores[:-1] and scores[-1:] not in ((), (1,))


def _move_classes(scores_name: str, scores: Shape, found: Shape) -> str | None:
    """For scores ``[N, classes, ...]`` or ``[classes, ...]``, as other libraries have them."""
    for axis in (1, 0):
        if axis < len(scores) - 1 and found == scores[:axis] + scores[axis + 1 :]:
            return f"Classes are the last axis; if they are axis {axis} here, jnp.moveaxis({scores_name}, {axis}, -1)."
    return None
