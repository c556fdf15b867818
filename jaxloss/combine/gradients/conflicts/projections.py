"""Gradient surgery by projections: PCGrad and GradVac."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths.numerics import divide
from jaxloss._floor.typing import Array, Scalar
from jaxloss.combine.gradients._gram import cosines, dot, reveal, without
from jaxloss.combine.gradients._rows import Key, as_key
from jaxloss.combine.gradients.aggregator import Aggregator, from_gramian

__all__ = ["gradvac", "gradvac_weights", "pcgrad", "pcgrad_weights"]


def _visits(order: Any | None, size: int) -> Array:
    if order is None:
        return jnp.broadcast_to(jnp.arange(size), (size, size))
    (order,) = checks.integer(order=order)
    checks.has_shape((size, size), "row i is the order in which term i meets the others", order=order)
    return order


def _shuffled(key: Array, size: int) -> Array:
    return jax.vmap(lambda own: jax.random.permutation(own, size))(jax.random.split(key, size))


def _in_rows(changed: Array, lengths: Array) -> Array:
    """The summed weights, from each changed gradient in units of its length and in the basis of the unit gradients."""
    ratios = divide(jnp.broadcast_to(lengths[:, None], changed.shape), jnp.broadcast_to(lengths, changed.shape))
    moved = jnp.where(jnp.eye(len(lengths), dtype=bool), jnp.ones_like(changed), changed * ratios)
    return jnp.sum(moved, axis=0)


def pcgrad_weights(gram: Array, order: Array | None = None, *, present: Array | None = None) -> Array:
    r"""Weights of PCGrad: each gradient loses its component along every other gradient that it conflicts with.

    .. math:: g_i \leftarrow g_i - \min\!\Big(0, \frac{\langle g_i, g_j \rangle}{\|g_j\|^2}\Big) g_j
              \quad \text{for } j \text{ in turn}, \qquad d = \sum_i g_i

    Args:
        gram: Inner products of the gradients, shape ``[m, m]``.
        order: Integers ``[m, m]``; row i is the order in which term i is projected against the others; the term itself
            is skipped. None is the order of the terms. The order matters for three or more terms.
        present: Boolean, shape ``[m]``; a term where it is False is deleted. None means that all are present.

    Returns:
        Weights >= 1, shape ``[m]``; 0 where absent.

    Raises:
        TypeError: If ``order`` is not integer.
        ValueError: If the shapes do not agree.

    Example:
        >>> from jaxloss import combine
        >>> jacobian = jnp.array([[1.0, 0.0], [-1.0, 1.0]])
        >>> combine.pcgrad_weights(jacobian @ jacobian.T)
        Array([2. , 1.5], dtype=float32)

    Reference:
        Yu et al. (2020), Gradient Surgery for Multi-Task Learning. https://arxiv.org/abs/2001.06782
    """
    gram, present = without(gram, present)
    angles, lengths = cosines(gram)

    def one(own: Array, visits: Array) -> Array:
        def meet(mine: Array, other: Array) -> tuple[Array, None]:
            cosine = dot(mine, angles[other])
            against = (other != own) & (cosine < 0)
            return mine.at[other].add(jnp.where(against, -cosine, jnp.zeros_like(cosine))), None

        return jax.lax.scan(meet, jnp.zeros_like(lengths).at[own].set(1), visits)[0]

    changed = jax.vmap(one)(jnp.arange(len(gram)), _visits(order, len(gram)))
    changed = jnp.where(present[:, None], changed, jnp.eye(len(gram), dtype=gram.dtype))
    return reveal(_in_rows(changed, lengths), gram, present)


def gradvac_weights(
    gram: Array, targets: Array, order: Array | None = None, *, rate: Scalar = 0.5, present: Array | None = None
) -> tuple[Array, Array]:
    r"""Weights of GradVac: each gradient is rotated towards every other until their cosine reaches its running average.

    .. math:: g_i \leftarrow g_i + \frac{\|g_i\| \big(\hat\phi_{ij} \sqrt{1 - \phi_{ij}^2} - \phi_{ij}
              \sqrt{1 - \hat\phi_{ij}^2}\big)}{\|g_j\| \sqrt{1 - \hat\phi_{ij}^2}} \, g_j
              \quad \text{if } \phi_{ij} < \hat\phi_{ij}

    Args:
        gram: Inner products of the gradients, shape ``[m, m]``.
        targets: Shape ``[m, m]``, in [-1, 1); the running averages :math:`\hat\phi` of the cosines. With 0, as at the
            first step, the result is that of PCGrad.
        order: Integers ``[m, m]``; row i is the order in which term i meets the others; the term itself is skipped.
            None is the order of the terms.
        rate: Share of the current cosine in the next target, in [0, 1].
        present: Boolean, shape ``[m]``; a term where it is False is deleted. None means that all are present.

    Returns:
        Weights >= 1, shape ``[m]``, 0 where absent; and the next targets, which do not change for pairs with an absent
        term or a gradient of 0.

    Raises:
        TypeError: If ``order`` is not integer.
        ValueError: If the shapes do not match, or ``rate`` is out of range.

    Example:
        >>> from jaxloss import combine
        >>> jacobian = jnp.array([[1.0, 0.0], [-0.6, 0.8]])
        >>> combine.gradvac_weights(jacobian @ jacobian.T, jnp.zeros((2, 2)))
        (Array([1.6, 1.6], dtype=float32), Array([[ 0. , -0.3],
               [-0.3,  0. ]], dtype=float32))

    Reference:
        Wang, Tsvetkov, Firat and Cao (2021), Gradient Vaccine: Investigating and Improving Multi-task Optimization in
        Massively Multilingual Models. https://arxiv.org/abs/2010.05874
    """
    gram, present = without(gram, present)
    targets = targets.astype(gram.dtype)
    checks.has_shape(gram.shape, "one cosine per pair of terms", targets=targets)
    rate = checks.scalar("rate", rate, gram.dtype, at_least=0, at_most=1)
    angles, lengths = cosines(gram)
    moves = lengths > 0

    def one(own: Array, usual: Array, visits: Array) -> tuple[Array, Array]:
        def meet(carry: tuple[Array, Array], other: Array) -> tuple[tuple[Array, Array], None]:
            mine, usual = carry
            length = jnp.sqrt(jnp.maximum(dot(mine, dot(angles, mine)), 0))
            cosine = jnp.clip(divide(dot(mine, angles[other]), length), -1, 1)
            target = usual[other]
            wide = jnp.sqrt(jnp.maximum(1 - jnp.square(target), 0))
            turn = target * jnp.sqrt(jnp.maximum(1 - jnp.square(cosine), 0)) - cosine * wide
            meets = (other != own) & moves[own] & moves[other]
            zero = jnp.zeros_like(cosine)
            mine = mine.at[other].add(jnp.where(meets & (cosine < target), length * divide(turn, wide), zero))
            return (mine, usual.at[other].add(jnp.where(meets, rate * (cosine - target), zero))), None

        start = (jnp.zeros_like(lengths).at[own].set(1), usual)
        return jax.lax.scan(meet, start, visits)[0]

    changed, after = jax.vmap(one)(jnp.arange(len(gram)), targets, _visits(order, len(gram)))
    changed = jnp.where(present[:, None], changed, jnp.eye(len(gram), dtype=gram.dtype))
    return reveal(_in_rows(changed, lengths), gram, present), after


def pcgrad(key: Key = 0) -> Aggregator:
    """PCGrad, in a new random order at every step; see `pcgrad_weights`.

    Args:
        key: A random key or a seed. Its successors are in the state, so a restored run continues unchanged.

    Returns:
        An `Aggregator` with a `GramianState`.

    Example:
        >>> from jaxloss import combine
        >>> combine.pcgrad(key=1).init(jnp.zeros(3), ("ce", "kl")).weights
        Array([0., 0.], dtype=float32)
    """

    def weights(gram: Array, state: Array, *, present: Array, **_: Any) -> tuple[Array, Array]:
        state, now = jax.random.split(state)
        return pcgrad_weights(gram, _shuffled(now, len(gram)), present=present), state

    return from_gramian(weights, lambda names, dtype: as_key(key))


def gradvac(key: Key = 0, *, rate: Scalar = 0.5) -> Aggregator:
    """GradVac, in a new random order at every step; see `gradvac_weights`.

    Args:
        key: A random key or a seed; its successors and the average cosines are in the state.
        rate: As for `gradvac_weights`.

    Returns:
        An `Aggregator` with a `GramianState`.

    Raises:
        ValueError: If ``rate`` is out of range.

    Example:
        >>> from jaxloss import combine
        >>> combine.gradvac(rate=2.0)
        Traceback (most recent call last):
            ...
        ValueError: rate must be >= 0 and <= 1; found 2.0.
    """
    rate = checks.scalar("rate", rate, jnp.float32, at_least=0, at_most=1)

    def init(names: Sequence[str], dtype: Any) -> tuple[Array, Array]:
        return as_key(key), jnp.zeros((len(names), len(names)), dtype)

    def weights(
        gram: Array, state: tuple[Array, Array], *, present: Array, **_: Any
    ) -> tuple[Array, tuple[Array, Array]]:
        key, now = jax.random.split(state[0])
        found, targets = gradvac_weights(gram, state[1], _shuffled(now, len(gram)), rate=rate, present=present)
        return found, (key, targets)

    return from_gramian(weights, init)
