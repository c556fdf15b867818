"""The cards of all losses, as they are committed, and the search for losses by what their cards say."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Any

import jaxloss
from jaxloss.inspect.cards.record import Card
from jaxloss.inspect.verdict import Verdict, Word

__all__ = ["all_losses", "cards", "drift", "find", "write_table"]

PATH = Path(str(resources.files("jaxloss.inspect.cards"))) / "table.json"
BY_COMPILER = ("cost",)
"""Rows whose numbers are those of a compiler and its options, and are not compared."""
CLOSE = 0.01
"""Relative distance from which a number has drifted."""


def all_losses() -> dict[str, Callable[..., Any]]:
    """Every public loss and penalty, by name; the initial state of one, ``init_<loss>``, is none."""
    names = (name for name in sorted(jaxloss.__all__) if name != "reduce" and not name.startswith("init_"))
    public = {name: getattr(jaxloss, name) for name in names}
    functions = {name: fn for name, fn in public.items() if inspect.isfunction(fn)}
    return {n: fn for n, fn in functions.items() if "reduction" in inspect.signature(fn).parameters or "penalty" in n}


@functools.cache
def cards() -> Mapping[str, Card]:
    """The committed card of every loss at its default hyperparameters, by name.

    Returns:
        Name to card. Numbers that have no default are 1 in it; ``parameters`` of the card says so.

    Example:
        >>> from jaxloss.inspect.cards import cards
        >>> cards()["squared_error"].rows["predicts_lognormal"].evidence["statistic"]
        'mean'
    """
    read = (Card.from_json(line.rstrip(",")) for line in PATH.read_text().splitlines()[1:-1])
    return MappingProxyType({found.name: found for found in read})


def write_table(found: Mapping[str, Card]) -> None:
    """Replace the committed table: a JSON list with one card a line, so that changes can be read."""
    lines = ",\n".join(found[name].json() for name in sorted(found))
    PATH.write_text(f"[\n{lines}\n]\n")
    cards.cache_clear()


def find(*, task: str | None = None, **rows: bool) -> list[str]:
    """Names of the losses whose committed cards say what is asked for.

    Args:
        task: A family of losses, such as ``"regression"`` or ``"classification"``; all by default.
        rows: Name of a row to True, where the property must hold, or False, where it must be refuted. A property holds
            if it is proved, if a theorem says so (LEMMA), or if tests found no exception. A loss for which the row is
            unknown is in neither list.

    Returns:
        The names in alphabetical order.

    Raises:
        ValueError: If the family or a row is unknown.

    Example:
        >>> from jaxloss.inspect.cards import find
        >>> find(task="regression", redescending=True)
        ['cauchy_loss', 'geman_mcclure_loss', 'tukey_biweight_loss', 'welsch_loss']
    """
    known_cards = cards().values()
    families = {found.family for found in known_cards}
    if task is not None and task not in families:
        raise ValueError(f"task must be one of {', '.join(sorted(families))}; found {task!r}")
    known = {name for found in known_cards for name in found.rows}
    if unknown := sorted(set(rows) - known):
        raise ValueError(f"no card has a row {unknown[0]!r}; rows are {', '.join(sorted(known))}")
    chosen = [found for found in known_cards if task is None or found.family == task]
    return sorted(found.name for found in chosen if all(_says(found.rows.get(name), yes) for name, yes in rows.items()))


def _says(verdict: Verdict | None, yes: bool) -> bool:
    if verdict is None:
        return False
    return verdict.holds if yes else verdict.word is Word.REFUTED


def drift(committed: Card, live: Card) -> Iterator[str]:
    """What a card that was computed now says otherwise than the committed one, as sentences."""
    if committed.jaxpr != live.jaxpr and committed.versions == live.versions:
        yield f"{live.name}: the program is {live.jaxpr} and was {committed.jaxpr}"
    if committed.parameters != live.parameters:
        yield f"{live.name}: the hyperparameters are {live.parameters} and were {committed.parameters}"
    for name in sorted(set(committed.rows) | set(live.rows)):
        before, now = committed.rows.get(name), live.rows.get(name)
        if before is None or now is None or before.word is not now.word:
            words = ["absent" if row is None else row.word.value for row in (now, before)]
            yield f"{live.name}: {name} is {words[0]} and was {words[1]}"
        elif name not in BY_COMPILER and not _close(before.value, now.value):
            yield f"{live.name}: the number of {name} is {now.value} and was {before.value}"


def _close(before: float | None, now: float | None) -> bool:
    if before is None or now is None:
        return before is now
    return abs(before - now) <= CLOSE * max(abs(before), abs(now)) + 1e-6
