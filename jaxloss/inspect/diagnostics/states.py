"""What all states share: they start at zero, merge by addition, and are read now and then."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.typing import Array, AxisName
from jaxloss.inspect.diagnostics import (
    calibration,
    cues,
    embeddings,
    gradient_shares,
    groups,
    noise,
    pairs,
    ranks,
    saturation,
    terms,
    triplets,
    units,
)

__all__ = ["merge", "read", "read_every", "restart"]

Tree = TypeVar("Tree")

READERS: Mapping[type, Callable[[Any], dict[str, Array]]] = {
    calibration.Calibration: calibration.read,
    cues.Cues: cues.read,
    embeddings.Embeddings: embeddings.read,
    gradient_shares.GradientShares: gradient_shares.read,
    groups.Groups: groups.read,
    noise.Noise: noise.read,
    pairs.Pairs: pairs.read,
    ranks.Ranks: ranks.read,
    saturation.Saturation: saturation.read,
    terms.Terms: terms.read,
    triplets.Triplets: triplets.read,
    units.Units: units.read,
}


def merge(states: Tree, parts: Tree, *, axis_name: AxisName | None = None) -> Tree:
    """Add states of the same kind: those of micro-batches, of devices, or of earlier steps.

    Inside `jax.shard_map`, update fresh states with the examples of a device and merge them into those of all:
    ``states = merge(states, update(restart(states), ...), axis_name="data")``.

    Args:
        states: One state, or a pytree of states.
        parts: The same, of other examples.
        axis_name: Mesh axes over which ``parts`` are added up first.

    Returns:
        The states of the examples of both.

    Raises:
        ValueError: If the two differ in structure.

    Example:
        >>> saturation = diagnostics.saturation
        >>> state = saturation.init()._replace(counts=jnp.array(2.0))
        >>> float(diagnostics.merge(state, state).counts)
        4.0
    """
    parts = jax.lax.psum(parts, axis_name) if axis_name else parts
    return jax.tree.map(jnp.add, states, parts)


def restart(states: Tree) -> Tree:
    """States without examples, in place of states with some.

    Args:
        states: One state, or a pytree of states.

    Returns:
        The same structure, of zeros.

    Example:
        >>> float(diagnostics.restart(diagnostics.saturation.init()._replace(counts=jnp.array(2.0))).counts)
        0.0
    """
    return jax.tree.map(lambda leaf: jnp.zeros(jnp.shape(leaf), jnp.result_type(leaf)), states)


def read(states: Mapping[str, Any]) -> dict[str, Array]:
    """All readings of several states.

    Args:
        states: Name to state, such as ``{"calibration": ..., "layer 1": ...}``.

    Returns:
        ``name/reading`` to a small array: the readings of the module of each state. A share of nothing is NaN.

    Raises:
        TypeError: If a value is not a state of this package.

    Example:
        >>> sorted(diagnostics.read({"train": diagnostics.saturation.init()}))
        ['train/error', 'train/stuck']
    """
    readings: dict[str, Array] = {}
    for name, state in states.items():
        if type(state) not in READERS:
            raise TypeError(
                f"{name!r} must be a state of jaxloss.inspect.diagnostics, such as calibration.init(); found "
                f"{type(state).__name__}. Add readings of your own to the result."
            )
        with jax.debug_nans(False):  # what is not known is NaN on purpose
            found = READERS[type(state)](state)
        readings |= {f"{name}/{reading}": value for reading, value in found.items()}
    return readings


def read_every(states: Mapping[str, Any], step: Array, *, every: int) -> tuple[Array, dict[str, Array], dict[str, Any]]:
    """Read states and restart them at every so many steps, inside ``jit`` or ``scan``; the other steps cost nothing.

    Args:
        states: Name to state.
        step: Number of the step, an integer; states are read at the end of steps ``every - 1``, ``2 * every - 1``, ...
        every: Number of steps over which the states are summed.

    Returns:
        ``(due, readings, states)``: whether the states were read; the readings of `read`, all 0 if not; the states to
        go on with.

    Raises:
        TypeError: If a value is not a state of this package.
        ValueError: If ``every`` is not a whole number >= 1.

    Example:
        >>> states = {"train": diagnostics.saturation.init()._replace(wrong=jnp.array(1.0), counts=jnp.array(4.0))}
        >>> due, readings, states = diagnostics.read_every(states, jnp.array(9), every=10)
        >>> bool(due), float(readings["train/error"]), float(states["train"].counts)
        (True, 0.25, 0.0)
    """
    every = checks.whole("every", every)
    given = dict(states)
    shapes = jax.eval_shape(read, given)
    # Not NaN: it would end every run under `jax_debug_nans`.
    blank = lambda: jax.tree.map(lambda shape: jnp.zeros(shape.shape, shape.dtype), shapes)
    due = (jnp.asarray(step) + 1) % every == 0
    readings, kept = jax.lax.cond(due, lambda: (read(given), restart(given)), lambda: (blank(), given))
    return due, readings, kept
