"""``jaxloss list``: the losses, their families and what they are."""

from __future__ import annotations

import inspect

from jaxloss.cli.docstring import summary
from jaxloss.cli.lookup import family_of, known_family
from jaxloss.cli.output import nothing_found, print_json, print_table
from jaxloss.inspect.cards.table import all_losses

__all__ = ["run"]


def run(family: str | None, grep: str | None, json: bool) -> int:
    losses = all_losses()
    if family is not None:
        wanted = known_family(family, map(family_of, losses.values()))
        losses = {name: fn for name, fn in losses.items() if family_of(fn) == wanted}
    if grep is not None:
        word = grep.casefold()
        losses = {n: fn for n, fn in losses.items() if word in f"{n}\n{inspect.getdoc(fn)}".casefold()}
    rows = sorted((family_of(fn), name, summary(fn)) for name, fn in losses.items())
    if json:
        print_json([{"name": name, "family": folder, "summary": line} for folder, name, line in rows])
    elif rows:
        print_table(("name", "family", "what it is"), [(name, folder, line) for folder, name, line in rows])
    return 0 if rows else nothing_found(f"no loss has {grep!r} in its name or docstring")
