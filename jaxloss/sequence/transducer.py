"""The RNN transducer: labels in a known order at unknown times, each conditioned on the labels before it."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.reduction import hide, promote, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction
from jaxloss.sequence._log_space import before, log_probs_at, log_sum, pick, renormalise, skew, start_of
from jaxloss.sequence._targets import blank_index, ensure_known_labels, ensure_within, known_labels, targets, within

__all__ = ["rnnt_loss"]


def rnnt_loss(
    logits: ArrayLike,
    labels: ArrayLike,
    logit_lengths: ArrayLike,
    label_lengths: ArrayLike,
    *,
    blank_id: int = 0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""RNN transducer loss (RNN-T): NLL of a label sequence, summed over all its alignments.

    At frame t and after u labels the model emits the next label and stays, or the blank and moves to the next frame;
    with :math:`p_{tu} = \mathrm{softmax}(z_{tu})`:

    .. math:: \ell = -\log \alpha_{T, U}, \qquad
              \alpha_{t, u} = \alpha_{t - 1, u} \, p_{t - 1, u}(\varnothing) + \alpha_{t, u - 1} \, p_{t, u - 1}(y_u)

    from :math:`\alpha_{0, 0} = 1`, where the last blank leads past the last frame. The cells of each anti-diagonal are
    computed together, in T + U steps. The backward pass stores nothing of the size of the logits except the gradient.

    Args:
        logits: Shape ``[..., T, U + 1, K]``, floating, unnormalised; log-probabilities may be passed too. Entries from
            ``logit_lengths`` on or beyond ``label_lengths`` are ignored and may be NaN.
        labels, label_lengths: See `jaxloss.ctc_loss`, with N = U.
        logit_lengths: Number of frames of each sequence, shape ``[...]``, integer in ``[1, T]``; one outside gives NaN
            in value and gradient.
        blank_id: Index of the blank in ``[0, K)``; the default of torchaudio is the last class.
        where, weights: Shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in nats; exactly 0 if one alignment is certain, +inf if none is possible.

    Raises:
        TypeError: If ``logits`` are not floating, or labels or lengths not integer.
        ValueError: If the shapes do not match, the axis of frames or of classes is empty, or ``blank_id`` is out of
            range.

    Example:
        >>> logits = jnp.zeros((1, 2, 2, 2))
        >>> jaxloss.rnnt_loss(logits, jnp.array([[1]]), jnp.array([2]), jnp.array([1]))  # -log(2 / 8)
        Array(1.3862944, dtype=float32)

    Reference:
        Graves (2012), Sequence Transduction with Recurrent Neural Networks. https://arxiv.org/abs/1211.3711
    """
    (logits,) = checks.floating(logits=logits)
    checks.with_axes("frames labels+1 classes", logits=logits)
    value_checks.ensure_logits("logits", logits)
    *batch, frames, states, num_classes = logits.shape
    labels, logit_lengths, label_lengths = targets(tuple(batch), labels, logit_lengths, label_lengths)
    checks.has_shape((*batch, states - 1), "one label less than logits.shape[-2]", labels=labels)
    blank_id = blank_index(blank_id, num_classes)
    audible = within(hide(where, logit_lengths, fill=1), 1, frames)
    logit_lengths, label_lengths = hide(where, logit_lengths), hide(where, label_lengths)
    ensure_known_labels(labels, label_lengths, num_classes, blank_id)
    ensure_within(1, frames, logit_lengths=hide(where, logit_lengths, fill=1))
    ensure_within(0, states - 1, label_lengths=label_lengths)
    values = _values(logits, labels, logit_lengths, label_lengths, audible, blank_id)
    return reduce(values, where=where, weights=weights, reduction=reduction)


@functools.partial(jax.jit, static_argnames=("blank_id",))
def _values(
    logits: Array, labels: Array, logit_lengths: Array, label_lengths: Array, audible: Array, blank_id: int
) -> Array:
    """The losses. What lies beyond the lengths never enters. Jitted, so an eager call is one program too."""
    frames, states, num_classes = logits.shape[-3:]
    known = known_labels(labels, label_lengths, num_classes, blank_id)
    valid = jnp.all(known, axis=-1) & audible & within(label_lengths, 0, states - 1)
    # The logits too: where no alignment leads from them to the value their gradient would be 0.
    logits = numerics.poison(logits, valid[..., None, None, None])
    inside = before(logit_lengths, frames)[..., None] & before(label_lengths + 1, states)[..., None, :]
    (logits,) = promote(hide(inside, logits, event_ndim=1))
    labels = jnp.where(before(label_lengths, labels.shape[-1]), jnp.clip(labels, 0, num_classes - 1), blank_id)
    values = numerics.positive_part(-_log_likelihood(logits, labels, logit_lengths, label_lengths, inside, blank_id))
    return numerics.poison(values, valid)


def _log_likelihood(
    logits: Array, labels: Array, logit_lengths: Array, label_lengths: Array, inside: Array, blank_id: int
) -> Array:
    """The forward algorithm, from one anti-diagonal to the next."""
    *batch, frames, states, _ = logits.shape
    pad = functools.partial(jnp.pad, constant_values=-jnp.inf)
    axes = [(0, 0)] * len(batch)
    # The last label has no next one: the blank is a placeholder that is never used.
    following = jnp.pad(labels, [*axes, (0, 1)], constant_values=blank_id)
    symbols = jnp.stack([jnp.full_like(following, blank_id), following], axis=-1)[..., None, :, :]
    emitted = log_probs_at(logits, jnp.broadcast_to(symbols, (*batch, frames, states, 2)))
    leave, speak = (skew(jnp.where(inside, emitted[..., i], -jnp.inf), -jnp.inf) for i in range(2))
    # The last blank leaves the grid from this place of this anti-diagonal.
    end = before(label_lengths + 1, states) & ~before(label_lengths, states)
    last = (logit_lengths - 1) + label_lengths

    def step(state: tuple[Array, ...], diagonal: tuple[Array, ...]) -> tuple[tuple[Array, ...], None]:
        total, here, result = state
        number, leaving, speaking = diagonal
        leaving = here + leaving
        final = total + pick(end, leaving)
        spoken = pad(here + speaking, [*axes, (1, 0)])[..., :-1]
        total, here = renormalise(total, log_sum(leaving, spoken))
        return (total, here, jnp.where(number == last, final, result)), None

    total, start = start_of(leave[0])
    numbers = jnp.arange(frames + states - 1, dtype=jnp.int32)
    (_, _, result), _ = jax.lax.scan(step, (total, start, total - jnp.inf), (numbers, leave, speak))
    return result
