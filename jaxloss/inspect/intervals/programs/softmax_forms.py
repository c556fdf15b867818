"""The closed forms of functions of whole arrays that the library computes by several formulas: rows of a softmax."""

from __future__ import annotations

import functools

import numpy as np

from jaxloss.inspect.intervals.numbers import exponentials, jets
from jaxloss.inspect.intervals.numbers.jets import Jet
from jaxloss.inspect.intervals.programs.entries import Entries, of_list
from jaxloss.inspect.intervals.programs.memory import Memory

__all__ = ["label_terms", "target_terms"]

Terms = list[Entries] | None


def label_terms(memory: Memory, logits: Entries, labels: Entries) -> Terms:
    """``(log(sum(exp(z))) - z[label], log(sum(exp(z - peak))), peak)`` of each row, with ``peak`` the largest logit."""
    rows, places = logits.reshape(-1, logits.shape[-1]), [label.number for label in labels.ravel()]
    if any(place is None or not 0 <= place < rows.shape[1] for place in places):
        return None
    own = [_surprisal(row, int(place)) for row, place in zip(rows, places, strict=True) if place is not None]
    return _terms(memory, own, rows, labels.shape)


def target_terms(memory: Memory, logits: Entries, targets: Entries) -> Terms:
    """As `label_terms`, with ``sum(targets * (log(sum(exp(z))) - z))`` in the place of the first term."""
    rows, shares = (array.reshape(-1, logits.shape[-1]) for array in (logits, targets))
    if any(logit.number == -np.inf for logit in rows.ravel()):
        return None
    own = []
    for row, share in zip(rows, shares, strict=True):
        terms = [jets.multiply(share[place], _surprisal(row, place)) for place in range(row.size)]
        own.append(functools.reduce(jets.add, terms))
    return _terms(memory, own, rows, logits.shape[:-1])


def _surprisal(row: Entries, place: int) -> Jet:
    present = [index for index, logit in enumerate(row) if index == place or logit.number != -np.inf]
    return exponentials.surprisal([row[index] for index in present], present.index(place))


def _terms(memory: Memory, own: list[Jet], rows: Entries, shape: tuple[int, ...]) -> Terms:
    """The own terms, and the two others, whose rules have the derivatives of their sum."""
    peaks = [_largest(memory, row) for row in rows]
    spreads = [jets.subtract(exponentials.log_of_sum(row), peak) for row, peak in zip(rows, peaks, strict=True)]
    unsure = [jets.unverified(jet, "the largest logit", np.ones((), bool)) for jet in (*spreads, *peaks)]
    return [of_list(column, shape) for column in (own, unsure[: len(own)], unsure[len(own) :])]


def _largest(memory: Memory, row: Entries) -> Jet:
    peak = functools.reduce(lambda a, b: memory.step("max", a, b), row)
    assert isinstance(peak, Jet)
    return peak
