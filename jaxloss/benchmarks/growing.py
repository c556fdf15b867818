"""Sizes that grow until the machine is full: who is ahead at one size need not be at another."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from jaxloss.benchmarks.machine import available_bytes
from jaxloss.benchmarks.results import Comparison
from jaxloss.benchmarks.tables import ratio, rows, seconds, size

__all__ = ["FACTOR", "LEVEL", "growth_table", "peak_bytes", "until_full"]

FACTOR = 4
SHARE = 0.4
"""Of the memory that is left; what an eager peer takes is not known beforehand."""
LEVEL = 1.05
"""Up to this ratio the first is level with another."""
LONGEST = 4.0
"""Seconds of a call; a size whose calls take longer is not tried."""
BOTH = "value_and_grad"


def peak_bytes(found: Comparison) -> int:
    """Arguments, results and temporaries of the implementation that needs most, as the compiler planned them."""
    parts = ("argument_bytes", "output_bytes", "temp_bytes")
    needs = [sum(e.compiled[BOTH].get(part, 0) for part in parts) for e in found.entries if e.compiled]
    return max(needs, default=0)


def until_full(
    compare: Callable[[int], Comparison], first: int, *, factor: int = FACTOR, budget: int | None = None
) -> Iterator[tuple[int, Comparison]]:
    """Comparisons at sizes that grow by a factor, until the next would not fit the memory or would take too long.

    Args:
        compare: Compares at a size.
        first: The first size.
        factor: From one size to the next.
        budget: Bytes that may be used; None takes a share of what the machine has left.
    """
    budget = int(SHARE * available_bytes()) if budget is None else budget
    number, before = first, 0
    while True:
        found = compare(number)
        yield number, found
        need = peak_bytes(found)
        growth = max(factor, need / before) if before else factor
        slowest = max((e.seconds[BOTH].median for e in found.entries if e.timed), default=0.0)
        if need * growth > budget or slowest * factor > LONGEST:
            return
        number, before = number * factor, need


def growth_table(found: Mapping[int, Comparison]) -> str:
    """One line for every size: time of the first implementation, over that of every other one, and its temporaries."""
    labels = dict.fromkeys(entry.label for one in found.values() for entry in one.entries[1:] if entry.timed)
    cells = []
    for number, one in found.items():
        first, others = one.entries[0], {entry.label: entry for entry in one.entries[1:] if entry.timed}
        ratios = [ratio(others[label].ratio[BOTH].median) if label in others else "-" for label in labels]
        temp: Any = first.compiled[BOTH].get("temp_bytes")
        shown = "-" if temp is None else size(temp)
        cells.append([f"{number}", seconds(first.seconds[BOTH].median), *ratios, shown])
    headings = ("size", "first", *(f"/ {label}" for label in labels), "temp of first")
    worst = {number: one.worst() for number, one in found.items()}
    behind = [number for number, found_ratio in worst.items() if found_ratio is not None and found_ratio > LEVEL]
    lines = ["value and gradient, time of the first over that of the others:", *rows(headings, cells)]
    if labels:
        where = ", ".join(map(str, behind))
        said = f"behind by more than {LEVEL - 1:.0%} at {where}"
        lines.append(said if behind else "ahead of or level with all at every size")
    return "\n".join(lines)
