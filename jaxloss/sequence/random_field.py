"""Linear-chain conditional random fields: one label per frame, with scores of neighbouring labels."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.reduction import hide, promote, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction
from jaxloss.sequence._log_space import before, renormalise
from jaxloss.sequence._targets import ensure_within, within

__all__ = ["linear_chain_crf_nll"]


def linear_chain_crf_nll(
    logits: ArrayLike,
    labels: ArrayLike,
    lengths: ArrayLike,
    transitions: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Negative log-likelihood of a linear-chain conditional random field (CRF), for tagging and segmentation.

    .. math:: \ell = \log \sum_{y'} e^{s(y')} - s(y), \qquad
              s(y) = \sum_{t=1}^{T} z_{t, y_t} + \sum_{t=2}^{T} A_{y_{t-1}, y_t}

    For scores of the first and last labels, add them to the first and last logits.

    Args:
        logits: Scores of labels, shape ``[..., T, K]``, floating. Frames from ``lengths`` on are ignored.
        labels: Shape ``[..., T]``, integer in ``[0, K)``. Labels from ``lengths`` on are ignored. Another label outside
            gives NaN in value and gradient.
        lengths: Number of frames of each sequence, shape ``[...]``, integer in ``[1, T]``; one outside gives NaN in
            value and gradient.
        transitions: Scores :math:`A_{jk}` of label k after label j, shape ``[K, K]``, floating; -inf forbids one.
        where, weights: Shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in nats; exactly 0 if the labels are certain, +inf with zero gradient if they contain a label or
        a transition of score -inf.

    Raises:
        TypeError: If ``logits`` or ``transitions`` are not floating, or labels or lengths not integer.
        ValueError: If the shapes do not match, or the axis of frames or of classes is empty.

    Example:
        >>> logits = jnp.zeros((1, 3, 2))
        >>> jaxloss.linear_chain_crf_nll(logits, jnp.array([[0, 1, 1]]), jnp.array([3]), jnp.zeros((2, 2)))  # log(8)
        Array(2.0794415, dtype=float32)

    Reference:
        Lafferty, McCallum and Pereira (2001), Conditional Random Fields: Probabilistic Models for Segmenting and
        Labeling Sequence Data. https://dl.acm.org/doi/10.5555/645530.655813
    """
    logits, transitions = checks.floating(logits=logits, transitions=transitions)
    checks.with_axes("frames classes", logits=logits)
    value_checks.ensure_logits("logits", logits)
    labels, lengths = checks.integer(labels=labels, lengths=lengths)
    *batch, frames, num_classes = logits.shape
    checks.has_shape((*batch, frames), "logits.shape[:-1], the class axis is last", labels=labels)
    checks.has_shape(tuple(batch), "the leading axes of the logits", lengths=lengths)
    checks.has_shape((num_classes, num_classes), "from each class to each class", transitions=transitions)
    labels, lengths = checks.as_int32(labels), checks.as_int32(lengths)
    heard = hide(where, lengths, fill=1)
    ensure_within(1, frames, lengths=heard)
    lengths = hide(where, lengths)
    labels = hide(before(lengths, frames), labels)
    value_checks.ensure_labels(labels, num_classes)
    # The logits too: no frame of a sequence of length 0 leads to the value.
    logits = numerics.poison(logits, within(heard, 1, frames)[..., None, None])
    logits, transitions = promote(hide(before(lengths, frames), logits, event_ndim=1), transitions)
    values = _values(logits, labels, lengths, transitions)
    return reduce(values, where=where, weights=weights, reduction=reduction)


@jax.jit
def _values(logits: Array, labels: Array, lengths: Array, transitions: Array) -> Array:
    """The losses: the forward algorithm over all sequences but the right one, with scores relative to it.

    The right sequence then has the score 0, and the loss is ``log(1 + others)``: nothing cancels where it is certain,
    neither in the value nor in the gradient.
    """
    num_classes = logits.shape[-1]
    inside = jnp.clip(labels, 0, num_classes - 1)
    own = jnp.take_along_axis(logits, inside[..., None], axis=-1, mode="promise_in_bounds")
    moves = transitions[inside[..., :-1], inside[..., 1:]]
    heard = before(lengths, labels.shape[-1])
    forbidden = jnp.any(jnp.isneginf(own[..., 0]), axis=-1) | jnp.any(jnp.isneginf(moves) & heard[..., 1:], axis=-1)
    finite = lambda x: jnp.where(jnp.isneginf(x), jnp.zeros((), x.dtype), x)
    relative, moves = logits - finite(own), finite(moves)
    into = jnp.expand_dims(jnp.swapaxes(transitions, 0, 1), tuple(range(lengths.ndim)))
    right = jax.nn.one_hot(inside, num_classes, dtype=jnp.bool_)
    leaving = jnp.where(right[..., 1:, :], -jnp.inf, transitions[inside[..., :-1]] - moves[..., None])

    def step(state: tuple[Array, Array], frame: tuple[Array, ...]) -> tuple[tuple[Array, Array], None]:
        total, here = state
        gain, move, left, counts = frame
        # The right sequence so far has the score 0, without the total.
        sources = [here[..., None, :] + into - move[..., None, None], (left - total[..., None])[..., None]]
        arriving = numerics.log_sum_exp(jnp.concatenate(sources, axis=-1))
        new_total, new = renormalise(total, gain + arriving)
        return (jnp.where(counts, new_total, total), jnp.where(counts[..., None], new, here)), None

    start = jnp.where(right[..., 0, :], -jnp.inf, relative[..., 0, :])
    by_frame = (relative[..., 1:, :], moves, leaving, heard[..., 1:])
    later = tuple(jnp.moveaxis(x, lengths.ndim, 0) for x in by_frame)
    (total, others), _ = jax.lax.scan(step, renormalise(jnp.zeros_like(start[..., 0]), start), later)
    values = jnp.where(forbidden, jnp.inf, numerics.softplus(total + numerics.log_sum_exp(others)))
    valid = jnp.all(inside == labels, axis=-1) & within(lengths, 1, labels.shape[-1])
    return numerics.poison(values, valid)
