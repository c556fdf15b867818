"""Losses of vector-quantised autoencoders, each with a gradient on one side of the same distance."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.reduction import blank, promote, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction

__all__ = ["straight_through", "vq_codebook_loss", "vq_commitment_loss"]


def _vectors(where: ArrayLike | None, **arrays: ArrayLike) -> tuple[Array, ...]:
    """Floating vectors ``[..., D]`` of one shape, 0 where masked."""
    named = dict(zip(arrays, checks.floating(**arrays), strict=True))
    checks.with_axes("features", allow_empty=False, **named)
    checks.same_shape(**named)
    return blank(where, *named.values(), event_ndim=1)


def vq_codebook_loss(
    encodings: ArrayLike,
    codes: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Codebook loss (VQ-VAE): squared distance of codes from encodings; only the codes get a gradient.

    .. math:: \ell = \lVert \operatorname{sg}(z) - e \rVert_2^2

    Summed over the features, as in the paper; code bases with a mean over them have 1/D of it. Leave it out where the
    codebook is an exponential moving average.

    Args:
        encodings: The encodings :math:`z`, shape ``[..., D]``, floating; they get no gradient.
        codes: The chosen codes :math:`e`, ``codebook[indices]``, shape ``[..., D]``, the same; never broadcast.
        where, weights: Shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in squared units of the encodings; 0 exactly where the two are equal.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ, or the feature axis is missing or empty.

    Example:
        >>> jaxloss.vq_codebook_loss(jnp.zeros((1, 2)), jnp.array([[3.0, 4.0]]))
        Array(25., dtype=float32)

    Reference:
        van den Oord, Vinyals and Kavukcuoglu (2017), Neural Discrete Representation Learning, equation 3.
        https://arxiv.org/abs/1711.00937
    """
    encodings, codes = _vectors(where, encodings=encodings, codes=codes)
    values = jnp.sum(jnp.square(jax.lax.stop_gradient(encodings) - codes), axis=-1)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def vq_commitment_loss(
    encodings: ArrayLike,
    codes: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Commitment loss (VQ-VAE): squared distance of encodings from codes; only the encodings get a gradient.

    .. math:: \ell = \lVert z - \operatorname{sg}(e) \rVert_2^2

    The paper's objective is the reconstruction plus `vq_codebook_loss` plus 0.25 times this one. Summed over the
    features; code bases with a mean over them have 1/D of it.

    Args:
        encodings: The encodings :math:`z`, shape ``[..., D]``, floating.
        codes: The chosen codes :math:`e`, shape ``[..., D]``, the same; they get no gradient.
        where, weights: Shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in squared units of the encodings; 0 exactly where the two are equal.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ, or the feature axis is missing or empty.

    Example:
        >>> encodings, codes = jnp.array([[3.0, 4.0]]), jnp.zeros((1, 2))
        >>> jaxloss.vq_codebook_loss(encodings, codes) + 0.25 * jaxloss.vq_commitment_loss(encodings, codes)
        Array(31.25, dtype=float32)

    Reference:
        van den Oord, Vinyals and Kavukcuoglu (2017), Neural Discrete Representation Learning, equation 3.
        https://arxiv.org/abs/1711.00937
    """
    encodings, codes = _vectors(where, encodings=encodings, codes=codes)
    values = jnp.sum(jnp.square(encodings - jax.lax.stop_gradient(codes)), axis=-1)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def straight_through(encodings: ArrayLike, codes: ArrayLike) -> Array:
    r"""Straight-through estimator: the value of the codes with the gradient of the encodings.

    .. math:: \operatorname{sg}(e) + (z - \operatorname{sg}(z))

    The value is the codes to the last bit, unlike the usual :math:`z + \operatorname{sg}(e - z)`, which rounds.

    Args:
        encodings: The encodings :math:`z`, any shape, floating and finite; all of the gradient goes to them.
        codes: The chosen codes :math:`e`, the same shape; they get no gradient.

    Returns:
        An array of the same shape; float32, or float64 if an input is.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ.

    Example:
        >>> jax.value_and_grad(lambda z: jnp.sum(2 * jaxloss.straight_through(z, jnp.round(z))))(jnp.array([0.75]))
        (Array(2., dtype=float32), Array([2.], dtype=float32))

    Reference:
        Bengio, Leonard and Courville (2013), Estimating or Propagating Gradients Through Stochastic Neurons.
        https://arxiv.org/abs/1308.3432
    """
    encodings, codes = checks.floating(encodings=encodings, codes=codes)
    checks.same_shape(encodings=encodings, codes=codes)
    encodings, codes = promote(encodings, codes)
    return jax.lax.stop_gradient(codes) + (encodings - jax.lax.stop_gradient(encodings))
