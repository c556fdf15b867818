"""Pools of pixels: axes of pixels made one, and what each pixel counts."""

from __future__ import annotations

import math

from jaxloss._floor import checks
from jaxloss._floor.spread import mass_over
from jaxloss._floor.typing import Array, ArrayLike, AxisName

__all__ = ["Mass", "check_pixel_ndim", "flat", "flat_mask", "pixel_mass"]

Mass = Array | None


def flat(array: Array, pixel_ndim: int, event_ndim: int = 0) -> Array:
    """The ``pixel_ndim`` axes before the event axes made one."""
    stop = array.ndim - event_ndim
    lead, pixels, event = array.shape[: stop - pixel_ndim], array.shape[stop - pixel_ndim : stop], array.shape[stop:]
    return array.reshape((*lead, math.prod(pixels), *event))


def check_pixel_ndim(pixel_ndim: int, shape: tuple[int, ...], name: str) -> None:
    checks.whole("pixel_ndim", pixel_ndim)
    if pixel_ndim > len(shape):
        raise ValueError(f"{name} must have pixel_ndim={pixel_ndim} axes of pixels; found shape {shape}.")
    if len(shape) > pixel_ndim and shape[-1] == 1:
        raise ValueError(
            f"{name} must end with {pixel_ndim} axes of pixels; found shape {shape}, whose last axis seems to be a "
            f"channel. The pixels of this loss have none: jnp.squeeze({name}, -1)."
        )


def flat_mask(where: ArrayLike | None, shape: tuple[int, ...], pixel_ndim: int) -> Array | None:
    return None if where is None else flat(checks.mask(where, shape), pixel_ndim)


def pixel_mass(
    axis_name: AxisName | None,
    where: ArrayLike | None,
    weights: ArrayLike | None,
    shape: tuple[int, ...],
    pixel_ndim: int,
    entries: Array,
) -> tuple[Mass, Array | None]:
    """The mass of every pixel ``[..., N]`` and which pools have any; ``where`` is flat, ``weights`` are not."""
    if weights is not None:
        weights = flat(checks.example_weights(weights, shape, entries.dtype), pixel_ndim)
    return mass_over(axis_name, where, weights, entries)
