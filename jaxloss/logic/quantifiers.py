"""Quantifiers that are power means, so that every instance receives a gradient; for every fuzzy logic."""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.reduction import pool_mass, pool_mean
from jaxloss._floor.typing import Array, ArrayLike, Scalar
from jaxloss.logic._truths import truths_of_pools

__all__ = ["exists_p_mean", "forall_p_mean"]


def _power_mean(x: Array, where: ArrayLike | None, p: Scalar) -> Array:
    """``(mean of x**p) ** (1 / p)`` over the last axis for ``x >= 0``: scaled, with zero slope at zeros."""
    p = checks.scalar("p", p, x.dtype, at_least=1)
    mass, _ = pool_mass(where, None, x)
    scale = numerics.scale_of(x)
    mean = pool_mean(numerics.power(x / scale, p), mass)
    return scale[..., 0] * numerics.power(mean, jnp.asarray(1 / p, x.dtype))


def forall_p_mean(truths: ArrayLike, *, p: Scalar = 2.0, where: ArrayLike | None = None) -> Array:
    r"""Universal quantifier as one minus the power mean of the doubts (pMeanError of Logic Tensor Networks).

    .. math:: \forall_i \, a_i = 1 - \left(\frac1N \sum_i (1 - a_i)^p\right)^{1/p}

    Its slopes do not vanish with the number of instances. p = 1 is the mean truth, p = 2 gives false instances more
    weight, and p to infinity is the minimum of Gödel logic.

    Args:
        truths: Truth values of the instances in [0, 1], shape ``[..., N]``, floating.
        p: Exponent >= 1.
        where: Shape ``[..., N]``, boolean; a masked instance is absent.

    Returns:
        Truth values ``[...]``, float32 at least; 1 exactly, with zero slope, if all are true; 1 over no instance.

    Raises:
        TypeError: If ``truths`` are not floating or ``where`` is not boolean.
        ValueError: If the axis of instances is missing, or ``p < 1``.

    Example:
        >>> jaxloss.logic.forall_p_mean(jnp.array([1.0, 0.0, 1.0, 1.0]))
        Array(0.5, dtype=float32)

    Reference:
        Badreddine et al. (2022), Logic Tensor Networks. https://arxiv.org/abs/2012.13635
    """
    return 1 - _power_mean(1 - truths_of_pools(truths, where, absent=1), where, p)


def exists_p_mean(truths: ArrayLike, *, p: Scalar = 2.0, where: ArrayLike | None = None) -> Array:
    r"""Existential quantifier as the power mean of the truths (pMean of Logic Tensor Networks).

    .. math:: \exists_i \, a_i = \left(\frac1N \sum_i a_i^p\right)^{1/p}

    p = 1 is the mean truth, p to infinity the maximum of Gödel logic. At p > 1 an instance of truth exactly 0
    receives no gradient beside others; where all are 0, all receive the same.

    Args:
        truths: Truth values of the instances in [0, 1], shape ``[..., N]``, floating.
        p: Exponent >= 1.
        where: Shape ``[..., N]``, boolean; a masked instance is absent.

    Returns:
        Truth values ``[...]``, float32 at least; 1 if all are true, 0 over no instance.

    Raises:
        TypeError: If ``truths`` are not floating or ``where`` is not boolean.
        ValueError: If the axis of instances is missing, or ``p < 1``.

    Example:
        >>> jaxloss.logic.exists_p_mean(jnp.array([1.0, 0.0, 0.0, 0.0]))
        Array(0.5, dtype=float32)

    Reference:
        Badreddine et al. (2022), Logic Tensor Networks. https://arxiv.org/abs/2012.13635
    """
    truths = truths_of_pools(truths, where, absent=0)
    mass, _ = pool_mass(where, None, truths)
    all_false = jnp.logical_not(jnp.any(truths != 0, axis=-1))
    return jnp.where(all_false, pool_mean(truths, mass), _power_mean(truths, where, p))
