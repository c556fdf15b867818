"""What a property card says about a loss, in words that are never mixed: proved, tested, refuted, unknown."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Mapping
from typing import Any

__all__ = ["Verdict", "Word"]


class Word(enum.StrEnum):
    """How sure a statement is."""

    PROVED = "PROVED"
    """An engine excludes every exception on the stated domain, for the stated dtype and parameters."""
    LEMMA = "LEMMA"
    """A named theorem says so, and sampling agrees."""
    TESTED = "TESTED"
    """No exception among a stated number of points."""
    REFUTED = "REFUTED"
    """A stored witness, which was evaluated again, is an exception."""
    UNKNOWN = "UNKNOWN"
    """No engine decides it; the statement says why."""
    NOT_APPLICABLE = "N/A"
    """The property has no meaning for this kind of loss."""


NEEDS: Mapping[Word, tuple[str, ...]] = {
    Word.PROVED: ("engine", "domain", "dtype"),
    Word.LEMMA: ("lemma", "points"),
    Word.TESTED: ("points",),
    Word.REFUTED: ("witness",),
}
"""The evidence without which a word must not be used."""


@dataclasses.dataclass(frozen=True)
class Verdict:
    """One row of a card.

    Attributes:
        word: How sure it is.
        statement: One line for a reader, such as ``"second derivative >= 0"``.
        value: The number that the row is about, such as a Lipschitz constant; None if it has none.
        evidence: What the word stands on: ``engine``, ``domain``, ``dtype``, ``boxes``, ``points``, ``lemma`` or the
            ``witness``, whose entries are numbers and strings, so that it can be written as JSON.
    """

    word: Word
    statement: str
    value: float | None = None
    evidence: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        if missing := [name for name in NEEDS.get(self.word, ()) if name not in self.evidence]:
            raise ValueError(f"{self.word} requires {', '.join(missing)} as evidence")

    @property
    def holds(self) -> bool:
        """Whether the property is known to hold: proved, by a lemma, or without an exception where it was tested."""
        return self.word in (Word.PROVED, Word.LEMMA, Word.TESTED)
