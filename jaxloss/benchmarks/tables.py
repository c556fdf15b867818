"""Comparisons as text: columns that fit a terminal of 80, a pipe and a page alike."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jaxloss.benchmarks.results import Comparison, Entry

__all__ = ["WIDTH", "comparison_table", "count", "ratio", "rows", "seconds", "size"]

WIDTH = 80
NAME = 22
"""Columns of a name; a longer one is cut in the middle, since it stands in full above."""
BOTH = "value_and_grad"


def _scaled(number: float, units: Sequence[tuple[str, float]]) -> str:
    unit, scale = next((u for u in units if number >= u[1]), units[-1])
    return f"{number / scale:.3g} {unit}"


def seconds(number: float) -> str:
    return _scaled(number, (("s", 1.0), ("ms", 1e-3), ("us", 1e-6), ("ns", 1e-9)))


def size(number: float) -> str:
    """Bytes."""
    return _scaled(number, (("GiB", 2.0**30), ("MiB", 2.0**20), ("KiB", 2.0**10), ("B", 1.0)))


def count(number: float) -> str:
    return f"{number:.2e}" if number >= 1e4 else f"{number:.0f}"


def ratio(number: float) -> str:
    return f"{number:.2f}" if number >= 0.1 else f"{number:.1g}"


def rows(headings: Sequence[str], cells: Sequence[Sequence[str]]) -> Iterator[str]:
    """Lines of a table, the first column to the left and the others to the right."""
    widths = [max(map(len, column)) for column in zip(headings, *cells, strict=True)]
    for row in (headings, *cells):
        beside = [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        yield "  ".join([row[0].ljust(widths[0]), *beside]).rstrip()


def _short(label: str) -> str:
    half = (NAME - 2) // 2
    return label if len(label) <= NAME else f"{label[:half]}..{label[-half:]}"


def _times(numbered: Mapping[str, Entry], quantity: str) -> Iterator[str]:
    cells = []
    for name, entry in numbered.items():
        line = [name, seconds(entry.seconds[quantity].median), "", "", ""]
        if entry.ratio:
            wall = entry.ratio[quantity]
            line[2:] = [ratio(wall.median), f"{ratio(wall.q1)} to {ratio(wall.q3)}"]
            line.append(ratio(entry.cpu_ratio[quantity].median))
        cells.append(line)
    yield from rows((quantity.replace("_and_grad", " and gradient"), "time", "1 / it", "quartiles", "cpu"), cells)


def _figure(figures: Mapping[str, Any], name: str, show: Any) -> str:
    return show(figures[name]) if figures.get(name) is not None else "-"


def _compiled(numbered: Mapping[str, Entry], backend: str) -> Iterator[str]:
    cells = []
    for name, entry in numbered.items():
        found = entry.compiled.get(BOTH, {})
        built = [seconds(entry.seconds[f"{p}_{BOTH}"].median) if found else "-" for p in ("trace", "compile")]
        copies = "-" if entry.copies is None else ratio(entry.copies.median)
        shown = [_figure(found, "temp_bytes", size), _figure(found, "bytes_accessed", size)]
        cells.append([name, copies, *built, *shown, _figure(found, "flops", count)])
    yield from rows((f"compiled for {backend}", "copies", "trace", "compile", "temp", "accessed", "flops"), cells)


def _generation(numbered: Mapping[str, Entry], generation: str) -> Iterator[str]:
    cells, wrong = [], []
    for name, entry in numbered.items():
        if BOTH not in entry.tpu.get(generation, {}):
            continue
        found = entry.tpu[generation][BOTH]
        if "error" in found:
            wrong += textwrap.wrap(f"{name} does not compile: {found['error']}", WIDTH, subsequent_indent="   ")
            continue
        figures = [("temp_bytes", size), ("traffic_bytes", size), ("flops", count), ("compile_seconds", seconds)]
        cells.append([name, *(_figure(found, figure, show) for figure, show in figures)])
    yield from rows((f"compiled for {generation}", "temp", "traffic", "flops", "compile"), cells)
    yield from wrong


def _verdict(entry: Entry) -> str:
    if entry.status in ("failed", "absent", "disagrees"):
        return f"{entry.status}: {entry.detail}"
    worst = max(entry.difference.values(), default=None)
    if worst is None:
        return entry.detail
    return f"{'agrees to' if entry.status == 'agrees' else 'differs by'} {worst:.0e}" if worst else "agrees exactly"


def comparison_table(found: Comparison) -> str:
    """One comparison: who agrees, times, and what the compilers say."""
    width = max(len(entry.label) for entry in found.entries)
    shapes = ", ".join(f"{name} {shape}" for name, shape in found.inputs.items())
    title = textwrap.wrap(f"{found.title} on {found.backend}", WIDTH, subsequent_indent="  ")
    lines = [*title, *textwrap.wrap(shapes, WIDTH - 2, initial_indent="  ")]
    for place, entry in enumerate(found.entries, 1):
        said = f"{place}  {entry.label.ljust(width)}  {_verdict(entry)}".rstrip()
        lines += textwrap.wrap(said, WIDTH, subsequent_indent="   ", drop_whitespace=True, break_on_hyphens=False)
    timed = {f"{place}  {_short(e.label)}": e for place, e in enumerate(found.entries, 1) if e.timed}
    blocks = [lines]
    if timed:
        blocks += [list(_times(timed, quantity)) for quantity in ("value", BOTH)]
        blocks.append(list(_compiled(timed, found.backend)))
        generations = dict.fromkeys(g for entry in timed.values() for g in entry.tpu)
        blocks += [list(_generation(timed, generation)) for generation in generations]
    if found.no_tpu:
        blocks.append(textwrap.wrap(f"no TPU compiler: {found.no_tpu}", WIDTH))
    return "\n\n".join("\n".join(block) for block in blocks)
