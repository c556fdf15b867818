"""What the command shows: a progress bar, a table of mutants, every survivor with its lines."""

from __future__ import annotations

import dataclasses
import importlib.util
import itertools
import sys
from typing import Any, TypeVar

from .mutants import Mutant
from .runs import Choice

__all__ = ["Progress", "Verdict", "show"]

T = TypeVar("T")
RICH = importlib.util.find_spec("rich") is not None


@dataclasses.dataclass(frozen=True)
class Verdict:
    """A mutant, what was run, what noticed it (None: it survived), and whether the time limit is too short for it."""

    mutant: Mutant
    choice: Choice
    killer: str | None
    slow: bool = False

    @property
    def said(self) -> str:
        """The killer by file and name, without its folder."""
        if self.slow:
            return "SURVIVED (its tests take longer than --limit)"
        if self.killer is None:
            return "SURVIVED" if self.choice else "SURVIVED (no test reaches it)"
        return self.killer.rpartition("/")[2]


class Progress:
    """A bar on a terminal, a line for each step elsewhere; on the error stream."""

    def __init__(self, what: str, steps: int) -> None:
        self._what, self._steps, self._done = what, steps, itertools.count(1)
        self._bar: Any = None
        if RICH and sys.stderr.isatty():
            import rich.console
            import rich.progress

            self._bar = rich.progress.Progress(console=rich.console.Console(stderr=True), transient=True)
            self._task = self._bar.add_task(what, total=steps)

    def __enter__(self) -> Progress:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar:
            self._bar.stop()

    def step(self, value: T) -> T:
        """One step further; hands on ``value``."""
        if self._bar:
            self._bar.advance(self._task)
        else:
            print(f"{self._what}: {next(self._done)} of {self._steps}", file=sys.stderr, flush=True)
        return value


def show(verdicts: list[Verdict], left_out: list[str]) -> None:
    """Print the table, the rate, and the survivors."""
    rows = [(v.mutant.place, v.mutant.kind, v.mutant.brief, v.said) for v in verdicts]
    _table(("module", "kind", "change", "killed by"), rows)
    survivors = [verdict for verdict in verdicts if verdict.killer is None]
    killed = len(verdicts) - len(survivors)
    for verdict in survivors:
        print(f"\nSURVIVED  {verdict.mutant.place}  {verdict.mutant.kind}")
        print(verdict.mutant.diff)
        tests = f"laws of {', '.join(verdict.choice.cases) or 'no loss'}; {len(verdict.choice.tests)} other tests"
        print(f"  ran: {tests}")
    for test in left_out:
        print(f"\nleft out, as it fails without any mutant: {test}")
    print(f"\n{killed} of {len(verdicts)} mutants killed ({killed / len(verdicts):.0%})")


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    if RICH and sys.stdout.isatty():
        import rich.console
        import rich.table
        import rich.text

        table = rich.table.Table(*head)
        for row in rows:
            table.add_row(*map(rich.text.Text, row), style="bold red" if row[-1].startswith("SURVIVED") else None)
        rich.console.Console().print(table)
        return
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    for row in (head, *rows):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
