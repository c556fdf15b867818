"""Connectionist temporal classification (CTC): labels in a known order at unknown times."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.reduction import hide, promote, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction
from jaxloss.sequence._log_space import before, log_probs_at, log_sum, pick, renormalise, start_of
from jaxloss.sequence._targets import blank_index, ensure_known_labels, ensure_within, known_labels, targets, within

__all__ = ["ctc_feasible", "ctc_loss"]


def ctc_loss(
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
    r"""Connectionist temporal classification (CTC): NLL of a label sequence, summed over all its alignments.

    With :math:`p = \mathrm{softmax}(z)` at every frame and :math:`\mathcal B`, which merges repeats and then drops
    blanks:

    .. math:: \ell = -\log \sum_{\pi :\, \mathcal B(\pi) = y} \; \prod_{t=1}^{T} p_{t, \pi_t}

    The loss is not divided by the number of labels. PyTorch's ``"mean"`` does that; it is ``weights=1 / label_lengths``
    with ``reduction=jaxloss.reductions.mean_over(batch_size)``. If there are fewer frames than labels and repeats, no
    alignment exists and the loss is +inf with zero gradient. To exclude such pairs pass
    ``where=jaxloss.ctc_feasible(labels, logit_lengths, label_lengths)``.

    Args:
        logits: Shape ``[..., T, K]``, floating, unnormalised; log-probabilities may be passed too. Frames from
            ``logit_lengths`` on are ignored and may be NaN.
        labels: Shape ``[..., N]``, integer in ``[0, K)`` and not the blank. Labels from ``label_lengths`` on are
            ignored. Another label outside gives NaN in value and gradient.
        logit_lengths: Number of frames of each sequence, shape ``[...]``, integer in ``[0, T]``; one outside gives NaN
            in value and gradient. From paddings: ``jnp.sum(paddings == 0, axis=-1)``.
        label_lengths: Number of labels of each sequence, shape ``[...]``, integer in ``[0, N]``; one outside gives NaN
            in value and gradient.
        blank_id: Index of the blank in ``[0, K)``.
        where, weights: Shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in nats; exactly 0 if one alignment is certain, +inf if none is possible.

    Raises:
        TypeError: If ``logits`` are not floating, or labels or lengths not integer.
        ValueError: If the leading axes differ, the axis of frames or of classes is empty, or ``blank_id`` is out of
            range.

    Example:
        >>> logits = jnp.zeros((1, 3, 2))
        >>> jaxloss.ctc_loss(logits, jnp.array([[1]]), jnp.array([3]), jnp.array([1]))  # -log(6 / 8)
        Array(0.28768206, dtype=float32)

    Reference:
        Graves et al. (2006), Connectionist Temporal Classification: Labelling Unsegmented Sequence Data with
        Recurrent Neural Networks. https://doi.org/10.1145/1143844.1143891
    """
    (logits,) = checks.floating(logits=logits)
    checks.with_axes("frames classes", logits=logits)
    value_checks.ensure_logits("logits", logits)
    *batch, frames, num_classes = logits.shape
    labels, logit_lengths, label_lengths = targets(tuple(batch), labels, logit_lengths, label_lengths)
    blank_id = blank_index(blank_id, num_classes)
    logit_lengths, label_lengths = hide(where, logit_lengths), hide(where, label_lengths)
    ensure_known_labels(labels, label_lengths, num_classes, blank_id)
    ensure_within(0, frames, logit_lengths=logit_lengths)
    ensure_within(0, labels.shape[-1], label_lengths=label_lengths)
    values = _values(logits, labels, logit_lengths, label_lengths, blank_id)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def ctc_feasible(labels: ArrayLike, logit_lengths: ArrayLike, label_lengths: ArrayLike) -> Array:
    r"""Mask of the pairs with enough frames for their labels: the ``where`` that excludes infinite CTC losses.

    Each label needs a frame, and two equal neighbours need a blank between them:

    .. math:: T \ge N + |\{ n : y_n = y_{n+1} \}|

    Args:
        labels: Shape ``[..., N]``, integer.
        logit_lengths: Number of frames of each sequence, shape ``[...]``, integer.
        label_lengths: Number of labels of each sequence, shape ``[...]``, integer.

    Returns:
        Boolean, shape ``[...]``.

    Raises:
        TypeError: If an input is not integer.
        ValueError: If the leading axes differ.

    Example:
        >>> jaxloss.ctc_feasible(jnp.array([[1, 1], [1, 2]]), jnp.array([2, 2]), jnp.array([2, 2]))
        Array([False,  True], dtype=bool)

    Reference:
        Graves et al. (2006), Connectionist Temporal Classification: Labelling Unsegmented Sequence Data with
        Recurrent Neural Networks. https://doi.org/10.1145/1143844.1143891
    """
    (logit_lengths,) = checks.integer(logit_lengths=logit_lengths)
    labels, logit_lengths, label_lengths = targets(logit_lengths.shape, labels, logit_lengths, label_lengths)
    spoken = before(label_lengths, labels.shape[-1])
    repeats = jnp.sum((labels[..., 1:] == labels[..., :-1]) & spoken[..., 1:], axis=-1, dtype=jnp.int32)
    return logit_lengths >= label_lengths + repeats


@functools.partial(jax.jit, static_argnames=("blank_id",))
def _values(logits: Array, labels: Array, logit_lengths: Array, label_lengths: Array, blank_id: int) -> Array:
    """The losses. What lies beyond the lengths never enters. Jitted, so an eager call is one program too."""
    frames, num_classes = logits.shape[-2:]
    known = known_labels(labels, label_lengths, num_classes, blank_id)
    valid = jnp.all(known, axis=-1) & within(logit_lengths, 0, frames) & within(label_lengths, 0, labels.shape[-1])
    # The logits too: where no alignment leads from them to the value their gradient would be 0.
    logits = numerics.poison(logits, valid[..., None, None])
    (logits,) = promote(hide(before(logit_lengths, frames), logits, event_ndim=1))
    labels = jnp.where(before(label_lengths, labels.shape[-1]), jnp.clip(labels, 0, num_classes - 1), blank_id)
    values = numerics.positive_part(-_log_likelihood(logits, labels, logit_lengths, label_lengths, blank_id))
    return numerics.poison(values, valid)


def _log_likelihood(logits: Array, labels: Array, logit_lengths: Array, label_lengths: Array, blank_id: int) -> Array:
    """The forward algorithm over the labels with blanks before, between and after them."""
    *batch, frames, _ = logits.shape
    left = functools.partial(jnp.pad, pad_width=[(0, 0)] * len(batch) + [(2, 0)])
    symbols = jnp.stack([jnp.full_like(labels, blank_id), labels], axis=-1)
    symbols = jnp.reshape(symbols, (*batch, 2 * labels.shape[-1]))
    symbols = jnp.concatenate([symbols, jnp.full((*batch, 1), blank_id, jnp.int32)], axis=-1)
    may_skip = (symbols != blank_id) & (symbols != left(symbols, constant_values=blank_id)[..., :-2])
    emitted = log_probs_at(logits, jnp.broadcast_to(symbols[..., None, :], (*batch, frames, symbols.shape[-1])))
    # Symbols beyond the last label are not reached: their many paths would outweigh the alignments that count.
    used = before(2 * label_lengths + 1, symbols.shape[-1])
    emitted = jnp.where(used[..., None, :], emitted, -jnp.inf)

    def step(state: tuple[Array, Array], frame: tuple[Array, Array]) -> tuple[tuple[Array, Array], None]:
        total, here = state
        emission, heard = frame
        shifted = left(here, constant_values=-jnp.inf)
        arriving = log_sum(here, shifted[..., 1:-1], jnp.where(may_skip, shifted[..., :-2], -jnp.inf))
        new_total, new = renormalise(total, emission + arriving)
        return (jnp.where(heard, new_total, total), jnp.where(heard[..., None], new, here)), None

    by_frame = (jnp.moveaxis(emitted, -2, 0), jnp.moveaxis(before(logit_lengths, frames), -1, 0))
    (total, last), _ = jax.lax.scan(step, start_of(emitted[..., 0, :]), by_frame)
    place = jax.lax.broadcasted_iota(jnp.int32, last.shape, last.ndim - 1) - 2 * label_lengths[..., None]
    return total + log_sum(pick(place == 0, last), pick(place == -1, last))
