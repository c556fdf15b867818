"""The value loss of PPO, with values clipped to a neighbourhood of the old ones."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.reduction import reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar
from jaxloss.language._inputs import of_one_shape

__all__ = ["ppo_value_clip_loss"]


def ppo_value_clip_loss(
    values: ArrayLike,
    old_values: ArrayLike,
    returns: ArrayLike,
    *,
    clip: Scalar = 0.2,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Clipped value loss of PPO: half the squared error, with no gain from moving far from the old values.

    .. math:: \ell = \tfrac12 \max\left( (v - R)^2, (v_c - R)^2 \right), \qquad
              v_c = v_{\mathrm{old}} + \operatorname{clip}(v - v_{\mathrm{old}}, -c, c)

    Args:
        values: Values :math:`v` of the trained network, shape ``[...]``, floating.
        old_values: Values at the time the data were sampled, shape ``[...]``, the same. No gradient flows through them.
        returns: Targets :math:`R`, shape ``[...]``, the same. No gradient flows through them.
        clip: How far a value may move, :math:`c`, in units of the returns; > 0, infinite for no limit.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in squared units of ``returns``; exactly 0 at a perfect fit within ``clip`` of the old values.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ or ``clip`` is out of range.

    Example:
        >>> values, old_values = jnp.array([1.0, 2.0]), jnp.array([1.0, 1.0])
        >>> jaxloss.ppo_value_clip_loss(values, old_values, jnp.array([2.0, 2.0]), clip=0.5, reduction="none")
        Array([0.5  , 0.125], dtype=float32)

    Reference:
        Schulman et al. (2016), High-Dimensional Continuous Control Using Generalized Advantage Estimation (value
        functions within a trust region). https://arxiv.org/abs/1506.02438
        Engstrom et al. (2020), Implementation Matters in Deep Policy Gradients (this clipping).
        https://arxiv.org/abs/2005.12729
    """
    current, old, returns = of_one_shape(where, values=values, old_values=old_values, returns=returns)
    old, returns = jax.lax.stop_gradient((old, returns))
    clip = checks.scalar("clip", clip, current.dtype, above=0)
    step = current - old
    # Within the clip the clipped value is the value itself, not its rounding through a difference and a sum.
    clipped = jnp.where(jnp.abs(step) <= clip, current, old + jnp.sign(step) * clip)
    losses = 0.5 * jnp.maximum(jnp.square(current - returns), jnp.square(clipped - returns))
    return reduce(losses, where=where, weights=weights, reduction=reduction)
