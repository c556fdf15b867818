"""Proxies: one learned vector per class that embeddings are compared with (Proxy-NCA, Proxy-Anchor)."""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.maths.softmax.labels import at_label, is_label
from jaxloss._floor.reduction import blank, divide_sums, hide, pool_mass, promote, reduce
from jaxloss._floor.spread import whole_pool
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction, Scalar
from jaxloss.representation._groups import gathered, similarities, unit

__all__ = ["proxy_anchor_loss", "proxy_nca_loss"]


def _compared(
    where: ArrayLike | None, embeddings: ArrayLike, labels: ArrayLike, proxies: ArrayLike
) -> tuple[Array, Array, Array]:
    """Embeddings ``[..., D]``, 0 where masked, labels ``[...]``, 0 where masked, and proxies ``[C, D]``."""
    embeddings, proxies = checks.floating(embeddings=embeddings, proxies=proxies)
    (labels,) = checks.integer(labels=labels)
    checks.with_axes("features", embeddings=embeddings)
    checks.has_shape(embeddings.shape[:-1], "embeddings.shape[:-1], the feature axis is last", labels=labels)
    checks.with_axes("classes features", proxies=proxies)
    checks.has_shape((proxies.shape[0], embeddings.shape[-1]), "classes, features", proxies=proxies)
    embeddings, proxies = promote(*blank(where, embeddings, event_ndim=1), proxies)
    return embeddings, hide(where, checks.as_int32(labels)), proxies


def _cosines(embeddings: Array, proxies: Array) -> Array:
    """``[..., C]`` of every embedding with every proxy."""
    rows = unit(embeddings).reshape(-1, embeddings.shape[-1])
    return similarities(rows, unit(proxies)).reshape(*embeddings.shape[:-1], proxies.shape[0])


def proxy_nca_loss(
    embeddings: ArrayLike,
    labels: ArrayLike,
    proxies: ArrayLike,
    *,
    temperature: Scalar = 1.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Proxy-NCA loss: an embedding is attracted by the proxy of its class and repelled by those of all others.

    .. math:: \ell = -\log \frac{e^{-d_y / \tau}}{\sum_{k \ne y} e^{-d_k / \tau}}, \qquad
              d_k = \left\| \frac{x}{\|x\|} - \frac{p_k}{\|p_k\|} \right\|^2 = 2 - 2 \cos(x, p_k)

    As in the paper the proxy of the class is not in the denominator, so that the loss can be negative. ProxyNCA++ and
    pytorch-metric-learning's ``ProxyNCALoss`` have it there, which is the cross-entropy
    ``jaxloss.normalized_softmax_loss(embeddings, labels, proxies.T, scale=2 / temperature)``.

    Args:
        embeddings: Shape ``[..., D]``, floating; need not be normalised, a zero vector is orthogonal to all proxies.
        labels: Index of the class, shape ``[...]``, integer in ``[0, C)``; outside gives NaN.
        proxies: One vector per class, shape ``[C, D]``, floating; need not be normalised.
        temperature: :math:`\tau` > 0; 1 in the paper of Proxy-NCA, 1/9 in that of ProxyNCA++.
        where, weights: Shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar, in nats; at least :math:`\log(C - 1) - 4 / \tau`.

    Raises:
        TypeError: If ``embeddings`` or ``proxies`` are not floating or ``labels`` not integer.
        ValueError: If the shapes do not match, there are fewer than two proxies, or ``temperature`` is not positive.

    Example:
        >>> embeddings, proxies = jnp.array([[2.0, 0.0]]), jnp.eye(2)
        >>> jaxloss.proxy_nca_loss(embeddings, jnp.array([0]), proxies, temperature=0.5)
        Array(-4., dtype=float32)

    Reference:
        Movshovitz-Attias et al. (2017), No Fuss Distance Metric Learning using Proxies.
        https://arxiv.org/abs/1703.07464
        Teh, DeVries and Taylor (2020), ProxyNCA++: Revisiting and Revitalizing Proxy Neighborhood Component Analysis.
        https://arxiv.org/abs/2004.01113
    """
    embeddings, labels, proxies = _compared(where, embeddings, labels, proxies)
    size = proxies.shape[0]
    if size < 2:
        raise ValueError(f"proxies must have at least two classes, one of which repels; found shape {proxies.shape}.")
    tau = checks.scalar("temperature", temperature, embeddings.dtype, above=0)
    value_checks.ensure_labels(labels, size)
    inside = jnp.clip(labels, 0, size - 1)
    logits = 2 * _cosines(embeddings, proxies) / tau
    values = gathered(logits, ~is_label(inside, logits)) - at_label(logits, inside)
    values = numerics.poison(values, inside == labels)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def proxy_anchor_loss(
    embeddings: ArrayLike,
    labels: ArrayLike,
    proxies: ArrayLike,
    *,
    margin: Scalar = 0.1,
    scale: Scalar = 32.0,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Proxy-Anchor loss: every proxy pulls the examples of its class and pushes all others of the batch.

    .. math:: \ell = \frac{1}{|P^+|} \sum_{k \in P^+} \log\Big( 1 + \sum_{n: y_n = k} w_n e^{-\alpha (s_{nk} - m)} \Big)
              + \frac1C \sum_k \log\Big( 1 + \sum_{n: y_n \ne k} w_n e^{\alpha (s_{nk} + m)} \Big)

    with :math:`s_{nk}` the cosine of example n and proxy k, and :math:`P^+` the classes that occur in the batch. The
    examples are pooled, so ``where`` and ``weights`` belong to them: a weight of 2 counts as two examples.

    Args:
        embeddings: Shape ``[..., N, D]``, floating; need not be normalised, a zero vector is orthogonal to all proxies.
        labels: Index of the class, shape ``[..., N]``, integer in ``[0, C)``; outside gives NaN.
        proxies: One vector per class, shape ``[C, D]``, floating; need not be normalised.
        margin: :math:`m`, a cosine, in [0, 1].
        scale: Factor :math:`\alpha` of the cosines, the inverse of a temperature; > 0.
        axis_name: Mesh axes inside ``jax.shard_map`` over which the examples are spread, for the loss over all of them;
            None if all are here, ``()`` to take those of each device on purpose.
        where, weights: Shape ``[..., N]``; a batch without examples is absent. See `jaxloss.reduce`.
        reduction: Over the batches ``[...]``; see `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in nats.

    Raises:
        TypeError: If ``embeddings`` or ``proxies`` are not floating or ``labels`` not integer.
        ValueError: If the shapes do not match, ``margin`` is out of range or ``scale`` not positive.

    Example:
        >>> embeddings, proxies = jnp.array([[2.0, 0.0], [0.0, 3.0]]), jnp.eye(2)
        >>> print(f"{jaxloss.proxy_anchor_loss(embeddings, jnp.array([0, 1]), proxies, scale=5.0):.4f}")
        0.9851

    Reference:
        Kim et al. (2020), Proxy Anchor Loss for Deep Metric Learning. https://arxiv.org/abs/2003.13911
    """
    embeddings, labels, proxies = _compared(where, embeddings, labels, proxies)
    checks.with_axes("examples features", allow_empty=True, embeddings=embeddings)
    margin = checks.scalar("margin", margin, embeddings.dtype, at_least=0, at_most=1)
    scale = checks.scalar("scale", scale, embeddings.dtype, above=0)
    size = proxies.shape[0]
    value_checks.ensure_labels(labels, size)
    labels = labels[..., None]
    where, weights, embeddings, labels = whole_pool(axis_name, where, weights, embeddings, labels, event_ndim=1)
    labels = labels[..., 0]
    mass, present = pool_mass(where, weights, embeddings[..., 0])
    kept = jnp.ones(labels.shape, bool) if mass is None else mass.astype(bool)
    cosines = _cosines(embeddings, proxies)
    own, cosines = (jnp.swapaxes(x, -1, -2) for x in (is_label(labels, cosines), cosines))
    # A weight counts copies, by its logarithm.
    copies = jnp.zeros_like(embeddings[..., 0])
    if mass is not None:
        copies = jnp.log(hide(kept, mass, fill=1).astype(cosines.dtype))

    def among(sign: int, members: Array) -> Array:
        exponents = scale * (sign * cosines + margin) + copies[..., None, :]
        return numerics.softplus(gathered(exponents, members & kept[..., None, :]))

    occurs = jnp.any(own & kept[..., None, :], axis=-1)
    pulled = divide_sums(jnp.sum(among(-1, own), axis=-1), jnp.sum(occurs, axis=-1, dtype=embeddings.dtype))
    values = pulled + jnp.sum(among(1, ~own), axis=-1) / size
    inside = jnp.all((labels >= 0) & (labels < size) | ~kept, axis=-1)
    return reduce(numerics.poison(values, inside), where=present, reduction=reduction)
