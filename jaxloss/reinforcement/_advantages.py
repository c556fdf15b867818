"""Advantages standardised over a batch, as factors of a policy gradient."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.reduction import blank, hide
from jaxloss._floor.spread import mean_over, summed
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Scalar

__all__ = ["standardized_advantages"]


def standardized_advantages(
    advantages: ArrayLike,
    *,
    ddof: int = 0,
    epsilon: Scalar = 1e-8,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
) -> Array:
    r"""Advantages of PPO: standardised over the whole batch, all axes together.

    .. math:: \tilde A_i = \frac{A_i - \operatorname{mean}(A)}{\operatorname{std}(A) + \epsilon}

    The mean is 0 and the standard deviation about 1, so that the learning rate does not depend on the scale of the
    rewards. Standardise what one update sees: the minibatch, on all devices along ``axis_name``. Gradients flow; stop
    those of ``advantages`` that come from a value network. REINFORCE++ does the same to the rewards of answers, in
    place of the group of each prompt (`jaxloss.returns.group_advantages`).

    Args:
        advantages: Shape ``[...]``, floating.
        ddof: The standard deviation divides by the number of advantages less ``ddof``: 0 as in NumPy and JAX, 1 as in
            PyTorch; an integer >= 0, static.
        epsilon: Added to the standard deviation, in units of the advantages; >= 0.
        axis_name: Mesh axes inside ``jax.shard_map``, or an axis of ``jax.pmap``, over which the batch is spread; None
            if all of it is here.
        where: Shape ``[...]``, boolean: False leaves an entry, such as a step behind the end of an episode, out.

    Returns:
        Shape ``[...]``, float32 or float64; 0 where masked, and exactly 0 if all advantages are equal.

    Raises:
        TypeError: If ``advantages`` are not floating or ``where`` is not boolean.
        ValueError: If ``where`` does not match ``advantages``, or a hyperparameter is out of range.

    Example:
        >>> jaxloss.returns.standardized_advantages(jnp.array([[1.0, 3.0], [1.0, 3.0]]), epsilon=0.0)
        Array([[-1.,  1.],
               [-1.,  1.]], dtype=float32)

    Reference:
        Andrychowicz et al. (2021), What Matters for On-Policy Deep Actor-Critic Methods? A Large-Scale Study.
        https://arxiv.org/abs/2006.05990
    """
    (advantages,) = checks.floating(advantages=advantages)
    fewer = checks.whole("ddof", ddof, at_least=0)
    present = jnp.ones(advantages.shape, bool) if where is None else checks.mask(where, advantages.shape)
    kept, (flat,) = jnp.ravel(present), (jnp.ravel(x) for x in blank(where, advantages))
    epsilon = checks.scalar("epsilon", epsilon, flat.dtype, at_least=0)
    # Below the largest, equal advantages are exactly 0, and so is their mean.
    centered = hide(kept, flat - _largest(axis_name, jnp.where(kept, flat, -jnp.inf)))
    centered = hide(kept, centered - mean_over(axis_name, centered, kept))
    unit = numerics.scale_of(jnp.max(jnp.abs(centered), initial=0)[None], -1)[0]
    unit = jax.lax.pmax(unit, axis_name) if axis_name else unit
    number = summed(axis_name, jnp.sum(kept, dtype=jnp.int32)).astype(flat.dtype)
    correction = numerics.divide(number, jnp.maximum(number - fewer, 0))
    variance = mean_over(axis_name, jnp.square(centered / unit), kept) * correction
    scale = unit * numerics.sqrt(variance) + epsilon
    standardized = numerics.divide(centered, jnp.broadcast_to(scale, centered.shape))
    return jnp.reshape(standardized, advantages.shape)


def _largest(axis_name: AxisName | None, x: Array) -> Array:
    """A constant; 0 over nothing."""
    largest = jnp.max(jax.lax.stop_gradient(x), initial=-jnp.inf)
    largest = jax.lax.pmax(largest, axis_name) if axis_name else largest
    return jnp.where(jnp.isneginf(largest), jnp.zeros((), x.dtype), largest)
