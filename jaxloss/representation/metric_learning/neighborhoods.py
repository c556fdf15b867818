"""Soft nearest neighbours in a labelled set: how likely the neighbour of an example is of its own class (NCA)."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.reduction import reduce
from jaxloss._floor.spread import mean_over, over
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction, Scalar
from jaxloss.representation._groups import Group, gathered, labelled, some

__all__ = ["nca_loss"]


def nca_loss(
    embeddings: ArrayLike,
    labels: ArrayLike,
    *,
    temperature: Scalar = 1.0,
    chunk_size: int | None = None,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Neighbourhood components analysis (NCA): log-probability that a random neighbour is of the same class, negated.

    .. math:: \ell_i = -\log \frac{\sum_{p: y_p = y_i} e^{-d_{ip}^2 / \tau}}{\sum_{a \ne i} e^{-d_{ia}^2 / \tau}},
              \qquad d_{ij} = \| x_i - x_j \|_2

    This is the paper's second objective, of logarithms; its first is the sum of the probabilities. With a temperature
    it is the soft nearest neighbour loss. Embeddings are not normalised; pytorch-metric-learning does that.

    Args:
        embeddings, labels, chunk_size, axis_name, where, weights: See `jaxloss.representation`.
        temperature: :math:`\tau` > 0, in squared units of the distance.
        reduction: Over the anchors ``[..., N]``; see `jaxloss.reduce`. An anchor without positives is absent.

    Returns:
        A scalar >= 0, in nats, with full relative accuracy for small values; 0 if there are no negatives or no
        positives.

    Raises:
        TypeError: If ``embeddings`` is not floating or ``labels`` is not integer.
        ValueError: If the shapes do not match, or ``temperature`` is not positive.

    Example:
        >>> embeddings, labels = jnp.array([[0.0], [1.0], [2.0]]), jnp.array([0, 0, 1])
        >>> jaxloss.nca_loss(embeddings, labels, reduction="none")
        Array([0.04858735, 0.6931472 , 0.        ], dtype=float32)

    Reference:
        Goldberger et al. (2004), Neighbourhood Components Analysis.
        https://papers.nips.cc/paper/2566-neighbourhood-components-analysis
        Frosst, Papernot and Hinton (2019), Analyzing and Improving Representations with the Soft Nearest Neighbor Loss.
        https://arxiv.org/abs/1902.01889
    """
    x, group = labelled(where, axis_name, chunk_size, embeddings, labels)
    tau = checks.scalar("temperature", temperature, x.dtype, above=0)
    x = _near_origin(x, group)
    lengths = jnp.sum(jnp.square(x), axis=-1, keepdims=True)
    lengths = jnp.swapaxes(group.crowd.everybody(lengths), -1, -2)

    def of_rows(products: Array, positives: Array, negatives: Array) -> tuple[Array, Array]:
        # Minus the squared distances, but for the squared length of the anchor, which all of its neighbours share.
        logits = (products - lengths) / tau
        attracted = jnp.any(positives, axis=-1)
        joined = jnp.where(attracted, gathered(logits, positives), jnp.zeros((), x.dtype))
        return numerics.softplus(gathered(logits, negatives) - joined), attracted

    values, attracted = group.anchors(of_rows, 2 * x, x)
    return reduce(values, where=some(where, attracted), weights=weights, reduction=over(axis_name, reduction))


def _near_origin(x: Array, group: Group) -> Array:
    """The rows after a common shift of their mean to the origin, which changes no distance."""
    crowd = group.crowd
    mass = None if crowd.keep is None else jnp.broadcast_to(crowd.keep[..., None], x.shape)
    return x - jnp.expand_dims(jax.lax.stop_gradient(mean_over(crowd.axis_name, x, mass, -2)), -2)
