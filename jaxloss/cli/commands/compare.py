"""``jaxloss compare``: property cards side by side, the rows that differ first."""

from __future__ import annotations

import json as json_module
from collections.abc import Mapping, Sequence
from typing import Any

from jaxloss.cli.commands.card import card_of
from jaxloss.cli.many import settings
from jaxloss.cli.output import print_json, print_table
from jaxloss.cli.wrong_use import WrongUse
from jaxloss.inspect.verdict import Verdict

__all__ = ["run"]


def run(losses: Sequence[str], parameters: Mapping[str, Any], json: bool) -> int:
    compared = settings(losses, parameters)
    if len(compared) < 2:
        raise WrongUse("give two losses or more, or several values of one hyperparameter, such as --delta 1,2")
    cards = {setting.label: card_of(setting.fn.__name__, setting.parameters) for setting in compared}
    names = list(dict.fromkeys(name for found in cards.values() for name in found.rows))
    cells = {name: [_cell(found.rows.get(name)) for found in cards.values()] for name in names}
    differ = [name for name in names if len(set(cells[name])) > 1]
    same = [name for name in names if name not in differ]
    if json:
        whole = {label: json_module.loads(found.json()) for label, found in cards.items()}
        print_json({"differ": differ, "same": same, "cards": whole})
        return 0
    if differ:
        print_table(("differ", *cards), [(name, *cells[name]) for name in differ], fixed=1)
    if same:
        print()
        print_table(("the same", "for all"), [(name, cells[name][0]) for name in same])
    return 0


def _cell(verdict: Verdict | None) -> str:
    return f"{verdict.word.value} {verdict.statement}" if verdict else "no such row"
