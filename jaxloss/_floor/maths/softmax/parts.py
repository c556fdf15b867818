"""The two losses that a softmax cross-entropy gives beside each other."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax.numpy as jnp

from jaxloss._floor.reduction import hide, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction

__all__ = ["CrossEntropyParts", "reduced_parts"]


class CrossEntropyParts(NamedTuple):
    r"""What `jaxloss.softmax_cross_entropy_parts` and `jaxloss.linear_softmax_cross_entropy_parts` return.

    Attributes:
        cross_entropy: The cross-entropy, reduced.
        z_loss: The squared log-normaliser, reduced alike; without a factor.
        log_normalizers: :math:`\log \sum_k e^{z_k}` of every example, not reduced; 0 where masked.
    """

    cross_entropy: Any
    z_loss: Any
    log_normalizers: Array


def reduced_parts(
    values: Array,
    log_normalizers: Array,
    *,
    where: ArrayLike | None,
    weights: ArrayLike | None,
    reduction: Reduction,
) -> CrossEntropyParts:
    part = lambda some: reduce(some, where=where, weights=weights, reduction=reduction)
    return CrossEntropyParts(part(values), part(jnp.square(log_normalizers)), hide(where, log_normalizers))
