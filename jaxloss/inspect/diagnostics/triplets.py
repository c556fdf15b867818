"""Triplet losses: how many triplets still teach something."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.typing import Array, ArrayLike, Scalar
from jaxloss.inspect.diagnostics._entries import add, counted, flat, ratio

__all__ = ["Triplets", "init", "read", "update"]


class Triplets(NamedTuple):
    """Counts of triplets, scalars.

    Attributes:
        active: Triplets whose loss is above 0.
        violating: Triplets whose negative is nearer than the positive.
        counts: All triplets.
    """

    active: Array
    violating: Array
    counts: Array


def init() -> Triplets:
    """No triplets yet.

    Returns:
        A `Triplets` of zeros.

    Example:
        >>> float(diagnostics.triplets.init().counts)
        0.0
    """
    return Triplets(jnp.zeros(()), jnp.zeros(()), jnp.zeros(()))


def update(
    state: Triplets,
    to_positives: ArrayLike,
    to_negatives: ArrayLike,
    *,
    margin: Scalar,
    where: ArrayLike | None = None,
) -> Triplets:
    r"""Count triplets by their distances.

    .. math:: \mathrm{active}_i = [d(a_i, p_i) - d(a_i, n_i) + m > 0], \qquad
              \mathrm{violating}_i = [d(a_i, p_i) > d(a_i, n_i)]

    Args:
        state: The counts so far.
        to_positives: Distances from anchors to positives, shape ``[...]``, floating, as the loss takes them.
        to_negatives: Distances from anchors to negatives, the same shape.
        margin: :math:`m`, the margin of the loss, >= 0.
        where: Boolean ``[...]``; False deletes a triplet.

    Returns:
        The counts with the triplets added; a NaN distance makes the readings NaN.

    Raises:
        TypeError: If a distance is not floating.
        ValueError: If the shapes differ, or ``margin`` is negative.

    Example:
        >>> state = diagnostics.triplets.init()
        >>> near, far = jnp.array([0.1, 0.5]), jnp.array([2.0, 0.6])
        >>> state = diagnostics.triplets.update(state, near, far, margin=1.0)
        >>> float(diagnostics.triplets.read(state)["active"])
        0.5
    """
    to_positives, to_negatives = checks.floating(to_positives=to_positives, to_negatives=to_negatives)
    checks.same_shape(to_positives=to_positives, to_negatives=to_negatives)
    keep = counted(where, to_positives.shape)
    lead = flat(where, to_positives) - flat(where, to_negatives)
    margin = checks.scalar("margin", margin, lead.dtype, at_least=0)
    # A selection: a product with a flag becomes one inside a compiled program, and would lose the NaN.
    number = lambda flags: jnp.sum(jnp.where(jnp.isnan(lead), jnp.nan, (flags & keep).astype(lead.dtype)))
    return add(state, number(lead + margin > 0), number(lead > 0), jnp.sum(keep))


def read(state: Triplets) -> dict[str, Array]:
    """The shares.

    Args:
        state: The counts.

    Returns:
        ``active`` and ``violating``, shares of all triplets in [0, 1]; NaN without triplets.

    Example:
        >>> state = diagnostics.triplets.Triplets(jnp.array(1.0), jnp.array(0.0), jnp.array(4.0))
        >>> float(diagnostics.triplets.read(state)["active"])
        0.25

    Reference:
        Schroff, Kalenichenko and Philbin (2015), FaceNet: A Unified Embedding for Face Recognition and Clustering.
        https://arxiv.org/abs/1503.03832
    """
    return {"active": ratio(state.active, state.counts), "violating": ratio(state.violating, state.counts)}
