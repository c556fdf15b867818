"""`python -m jaxloss.inspect.cards`: make or check the committed table of cards."""

from __future__ import annotations

import argparse
import sys
import time

from jaxloss.inspect.cards.examination import card
from jaxloss.inspect.cards.table import PATH, all_losses, cards, drift, write_table


def main(arguments: list[str] | None = None) -> int:
    """Compute the cards of all or of the named losses; 1 if ``--check`` finds that one has drifted."""
    parser = argparse.ArgumentParser(prog="python -m jaxloss.inspect.cards", description=__doc__)
    parser.add_argument("losses", nargs="*", help="names of losses; all by default")
    parser.add_argument("--check", action="store_true", help="compare with the committed table and write nothing")
    options = parser.parse_args(arguments)
    losses = all_losses()
    if unknown := sorted(set(options.losses) - set(losses)):
        parser.error(f"no loss is named {unknown[0]!r}")
    names = options.losses or list(losses)
    committed = dict(cards()) if PATH.exists() else {}
    found, drifted, start = {}, [], time.monotonic()
    for place, name in enumerate(names, 1):
        found[name] = card(name)
        print(f"\r{place:4d} of {len(names)}, {time.monotonic() - start:5.0f} s  {name:<50}", end="", file=sys.stderr)
        if options.check:
            was = committed.get(name)
            drifted += list(drift(was, found[name])) if was else [f"{name}: has no committed card"]
    print(file=sys.stderr)
    if options.check:
        drifted += [f"{name}: no longer a loss" for name in sorted(set(committed) - set(losses))]
        print("\n".join(drifted) or f"{len(names)} cards are as committed")
        return 1 if drifted else 0
    kept = {name: was for name, was in committed.items() if name in losses}
    write_table({**kept, **found})
    print(f"{len(found)} cards written to {PATH}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
