"""``jaxloss card``: what a loss does, before one trains with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jaxloss.cli.lookup import loss_named
from jaxloss.cli.output import print_text, width, working
from jaxloss.cli.wrong_use import what_users_say
from jaxloss.inspect.cards import Card, card, cards

__all__ = ["STYLES", "card_of", "run"]

STYLES = {
    r"\A[\w.]+": "bold",
    r"(?m)^(PROVED|LEMMA)\b": "green",
    r"(?m)^TESTED\b": "cyan",
    r"(?m)^REFUTED\b": "red",
    r"(?m)^(UNKNOWN|N/A)": "yellow",
}


def run(name: str, parameters: Mapping[str, Any], json: bool) -> int:
    fn = loss_named(name)
    found = card_of(fn.__name__, parameters)
    if json:
        print(found.json())
    elif found.rows:
        print_text(found.text(width()), STYLES)
    else:
        print(f"{found.name} has a card without rows: no engine reads its arguments, and no theorem is about it.")
    return 0 if found.rows else 1


def card_of(name: str, parameters: Mapping[str, Any]) -> Card:
    """The committed card of a loss at its defaults, or one that is computed now."""
    if not parameters and (committed := cards().get(name)):
        return committed
    with what_users_say(), working(f"computing the card of {name}"):
        return card(name, **parameters)
