"""The contract of a loss: shapes and dtypes at trace time, never values.

Every message says which argument, what was expected, what was found and what to do. Nothing here looks at
values, so the compiled program holds no trace of it. This is the only module that imports chex. The assertions are
those of chex; whether they run is decided here: `chex.disable_asserts` does not reach them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import chex
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from jaxloss._floor.typing import Array, ArrayLike, Scalar

__all__ = [
    "as_int32",
    "class_vector",
    "example_weights",
    "floating",
    "has_shape",
    "integer",
    "mask",
    "numeric",
    "same_shape",
    "scalar",
    "scores_and_labels",
    "scores_and_targets",
    "values",
    "with_axes",
]


def _require(error: type[Exception], message: str, assertion: Callable[..., None], *args: Any) -> None:
    """Run a chex assertion with our message and our type of error.

    `chex.disable_asserts` makes the wrapper of every assertion return at once. The wrapped function, which
    `inspect.unwrap` returns, always runs.
    """
    try:
        inspect.unwrap(assertion)(*args)
    except AssertionError:
        raise error(message) from None


def _as_array(name: str, value: Any) -> Array:
    try:
        return jnp.asarray(value)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name} must be an array of numbers; found {type(value).__name__}: {error}") from None


def _has_dtype(name: str, value: Any, kinds: Sequence[Any], expected: str, advice: str) -> Array:
    array = _as_array(name, value)
    if not any(jnp.issubdtype(array.dtype, kind) for kind in kinds):
        raise TypeError(f"{name} must be {expected}; found {array.dtype}. {advice}")
    return array


def floating(**arrays: Any) -> tuple[Array, ...]:
    """The arguments as floating-point arrays; a TypeError for anything else."""
    advice = "Convert it where the scale is known, for example x.astype(jnp.float32)."
    return tuple(_has_dtype(n, x, (jnp.floating,), "floating", advice) for n, x in arrays.items())


def numeric(**arrays: Any) -> tuple[Array, ...]:
    """The arguments as floating or integer arrays (integers never decide the dtype of a loss)."""
    advice = "Convert it with .astype(jnp.float32)."
    kinds = (jnp.floating, jnp.integer)
    return tuple(_has_dtype(n, x, kinds, "floating or integer", advice) for n, x in arrays.items())


def integer(**arrays: Any) -> tuple[Array, ...]:
    """The arguments as integer arrays; a TypeError for anything else."""
    advice = "Labels are class indices; convert with .astype(jnp.int32), or jnp.argmax(one_hot, axis=-1)."
    return tuple(_has_dtype(n, x, (jnp.integer,), "integer", advice) for n, x in arrays.items())


def _likely_fix(reference: str, name: str, expected: tuple[int, ...], found: tuple[int, ...]) -> str:
    if len(found) == len(expected) + 1 and found[-1] == 1 and found[:-1] == expected:
        return f"Did you mean jnp.squeeze({name}, -1)?"
    if len(expected) == len(found) + 1 and expected[-1] == 1 and expected[:-1] == found:
        return f"Did you mean {name}[..., None], or jnp.squeeze({reference}, -1)?"
    return f"If repeating is intended, write it out: jnp.broadcast_to({name}, shape)."


def same_shape(**arrays: Array) -> None:
    """Raise a ValueError unless all arguments have the shape of the first."""
    (reference, first), *rest = arrays.items()
    for name, array in rest:
        message = (
            f"{reference} and {name} must have the same shape, nothing is broadcast; found {reference} "
            f"{first.shape} and {name} {array.shape}. {_likely_fix(reference, name, first.shape, array.shape)}"
        )
        _require(ValueError, message, chex.assert_equal_shape, [first, array])


def has_shape(expected: tuple[int, ...], meaning: str, **arrays: Array) -> None:
    """Raise a ValueError unless the arguments have the shape ``expected``, described by ``meaning``."""
    for name, array in arrays.items():
        message = (
            f"{name} must have shape {expected} ({meaning}); found {array.shape}. "
            f"{_likely_fix('the other argument', name, expected, array.shape)}"
        )
        _require(ValueError, message, chex.assert_shape, array, expected)


def with_axes(axes: str, *, allow_empty: bool = False, **arrays: Array) -> None:
    """Raise a ValueError unless the trailing ``axes``, named like ``"classes"``, exist and are not empty."""
    for name, array in arrays.items():
        _trailing_axes(axes, allow_empty, name, array)


def _trailing_axes(axes: str, allow_empty: bool, name: str, array: Array) -> None:
    names = axes.split()
    message = (
        f"{name} must end with the axes [{', '.join(names)}]{'' if allow_empty else ', none of them empty'}; found "
        f"shape {array.shape}. Batch axes lead and event axes are last: move them with jnp.moveaxis."
    )
    for axis in range(-len(names), 0):
        # Not assert_axis_dimension_gt: it calls this assertion through the wrapper that can be disabled.
        fits = lambda size: allow_empty or size > 0
        _require(ValueError, message, chex.assert_axis_dimension_comparator, array, axis, fits, "not empty")


def values(**arrays: Any) -> tuple[Array, ...]:
    """Predictions (floating) and further arguments (floating or integer) of one shape, as arrays."""
    (name, first), *rest = arrays.items()
    checked_arrays = (*floating(**{name: first}), *numeric(**dict(rest)))
    same_shape(**dict(zip(arrays, checked_arrays, strict=True)))
    return checked_arrays


def scores_and_labels(**arrays: Any) -> tuple[Array, Array]:
    """Scores ``[..., classes]`` (floating) and class indices ``[...]`` (integer), as arrays."""
    (scores_name, scores), (labels_name, labels) = arrays.items()
    (scores,) = floating(**{scores_name: scores})
    (labels,) = integer(**{labels_name: labels})
    _trailing_axes("classes", False, scores_name, scores)
    has_shape(scores.shape[:-1], f"{scores_name}.shape[:-1], the class axis is last", **{labels_name: labels})
    return scores, as_int32(labels)


def as_int32(labels: Array) -> Array:
    """Labels as int32, with -1 for what does not fit: no 64-bit label may wrap into the range of the classes."""
    if labels.dtype.itemsize < 8:
        return labels.astype(jnp.int32)
    fits = jnp.abs(labels) < 2**31
    return jnp.where(fits, labels.astype(jnp.int32), jnp.full((), -1, jnp.int32))


def scores_and_targets(**arrays: Any) -> tuple[Array, Array]:
    """Scores and targets ``[..., classes]`` of one shape, as arrays."""
    (scores_name, scores), (targets_name, targets) = arrays.items()
    (scores,) = floating(**{scores_name: scores})
    (targets,) = numeric(**{targets_name: targets})
    _trailing_axes("classes", False, scores_name, scores)
    same_shape(**{scores_name: scores, targets_name: targets})
    return scores, targets


def class_vector(num_classes: int, dtype: Any, **arrays: Any) -> tuple[Array, ...]:
    """One number per class, shape ``[classes]``, in the working dtype."""
    checked_arrays = numeric(**arrays)
    named = dict(zip(arrays, checked_arrays, strict=True))
    has_shape((num_classes,), "one number per class", **named)
    return tuple(array.astype(dtype) for array in checked_arrays)


def scalar(
    name: str,
    value: Scalar | ArrayLike,
    dtype: Any,
    *,
    above: float | None = None,
    at_least: float | None = None,
    below: float | None = None,
    at_most: float | None = None,
) -> Scalar:
    """A hyperparameter that never promotes: a Python float if it is one number now, else an array of ``dtype``.

    The range is checked when the number is concrete; a traced one cannot be.
    """
    if isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be a number; found {value!r}.")
    if isinstance(value, int | float | np.integer | np.floating):
        number, result = float(value), float(value)
    else:
        (array,) = numeric(**{name: value})
        message = f"{name} must be one number; found shape {array.shape}. Sweep it with jax.vmap."
        _require(ValueError, message, chex.assert_shape, array, ())
        result = array.astype(dtype)
        number = None if isinstance(array, Tracer) else float(array)
    if number is not None:
        limits = {
            f"> {above}": above is None or number > above,
            f">= {at_least}": at_least is None or number >= at_least,
            f"< {below}": below is None or number < below,
            f"<= {at_most}": at_most is None or number <= at_most,
        }
        broken = [limit for limit, holds in limits.items() if not holds]
        if broken or number != number:
            raise ValueError(f"{name} must be {' and '.join(broken) or 'a number'}; found {number}.")
    return result


def mask(where: Any, shape: tuple[int, ...]) -> Array:
    """``where`` as a boolean array of the shape of the unreduced loss."""
    array = _as_array("where", where)
    if array.dtype != jnp.bool_:
        advice = (
            "Did you mean weights=?"
            if jnp.issubdtype(array.dtype, jnp.floating)
            else "Write the condition out, for example where=labels != -100 or mask.astype(bool)."
        )
        raise TypeError(f"where must be boolean, True where an entry counts; found {array.dtype}. {advice}")
    return _broadcast("where", array, shape)


def example_weights(weights: Any, shape: tuple[int, ...], dtype: Any) -> Array:
    """``weights`` in the working dtype, of the shape of the unreduced loss."""
    advice = "Did you mean where=?"
    array = _has_dtype("weights", weights, (jnp.floating, jnp.integer), "floating or integer", advice)
    return _broadcast("weights", array.astype(dtype), shape)


def _broadcast(name: str, array: Array, shape: tuple[int, ...]) -> Array:
    aligned = shape[len(shape) - array.ndim :] if array.ndim <= len(shape) else None
    if aligned is None or any(n not in (1, m) for n, m in zip(array.shape, aligned, strict=True)):
        raise ValueError(
            f"{name} must have the shape of the unreduced loss, {shape}, or broadcast to it; found {array.shape}. "
            f"To mask or weight whole examples add axes of size 1: {name}[:, None]."
        )
    return jnp.broadcast_to(array, shape)
