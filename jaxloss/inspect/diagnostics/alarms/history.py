"""The readings of a run, on the host: small arrays of NumPy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

__all__ = ["History", "append"]


class History(NamedTuple):
    """Readings over steps.

    Attributes:
        steps: The steps of the reads, shape ``[reads]``.
        readings: ``name/reading`` to an array ``[reads, ...]``; NaN where it was not read.
    """

    steps: np.ndarray
    readings: Mapping[str, np.ndarray]


def append(history: History | None, step: Any, readings: Mapping[str, Any], *, due: Any = True) -> History:
    """Add the readings of one step, or of many steps that a ``scan`` stacked.

    Args:
        history: What was read before; None at first.
        step: Number of the step, or of the steps, shape ``[steps]``.
        readings: The result of `read`, and readings of your own; with a leading axis ``[steps]`` if there is one in
            ``step``.
        due: As `read_every` returned it: steps at which nothing was read are left out.

    Returns:
        A new history; the given one is unchanged. A reading that is new, or missing, is NaN at the other steps.

    Raises:
        ValueError: If a reading has another shape than before, or no axis of the steps.

    Example:
        >>> history = diagnostics.append(None, 10, {"train/stuck": jnp.array(0.5)})
        >>> history = diagnostics.append(history, 20, {"train/stuck": jnp.array(0.75)})
        >>> print(history.steps, history.readings["train/stuck"])
        [10 20] [0.5  0.75]
    """
    steps = np.atleast_1d(np.asarray(step))
    kept = np.broadcast_to(np.asarray(due, bool), steps.shape)
    added: dict[str, np.ndarray] = {}
    for name, value in readings.items():
        array = np.asarray(value, np.float32)
        array = array[None] if np.ndim(step) == 0 else array
        if array.shape[:1] != steps.shape:
            raise ValueError(f"{name!r} must have one reading for each of the {len(steps)} steps; found {array.shape}.")
        added[name] = array[kept]
    if history is None:
        return History(steps[kept], added)
    before, after = len(history.steps), int(kept.sum())
    joined: dict[str, np.ndarray] = {}
    for name in [*history.readings, *(name for name in added if name not in history.readings)]:
        old, new = history.readings.get(name), added.get(name)
        shape = (old if old is not None else added[name]).shape[1:]
        old = np.full((before, *shape), np.nan, np.float32) if old is None else old
        new = np.full((after, *shape), np.nan, np.float32) if new is None else new
        if new.shape[1:] != shape:
            raise ValueError(f"{name!r} must have the shape that it had before, {shape}; found {new.shape[1:]}.")
        joined[name] = np.concatenate([old, new])
    return History(np.concatenate([history.steps, steps[kept]]), joined)
