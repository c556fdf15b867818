"""What a diagnosis says: findings, the most likely cause first, as text and as JSON."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping
from typing import Any

from jaxloss.inspect.diagnosis.causes import CAUSES, rank

__all__ = ["Diagnosis", "Finding", "sorted_findings"]


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing that is wrong with a loss.

    Attributes:
        cause: A stable identifier, one of `causes.CAUSES`.
        where: The argument and index, the term, or the operation with its line in the source.
        evidence: What the finding stands on, by name: numbers, strings, and lists of them.
        remedy: What to write, in one sentence.
    """

    cause: str
    where: str
    evidence: Mapping[str, Any]
    remedy: str

    def __post_init__(self) -> None:
        if self.cause not in CAUSES:
            raise ValueError(f"cause must be one of the table of causes; found {self.cause!r}")

    @property
    def meaning(self) -> str:
        """The cause as a sentence."""
        return CAUSES[self.cause]

    def text(self) -> str:
        """The finding in three lines: cause and place, evidence, remedy."""
        evidence = ", ".join(f"{name} {_shown(value)}" for name, value in self.evidence.items())
        lines = [f"{self.cause} in {self.where}: {self.meaning}", *([f"  found: {evidence}"] if evidence else [])]
        return "\n".join([*lines, f"  remedy: {self.remedy}"])


@dataclasses.dataclass(frozen=True)
class Diagnosis:
    """The findings about one call of a loss, the most likely cause first; it is true if there is any.

    Attributes:
        findings: What was found, sorted by how direct the cause is.
        value: The value of the loss; None if there is none.
    """

    findings: tuple[Finding, ...]
    value: float | None

    def __bool__(self) -> bool:
        return bool(self.findings)

    def text(self) -> str:
        """A report for people, the most likely cause first."""
        value = "no value" if self.value is None else f"value {self.value:.6g}"
        if not self.findings:
            return f"Nothing found ({value})."
        count = f"{len(self.findings)} finding{'s' if len(self.findings) > 1 else ''}"
        places = [f"{place}. {finding.text()}" for place, finding in enumerate(self.findings, 1)]
        return "\n".join([f"{count} ({value}), the most likely cause first", *places])

    def __str__(self) -> str:
        return self.text()

    def to_dict(self) -> dict[str, Any]:
        """A report for programs. Numbers that JSON does not have, NaN and infinity, are strings."""
        findings = [
            {**dataclasses.asdict(f), "evidence": dict(f.evidence), "meaning": f.meaning} for f in self.findings
        ]
        return _plain({"value": self.value, "findings": findings})

    def json(self) -> str:
        """`to_dict` as JSON."""
        return json.dumps(self.to_dict(), allow_nan=False)


def sorted_findings(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Each cause once per place, the most direct first, in the order of discovery among equals."""
    once: dict[tuple[str, str], Finding] = {}
    for finding in findings:
        once.setdefault((finding.cause, finding.where), finding)
    return tuple(sorted(once.values(), key=lambda finding: rank(finding.cause)))


def _shown(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _plain(value: Any) -> Any:
    """Only what JSON has: dicts, lists, strings, integers, finite floats, booleans and None."""
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not abs(value) < float("inf"):
        return repr(value)
    return value if isinstance(value, str | int | float | None) else str(value)
