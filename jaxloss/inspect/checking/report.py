"""What `check_loss` found, as text, as a picture, and as assertions for a test."""

from __future__ import annotations

import dataclasses
import textwrap
from collections.abc import Callable, Mapping
from typing import Any

from jaxloss.inspect.cards import Card
from jaxloss.inspect.verdict import Verdict, Word

__all__ = ["Report"]

SHOWN = 3
"""Sentences of a broken law that the text shows."""


@dataclasses.dataclass(frozen=True)
class Report:
    """What is known about a loss of one's own.

    Attributes:
        name: Name of the function.
        form: How it was read, in words.
        card: Its property card.
        laws: Name of every law that was asked to what broke, as sentences; an empty list if the law holds.
        skipped: Name of every other law to the reason why it was not asked.
        advice: What to do, each sentence with the witness that it stands on.
        loss: The function under the signature of the library.
    """

    name: str
    form: str
    card: Card
    laws: Mapping[str, list[str]]
    skipped: Mapping[str, str]
    advice: tuple[str, ...]
    loss: Callable[..., Any] = dataclasses.field(repr=False)

    @property
    def verdicts(self) -> Mapping[str, Verdict]:
        """Name of a property to what is known about it."""
        return self.card.rows

    @property
    def broken(self) -> Mapping[str, list[str]]:
        """The laws that do not hold, and what broke."""
        return {name: found for name, found in self.laws.items() if found}

    def text(self, width: int = 100) -> str:
        """The card, the laws that broke and the advice, as lines of at most ``width`` columns.

        Args:
            width: Columns, at least 60.

        Returns:
            The lines.

        Raises:
            ValueError: If ``width`` is below 60.
        """
        lines = [self.card.text(width), "", *textwrap.wrap(f"read as {self.form}", width)]
        holding = sum(not found for found in self.laws.values())
        lines.append(f"laws: {holding} hold, {len(self.broken)} broken, {len(self.skipped)} do not apply")
        for name, found in self.broken.items():
            more = len(found) - SHOWN
            for sentence in [*found[:SHOWN], *([f"and {more} more"] if more > 0 else [])]:
                lines += textwrap.wrap(f"BROKEN   {name}: {sentence}", width, subsequent_indent=" " * 9)
        for sentence in self.advice:
            lines += textwrap.wrap(f"ADVICE   {sentence}", width, subsequent_indent=" " * 9)
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.text()

    def plot(self) -> Any:
        """Loss, slope and curvature, one above the other, with kinks and weak regions.

        Returns:
            A Matplotlib figure.

        Raises:
            ImportError: If Matplotlib is not installed.
            ValueError: If the loss is not a function of one number.
        """
        return self.card.plot(self.loss)

    def assert_(self, *names: str) -> None:
        """Raise unless every named property is known to hold and every named law is kept: for a test of the loss.

        Args:
            names: Names of properties in ``verdicts`` or of laws in ``laws``. ``report.assert_(*report.laws)`` asserts
                all laws.

        Raises:
            AssertionError: If a property is refuted or not known, or a law is broken; with the witness, in words.
            ValueError: If a name is unknown, or a law does not apply to this function; the message lists the names.
        """
        if not names:
            raise ValueError(f"assert_ needs the names of properties or laws: {self._known()}")
        failures = [failure for name in names for failure in self._failures(name)]
        if failures:
            raise AssertionError(f"{self.name}:\n" + "\n".join(failures))

    def _failures(self, name: str) -> list[str]:
        """What contradicts a name, which may be that of a property and that of a law."""
        if name not in self.verdicts and name in self.skipped:
            raise ValueError(f"the law {name!r} was not asked: {self.skipped[name]}")
        if name not in self.verdicts and name not in self.laws:
            raise ValueError(f"no property or law is named {name!r}; there are {self._known()}")
        found = [f"  {name} is broken: {sentence}" for sentence in self.laws.get(name, [])[:SHOWN]]
        verdict = self.verdicts.get(name)
        if verdict and not verdict.holds:
            witness = f"; witness: {verdict.evidence['witness']}" if verdict.word is Word.REFUTED else ""
            found.append(f"  {name} is {verdict.word}: {verdict.statement}{witness}")
        return found

    def _known(self) -> str:
        return f"the properties {', '.join(self.verdicts)}; and the laws {', '.join(self.laws)}"
