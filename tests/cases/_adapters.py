"""Losses in the form that the laws call: what is no array of examples first, and batches of any rank."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp

__all__ = ["any_batch", "leading_first"]


def leading_first(fn: Callable, *names: str) -> Callable:
    """``fn`` with the arguments ``names`` in front of all others, such as a state that it takes last."""
    parameters = inspect.signature(fn).parameters
    order = [*names, *(name for name in parameters if name not in names)]
    signature = inspect.Signature([parameters[name] for name in order])

    @functools.wraps(fn)
    def run(*args: Any, **kwargs: Any) -> Any:
        return fn(**signature.bind(*args, **kwargs).arguments)

    run.__signature__ = signature
    return run


def any_batch(fn: Callable, **event_ndims: int) -> Callable:
    """``fn``, which takes examples ``[N, ...]``, for batches of any rank, as the laws draw them.

    ``event_ndims`` are the numbers of event axes by input; the batch is that of the first. Masks, weights and values
    are reshaped with the examples; whatever does not fit is passed on as it is, for ``fn`` to refuse.
    """
    signature = inspect.signature(fn)

    @functools.wraps(fn)
    def run(*args: Any, **kwargs: Any) -> Any:
        arguments = dict(signature.bind(*args, **kwargs).arguments)
        arrays = {name: jnp.asarray(arguments[name]) for name in event_ndims}
        (first, event_ndim), *_ = event_ndims.items()
        batch = arrays[first].shape[: arrays[first].ndim - event_ndim]

        def flat(x: Any, event_ndim: int) -> Any:
            if x.ndim - event_ndim != len(batch):
                return x
            return jnp.reshape(x, (math.prod(x.shape[: len(batch)]), *x.shape[len(batch) :]))

        arguments |= {name: flat(x, event_ndims[name]) for name, x in arrays.items()}
        for name in ("where", "weights"):
            if arguments.get(name) is not None:
                array = jnp.asarray(arguments[name])
                if array.ndim == len(batch) and all(n in (1, m) for n, m in zip(array.shape, batch, strict=True)):
                    array = flat(jnp.broadcast_to(array, batch), 0)
                arguments[name] = array
        reduction = arguments.get("reduction", "mean")
        if callable(reduction):
            arguments["reduction"] = lambda x, w: reduction(jnp.reshape(x, batch), jnp.reshape(w, batch))
        result = fn(**arguments)
        if reduction != "none":
            return result
        return (jnp.reshape(result[0], batch), *result[1:]) if isinstance(result, tuple) else jnp.reshape(result, batch)

    return run
