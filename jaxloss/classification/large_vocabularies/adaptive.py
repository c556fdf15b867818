"""Adaptive softmax: frequent classes in one small softmax, rare ones in clusters that hang below it."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence

import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths.numerics import poison
from jaxloss._floor.reduction import hide, promote, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction
from jaxloss.classification.softmax import softmax_cross_entropy_with_integer_labels

__all__ = ["adaptive_softmax_loss"]

Tail = tuple[Array, Array]


def adaptive_softmax_loss(
    hidden: ArrayLike,
    labels: ArrayLike,
    head_kernel: ArrayLike,
    tail_kernels: Sequence[Tail],
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Adaptive softmax: cross-entropy over a large vocabulary, sorted by decreasing frequency, in two levels.

    The head scores the :math:`c_0` most frequent classes and n clusters of the others; cluster i holds the next
    :math:`n_i` classes and scores them after a projection to a smaller width :math:`d_i`:

    .. math:: \ell = \begin{cases} -\log \mathrm{softmax}(h H)_y & y < c_0 \\
              -\log \mathrm{softmax}(h H)_{c_0 + i} - \log \mathrm{softmax}(h P_i K_i)_{y - c_i} &
              c_i \le y < c_i + n_i \end{cases}

    All sizes come from the shapes of the kernels. With transposed weights it is PyTorch's
    ``AdaptiveLogSoftmaxWithLoss`` without head bias. PyTorch computes a cluster only for its own examples; here, for
    static shapes, every cluster is computed for all of them, so the saving is in parameters and not in time.

    Args:
        hidden: Features, shape ``[..., D]``, floating.
        labels: Shape ``[...]``, integer class indices; one outside the vocabulary gives NaN.
        head_kernel: Shape ``[D, c_0 + n]``, floating, with :math:`c_0 \ge 1`.
        tail_kernels: One pair ``(projection [D, d_i], kernel [d_i, n_i])`` for each of the n clusters, floating.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in nats.

    Raises:
        TypeError: If ``hidden`` or a kernel is not floating or ``labels`` not integer.
        ValueError: If the shapes do not match.

    Example:
        >>> tail = (jnp.zeros((4, 2)), jnp.zeros((2, 8)))
        >>> loss = jaxloss.adaptive_softmax_loss(jnp.ones((2, 4)), jnp.array([0, 9]), jnp.zeros((4, 3)), [tail],
        ...     reduction="none")
        >>> print(f"{loss[0]:.4f} {loss[1]:.4f}")
        1.0986 3.1781

    Reference:
        Grave, Joulin, Cissé, Grangier and Jégou (2017), Efficient softmax approximation for GPUs.
        https://arxiv.org/abs/1609.04309
    """
    hidden, labels, head, tails = _arrays(hidden, labels, head_kernel, tail_kernels)
    hidden, labels = hide(where, hidden, event_ndim=1), hide(where, labels)
    first = head.shape[-1] - len(tails)
    *starts, size = itertools.accumulate((kernel.shape[-1] for _, kernel in tails), initial=first)
    value_checks.ensure_labels(labels, size)
    legal = (labels >= 0) & (labels < size)
    labels = hide(legal, labels)
    cluster = jnp.zeros_like(labels) + sum((labels >= start).astype(jnp.int32) for start in starts)
    nll = functools.partial(softmax_cross_entropy_with_integer_labels, reduction="none")
    values = nll(hidden @ head, jnp.where(labels < first, labels, first - 1 + cluster))
    for i, (projection, kernel) in enumerate(tails):
        values = values + nll(hidden @ projection @ kernel, labels - starts[i], where=cluster == i + 1)
    return reduce(poison(values, legal), where=where, weights=weights, reduction=reduction)


def _arrays(
    hidden: ArrayLike, labels: ArrayLike, head_kernel: ArrayLike, tail_kernels: Sequence[Tail]
) -> tuple[Array, Array, Array, list[Tail]]:
    """The arguments as arrays of shapes that agree, floating ones in the working dtype."""
    hidden, head_kernel = checks.floating(hidden=hidden, head_kernel=head_kernel)
    (labels,) = checks.integer(labels=labels)
    checks.with_axes("features", hidden=hidden)
    checks.has_shape(hidden.shape[:-1], "hidden.shape[:-1], the feature axis is last", labels=labels)
    checks.with_axes("features outputs", head_kernel=head_kernel)
    width, outputs = hidden.shape[-1], head_kernel.shape[-1]
    if outputs <= len(tail_kernels):
        raise ValueError(
            f"head_kernel must have one output per cluster of tail_kernels and at least one class; found shape "
            f"{head_kernel.shape} and {len(tail_kernels)} clusters."
        )
    checks.has_shape((width, outputs), "features of hidden, head classes and clusters", head_kernel=head_kernel)
    tails: list[Array] = []
    for i, pair in enumerate(tail_kernels):
        names = f"tail_kernels[{i}][0]", f"tail_kernels[{i}][1]"
        projection, kernel = checks.floating(**dict(zip(names, pair, strict=True)))
        checks.with_axes("features width", allow_empty=False, **{names[0]: projection})
        checks.with_axes("width classes", allow_empty=False, **{names[1]: kernel})
        checks.has_shape((width, projection.shape[-1]), "features of hidden, width", **{names[0]: projection})
        checks.has_shape((projection.shape[-1], kernel.shape[-1]), "width, classes", **{names[1]: kernel})
        tails += [projection, kernel]
    hidden, head_kernel, *tails = promote(hidden, head_kernel, *tails)
    return hidden, checks.as_int32(labels), head_kernel, list(zip(tails[::2], tails[1::2], strict=True))
