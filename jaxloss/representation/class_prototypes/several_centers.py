"""Several centres for each class, of which an embedding is compared with a soft choice (SoftTriple)."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths.errors import apart_on_cpu
from jaxloss._floor.maths.rules import with_rule
from jaxloss._floor.maths.softmax.labels import is_label
from jaxloss._floor.reduction import blank, hide, promote, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar
from jaxloss.classification.softmax import softmax_cross_entropy_with_integer_labels
from jaxloss.representation._groups import similarities, unit

__all__ = ["soft_triple_loss"]


def soft_triple_loss(
    embeddings: ArrayLike,
    labels: ArrayLike,
    proxies: ArrayLike,
    *,
    temperature: Scalar = 0.1,
    margin: Scalar = 0.01,
    scale: Scalar = 20.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""SoftTriple loss: softmax over classes that have several centres each, without triplets.

    .. math:: \ell = -\log \frac{e^{\lambda (S_y - \delta)}}{e^{\lambda (S_y - \delta)}
              + \sum_{c \ne y} e^{\lambda S_c}}, \qquad
              S_c = \sum_k \frac{e^{s_{ck} / \gamma}}{\sum_j e^{s_{cj} / \gamma}} \, s_{ck}

    with :math:`s_{ck}` the cosine of the embedding and centre k of class c. With one centre for each class it is
    `jaxloss.cosface_loss`; with a temperature near 0 the nearest centre counts alone. The paper adds a penalty on the
    distances of the centres of a class, so that superfluous ones merge.

    Args:
        embeddings: Shape ``[..., D]``, floating; need not be normalised, a zero vector is orthogonal to all proxies.
        labels: Index of the class, shape ``[...]``, integer in ``[0, C)``; outside gives NaN.
        proxies: The centres of the classes, shape ``[C, K, D]``, floating; need not be normalised.
        temperature: :math:`\gamma` > 0 of the choice of a centre.
        margin: :math:`\delta` >= 0, a difference of cosines.
        scale: Factor :math:`\lambda` of the similarities; > 0.
        where, weights: Shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in nats.

    Raises:
        TypeError: If ``embeddings`` or ``proxies`` are not floating or ``labels`` not integer.
        ValueError: If the shapes do not match, or a hyperparameter is out of range.

    Example:
        >>> embeddings, proxies = jnp.array([[2.0, 0.0]]), jnp.eye(2)[:, None]
        >>> jaxloss.soft_triple_loss(embeddings, jnp.array([1]), proxies, margin=0.0, scale=2.0)
        Array(2.126928, dtype=float32)

    Reference:
        Qian et al. (2019), SoftTriple Loss: Deep Metric Learning Without Triplet Sampling.
        https://arxiv.org/abs/1909.05235
    """
    embeddings, proxies = checks.floating(embeddings=embeddings, proxies=proxies)
    (labels,) = checks.integer(labels=labels)
    checks.with_axes("features", embeddings=embeddings)
    checks.has_shape(embeddings.shape[:-1], "embeddings.shape[:-1], the feature axis is last", labels=labels)
    checks.with_axes("classes centres features", proxies=proxies)
    checks.has_shape((*proxies.shape[-3:-1], embeddings.shape[-1]), "classes, centres, features", proxies=proxies)
    embeddings, proxies = promote(*blank(where, embeddings, event_ndim=1), proxies)
    labels = hide(where, checks.as_int32(labels))
    temperature = checks.scalar("temperature", temperature, embeddings.dtype, above=0)
    margin = checks.scalar("margin", margin, embeddings.dtype, at_least=0)
    scale = checks.scalar("scale", scale, embeddings.dtype, above=0)
    nearness = _chosen_softly(_cosines(embeddings, proxies), jnp.asarray(temperature, embeddings.dtype))
    logits = scale * jnp.where(is_label(labels, nearness), nearness - margin, nearness)
    values = softmax_cross_entropy_with_integer_labels(logits, labels, reduction="none")
    return reduce(values, where=where, weights=weights, reduction=reduction)


def _cosines(embeddings: Array, proxies: Array) -> Array:
    """``[..., K, C]`` of every embedding with every centre; the classes are last, as the longer axis."""
    centres = jnp.swapaxes(proxies, 0, 1)
    rows, columns = (unit(x).reshape(-1, x.shape[-1]) for x in (embeddings, centres))
    return similarities(rows, columns).reshape(*embeddings.shape[:-1], *centres.shape[:-1])


def _chosen_softly_jvp(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Array, Array]:
    (_, temperature), (cosines_dot, temperature_dot) = primals, tangents
    value, cosines = _chosen_softly(*primals), apart_on_cpu(primals[0])[0]
    choice = jax.nn.softmax(cosines / temperature, axis=-2)
    lead = (cosines - jnp.sum(choice * cosines, axis=-2, keepdims=True)) / temperature
    by_temperature = -jnp.sum(choice * jnp.square(lead), axis=-2)
    return value, jnp.sum((choice + choice * lead) * cosines_dot, axis=-2) + by_temperature * temperature_dot


@with_rule(_chosen_softly_jvp)
def _chosen_softly(cosines: Array, temperature: Array) -> Array:
    """The mean ``[..., C]`` over the centres, weighted by their softmax; its slope takes half as many arrays."""
    return jnp.sum(jax.nn.softmax(cosines / temperature, axis=-2) * cosines, axis=-2)
