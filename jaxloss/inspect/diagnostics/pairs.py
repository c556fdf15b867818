"""Contrastive embeddings: alignment of positive pairs and uniformity over the sphere."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths.numerics import normalize
from jaxloss._floor.spread import columns, first_row
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Scalar
from jaxloss.inspect.diagnostics._entries import add, counted, flat, ratio

__all__ = ["Pairs", "init", "read", "update"]


class Pairs(NamedTuple):
    """Sums over pairs of embeddings of length 1, scalars.

    Attributes:
        distances: Sum of the squared distances of positive pairs.
        positives: Number of positive pairs.
        potentials: Sum of the potentials of all pairs of different examples of a batch.
        others: Number of these pairs.
    """

    distances: Array
    positives: Array
    potentials: Array
    others: Array


def init() -> Pairs:
    """No pairs yet.

    Returns:
        A `Pairs` of zeros.

    Example:
        >>> float(diagnostics.pairs.init().positives)
        0.0
    """
    return Pairs(jnp.zeros(()), jnp.zeros(()), jnp.zeros(()), jnp.zeros(()))


def update(
    state: Pairs,
    anchors: ArrayLike,
    positives: ArrayLike,
    *,
    sharpness: Scalar = 2.0,
    where: ArrayLike | None = None,
    axis_name: AxisName | None = None,
) -> Pairs:
    r"""Add a batch of positive pairs; every anchor also meets every other anchor of the batch.

    .. math:: \mathrm{distances} = \sum_i \|z_i - z_i^+\|^2, \qquad
              \mathrm{potentials} = \sum_{i \ne j} e^{-t \|z_i - z_j\|^2}

    Args:
        state: The sums so far.
        anchors: Shape ``[batch, features]``, floating, of any length.
        positives: The same shape.
        sharpness: :math:`t`, > 0.
        where: Boolean ``[batch]``; False deletes a pair.
        axis_name: Inside `jax.shard_map`, the mesh axes that the batch is spread over: the rows here then meet those of
            all devices, and the sum of the states over the devices is that of the whole batch.

    Returns:
        The sums with the batch added.

    Raises:
        TypeError: If ``anchors`` or ``positives`` is not floating.
        ValueError: If the shapes differ or are not ``[batch, features]``, or ``sharpness`` is not > 0.

    Example:
        >>> anchors = jnp.array([[1.0, 0.0], [-1.0, 0.0]])
        >>> state = diagnostics.pairs.update(diagnostics.pairs.init(), anchors, 2 * anchors)
        >>> {name: round(float(x), 3) for name, x in diagnostics.pairs.read(state).items()}
        {'alignment': 0.0, 'uniformity': -8.0}
    """
    anchors, positives = checks.floating(anchors=anchors, positives=positives)
    checks.same_shape(anchors=anchors, positives=positives)
    if anchors.ndim != 2:
        raise ValueError(f"anchors must have the shape [batch, features]; found {anchors.shape}.")
    batch = anchors.shape[:1]
    keep = counted(where, batch)
    rows, partners = (normalize(flat(where, array, event_ndim=1)) for array in (anchors, positives))
    sharpness = checks.scalar("sharpness", sharpness, rows.dtype, above=0)
    distances = jnp.sum(jnp.square(rows - partners), axis=-1)
    others, present = columns(axis_name, rows, 0), columns(axis_name, keep, 0)
    own = jnp.arange(batch[0]) + first_row(axis_name, batch[0])
    meets = keep[:, None] & present[None, :] & (own[:, None] != jnp.arange(others.shape[0])[None, :])
    sizes = lambda points: jnp.sum(jnp.square(points), axis=-1)  # 1, or 0 for an embedding that is 0
    apart = sizes(rows)[:, None] + sizes(others)[None, :] - 2 * jnp.matmul(rows, others.T, precision="highest")
    potentials = jnp.where(meets, jnp.exp(-sharpness * apart), 0)
    return add(state, jnp.sum(jnp.where(keep, distances, 0)), jnp.sum(keep), jnp.sum(potentials), jnp.sum(meets))


def read(state: Pairs) -> dict[str, Array]:
    r"""Alignment and uniformity.

    .. math:: \mathrm{alignment} = \mathbb{E} \|z - z^+\|^2, \qquad
              \mathrm{uniformity} = \log \mathbb{E}_{i \ne j} e^{-t \|z_i - z_j\|^2}

    Args:
        state: The sums.

    Returns:
        ``alignment``, in [0, 4]: 0 if positive pairs coincide; ``uniformity``, in [-4 t, 0]: 0 if all embeddings are
        one point. An embedding that is 0 stays 0. NaN without pairs.

    Example:
        >>> state = diagnostics.pairs.Pairs(*(jnp.array(x) for x in (1.0, 2.0, 4.0, 4.0)))
        >>> {name: float(x) for name, x in diagnostics.pairs.read(state).items()}
        {'alignment': 0.5, 'uniformity': 0.0}

    Reference:
        Wang and Isola (2020), Understanding Contrastive Representation Learning through Alignment and Uniformity on the
        Hypersphere. https://arxiv.org/abs/2005.10242
    """
    return {
        "alignment": ratio(state.distances, state.positives),
        "uniformity": jnp.log(ratio(state.potentials, state.others)),
    }
