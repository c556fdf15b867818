"""Advantages of answers relative to the group sampled for the same prompt, without a value function."""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.means.squares import pool_root_mean_square
from jaxloss._floor.reduction import blank, hide, pool_mass, pool_mean
from jaxloss._floor.typing import Array, ArrayLike, Scalar

__all__ = [
    "batch_scaled_advantages",
    "centered_advantages",
    "group_advantages",
    "leave_one_out_advantages",
]


def _centered(rewards: ArrayLike, where: ArrayLike | None) -> tuple[Array, Array | None, Array]:
    """Rewards minus the mean of their group, exactly 0 in a constant one; the mask; the members of each group."""
    (rewards,) = checks.floating(rewards=rewards)
    checks.with_axes("group", rewards=rewards)
    (rewards,) = blank(where, rewards)
    mass, _ = pool_mass(where, None, rewards)
    present = jnp.ones(rewards.shape, bool) if mass is None else mass.astype(bool)
    best = jnp.max(jnp.where(present, rewards, -jnp.inf), axis=-1, keepdims=True)
    below = rewards - jnp.where(jnp.isneginf(best), jnp.zeros((), rewards.dtype), best)
    below = hide(present, below)
    centered = below - pool_mean(below, mass)[..., None]
    members = jnp.sum(present, axis=-1, keepdims=True, dtype=jnp.int32).astype(rewards.dtype)
    return hide(present, centered), mass, members


def _deviation(centered: Array, mass: Array | None, members: Array, ddof: int) -> Array:
    """The standard deviation, with the members less ``ddof`` as divisor; 0 where that is 0."""
    correction = numerics.divide(members, jnp.maximum(members - ddof, 0))
    return pool_root_mean_square(centered, mass)[..., None] * numerics.sqrt(correction)


def group_advantages(
    rewards: ArrayLike, *, ddof: int = 1, epsilon: Scalar = 1e-4, where: ArrayLike | None = None
) -> Array:
    r"""Advantages of GRPO: rewards standardised within their group.

    .. math:: A_i = \frac{r_i - \operatorname{mean}(r)}{\operatorname{std}(r) + \epsilon}

    with the sample standard deviation, of divisor :math:`G - 1`, or with ``ddof=0`` that of divisor G, as in MaxText. A
    group of one reward, or of equal rewards, gives exactly 0. The result has one number per answer; for a loss over
    tokens write ``jnp.broadcast_to(advantages[..., None], log_probs.shape)``.

    Args:
        rewards: Shape ``[..., G]``, floating: the answers to one prompt along the last axis.
        ddof: What the standard deviation takes from the number of answers in its divisor; an integer >= 0, static.
        epsilon: Added to the standard deviation, in units of the rewards; >= 0.
        where: Shape ``[..., G]``, boolean: False excludes an answer from its group.

    Returns:
        Shape ``[..., G]``, float32 or float64; 0 where masked.

    Raises:
        TypeError: If ``rewards`` are not floating or ``where`` not boolean.
        ValueError: If ``rewards`` has no group axis or it is empty, or ``epsilon`` is out of range.

    Example:
        >>> jaxloss.returns.group_advantages(jnp.array([[1.0, 0.0, 0.0, 1.0], [1.0, 1.0, 1.0, 1.0]]), epsilon=0.0)
        Array([[ 0.8660254, -0.8660254, -0.8660254,  0.8660254],
               [ 0.       ,  0.       ,  0.       ,  0.       ]],      dtype=float32)

    Reference:
        Shao et al. (2024), DeepSeekMath: Pushing the Limits of Mathematical Reasoning in Open Language Models.
        https://arxiv.org/abs/2402.03300
    """
    centered, mass, members = _centered(rewards, where)
    fewer = checks.whole("ddof", ddof, at_least=0)
    epsilon = checks.scalar("epsilon", epsilon, centered.dtype, at_least=0)
    scale = _deviation(centered, mass, members, fewer) + epsilon
    return numerics.divide(centered, jnp.broadcast_to(scale, centered.shape))


def centered_advantages(rewards: ArrayLike, *, where: ArrayLike | None = None) -> Array:
    r"""Advantages of Dr. GRPO: rewards minus the mean of their group, without favouring easy or hard prompts.

    .. math:: A_i = r_i - \operatorname{mean}(r)

    Args:
        rewards, where: See `jaxloss.returns.group_advantages`.

    Returns:
        Shape ``[..., G]``, float32 or float64; 0 where masked, and exactly 0 in a group of equal rewards.

    Raises:
        TypeError: If ``rewards`` are not floating or ``where`` not boolean.
        ValueError: If ``rewards`` has no group axis or it is empty.

    Example:
        >>> jaxloss.returns.centered_advantages(jnp.array([1.0, 0.0, 0.0, 1.0]))
        Array([ 0.5, -0.5, -0.5,  0.5], dtype=float32)

    Reference:
        Liu et al. (2025), Understanding R1-Zero-Like Training: A Critical Perspective.
        https://arxiv.org/abs/2503.20783
    """
    return _centered(rewards, where)[0]


def leave_one_out_advantages(rewards: ArrayLike, *, where: ArrayLike | None = None) -> Array:
    r"""Advantages of RLOO: rewards minus the mean of the other rewards of their group, an unbiased baseline.

    .. math:: A_i = r_i - \frac{1}{G - 1} \sum_{j \ne i} r_j

    Args:
        rewards, where: See `jaxloss.returns.group_advantages`.

    Returns:
        Shape ``[..., G]``, float32 or float64; 0 where masked, for a single answer, and among equal rewards.

    Raises:
        TypeError: If ``rewards`` are not floating or ``where`` not boolean.
        ValueError: If ``rewards`` has no group axis or it is empty.

    Example:
        >>> jaxloss.returns.leave_one_out_advantages(jnp.array([3.0, 0.0, 0.0]))
        Array([ 3. , -1.5, -1.5], dtype=float32)

    Reference:
        Ahmadian et al. (2024), Back to Basics: Revisiting REINFORCE Style Optimization for Learning from Human
        Feedback in LLMs. https://arxiv.org/abs/2402.14740
    """
    centered, _, members = _centered(rewards, where)
    return centered * numerics.divide(members, jnp.maximum(members - 1, 0))


def batch_scaled_advantages(
    rewards: ArrayLike, *, ddof: int = 1, epsilon: Scalar = 1e-4, where: ArrayLike | None = None
) -> Array:
    r"""Advantages of Lite PPO: rewards minus the mean of their group, divided by the deviation of the whole batch.

    .. math:: A_{bi} = \frac{r_{bi} - \operatorname{mean}(r_b)}{\operatorname{std}(r) + \epsilon}

    with the sample standard deviation of all rewards, of divisor :math:`n - 1` for n rewards, which are not centered
    by group.

    Args:
        rewards, ddof, epsilon: See `jaxloss.returns.group_advantages`.
        where: Shape ``[..., G]``, boolean: False excludes an answer from its group and from the batch.

    Returns:
        Shape ``[..., G]``, float32 or float64; 0 where masked, and exactly 0 in a group of equal rewards.

    Raises:
        TypeError: If ``rewards`` are not floating or ``where`` not boolean.
        ValueError: If ``rewards`` has no group axis or it is empty, or ``epsilon`` is out of range.

    Example:
        >>> jaxloss.returns.batch_scaled_advantages(jnp.array([[1.0, 0.0], [1.0, 1.0]]), epsilon=0.0)
        Array([[ 1., -1.],
               [ 0.,  0.]], dtype=float32)

    Reference:
        Liu et al. (2025), Part I: Tricks or Traps? A Deep Dive into RL for LLM Reasoning.
        https://arxiv.org/abs/2508.08221
    """
    centered, mass, _ = _centered(rewards, where)
    fewer = checks.whole("ddof", ddof, at_least=0)
    epsilon = checks.scalar("epsilon", epsilon, centered.dtype, at_least=0)
    together = None if mass is None else jnp.ravel(mass)
    scale = _deviation(*_centered(jnp.ravel(jnp.asarray(rewards)), together), fewer) + epsilon
    return numerics.divide(centered, jnp.broadcast_to(scale, centered.shape))
