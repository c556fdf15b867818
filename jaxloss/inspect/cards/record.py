"""A card: what is known about one loss, as text for a reader and as JSON for a program."""

from __future__ import annotations

import dataclasses
import json
import textwrap
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from jaxloss.inspect.cards import picture
from jaxloss.inspect.verdict import Verdict, Word

__all__ = ["Card", "plain"]

NARROWEST = 60
WORD_COLUMN = 9
ROW_COLUMN = 24
SHOWN = 2
"""Numbers of a witness that the text shows."""


def plain(value: Any) -> Any:
    """A value as JSON knows it: numbers that are not finite and objects that are no data become strings."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, bool | int | str) or value is None:
        return value
    if hasattr(value, "item") and getattr(value, "ndim", 0) == 0:
        return plain(value.item())
    if isinstance(value, float):
        return value if abs(value) < float("inf") else str(value)
    return plain(value.tolist()) if hasattr(value, "tolist") else str(value)


@dataclasses.dataclass(frozen=True)
class Card:
    """What a loss does, before one trains with it.

    Attributes:
        name: Name of the loss.
        family: The folder of the library that it is in, such as ``"regression"``; empty for a loss of one's own.
        kind: What its number is, as in `jaxloss.inspect.subject.KINDS`; ``"vector"`` if it is a function of a vector,
            ``"none"`` if it is neither and has rows only of what theorems say.
        domain: The interval that proofs are about; None without one.
        parameters: The hyperparameters.
        jaxpr: A hash of the program. A card is void for another program.
        versions: Package to version.
        rows: Name of a property to what is known about it. A number of a loss of a vector is one in the Euclidean norm.
    """

    name: str
    family: str
    kind: str
    domain: tuple[float, float] | None
    parameters: Mapping[str, Any]
    jaxpr: str
    versions: Mapping[str, str]
    rows: Mapping[str, Verdict]

    def text(self, width: int = 100) -> str:
        """The card as lines of at most ``width`` columns: verdict, property, and what the verdict stands on.

        Args:
            width: Columns, at least 60.

        Returns:
            A header and one entry per row; an entry is one line where it fits.

        Raises:
            ValueError: If ``width`` is below 60.
        """
        if width < NARROWEST:
            raise ValueError(f"width must be at least {NARROWEST}; found {width}")
        settings = ", ".join(f"{name}={value}" for name, value in self.parameters.items())
        domain = f" on [{self.domain[0]:g}, {self.domain[1]:g}]" if self.domain else ""
        versions = " ".join(f"{name} {version}" for name, version in self.versions.items())
        header = [f"{self.name}({settings})", f"{self.kind}{domain}; program {self.jaxpr}; {versions}"]
        lines = [line for part in header for line in textwrap.wrap(part, width, subsequent_indent="  ")]
        indent = " " * (WORD_COLUMN + ROW_COLUMN)
        for name, verdict in self.rows.items():
            start = f"{verdict.word.value:<{WORD_COLUMN}}{name:<{ROW_COLUMN - 1}} "
            lines += textwrap.wrap(start + _words(verdict), width, subsequent_indent=indent, drop_whitespace=True)
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.text()

    def json(self) -> str:
        """The card as one line of JSON, which `from_json` reads back."""
        pool: list[Any] = []  # the rows of one engine share their evidence
        rows = {}
        for name, verdict in self.rows.items():
            evidence = plain(verdict.evidence)
            if evidence not in pool:
                pool.append(evidence)
            rows[name] = [verdict.word.value, verdict.statement, plain(verdict.value), pool.index(evidence)]
        fields = {field.name: plain(getattr(self, field.name)) for field in dataclasses.fields(self)}
        return json.dumps({**fields, "rows": rows, "evidence": pool}, separators=(",", ":"), allow_nan=False)

    def plot(self, loss: Callable[..., Any] | None = None) -> Any:
        """Loss, slope and curvature of the loss, one above the other, with its kinks and weak regions.

        Args:
            loss: The loss, if it is not one of the library.

        Returns:
            A Matplotlib figure.

        Raises:
            ImportError: If Matplotlib is not installed.
            ValueError: If the loss is not a function of one number.
        """
        return picture.plot_card(self.name, self.parameters, loss)

    @classmethod
    def from_json(cls, line: str) -> Card:
        """Read what `json` wrote."""
        fields = json.loads(line)
        pool = fields.pop("evidence")
        found = fields.pop("rows").items()
        rows = {name: Verdict(Word(word), text, value, pool[at]) for name, (word, text, value, at) in found}
        domain = fields.pop("domain")
        return cls(**fields, domain=tuple(domain) if domain else None, rows=rows)


def _words(verdict: Verdict) -> str:
    """Statement and evidence in one sentence."""
    evidence = verdict.evidence
    if verdict.word is Word.PROVED:
        where = _short(evidence["domain"])
        return verdict.statement if where in verdict.statement else f"{verdict.statement} (on {where})"
    if verdict.word is Word.LEMMA:
        return "; ".join((verdict.statement, *_grounds(evidence)))
    if verdict.word is Word.REFUTED:
        items = [f"{name} {_short(value)}" for name, value in evidence["witness"].items()]
        return f"{verdict.statement} (witness: {', '.join(items[:SHOWN])}{', ...' if len(items) > SHOWN else ''})"
    return f"{verdict.statement} ({evidence['points']} points)" if "points" in evidence else verdict.statement


def _grounds(evidence: Mapping[str, Any]) -> Iterator[str]:
    """The theorem, where one can read it, and how near a search came to its number."""
    reference = evidence.get("reference")
    yield f"{reference['title']}, {reference['place']}: {evidence['lemma']}" if reference else evidence["lemma"]
    if "reached" in evidence:
        yield f"a search reached {evidence['reached']:g} of it"


def _short(value: Any) -> str:
    """A number or a list of numbers with six digits; other values as they are."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_short, value))}]"
    return f"{value:g}" if isinstance(value, float) else str(value)
