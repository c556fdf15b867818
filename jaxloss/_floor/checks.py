"""The contract of a loss: shapes and dtypes at trace time, never values.

Every message says which argument is wrong, what was expected, what was found and what to do. Nothing here depends on
values, so nothing is left in the compiled program; only under `jaxloss.checked` logits are asked whether they are
probabilities. This is the only module that imports chex. The assertions are those
of chex; whether they run is decided here, so `chex.disable_asserts` has no effect on them.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import chex
import jax.numpy as jnp

from jaxloss._floor import likely_fixes, value_checks
from jaxloss._floor.dtypes import as_array, as_int32, boolean, floating, has_dtype, integer, numeric
from jaxloss._floor.hyperparameters import scalar, whole
from jaxloss._floor.typing import Array

__all__ = [
    "as_int32",
    "boolean",
    "class_vector",
    "example_weights",
    "floating",
    "has_shape",
    "integer",
    "kernel",
    "marks",
    "mask",
    "numeric",
    "same_shape",
    "scalar",
    "scores_and_labels",
    "scores_and_targets",
    "values",
    "whole",
    "with_axes",
    "with_pool",
]


def _require(error: type[Exception], message: Callable[[], str], assertion: Callable[..., None], *args: Any) -> None:
    """Run a chex assertion with our message and our type of error.

    `chex.disable_asserts` makes the wrapper of every assertion return at once. The wrapped function, which
    `inspect.unwrap` returns, always runs.
    """
    try:
        inspect.unwrap(assertion)(*args)
    except AssertionError:
        raise error(message()) from None


def same_shape(**arrays: Array) -> None:
    """Raise a ValueError unless all arguments have the shape of the first."""
    (reference, first), *rest = arrays.items()
    for name, array in rest:
        _one_shape(reference, first, name, array, likely_fixes.of_same_shape)


def _one_shape(reference: str, first: Array, name: str, array: Array, fix: Callable[..., str]) -> None:
    message = lambda: (
        f"{reference} and {name} must have the same shape, nothing is broadcast; found {reference} "
        f"{first.shape} and {name} {array.shape}. {fix(reference, first, name, array)}"
    )
    _require(ValueError, message, chex.assert_equal_shape, [first, array])


def has_shape(expected: tuple[int, ...], meaning: str, **arrays: Array) -> None:
    """Raise a ValueError unless the arguments have the shape ``expected``, described by ``meaning``."""
    for name, array in arrays.items():
        _this_shape(
            expected, meaning, name, array, functools.partial(likely_fixes.of_shape, name, array.shape, expected)
        )


def _this_shape(expected: tuple[int, ...], meaning: str, name: str, array: Array, fix: Callable[[], str]) -> None:
    message = lambda: f"{name} must have shape {expected} ({meaning}); found {array.shape}. {fix()}"
    _require(ValueError, message, chex.assert_shape, array, expected)


def with_axes(axes: str, *, allow_empty: bool = False, **arrays: Array) -> None:
    """Raise a ValueError unless the trailing ``axes``, named like ``"classes"``, exist and are not empty."""
    for name, array in arrays.items():
        _trailing_axes(axes, allow_empty, name, array)


def _trailing_axes(axes: str, allow_empty: bool, name: str, array: Array) -> None:
    names = axes.split()
    message = lambda: (
        f"{name} must end with the axes [{', '.join(names)}]{'' if allow_empty else ', none of them empty'}; found "
        f"shape {array.shape}. Batch axes lead and event axes are last: move them with jnp.moveaxis."
    )
    for axis in range(-len(names), 0):
        # Not assert_axis_dimension_gt: it calls this assertion through the wrapper that can be disabled.
        fits = lambda size: allow_empty or size > 0
        _require(ValueError, message, chex.assert_axis_dimension_comparator, array, axis, fits, "not empty")


def with_pool(axes: str, **arrays: Array) -> None:
    """As `with_axes`, for a loss that pools the first of ``axes``: an axis of size 1 behind batch axes is refused.

    A head returns ``[N, 1]``. Pooled by its last axis, every example would be a pool of its own: a root mean square
    becomes an absolute error, and a correlation a constant.
    """
    with_axes(axes, allow_empty=True, **arrays)
    axis = -len(axes.split())
    for name, array in arrays.items():
        if array.ndim > -axis and array.shape[axis] == 1:
            raise ValueError(
                f"{name} must have more than one entry in axis {axis}, which this loss pools; found shape "
                f"{array.shape}, where every entry would be a pool of its own. For one pool of all, flatten: "
                f"jnp.squeeze({name}, {axis})."
            )


def values(**arrays: Any) -> tuple[Array, ...]:
    """Check data of one shape: predictions, which are floating, and further arguments, floating or integer.

    Args:
        **arrays: The data by name, predictions first.

    Returns:
        The arguments as arrays in their own dtypes. Nothing is broadcast.

    Raises:
        TypeError: If a dtype is wrong.
        ValueError: If shapes differ.

    Example:
        >>> jaxloss.checks.values(predictions=[0.5, 1.0], targets=[0, 1])
        (Array([0.5, 1. ], dtype=float32), Array([0, 1], dtype=int32))
    """
    (name, first), *rest = arrays.items()
    checked_arrays = (*floating(**{name: first}), *numeric(**dict(rest)))
    same_shape(**dict(zip(arrays, checked_arrays, strict=True)))
    value_checks.ensure_logits(name, checked_arrays[0])
    return checked_arrays


def marks(targets: Any) -> Array:
    """``targets`` with booleans as 0 and 1: where a target says yes or no, a mask is one."""
    array = as_array("targets", targets)
    return array.astype(jnp.int32) if array.dtype == jnp.bool_ else array


def kernel(features: int, array: Array) -> None:
    """Raise a ValueError unless ``kernel`` is a matrix ``[features, classes]``; PyTorch has it transposed."""
    fix = lambda: likely_fixes.of_kernel(array.shape, features)
    _this_shape((features, array.shape[-1]), "features, classes", "kernel", array, fix)


def scores_and_labels(*, twin: str = "", **arrays: Any) -> tuple[Array, Array]:
    """Check scores ``[..., classes]``, which are floating, and class indices ``[...]``, which are integer.

    Args:
        twin: Name of the loss in jaxloss that takes targets of the shape of the scores, if there is one.
        **arrays: Scores and labels by name, in this order.

    Returns:
        Both as arrays, labels as int32; a label that does not fit in int32 is -1.

    Raises:
        TypeError: If a dtype is wrong.
        ValueError: If ``labels.shape != scores.shape[:-1]``, or the class axis is missing or empty.

    Example:
        >>> scores, labels = jaxloss.checks.scores_and_labels(logits=jnp.zeros((2, 3)), labels=[0, 2])
        >>> jnp.take_along_axis(scores, labels[..., None], axis=-1)[..., 0]
        Array([0., 0.], dtype=float32)
    """
    (scores_name, scores), (labels_name, labels) = arrays.items()
    (scores,) = floating(**{scores_name: scores})
    (labels,) = integer(**{labels_name: labels})
    _trailing_axes("classes", False, scores_name, scores)
    meaning = f"{scores_name}.shape[:-1], the class axis is last"
    fix = functools.partial(likely_fixes.of_labels, scores_name, scores.shape, labels_name, labels.shape, twin)
    _this_shape(scores.shape[:-1], meaning, labels_name, labels, fix)
    value_checks.ensure_logits(scores_name, scores)
    return scores, as_int32(labels)


def scores_and_targets(*, twin: str = "", **arrays: Any) -> tuple[Array, Array]:
    """Check scores, which are floating, and targets, floating or integer, both ``[..., classes]``.

    Args:
        twin: Name of the loss in jaxloss that takes class indices, if there is one.
        **arrays: Scores and targets by name, in this order.

    Returns:
        Both as arrays in their own dtypes.

    Raises:
        TypeError: If a dtype is wrong.
        ValueError: If shapes differ, or the class axis is missing or empty.

    Example:
        >>> jaxloss.checks.scores_and_targets(logits=jnp.zeros((2, 3)), targets=jnp.ones((2, 3, 1)))
        Traceback (most recent call last):
            ...
        ValueError: logits and targets must have the same shape, nothing is broadcast; found logits (2, 3)
        and targets (2, 3, 1). Did you mean jnp.squeeze(targets, -1)?
    """
    (scores_name, scores), (targets_name, targets) = arrays.items()
    (scores,) = floating(**{scores_name: scores})
    (targets,) = numeric(**{targets_name: targets})
    _trailing_axes("classes", False, scores_name, scores)
    _one_shape(scores_name, scores, targets_name, targets, functools.partial(likely_fixes.of_targets, twin=twin))
    value_checks.ensure_logits(scores_name, scores)
    return scores, targets


def class_vector(num_classes: int, dtype: Any, **arrays: Any) -> tuple[Array, ...]:
    """One number per class, shape ``[classes]``, in the working dtype."""
    checked_arrays = numeric(**arrays)
    named = dict(zip(arrays, checked_arrays, strict=True))
    has_shape((num_classes,), "one number per class", **named)
    return tuple(array.astype(dtype) for array in checked_arrays)


def mask(where: Any, shape: tuple[int, ...]) -> Array:
    """``where`` as a boolean array of the shape of the unreduced loss."""
    array = as_array("where", where)
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
    array = has_dtype("weights", weights, (jnp.floating, jnp.integer), "floating or integer", advice)
    return _broadcast("weights", array.astype(dtype), shape)


def _broadcast(name: str, array: Array, shape: tuple[int, ...]) -> Array:
    """``array`` repeated along its axes of size 1, or one number for all; never along axes that it lacks.

    A mask of examples ``[B]`` would otherwise mask the columns of a loss ``[B, B]``.
    """
    fits = array.ndim in (0, len(shape)) and all(n in (1, m) for n, m in zip(array.shape, shape, strict=False))
    if not fits:
        raise ValueError(
            f"{name} must have the shape of the unreduced loss, {shape}, with axes of size 1 where it repeats, or be "
            f"one number; found {array.shape}. {likely_fixes.of_tail(name, array.shape, shape)}"
        )
    return array if array.shape == shape else jnp.broadcast_to(array, shape)
