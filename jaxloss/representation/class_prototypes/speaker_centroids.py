"""Examples against the centroids of the classes of a batch (GE2E): that of its own class leaves the example out."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.maths.rows.products import precision
from jaxloss._floor.reduction import reduce
from jaxloss._floor.spread import over
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction, Scalar
from jaxloss.representation._groups import Group, gathered, labelled, some, unit

__all__ = ["ge2e_contrast_loss", "ge2e_softmax_loss"]


class _Compared(NamedTuple):
    """Each example here: its cosine with the centroid of its class without it, and which have such a centroid.

    And what it is compared with: the directions of the centroids, one for each example, and the logarithm of how many
    examples have the same one, ``[..., 1, M]`` for the examples of all devices.
    """

    x: Array
    own: Array
    accompanied: Array
    centroids: Array
    log_copies: Array


def _compared(x: Array, group: Group) -> _Compared:
    x = unit(x)
    everybody = group.crowd.everybody(x)

    def of_rows(_: Array, positives: Array, __: Array) -> tuple[Array, Array]:
        total = jnp.matmul(positives.astype(x.dtype), everybody, precision=precision())
        return total, jnp.sum(positives, axis=-1, dtype=x.dtype)

    others, count = group.anchors(of_rows, jax.lax.stop_gradient(x), x)
    own = jnp.sum(x * unit(others), axis=-1)
    log_copies = jnp.swapaxes(group.crowd.everybody(jnp.log1p(count)[..., None]), -1, -2)
    return _Compared(x, own, count > 0, unit(others + x), log_copies)


def ge2e_softmax_loss(
    embeddings: ArrayLike,
    labels: ArrayLike,
    *,
    temperature: Scalar = 0.1,
    chunk_size: int | None = None,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""GE2E softmax loss: cross-entropy of the speaker of an utterance, by its cosines with the speakers' centroids.

    .. math:: \ell_i = -\log \frac{e^{\cos(x_i, c_{y_i}^{-i}) / \tau}}{e^{\cos(x_i, c_{y_i}^{-i}) / \tau}
              + \sum_{k \ne y_i} e^{\cos(x_i, c_k) / \tau}}

    with :math:`c_k` the mean of the normalised embeddings of label k in the batch, and :math:`c^{-i}` the mean without
    example i itself, which would otherwise be compared with itself. The paper has a learned factor
    :math:`w = 1 / \tau`, 10 at first, and a bias, which changes nothing here.

    Args:
        embeddings, labels, chunk_size, axis_name, where, weights: See `jaxloss.representation`. The labels are the
            speakers, who may have different numbers of utterances.
        temperature: :math:`\tau` > 0.
        reduction: Over the examples ``[..., N]``; see `jaxloss.reduce`. The only example of a label is absent; its
            label still has a centroid. The paper sums over the batch.

    Returns:
        A scalar >= 0, in nats, with full relative accuracy for small values; 0 if there is one label.

    Raises:
        TypeError: If ``embeddings`` is not floating or ``labels`` is not integer.
        ValueError: If the shapes do not match, or ``temperature`` is not positive.

    Example:
        >>> embeddings, speakers = jnp.array([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]]), jnp.array([0, 0, 1])
        >>> jaxloss.ge2e_softmax_loss(embeddings, speakers, temperature=0.5)
        Array(0.126928, dtype=float32)

    Reference:
        Wan et al. (2018), Generalized End-to-End Loss for Speaker Verification. https://arxiv.org/abs/1710.10467
    """
    x, group = labelled(where, axis_name, chunk_size, embeddings, labels)
    tau = checks.scalar("temperature", temperature, x.dtype, above=0)
    x, own, accompanied, centroids, log_copies = _compared(x, group)

    def of_rows(cosines: Array, _: Array, negatives: Array) -> Array:
        # Every example of a label has its centroid: together they count as one.
        return gathered(cosines / tau - log_copies, negatives)

    values = numerics.softplus(group.anchors(of_rows, x, centroids) - own / tau)
    return reduce(values, where=some(where, accompanied), weights=weights, reduction=over(axis_name, reduction))


def ge2e_contrast_loss(
    embeddings: ArrayLike,
    labels: ArrayLike,
    *,
    temperature: Scalar = 0.1,
    bias: Scalar = -5.0,
    chunk_size: int | None = None,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""GE2E contrast loss: an utterance is near the centroid of its speaker and far from the nearest other centroid.

    .. math:: \ell_i = 1 - \sigma\left( \frac{\cos(x_i, c_{y_i}^{-i})}{\tau} + b \right)
              + \max_{k \ne y_i} \sigma\left( \frac{\cos(x_i, c_k)}{\tau} + b \right)

    with the centroids of `jaxloss.ge2e_softmax_loss`. Factor :math:`1 / \tau` and bias b are learned in the paper; the
    defaults are its initial values. The paper finds this form better for text-dependent verification, and the softmax
    for text-independent verification.

    Args:
        embeddings, labels, chunk_size, axis_name, where, weights: See `jaxloss.representation`. The labels are the
            speakers, who may have different numbers of utterances.
        temperature: :math:`\tau` > 0.
        bias: Added to every logit.
        reduction: Over the examples ``[..., N]``; see `jaxloss.reduce`. The only example of a label is absent; its
            label still has a centroid. The paper sums over the batch.

    Returns:
        A scalar in [0, 2]; the second summand is 0 if there is one label.

    Raises:
        TypeError: If ``embeddings`` is not floating or ``labels`` is not integer.
        ValueError: If the shapes do not match, or ``temperature`` is not positive.

    Example:
        >>> embeddings, speakers = jnp.array([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]]), jnp.array([0, 0, 1])
        >>> jaxloss.ge2e_contrast_loss(embeddings, speakers, temperature=0.5, bias=-1.0)
        Array(0.5378828, dtype=float32)

    Reference:
        Wan et al. (2018), Generalized End-to-End Loss for Speaker Verification. https://arxiv.org/abs/1710.10467
    """
    x, group = labelled(where, axis_name, chunk_size, embeddings, labels)
    tau = checks.scalar("temperature", temperature, x.dtype, above=0)
    bias = checks.scalar("bias", bias, x.dtype)
    x, own, accompanied, centroids, _ = _compared(x, group)

    def of_rows(cosines: Array, _: Array, negatives: Array) -> Array:
        logits = jnp.where(negatives, cosines / tau, -jnp.inf)
        return jnp.max(logits, axis=-1, initial=-jnp.inf) + jnp.sum(numerics.trace_of_nan(logits), axis=-1)

    rival = group.anchors(of_rows, x, centroids)
    values = jax.nn.sigmoid(-(own / tau + bias)) + jax.nn.sigmoid(rival + bias)
    return reduce(values, where=some(where, accompanied), weights=weights, reduction=over(axis_name, reduction))
