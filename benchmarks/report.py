"""What was found, for a reader and for machines."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from benchmarks.masks import MaskCost
from jaxloss.benchmarks.charts import chart
from jaxloss.benchmarks.results import Comparison, Entry, finite
from jaxloss.benchmarks.tables import WIDTH, ratio, seconds, size

BOTH = "value_and_grad"

LEGEND = (
    "time: of value and gradient. / other: that time over the other's, inside a round, median by the clock (by the "
    "processor); under 1 jaxloss is faster. temp: largest temporary memory. copies: time over that of a streaming copy."
)


def beside(entry: Entry) -> str:
    """Our time over that of a peer, by the clock and by the processor."""
    return f"{ratio(entry.ratio[BOTH].median)} ({ratio(entry.cpu_ratio[BOTH].median)})"


def temporaries(entry: Entry, generation: str = "") -> str:
    """Of value and gradient; a word where it does not compile."""
    figures = (entry.tpu.get(generation, {}) if generation else entry.compiled).get(BOTH, {})
    return "failed" if "error" in figures else size(figures["temp_bytes"]) if "temp_bytes" in figures else "-"


def summary(found: Sequence[Comparison]) -> Iterator[str]:
    """Two lines for each comparison, of 80 columns."""
    yield from textwrap.wrap(LEGEND, WIDTH)
    for one in found:
        first, *others = one.entries
        said = [
            f"/ {entry.label} {beside(entry)}" if entry.timed else f"/ {entry.label} {entry.status}" for entry in others
        ]
        memory = [f"temp {temporaries(first)}", *(f"{g} {temporaries(first, g)}" for g in first.tpu)]
        copies = [f"copies {ratio(first.copies.median)}"] if first.copies is not None else []
        line = "  ".join([seconds(first.seconds[BOTH].median), *said, *memory, *copies])
        yield f"\n{one.title}"
        yield from textwrap.wrap(line, WIDTH, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)


def missing(found: Sequence[Comparison]) -> Iterator[str]:
    """Every peer that was not timed, once for each reason."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for one in found:
        for entry in one.entries:
            if not entry.timed:
                reasons.setdefault((entry.label, f"{entry.status}: {entry.detail}"), []).append(one.title)
    for (label, reason), titles in sorted(reasons.items()):
        where = titles[0] if len(titles) == 1 else f"{len(titles)} rows"
        yield from textwrap.wrap(f"{label} was not timed in {where}: {reason}", WIDTH, subsequent_indent="  ")


def document(setting: dict[str, Any], found: Sequence[Comparison], costs: Sequence[MaskCost]) -> dict[str, Any]:
    masks = [dataclasses.asdict(cost) | {"free": cost.free} for cost in costs]
    return finite({"environment": setting, "comparisons": [one.to_dict() for one in found], "masks": masks})


def write(
    folder: pathlib.Path, setting: dict[str, Any], found: Sequence[Comparison], costs: Sequence[MaskCost]
) -> tuple[pathlib.Path, pathlib.Path]:
    folder.mkdir(parents=True, exist_ok=True)
    numbers, picture = folder / "benchmarks.json", folder / "benchmarks.png"
    numbers.write_text(json.dumps(document(setting, found, costs), indent=1, allow_nan=False) + "\n")
    chart(found, picture, first="jaxloss")
    return numbers, picture
