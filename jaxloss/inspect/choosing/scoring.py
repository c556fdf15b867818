"""How the entries of a task and its traits become one ranked short list."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from jaxloss.inspect.choosing.tables import Entry

__all__ = ["ranked", "score"]

LONGEST = 5


def score(entry: Entry, traits: Sequence[str]) -> int:
    """How well an entry fits: its base and what every trait adds."""
    return entry.base + sum(entry.traits.get(trait, 0) for trait in traits)


def ranked(entries: Iterable[Entry], traits: Sequence[str]) -> list[Entry]:
    """The entries with a positive score, the best first and equal ones in the order of the table.

    At most five, but for every trait the best entry that the trait asks for is among them, so that no trait of
    several is forgotten.
    """
    fitting = [entry for entry in entries if score(entry, traits) > 0]
    best_first = sorted(fitting, key=lambda entry: -score(entry, traits))
    asked = [next((entry for entry in best_first if entry.traits.get(trait, 0) > 0), None) for trait in traits]
    kept = [entry for entry in best_first if entry in asked]
    others = [entry for entry in best_first if entry not in asked]
    kept += others[: max(LONGEST - len(kept), 0)]
    return [entry for entry in best_first if entry in kept]
