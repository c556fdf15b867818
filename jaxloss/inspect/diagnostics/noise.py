"""The gradient noise scale: how large a batch is still worth its price."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.reduction import plain_mean
from jaxloss._floor.typing import Array, AxisName
from jaxloss.inspect.diagnostics._entries import add, ratio

__all__ = ["Noise", "init", "read", "update"]


class Noise(NamedTuple):
    """Sums over steps, scalars.

    Attributes:
        small: Mean squared norm of the gradients of the parts.
        large: Squared norm of their mean.
        part: Number of examples of one part.
        parts: Number of parts.
        counts: Number of steps.
    """

    small: Array
    large: Array
    part: Array
    parts: Array
    counts: Array


def init() -> Noise:
    """No steps yet.

    Returns:
        A `Noise` of zeros.

    Example:
        >>> float(diagnostics.noise.init().counts)
        0.0
    """
    return Noise(*(jnp.zeros(()) for _ in Noise._fields))


def update(state: Noise, gradients: Any, *, part: int, axis_name: AxisName | None = None) -> Noise:
    """Add the gradients of one step, one for each equal part of the batch.

    Args:
        state: The sums so far.
        gradients: A pytree of floating arrays. Without ``axis_name``, their leading axis is that of the parts, such as
            micro-batches; with it, they are the gradient of the part on this device, not yet averaged.
        part: Number of examples of one part, the same in all steps.
        axis_name: Inside `jax.shard_map`, the mesh axes that the parts are spread over. The result is the same on every
            device; do not sum it.

    Returns:
        The sums with the step added.

    Raises:
        ValueError: If there are no gradients, they differ in the number of parts, there are less than two parts, or
            ``part`` is not a whole number >= 1.

    Example:
        >>> state = diagnostics.noise.update(diagnostics.noise.init(), {"w": jnp.array([[1.0], [3.0]])}, part=4)
        >>> float(state.small), float(state.large)
        (5.0, 4.0)
    """
    named = {f"gradients{jax.tree_util.keystr(p)}": x for p, x in jax.tree_util.tree_leaves_with_path(gradients)}
    part = checks.whole("part", part)
    leaves = [jax.lax.stop_gradient(leaf).astype(jnp.float32) for leaf in checks.floating(**named)]
    if not leaves:
        raise ValueError("gradients must hold at least one array; found none.")
    square = lambda parts: jnp.sum(jnp.stack([jnp.sum(jnp.square(part)) for part in parts]))
    if axis_name is not None:
        parts = jax.lax.axis_size(axis_name)
        small = jax.lax.pmean(square(leaves), axis_name)
        large = square([jax.lax.pmean(leaf, axis_name) for leaf in leaves])
    else:
        sizes = {leaf.shape[:1] for leaf in leaves}
        if len(sizes) != 1 or () in sizes:
            raise ValueError(
                "gradients must have one leading axis of parts, the same for all, or be those of one device with "
                f"axis_name=...; found {[leaf.shape for leaf in leaves]}."
            )
        parts = leaves[0].shape[0]
        small, large = square(leaves) / parts, square([plain_mean(leaf, 0) for leaf in leaves])
    if parts < 2:
        raise ValueError("gradients must be those of at least two parts of the batch; found one.")
    return add(state, small, large, part, parts, 1)


def read(state: Noise) -> dict[str, Array]:
    r"""Noise scale, from the squared norms of gradients of two sizes of batch.

    With parts of :math:`b` examples and the whole batch of :math:`B = b \cdot \mathrm{parts}`:

    .. math:: |G|^2 = \frac{B \, |g_B|^2 - b \, |g_b|^2}{B - b}, \qquad
              S = \frac{|g_b|^2 - |g_B|^2}{1 / b - 1 / B}, \qquad \mathrm{scale} = \frac{S}{|G|^2}

    Both are unbiased and noisy; they are averaged over the steps before the division.

    Args:
        state: The sums.

    Returns:
        ``noise_scale``, in examples: batches far below it average too little noise, batches far above it waste
        computation; ``squared_gradient``, :math:`|G|^2`; ``trace``, :math:`S`, the trace of the covariance of the
        gradients of the examples. The scale is negative or NaN while the noise hides the gradient.

    Example:
        >>> state = diagnostics.noise.update(diagnostics.noise.init(), {"w": jnp.array([[1.0], [3.0]])}, part=4)
        >>> {name: float(x) for name, x in diagnostics.noise.read(state).items()}
        {'noise_scale': 2.6666667461395264, 'squared_gradient': 3.0, 'trace': 8.0}

    Reference:
        McCandlish, Kaplan, Amodei and the OpenAI Dota Team (2018), An Empirical Model of Large-Batch Training.
        https://arxiv.org/abs/1812.06162
    """
    small, large, part, parts = (ratio(total, state.counts) for total in state[:4])
    squared = (parts * large - small) / (parts - 1)
    trace = (small - large) * part * parts / (parts - 1)
    return {"noise_scale": ratio(trace, squared), "squared_gradient": squared, "trace": trace}
