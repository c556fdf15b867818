"""Shortcuts: how much of a prediction comes from a suspected region of the input."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.typing import Array, ArrayLike
from jaxloss.inspect.diagnostics._entries import add, counted, flat, ratio

__all__ = ["Cues", "init", "read", "update"]


class Cues(NamedTuple):
    """Sums over examples, scalars.

    Attributes:
        inside: Magnitude of gradient times input inside the region.
        total: The same over the whole input.
        area: Number of entries inside the region.
        size: Number of entries.
    """

    inside: Array
    total: Array
    area: Array
    size: Array


def init() -> Cues:
    """No examples yet.

    Returns:
        A `Cues` of zeros.

    Example:
        >>> float(diagnostics.cues.init().total)
        0.0
    """
    return Cues(jnp.zeros(()), jnp.zeros(()), jnp.zeros(()), jnp.zeros(()))


def update(
    state: Cues, inputs: ArrayLike, slopes: ArrayLike, region: ArrayLike, *, where: ArrayLike | None = None
) -> Cues:
    r"""Add examples.

    .. math:: \text{attribution}_{ij} = \Big| x_{ij} \, \frac{\partial f(x_i)}{\partial x_{ij}} \Big|

    Args:
        state: The sums so far.
        inputs: Shape ``[batch, ...]``, floating. Put the value that means nothing at 0: subtract a mean image.
        slopes: Gradient of what is explained, such as the loss or the logit of the predicted class, with respect to
            ``inputs``; the same shape.
        region: Boolean, True where the suspected cue is: one region for all examples, shape ``[...]``, or one for each,
            shape ``[batch, ...]``.
        where: Boolean ``[batch]``; False deletes an example.

    Returns:
        The sums with the examples added.

    Raises:
        TypeError: If ``inputs`` or ``slopes`` is not floating, or ``region`` is not boolean.
        ValueError: If the shapes do not match.

    Example:
        >>> inputs, slopes = jnp.ones((1, 4)), jnp.array([[3.0, 0.0, 1.0, 0.0]])
        >>> region = jnp.array([True, False, False, False])
        >>> state = diagnostics.cues.update(diagnostics.cues.init(), inputs, slopes, region)
        >>> diagnostics.cues.read(state)["share"]
        Array(0.75, dtype=float32)
    """
    inputs, slopes = checks.floating(inputs=inputs, slopes=slopes)
    checks.same_shape(inputs=inputs, slopes=slopes)
    (region,) = checks.boolean("True where the suspected cue is", region=region)
    if inputs.ndim < 2:
        raise ValueError(f"inputs must have a batch axis and axes of entries, [batch, ...]; found {inputs.shape}.")
    if region.shape not in (inputs.shape, inputs.shape[1:]):
        raise ValueError(
            f"region must have the shape of the inputs, {inputs.shape}, or that of one example, {inputs.shape[1:]}; "
            f"found {region.shape}."
        )
    inside = jnp.broadcast_to(region, inputs.shape)
    event = inputs.ndim - 1
    keep = jnp.reshape(counted(where, inputs.shape[:1]), (-1, *([1] * event)))
    attribution = jnp.abs(flat(where, inputs, event_ndim=event) * flat(where, slopes, event_ndim=event))
    entries = jnp.broadcast_to(keep, inputs.shape)
    return add(
        state,
        jnp.sum(jnp.where(inside, attribution, 0)),
        jnp.sum(attribution),
        jnp.sum((inside & entries).astype(attribution.dtype)),
        jnp.sum(entries.astype(attribution.dtype)),
    )


def read(state: Cues) -> dict[str, Array]:
    """The share of the attribution that lies in the region.

    Args:
        state: The sums.

    Returns:
        ``share``, in [0, 1]; ``area``, the share of the entries, which is what a model that looks everywhere alike
        would give; ``concentration``, their ratio. NaN without attribution.

    Example:
        >>> state = diagnostics.cues.Cues(*(jnp.array(x) for x in (6.0, 10.0, 1.0, 10.0)))
        >>> round(float(diagnostics.cues.read(state)["concentration"]), 3)
        6.0
    """
    share, area = ratio(state.inside, state.total), ratio(state.area, state.size)
    return {"share": share, "area": area, "concentration": ratio(share, area)}
