"""Losses with known faults: no certificate says PROVED of what is false, or REFUTED of what is true."""

from __future__ import annotations

import collections
import random

import pytest

from jaxloss.inspect.intervals import certify
from jaxloss.inspect.verdict import Word
from tests.inspect.intervals import mutants
from tests.inspect.intervals.mutants import Mutant


def _false(mutant: Mutant, rows) -> list[str]:
    found = []
    for row, verdict in rows.items():
        truth = mutant.truth.get(row)
        if (truth is False and verdict.word in (Word.PROVED, Word.LEMMA)) or (
            truth is True and verdict.word is Word.REFUTED
        ):
            found.append(f"{mutant.subject.name}: {row} is {verdict.word}: {verdict.statement}")
    for row, least in (("lipschitz", mutant.steepest), ("smooth", mutant.strongest)):
        if rows[row].word is Word.PROVED and rows[row].value < least * (1 - 1e-9):
            found.append(f"{mutant.subject.name}: {row} is {rows[row].value}, and it is at least {least}")
    return found


def _check(seed: int, number: int) -> collections.Counter:
    decided, false = collections.Counter(), []
    for mutant in mutants.draw(seed, number):
        rows = certify(mutant.subject)
        false += _false(mutant, rows)
        for row in mutant.truth:
            decided[row, "all"] += 1
            decided[row, "decided"] += rows[row].word in (Word.PROVED, Word.REFUTED)
    assert not false, f"seed {seed}: " + "; ".join(false)
    return decided


def test_a_mutant_of_each_kind():
    decided = _check(20261129, len(mutants.KINDS))
    for row in ("convex", "pseudo_convex", "minimum"):
        assert decided[row, "decided"] >= 0.75 * decided[row, "all"], row


@pytest.mark.full
@pytest.mark.parametrize("part", range(4))
def test_five_hundred_new_mutants(part, record_property):
    """In four parts, each with a seed of its own, so that no worker waits for one test."""
    seed = random.SystemRandom().randrange(2**32)
    print(f"part {part}, seed {seed}")
    decided = _check(seed, 125)
    shares = {row: f"{decided[row, 'decided']} of {count}" for (row, which), count in decided.items() if which == "all"}
    print(f"decided: {shares}")
    record_property("decided", shares)


def test_the_truths_are_not_empty():
    """Every row is false for some mutants and true for others, so that both kinds of errors could be seen."""
    seen = collections.defaultdict(set)
    for mutant in mutants.draw(1, 200):
        for row, truth in mutant.truth.items():
            seen[row].add(truth)
    for row in ("gradient", "minimum", "pseudo_convex", "convex", "lipschitz", "smooth"):
        assert seen[row] == {True, False}, row
