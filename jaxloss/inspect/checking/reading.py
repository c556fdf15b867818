"""A user's function, read as a loss with the signature of the library."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jaxloss
from jaxloss.inspect.calls import TAIL, cast, generator
from jaxloss.inspect.checking.inputs import INPUTS, OwnKind
from jaxloss.inspect.law import DoesNotApply

__all__ = ["Reading", "Refused", "read"]

BATCH = (3, 4)


class _AnyWords(str):
    """A text that has every word: which words a message must have is a rule of the library for itself."""

    def __contains__(self, _: object) -> bool:
        return True


class Refused(TypeError, ValueError):
    """An error of a user's loss, of whichever type; ``__cause__`` is that error."""

    def __str__(self) -> str:
        return _AnyWords(f"{type(self.__cause__).__name__}: {self.__cause__}")


@dataclasses.dataclass(frozen=True)
class Reading:
    """A user's function as a loss of the library.

    Attributes:
        loss: The loss of prediction and target, with the names that the library gives to data, the function's own
            hyperparameters, and the tail ``where, weights, reduction``. It raises `DoesNotApply` if it is asked for
            what the function lacks.
        own: The same of the data that the function takes: of one number, or of prediction and target.
        kind: What the first argument is.
        form: How the function was read, in words.
        one: Whether the function takes one number in place of prediction and target.
        whole: Whether the function takes ``where, weights, reduction`` itself.
    """

    loss: Callable[..., Any]
    own: Callable[..., Any]
    kind: OwnKind
    form: str
    one: bool
    whole: bool


@dataclasses.dataclass(frozen=True)
class _Own:
    """A user's function and the parts of its signature."""

    fn: Callable[..., Any]
    name: str
    data: tuple[str, ...]
    hypers: Mapping[str, inspect.Parameter]
    tail: frozenset[str]


def read(fn: Callable[..., Any], kind: OwnKind) -> Reading:
    """Read a function of one number, of predictions and targets, or of these with the tail of the library.

    Args:
        fn: The function. Its positional arguments without a default are its data.
        kind: What the first argument is.

    Returns:
        The reading.

    Raises:
        TypeError: If ``fn`` is not callable.
        ValueError: If ``kind`` is unknown, the number of data arguments does not fit it, an argument has no value, or
            the function fails or returns another shape than one loss per entry.
    """
    if kind not in INPUTS:
        kinds = "; ".join(f"{name!r}: {about.meaning}" for name, about in INPUTS.items())
        raise ValueError(f"kind says what the first argument of fn is, which is never guessed: {kinds}. Found {kind!r}")
    own, about = _parts(fn), INPUTS[kind]
    one, whole = len(own.data) < len(about.data), own.tail == set(TAIL)
    if len(own.data) not in (1, len(about.data)) or (one and about.combine is None):
        raise ValueError(
            f"fn must take {' and '.join(about.data)} for kind={kind!r}; found the arguments without a default: "
            f"{', '.join(own.data) or 'none'}. Fill in others with functools.partial"
        )
    # A function of one number may use what arrays do not have, such as `jax.lax.cond`.
    vectorize = jnp.vectorize if len(own.data) == 1 and not whole else lambda call: call
    values = _worded(lambda *data, **kwargs: vectorize(lambda *numbers: fn(*numbers, **kwargs))(*data))
    alone = loss = _loss(own, kind, values, whole)
    if one and (combine := about.combine):
        alone = _loss(own, kind, values, whole, about.of_one_number().data)
        loss = _loss(own, kind, lambda *data, **kwargs: values(combine(*data), **kwargs), whole)
    found = Reading(loss, alone, kind, _form(own, about.data, one, whole), one, whole)
    _try(found)
    return found


def _parts(fn: Callable[..., Any]) -> _Own:
    if not callable(fn):
        raise TypeError(f"fn must be a function; found {type(fn).__name__}")
    try:
        parameters = inspect.signature(fn).parameters.values()
    except ValueError:
        raise ValueError("fn must have a signature that can be read: wrap it in a lambda or a def") from None
    tail = frozenset(p.name for p in parameters if p.name in TAIL)
    free = [p for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD) and p.name not in tail]
    if missing := [p.name for p in free if p.kind is p.KEYWORD_ONLY and p.default is p.empty]:
        raise ValueError(f"fn requires {', '.join(missing)}: fill it in with functools.partial")
    data = tuple(p.name for p in free if p.default is p.empty)
    # None is the default of what is absent, such as the targets of a loss that takes errors, too.
    given = [p for p in free if p.default is not p.empty and p.default is not None]
    hypers = {p.name: p for p in given if p.kind is not p.POSITIONAL_ONLY}
    name = getattr(fn, "__name__", None) or getattr(getattr(fn, "func", fn), "__name__", type(fn).__name__)
    return _Own(fn, "loss" if name == "<lambda>" else name, data, hypers, tail)


def _worded(values: Callable[..., Any]) -> Callable[..., Any]:
    """The same, with the errors of the user's function as `Refused`."""

    def run(*data: Any, **kwargs: Any) -> Any:
        try:
            return values(*data, **kwargs)
        except FloatingPointError:  # under jax_debug_nans
            raise
        except Exception as error:
            raise Refused from error

    return run


def _loss(
    own: _Own, kind: OwnKind, values: Callable[..., Any], whole: bool, names: tuple[str, ...] = ()
) -> Callable[..., Any]:
    """The function under the signature of the library; its data have the usual names of their kind."""
    names = names or INPUTS[kind].data

    def loss(*inputs: Any, where: Any = None, weights: Any = None, reduction: Any = "mean", **given: Any) -> Any:
        data = [*inputs, *(given.pop(name) for name in names[len(inputs) :])]
        if not all(hasattr(x, "dtype") for x in data):
            raise DoesNotApply("that lists are accepted is promised by the library's own losses only")
        if whole:
            return values(*data, **given, where=where, weights=weights, reduction=reduction)
        if where is not None or weights is not None:
            raise DoesNotApply("the function does not take where, weights and reduction")
        found = values(*data, **given)
        if not hasattr(found, "shape"):
            raise ValueError(f"fn must return one loss per entry, as an array; found {type(found).__name__}")
        return jaxloss.reduce(found, reduction=reduction)

    loss.__name__ = own.name if kind != "penalty" or "penalty" in own.name else f"{own.name} (penalty)"
    loss.__module__ = getattr(own.fn, "__module__", None) or "__main__"
    loss.__dict__["__signature__"] = _signature(names, own.hypers)
    return loss


def _signature(names: tuple[str, ...], hypers: Mapping[str, inspect.Parameter]) -> inspect.Signature:
    of_data = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in names]
    own = [p.replace(kind=p.KEYWORD_ONLY) for name, p in hypers.items() if name not in names]
    tail = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default)
        for name, default in zip(TAIL, (None, None, "mean"), strict=True)
    ]
    return inspect.Signature([*of_data, *own, *tail])


def _form(own: _Own, names: tuple[str, ...], one: bool, whole: bool) -> str:
    what = f"a function of {' and '.join(names)}"
    if one:
        what = f"a function of one number, {own.data[0]}"
    elif own.data != names:
        what = f"a function of {' and '.join(own.data)}, here called {' and '.join(names)}"
    if whole:
        return f"{what}, with where, weights and reduction"
    if own.tail:
        return f"{what}; it takes {', '.join(sorted(own.tail))} only, and the laws of masks need {', '.join(TAIL)}"
    return what


def _try(reading: Reading) -> None:
    """Refuse what is no loss per entry, with the words of the function's own error."""
    inputs = cast(INPUTS[reading.kind].draw(generator(), BATCH), np.float32)
    try:
        found = jax.eval_shape(lambda x: reading.loss(**x, reduction="none"), inputs)
    except Refused as refused:
        error = refused.__cause__
        shapes = ", ".join(f"{name} {x.dtype}{list(x.shape)}" for name, x in inputs.items())
        raise ValueError(f"fn failed at {shapes}: {type(error).__name__}: {error}") from error
    shape = getattr(found, "shape", None)
    if shape != BATCH:
        what = f"shape {list(shape)}" if shape is not None else type(found).__name__
        raise ValueError(
            f"fn must return one loss per entry, shape {list(BATCH)} here; found {what}. Leave the mean to "
            "`jaxloss.reduce`, or take where, weights and reduction as the losses of the library do"
        )
