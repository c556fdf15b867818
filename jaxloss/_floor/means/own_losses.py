"""A plain function of arrays made into a loss with the contract and the tail of all others."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, Never

import jax
import numpy as np

from jaxloss._floor import checks
from jaxloss._floor.maths import masked_points
from jaxloss._floor.reduction import hide, promote, reduce
from jaxloss._floor.typing import Array, ArrayLike, Loss

__all__ = ["elementwise", "per_example"]

TAIL = {"where": (None, "ArrayLike | None"), "weights": (None, "ArrayLike | None"), "reduction": ("mean", "Reduction")}
PER_ENTRY = "entry, and must not average them: reduction does that"
PER_EXAMPLE = "example: it sums over event axes itself"
TAIL_DOC = "    where, weights, reduction: See `jaxloss.reduce`."


def elementwise(fn: Callable[..., Array]) -> Loss:
    """Make a loss with masks, weights and reductions from a function of single entries.

    The loss checks that all data have one shape and that the first argument is floating, the others floating or
    integer. ``fn`` gets them as float32, or float64 if one of them is, and returns one loss per entry, an array of
    their shape. Masked entries reach ``fn`` as copies of an entry that counts, without a gradient: neither a NaN behind
    a mask nor a singularity of ``fn`` at 0 gets into the value or a gradient.

    Args:
        fn: The function: its positional arguments are data, its keyword-only arguments are hyperparameters. A
            hyperparameter that is a NumPy or JAX number may be traced and never promotes; everything else, such as a
            Python integer or a string, is passed as it is.

    Returns:
        A function with the arguments of ``fn`` and ``where``, ``weights``, ``reduction`` as in `jaxloss.reduce`. Its
        signature and its docstring say so.

    Raises:
        TypeError: If the arguments of ``fn`` are not data followed by keyword-only hyperparameters; when the loss is
            called, if a dtype is wrong or ``fn`` does not return floating numbers.
        ValueError: If an argument of ``fn`` is named ``where``, ``weights`` or ``reduction``; when the loss is called,
            if shapes differ or ``fn`` does not return one loss per entry.

    Example:
        >>> @jaxloss.elementwise
        ... def cauchy_loss(predictions, targets, *, scale=1.0):
        ...     return jnp.log1p(jnp.square((predictions - targets) / scale))
        >>> predictions, where = jnp.array([0.0, 2.0, jnp.nan]), jnp.array([True, True, False])
        >>> cauchy_loss(predictions, jnp.zeros(3), scale=2.0, where=where, reduction="none")
        Array([0.       , 0.6931472, 0.       ], dtype=float32)
        >>> jax.grad(cauchy_loss)(predictions, jnp.zeros(3), scale=2.0, where=where)
        Array([0.  , 0.25, 0.  ], dtype=float32)
    """
    data, signature = _signatures(fn)

    def values(where: ArrayLike | None, arguments: Mapping[str, Any], hypers: Callable[[Any], dict]) -> Array:
        arrays = checks.values(**arguments)
        arrays = promote(*(_without_masked(where, array, 0) for array in arrays))
        return _checked(
            fn(*arrays, **hypers(arrays[0].dtype)),
            arrays[0].shape,
            fn,
            PER_ENTRY,
        )

    return _with_tail(fn, data, signature, values)


def per_example(*decorated: Never, **axes: str) -> Callable[[Callable[..., Array]], Loss]:
    """Make a loss with masks, weights and reductions from a function of one example.

    The decorated function is written for one example: it gets arrays that have only their event axes and returns one
    number. The loss takes any number of batch axes in front of them and maps the function over these with `jax.vmap`,
    so examples never meet. It checks that batch axes agree, that event axes of one name have one size and are not
    empty, and that the first argument is floating, the others floating or integer. Floating data are raised to float32,
    or float64 if one of them is; integers stay integers, so that they can index. Masked examples reach the function as
    copies of an example that counts, without a gradient.

    Args:
        **axes: For each data argument of the function, the names of its event axes, separated by spaces: ``"classes"``,
            ``"height width channels"``, or ``""`` for one number per example.

    Returns:
        A decorator. Like that of `jaxloss.elementwise`, its result has the arguments of the function and ``where``,
        ``weights``, ``reduction`` as in `jaxloss.reduce`; hyperparameters are keyword-only.

    Raises:
        TypeError: If ``axes`` does not name the data arguments, or as for `jaxloss.elementwise`.
        ValueError: As for `jaxloss.elementwise`, and if event axes of one name differ in size.

    Example:
        >>> @jaxloss.per_example(logits="classes", label="")
        ... def cross_entropy(logits, label, *, temperature=1.0):
        ...     return -jax.nn.log_softmax(logits / temperature)[label]
        >>> cross_entropy(jnp.zeros((4, 3, 2)), jnp.zeros((4, 3), jnp.int32), where=jnp.ones((4, 1), bool))
        Array(0.6931472, dtype=float32)
    """
    if decorated or not axes:
        raise TypeError('per_example needs the event axes of the data: write @jaxloss.per_example(logits="classes").')

    def decorate(fn: Callable[..., Array]) -> Loss:
        data, signature = _signatures(fn)
        if set(data) != set(axes):
            raise TypeError(
                f"per_example must name the axes of the positional arguments of {_name(fn)}, {', '.join(data)}; found "
                f'{", ".join(axes)}. Use "" for one number per example, and put hyperparameters after *.'
            )
        events = {name: axes[name].split() for name in data}

        def values(where: ArrayLike | None, arguments: Mapping[str, Any], hypers: Callable[[Any], dict]) -> Array:
            arrays, batch = _examples(events, arguments)
            masked = {name: _without_masked(where, array, len(events[name])) for name, array in arrays.items()}
            floats = [name for name, array in masked.items() if jax.numpy.issubdtype(array.dtype, jax.numpy.floating)]
            masked |= zip(floats, promote(*(masked[name] for name in floats)), strict=True)
            mapped = functools.partial(fn, **hypers(masked[data[0]].dtype))
            for _ in batch:
                mapped = jax.vmap(mapped)
            return _checked(mapped(*masked.values()), batch, fn, PER_EXAMPLE)

        return _with_tail(fn, data, signature, values)

    return decorate


def _name(fn: Callable[..., Any]) -> str:
    return getattr(fn, "__name__", type(fn).__name__)


def _signatures(fn: Callable[..., Any]) -> tuple[list[str], inspect.Signature]:
    """The names of the data arguments, and the signature with the tail; errors if ``fn`` cannot be made into a loss."""
    if not callable(fn):
        raise TypeError(f"Only functions can be made into losses; found {type(fn).__name__}.")
    own = inspect.signature(fn)
    data = []
    for name, parameter in own.parameters.items():
        if name in TAIL:
            raise ValueError(f"{_name(fn)} must not have an argument {name}: the loss gets where, weights, reduction.")
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise TypeError(f"{_name(fn)} must name its arguments; found {parameter}.")
        if parameter.kind is not parameter.KEYWORD_ONLY:
            if parameter.default is not parameter.empty:
                raise TypeError(f"Hyperparameters of {_name(fn)} must be keyword-only: write *, {parameter}.")
            data.append(name)
    if not data:
        raise TypeError(f"{_name(fn)} must have a positional argument: the data.")
    tail = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
        for name, (default, annotation) in TAIL.items()
    ]
    return data, own.replace(parameters=[*own.parameters.values(), *tail])


def _examples(events: Mapping[str, list[str]], arguments: Mapping[str, Any]) -> tuple[dict[str, Array], tuple]:
    """The arguments as arrays, and their batch axes."""
    (first, value), *rest = arguments.items()
    arrays = dict(zip(arguments, (*checks.floating(**{first: value}), *checks.numeric(**dict(rest))), strict=True))
    sizes: dict[str, tuple[str, int]] = {}
    for name, array in arrays.items():
        checks.with_axes(" ".join(events[name]), allow_empty=False, **{name: array})
        for axis, size in zip(events[name], array.shape[array.ndim - len(events[name]) :], strict=True):
            other, expected = sizes.setdefault(axis, (name, size))
            if size != expected:
                raise ValueError(f"{other} and {name} must agree in [{axis}]; found {expected} and {size}.")
    batch = arrays[first].shape[: arrays[first].ndim - len(events[first])]
    for name, array in arrays.items():
        expected = (*batch, *(sizes[axis][1] for axis in events[name]))
        checks.has_shape(expected, " ".join([f"the batch axes of {first}", *events[name]]), **{name: array})
    return arrays, batch


def _without_masked(where: ArrayLike | None, array: Array, event_ndim: int) -> Array:
    """``array`` with an example that counts in the place of those that are masked, through which no gradient flows."""
    spare = masked_points.stand_in(where, jax.lax.stop_gradient(array), event_ndim=event_ndim)
    return hide(where, array, event_ndim=event_ndim, fill=spare)


def _checked(values: Any, shape: tuple[int, ...], fn: Callable[..., Any], unit: str) -> Array:
    """What ``fn`` returned, one loss per ``unit``."""
    (array,) = checks.floating(**{f"The result of {_name(fn)}": values})
    if array.shape != shape:
        raise ValueError(f"{_name(fn)} must return one loss per {unit}. Expected shape {shape}; found {array.shape}.")
    return array


def _number(name: str, value: Any, dtype: Any) -> Any:
    numbers = float | np.number | np.ndarray | jax.Array
    return checks.scalar(name, value, dtype) if isinstance(value, numbers) else value


def _with_tail(
    fn: Callable[..., Any], data: list[str], signature: inspect.Signature, values: Callable[..., Array]
) -> Loss:
    def loss(*args: Any, **kwargs: Any) -> Array:
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{_name(fn)}() {error}") from None
        bound.apply_defaults()
        given = dict(bound.arguments)
        where, weights, reduction = (given.pop(name) for name in TAIL)
        arguments = {name: given.pop(name) for name in data}
        hypers = lambda dtype: {name: _number(name, value, dtype) for name, value in given.items()}
        return reduce(values(where, arguments, hypers), where=where, weights=weights, reduction=reduction)

    functools.update_wrapper(loss, fn)
    loss.__doc__ = _documented(inspect.getdoc(fn) or "")
    vars(loss)["__signature__"] = signature
    return loss


def _documented(doc: str) -> str:
    """``doc`` with the tail as the last of its Args, which are appended where they are missing."""
    lines = doc.splitlines()
    if "Args:" not in lines:
        return "\n".join([*lines, *([""] if lines else []), "Args:", TAIL_DOC])
    end = lines.index("Args:") + 1
    while end < len(lines) and (not lines[end] or lines[end].startswith(" ")):
        end += 1
    while not lines[end - 1]:
        end -= 1
    return "\n".join([*lines[:end], TAIL_DOC, *lines[end:]])
