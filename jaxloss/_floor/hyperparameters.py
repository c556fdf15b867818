"""Hyperparameters that are one number: concrete or traced, or a whole one that sets the structure of the program."""

from __future__ import annotations

from typing import Any

import numpy as np
from jax.core import Tracer

from jaxloss._floor.dtypes import numeric
from jaxloss._floor.typing import ArrayLike, Scalar

__all__ = ["scalar", "whole"]


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
    """Check a hyperparameter and keep it from deciding the dtype of a loss.

    Args:
        name: Its name, for messages.
        value: One number, concrete or traced.
        dtype: Dtype of the maths that it takes part in.
        above, at_least, below, at_most: Its range, checked where the number is concrete; a traced one cannot be.

    Returns:
        A Python float if ``value`` is concrete and not an array of JAX, else an array of ``dtype``.

    Raises:
        TypeError: If ``value`` is not a number.
        ValueError: If it has a shape, or lies outside the range.

    Example:
        >>> jaxloss.checks.scalar("delta", np.float64(0.5), jnp.float32, above=0)
        0.5
        >>> jaxloss.checks.scalar("delta", -1, jnp.float32, above=0)
        Traceback (most recent call last):
            ...
        ValueError: delta must be > 0; found -1.0.
    """
    if isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be a number; found {value!r}.")
    if isinstance(value, int | float | np.integer | np.floating):
        number, result = float(value), float(value)
    else:
        (array,) = numeric(**{name: value})
        if array.ndim:
            raise ValueError(f"{name} must be one number; found shape {array.shape}. Sweep it with jax.vmap.")
        result = array.astype(dtype)
        number = None if isinstance(array, Tracer) else float(array)
    if number is not None:
        limits = {
            f"> {above}": None if above is None else number > above,
            f">= {at_least}": None if at_least is None else number >= at_least,
            f"< {below}": None if below is None else number < below,
            f"<= {at_most}": None if at_most is None else number <= at_most,
        }
        if number != number or False in limits.values():
            given = [limit for limit, holds in limits.items() if holds is not None]
            raise ValueError(f"{name} must be {' and '.join(given) or 'a number'}; found {number}.")
    return result


def whole(name: str, value: Any, at_least: int = 1) -> int:
    """A hyperparameter that sets the structure of the program: a Python integer, or one of NumPy.

    Raises:
        ValueError: If it is not one, or too small.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < at_least:
        raise ValueError(
            f"{name} must be a whole number >= {at_least}, known when the program is built; found {value!r}."
        )
    return int(value)
