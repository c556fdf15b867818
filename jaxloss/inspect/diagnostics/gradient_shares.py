"""Easy negatives: which groups of examples the gradient of the last linear layer comes from.

Thousands of easy background examples can outweigh the few that matter, each with a tiny gradient. The gradient of one
example with respect to a last linear layer is an outer product of two vectors that a training step has anyway, so the
shares are exact at the price of one matrix product.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths.numerics import divide, norm, scale_of
from jaxloss._floor.typing import Array, ArrayLike
from jaxloss.inspect.diagnostics._entries import add, by_group, flat, members, ratio

__all__ = ["GradientShares", "agreement", "confidence_bins", "init", "read", "shares", "update"]


class GradientShares(NamedTuple):
    """Sums over examples, by group.

    Attributes:
        gradients: Sum of the gradients of the last layer, weights and bias, shape ``[groups, outputs, features + 1]``.
        lengths: Sum of their norms, shape ``[groups]``.
        squares: Sum of their squared norms, shape ``[groups]``.
        counts: Number of examples, shape ``[groups]``.
    """

    gradients: Array
    lengths: Array
    squares: Array
    counts: Array


def init(groups: int, outputs: int, features: int = 0) -> GradientShares:
    """No examples yet.

    Args:
        groups: Number of groups, such as classes, foreground and background, or bins of confidence.
        outputs: Number of outputs of the last layer.
        features: Number of its inputs; 0 looks at the gradient of its bias alone.

    Returns:
        A `GradientShares` of zeros.

    Raises:
        ValueError: If a number is not whole, or too small.

    Example:
        >>> diagnostics.gradient_shares.init(groups=2, outputs=10, features=64).gradients.shape
        (2, 10, 65)
    """
    groups, outputs = checks.whole("groups", groups), checks.whole("outputs", outputs)
    features = checks.whole("features", features, at_least=0)
    zeros = lambda: jnp.zeros(groups)
    return GradientShares(jnp.zeros((groups, outputs, features + 1)), zeros(), zeros(), zeros())


def update(
    state: GradientShares,
    slopes: ArrayLike,
    groups: ArrayLike,
    features: ArrayLike | None = None,
    *,
    where: ArrayLike | None = None,
) -> GradientShares:
    r"""Add the gradients of examples.

    .. math:: G_k = \sum_{i \in k} \delta_i \, [h_i, 1]^\top

    Args:
        state: The sums so far.
        slopes: :math:`\delta_i`, the gradient of the loss with respect to the outputs of the last layer, as training
            uses it: divided by the size of the batch if the loss is a mean. Shape ``[..., outputs]``, floating.
        groups: Shape ``[...]``, integer; one outside ``[0, groups)`` makes the readings NaN.
        features: :math:`h_i`, the inputs of the last layer, shape ``[..., features]``, floating; None if ``features``
            of `init` was 0.
        where: Boolean ``[...]``; False deletes an example.

    Returns:
        The sums with the examples added.

    Raises:
        TypeError: If ``slopes`` or ``features`` is not floating, or ``groups`` is not integer.
        ValueError: If the shapes do not match each other, or those of `init`.

    Example:
        >>> state = diagnostics.gradient_shares.init(groups=2, outputs=1)
        >>> slopes, groups = jnp.array([[-0.1], [-0.1], [-0.6]]), jnp.array([0, 0, 1])
        >>> state = diagnostics.gradient_shares.update(state, slopes, groups)
        >>> diagnostics.gradient_shares.shares(state)
        Array([0.25, 0.75], dtype=float32)
    """
    (slopes,) = checks.floating(slopes=slopes)
    checks.with_axes("outputs", slopes=slopes)
    batch = slopes.shape[:-1]
    number, outputs, width = state.gradients.shape
    checks.has_shape((*batch, outputs), "the outputs that init was told", slopes=slopes)
    inside, legal = members(where, groups, batch, number)
    delta = jnp.where(legal[:, None], flat(where, slopes, event_ndim=1), jnp.nan)
    apart = jnp.where(inside.T[:, None, :], delta.T[None, :, :], 0)  # examples last: a product in half the time
    sums = jnp.sum(apart, axis=-1, keepdims=True)
    lengths = norm(delta)
    if features is not None or width > 1:
        (inputs,) = checks.floating(features=features)
        checks.has_shape((*batch, width - 1), "the features that init was told", features=inputs)
        inputs = flat(where, inputs, event_ndim=1).astype(delta.dtype)
        rows = jnp.reshape(apart, (number * outputs, -1))
        products = jnp.matmul(rows, inputs, precision="highest")
        sums = jnp.concatenate([jnp.reshape(products, (number, outputs, width - 1)), sums], axis=-1)
        lengths = lengths * _length_with_one(inputs)
    squares = by_group(inside, jnp.square(lengths))
    return add(state, sums, by_group(inside, lengths), squares, jnp.sum(inside, axis=0))


def _length_with_one(inputs: Array) -> Array:
    """The norm of ``[h, 1]`` in one pass: beside the 1, what underflows in the squares does not matter."""
    small = 2.0**-40
    length = jnp.sqrt(jnp.sum(jnp.square(small * inputs), axis=-1)) / small
    return jnp.hypot(length, jnp.ones((), length.dtype))


def confidence_bins(confidences: ArrayLike, bins: int = 10) -> Array:
    """Groups by confidence: which of ``bins`` equal intervals, closed on the right, a confidence lies in.

    Args:
        confidences: Shape ``[...]``, floating, in [0, 1].
        bins: Number of intervals.

    Returns:
        int32 ``[...]``; -1 for a number outside [0, 1].

    Raises:
        TypeError: If ``confidences`` is not floating.
        ValueError: If ``bins`` is not a whole number >= 1.

    Example:
        >>> diagnostics.gradient_shares.confidence_bins(jnp.array([0.0, 0.5, 0.51, 1.0]), bins=2)
        Array([0, 0, 1, 1], dtype=int32)
    """
    (confidences,) = checks.floating(confidences=confidences)
    bins = checks.whole("bins", bins)
    legal = (confidences >= 0) & (confidences <= 1)
    place = jnp.ceil(jnp.where(legal, confidences, 1).astype(jnp.float32) * bins).astype(jnp.int32) - 1
    return jnp.where(legal, jnp.clip(place, 0, bins - 1), -1)


def _rows(state: GradientShares) -> Array:
    """One gradient per group."""
    return jnp.reshape(state.gradients, (state.gradients.shape[0], -1))


def shares(state: GradientShares) -> Array:
    r"""Signed share of every group in the gradient of the last layer.

    .. math:: s_k = \frac{\langle G_k, G \rangle}{\langle G, G \rangle}, \qquad G = \sum_k G_k

    Args:
        state: The sums.

    Returns:
        Shape ``[groups]``; they sum to 1, and a group that pulls against the others has a share below 0. NaN if the
        gradient is 0.

    Example:
        >>> state = diagnostics.gradient_shares.init(groups=2, outputs=1)
        >>> state = diagnostics.gradient_shares.update(state, jnp.array([[0.5], [-0.25]]), jnp.array([0, 1]))
        >>> diagnostics.gradient_shares.shares(state)
        Array([ 2., -1.], dtype=float32)
    """
    rows = _rows(state)
    total = jnp.sum(rows, axis=0)
    scale = scale_of(total)  # the squares of small gradients would underflow
    return ratio(jnp.matmul(rows, total / scale, precision="highest") / scale, jnp.sum(jnp.square(total / scale)))


def agreement(state: GradientShares) -> Array:
    r"""Cosines between the gradients of the groups.

    .. math:: \cos_{kl} = \frac{\langle G_k, G_l \rangle}{\|G_k\| \, \|G_l\|}

    If a shortcut explains most examples, the few that it does not explain pull against the rest.

    Args:
        state: The sums.

    Returns:
        Shape ``[groups, groups]``, in [-1, 1]; 0 for a group without a gradient.

    Example:
        >>> state = diagnostics.gradient_shares.init(groups=2, outputs=1)
        >>> state = diagnostics.gradient_shares.update(state, jnp.array([[0.5], [-0.25]]), jnp.array([0, 1]))
        >>> diagnostics.gradient_shares.agreement(state)
        Array([[ 1., -1.],
               [-1.,  1.]], dtype=float32)
    """
    rows = _rows(state)
    units = divide(rows, jnp.broadcast_to(norm(rows, keepdims=True), rows.shape))
    return jnp.clip(jnp.matmul(units, units.T, precision="highest"), -1, 1)


def read(state: GradientShares) -> dict[str, Array]:
    r"""All numbers of the gradient shares.

    Besides `shares` and `agreement`, with the norms :math:`g_i` of the gradients of the examples:

    .. math:: \text{norm share}_k = \frac{\sum_{i \in k} g_i}{\sum_i g_i}, \qquad
              \text{effective examples} = \frac{(\sum_i g_i)^2}{\sum_i g_i^2}

    Args:
        state: The sums.

    Returns:
        ``share``, ``norm_share`` and ``population`` (the share of the examples) per group; ``agreement``;
        ``effective_examples`` and ``effective_share`` (of all examples), scalars: a few examples carry the gradient if
        they are small. Squared norms underflow below norms of 1e-19 in float32.

    Example:
        >>> state = diagnostics.gradient_shares.init(groups=2, outputs=1)
        >>> state = diagnostics.gradient_shares.update(state, jnp.array([[1.0], [0.0]]), jnp.array([0, 1]))
        >>> {name: float(x) for name, x in diagnostics.gradient_shares.read(state).items() if x.ndim == 0}
        {'effective_examples': 1.0, 'effective_share': 0.5}
    """
    length, count = jnp.sum(state.lengths), jnp.sum(state.counts)
    mean = ratio(length, count)
    effective_share = ratio(jnp.square(mean), ratio(jnp.sum(state.squares), count))
    return {
        "share": shares(state),
        "norm_share": ratio(state.lengths, length),
        "population": ratio(state.counts, count),
        "agreement": agreement(state),
        "effective_examples": effective_share * count,
        "effective_share": effective_share,
    }
