"""``jaxloss find``: losses by what their property cards say."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

from jaxloss.cli.docstring import summary
from jaxloss.cli.lookup import known_family
from jaxloss.cli.output import nothing_found, print_json, print_table
from jaxloss.cli.wrong_use import WrongUse
from jaxloss.inspect.cards import Card, cards
from jaxloss.inspect.cards import find as find_losses
from jaxloss.inspect.cards.table import all_losses
from jaxloss.inspect.verdict import Word

__all__ = ["run"]


def run(task: str | None, parameters: Mapping[str, bool], json: bool) -> int:
    committed = cards()
    if task is not None:
        task = known_family(task, (found.family for found in committed.values()))
    rows = dict.fromkeys(name for found in committed.values() for name in found.rows)
    for name in parameters:
        if name not in rows:
            close = difflib.get_close_matches(name, rows, 3)
            listed = f"did you mean {' or '.join(map(_option, close))}?" if close else f"rows are {', '.join(rows)}"
            raise WrongUse(f"no card has a row {name!r}; {listed}")
    if task is None and not parameters:
        return _print_rows(rows, json)
    names = find_losses(task=task, **parameters)
    if json:
        print_json([{"name": n, "family": committed[n].family, "rows": _said(committed[n], parameters)} for n in names])
    elif names:
        losses = all_losses()
        print_table(
            ("name", "family", "what it is"), [(name, committed[name].family, summary(losses[name])) for name in names]
        )
    return 0 if names else nothing_found("no card says all of this")


def _said(found: Card, rows: Iterable[str]) -> dict[str, dict[str, object]]:
    verdicts = {row: found.rows[row] for row in rows}
    return {row: {"word": v.word, "statement": v.statement, "value": v.value} for row, v in verdicts.items()}


def _print_rows(rows: Mapping[str, None], json: bool) -> int:
    """The rows that can be asked for, and for how many losses they hold or are refuted."""
    counts = []
    for name in rows:
        verdicts = [found.rows[name] for found in cards().values() if name in found.rows]
        refuted = sum(verdict.word is Word.REFUTED for verdict in verdicts)
        counts.append((_option(name), sum(verdict.holds for verdict in verdicts), refuted, len(verdicts)))
    headings = ("option", "holds", "refuted", "cards")
    if json:
        print_json([dict(zip(headings, row, strict=True)) for row in counts])
    else:
        print_table(headings, [tuple(map(str, row)) for row in counts])
    return 0


def _option(row: str) -> str:
    return f"--{row.replace('_', '-')}"
