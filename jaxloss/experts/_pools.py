"""Sums over the tokens that a router saw together, on one device or on all."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths.scales import at_unit_scale
from jaxloss._floor.reduction import pool_mass, weighted_sums
from jaxloss._floor.spread import require_whole
from jaxloss._floor.typing import Array, ArrayLike, AxisName

__all__ = ["checked_choices", "expert_counts", "token_sums"]


def token_sums(
    *values: Array, where: ArrayLike | None, weights: ArrayLike | None, axis_name: AxisName | None
) -> tuple[list[tuple[Array, Array]], Array | None]:
    """Weighted sums over tokens ``[..., E]`` of values ``[..., T, E]``, each with the sum of the weights.

    All are multiplied by the same power of two. ``values`` are blanked where masked. Over devices both sums are taken
    separately, so that shards with different masks give exactly the means over all tokens. The last result says
    which pools have any token.
    """
    require_whole(axis_name, values[0].shape[-2:-1], *values)
    mass, present = pool_mass(where, weights, values[0][..., 0])
    every = jnp.ones(values[0].shape[:-1], bool) if mass is None else at_unit_scale(mass, -1, axis_name)
    sums = [weighted_sums(jnp.swapaxes(x, -1, -2), every[..., None, :], -1) for x in values]
    if axis_name:
        sums = jax.lax.psum(sums, axis_name)
        present = sums[0][1][..., 0] > 0
    return sums, present


def expert_counts(experts: Array, num_experts: int, dtype: jnp.dtype) -> Array:
    """How often each expert ``[..., T, E]`` was chosen by a token, from its choices ``[..., T, k]``; NaN if outside."""
    inside = (experts >= 0) & (experts < num_experts)
    one_hot = experts[..., None] == jnp.arange(num_experts, dtype=jnp.int32).reshape((1,) * experts.ndim + (-1,))
    counts = jnp.sum(one_hot, axis=-2, dtype=jnp.int32).astype(dtype)
    return jnp.where(jnp.all(inside, axis=-1, keepdims=True), counts, jnp.nan)


def checked_choices(tokens: tuple[int, ...], experts: ArrayLike) -> Array:
    """``experts`` as int32 ``[..., T, k]``, where ``[..., T]`` is the shape of ``tokens``."""
    (experts,) = checks.integer(experts=experts)
    checks.with_axes("tokens choices", allow_empty=True, experts=experts)
    checks.with_axes("choices", experts=experts)
    checks.has_shape((*tokens, experts.shape[-1]), "the tokens, then the choices of each", experts=experts)
    return checks.as_int32(experts)
