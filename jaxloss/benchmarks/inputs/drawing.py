"""Draws the arguments of a loss: the shape from the docstring, the values from its words about the domain."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxloss.benchmarks.inputs.reading import Argument, arguments, mask, required
from jaxloss.benchmarks.inputs.sizes import OF_LOSS, axes_of, batch_of, default_size, shape_of
from jaxloss.benchmarks.inputs.values import values_of

__all__ = ["Drawn", "NoInputs", "draw"]

HYPERS: Mapping[str, Any] = {
    "alpha": 0.5,
    "beta": 0.5,
    "capacity": 1.0,
    "data_range": 1.0,
    "distance_matrix": 1 - np.eye(4),
    "free_nats": 0.1,
    "k": 2,
    "kl_bound": 0.1,
    "l1_factor": 0.1,
    "l2_factor": 0.1,
    "lam": 0.3,
    "max_fun": jax.nn.logsumexp,
    "noise_std": 1.0,
    "num_classes": 4,
    "num_instances": 16,
    "pixel_ndim": 2,
    "prior": 0.3,
    "regularization": 0.1,
    "sigmas": 8 * (0.05,),
    "target_entropy": -1.0,
    "temperature": 1.0,
}
"""Hyperparameters without a default, and what they are here."""


NO_GRADIENT = "they get no gradient"


class NoInputs(Exception):
    """The arguments of a loss cannot be drawn; the message says which and why."""


@dataclasses.dataclass(frozen=True)
class Drawn:
    """The inputs of one loss.

    Attributes:
        names: In the order of the signature.
        inputs: The arrays.
        hypers: Those hyperparameters that have no default.
        argnums: Which inputs are differentiated: the first that may be, and the weights of a last layer.
        mask: The shape of ``where`` and ``weights``; None if it is that of the unreduced loss.
    """

    names: tuple[str, ...]
    inputs: tuple[Any, ...]
    hypers: dict[str, Any]
    argnums: tuple[int, ...]
    mask: tuple[int, ...] | None


def draw(
    fn: Callable[..., Any],
    *,
    size: int | None = None,
    dtype: str = "float32",
    axes: Mapping[str, int] | None = None,
    seed: int = 0,
) -> Drawn:
    """Legal inputs of a public loss.

    Args:
        fn: The loss.
        size: Number of examples; None takes about a million numbers in the first input, or 1024 examples that meet.
        dtype: Of the floating inputs.
        axes: Lengths of axes that the docstring names, such as ``{"K": 32768}``.
        seed: Of the random numbers.

    Raises:
        NoInputs: If an argument is a function, a state or anything else that no docstring describes by its shape.
        ValueError: If no argument has an axis of a given name.
    """
    found, given = arguments(fn), dict(axes or {})
    for argument in found:
        if argument.dims is None:
            raise NoInputs(f"{fn.__name__} takes `{argument.name}`, which is not described by a shape")
    if missing := [name for name in required(fn) if name not in HYPERS]:
        raise NoInputs(f"{fn.__name__} has no default for `{missing[0]}`")
    known = {word for argument in found for dim in argument.dims or () for word in re.findall(r"[A-Za-z]\w*", dim)}
    if unknown := sorted(set(given) - known):
        raise ValueError(f"{fn.__name__} has no axis {unknown[0]}; axes are {', '.join(sorted(known)) or 'the batch'}")
    size = default_size(found, {**OF_LOSS.get(fn.__name__, {}), **given}) if size is None else size
    lengths = axes_of(found, size, {**OF_LOSS.get(fn.__name__, {}), **given})
    if strange := sorted(known - set(lengths) - {"pixels", "points", "event", "value"}):
        raise NoInputs(f"{fn.__name__} has an axis {strange[0]} of unknown length")
    batch = batch_of(found, size, lengths)
    keys = jax.random.split(jax.random.key(seed), len(found))
    inputs = tuple(
        _draw_one(argument, shape_of(argument, batch, lengths), lengths, dtype, key)
        for argument, key in zip(found, keys, strict=True)
    )
    names = tuple(argument.name for argument in found)
    hypers = {name: HYPERS[name] for name in required(fn)}
    where = mask(fn)
    shape = None if where.dims is None else shape_of(where, batch, lengths)
    return Drawn(names, inputs, hypers, _differentiated(found), shape)


def _differentiated(found: tuple[Argument, ...]) -> tuple[int, ...]:
    learns = [i for i, argument in enumerate(found) if NO_GRADIENT not in argument.says]
    return (*learns[:1], *(i for i in learns[1:] if found[i].name == "kernel"))


def _draw_one(
    argument: Argument, shape: tuple[int, ...], lengths: Mapping[str, int], dtype: str, key: jax.Array
) -> jax.Array:
    """In one compiled program, so that nothing but the result is held."""
    values = values_of(argument, lengths)
    return jax.jit(lambda key: _cast(values(key, shape), dtype))(key)


def _cast(x: jax.Array, dtype: str) -> jax.Array:
    return x.astype(dtype) if jnp.issubdtype(x.dtype, jnp.floating) else x
