"""The contract of labels that come as padded sequences with their lengths."""

from __future__ import annotations

import operator

from jaxloss._floor import checks, value_checks
from jaxloss._floor.typing import Array, ArrayLike
from jaxloss.sequence._log_space import before

__all__ = ["blank_index", "ensure_known_labels", "ensure_within", "known_labels", "targets", "within"]


def targets(
    batch: tuple[int, ...], labels: ArrayLike, logit_lengths: ArrayLike, label_lengths: ArrayLike
) -> tuple[Array, Array, Array]:
    """Labels and lengths as int32, checked against the leading axes of the logits."""
    labels, logit_lengths, label_lengths = checks.integer(
        labels=labels, logit_lengths=logit_lengths, label_lengths=label_lengths
    )
    checks.with_axes("labels", allow_empty=True, labels=labels)
    checks.has_shape((*batch, labels.shape[-1]), "the leading axes of the logits, labels last", labels=labels)
    lengths = {"logit_lengths": logit_lengths, "label_lengths": label_lengths}
    checks.has_shape(batch, "the leading axes of the logits", **lengths)
    return checks.as_int32(labels), checks.as_int32(logit_lengths), checks.as_int32(label_lengths)


def blank_index(blank_id: int, num_classes: int) -> int:
    """``blank_id`` as a whole number in range: it is part of the program."""
    index = operator.index(blank_id)
    if not 0 <= index < num_classes:
        raise ValueError(f"blank_id must lie in [0, {num_classes}); found {blank_id}.")
    return index


def known_labels(labels: Array, label_lengths: Array, num_classes: int, blank_id: int) -> Array:
    """Whether a label is a class other than the blank, or lies beyond the length."""
    spoken = before(label_lengths, labels.shape[-1])
    return (labels >= 0) & (labels < num_classes) & (labels != blank_id) | ~spoken


def ensure_known_labels(labels: Array, label_lengths: Array, num_classes: int, blank_id: int) -> None:
    """Under `checked`: the labels are `known_labels`."""
    value_checks.ensure(
        lambda: known_labels(labels, label_lengths, num_classes, blank_id),
        f"labels must lie in [0, {num_classes}) and not be the blank, which is {blank_id}",
    )


def within(lengths: Array, least: int, most: int) -> Array:
    """Whether a length lies in ``[least, most]``."""
    return (lengths >= least) & (lengths <= most)


def ensure_within(least: int, most: int, **lengths: Array) -> None:
    """Under `checked`: the lengths are `within` their range."""
    ((name, values),) = lengths.items()
    value_checks.ensure(lambda: within(values, least, most), f"{name} must lie in [{least}, {most}]")
