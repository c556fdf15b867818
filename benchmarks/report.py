"""What was found, for the terminal (rich), for machines (JSON) and for the eye (a chart)."""

from __future__ import annotations

import dataclasses
import datetime
import itertools
import json
import math
import os
import pathlib
import platform
from collections.abc import Iterator, Sequence
from typing import Any

import jax
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from benchmarks import peers
from benchmarks.masks import MaskCost
from benchmarks.measure import OURS, STREAM, Entry, Result
from benchmarks.programs import QUANTITIES

BOTH = "value_and_grad"

WIDTH = 140
"""Columns of the tables where the output is not a terminal."""


def environment() -> dict[str, Any]:
    """What a reader needs to judge the times; the load says whether the machine was quiet."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "platform": jax.default_backend(),
        "machine": platform.machine(),
        "system": platform.system(),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "load_at_start": load,
        "glibc_tunables": os.environ.get("GLIBC_TUNABLES", ""),
        "packages": peers.versions(),
    }


def _time(entry: Entry, name: str) -> str:
    if name not in entry.seconds:
        return "-"
    seconds = entry.seconds[name].median
    unit, size = next((u for u in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)) if seconds >= u[1]), ("ns", 1e-9))
    return f"{seconds / size:.3g} {unit}"


def _short(ratio: float) -> str:
    return f"{ratio:.2f}" if ratio >= 0.1 else f"{ratio:.1g}"


def _timed(entry: Entry, quantity: str) -> str:
    """A time and, for a peer, below it our time over its time with the quartiles."""
    spread = entry.ratio.get(quantity)
    if spread is None or entry.label in (OURS, STREAM):
        return _time(entry, quantity)
    colour = "green" if spread.q3 <= 1 else "red" if spread.q1 > 1 else "default"
    ratio = f"[{colour}]{_short(spread.median)}[/{colour}] [dim]({_short(spread.q1)} to {_short(spread.q3)})[/dim]"
    return f"{_time(entry, quantity)}\n{ratio}"


def _figure(figures: dict[str, Any], name: str, reference: float) -> str:
    return "failed" if "error" in figures else f"{figures[name] / reference:.2f}" if name in figures else "-"


def _verdict(entry: Entry) -> str:
    worst = max(entry.difference.values(), default=None)
    if entry.status != "agrees":
        return f"[yellow]{entry.status}[/yellow]"
    return "" if worst is None else f"agrees to {worst:.0e}" if worst else "agrees exactly"


def _table(title: str, **kwargs: Any) -> Table:
    return Table(title=title, title_justify="left", title_style="default", box=SIMPLE_HEAD, **kwargs)


def table(result: Result) -> Table:
    """One workload: ours first, then every peer, then the streaming copy."""
    shapes = ", ".join(f"{name} {'x'.join(map(str, shape))}" for name, shape in result.shapes.items())
    notes = [f"{e.label} {e.status}: {escape(e.detail)}" for e in result.entries if e.detail]
    drawn = _table(f"[bold]{result.name}[/bold]; {shapes}", caption="\n".join(notes), caption_justify="left")
    drawn.add_column("", no_wrap=True)
    drawn.add_column("checked", no_wrap=True)
    for column in ("value", "with gradient", "copies", "trace", "compile"):
        drawn.add_column(column, justify="right", no_wrap=True)
    for column in ("CPU temp", "TPU temp", "TPU traffic"):
        drawn.add_column(column, justify="right", min_width=7)
    for entry in result.entries:
        copies = entry.streams.get(BOTH)
        drawn.add_row(
            entry.label,
            _verdict(entry),
            _timed(entry, "value"),
            _timed(entry, BOTH),
            "-" if copies is None else f"{copies.median:.2f}",
            _time(entry, f"trace_{BOTH}"),
            _time(entry, f"compile_{BOTH}"),
            _figure(entry.compiled.get(BOTH, {}), "temp_bytes", result.reference_bytes),
            _figure(entry.tpu.get(BOTH, {}), "temp_bytes", result.reference_bytes),
            _figure(entry.tpu.get(BOTH, {}), "traffic_bytes", result.reference_bytes),
        )
    return drawn


def summary(results: Sequence[Result]) -> Table:
    """One line for each workload: our time with gradient, and over that of every peer."""
    labels = [label for label in dict.fromkeys(e.label for r in results for e in r.entries) if label != OURS]
    drawn = _table("[bold]Time of jaxloss over the other's[/bold], with gradient, median")
    for column in ("", "jaxloss", *labels, "CPU temp", "TPU temp", "TPU traffic"):
        drawn.add_column(column, justify="right" if column else "left", overflow="fold")
    for result in results:
        ours, others = result.entries[0], {entry.label: entry for entry in result.entries}
        drawn.add_row(
            result.name if ours.status == "agrees" else f"{result.name}\n{_verdict(ours)}: {escape(ours.detail)}",
            _time(ours, BOTH),
            *(_short(others[x].ratio[BOTH].median) if x in others and others[x].ratio else "-" for x in labels),
            _figure(ours.compiled.get(BOTH, {}), "temp_bytes", result.reference_bytes),
            _figure(ours.tpu.get(BOTH, {}), "temp_bytes", result.reference_bytes),
            _figure(ours.tpu.get(BOTH, {}), "traffic_bytes", result.reference_bytes),
        )
    return drawn


def mask_table(costs: Sequence[MaskCost]) -> Table:
    """What no mask and a mask cost, as multiples of the bare formula."""
    title = "[bold]where=None beside the bare formula[/bold], with gradient; multiples of the formula"
    drawn = _table(title)
    for column in ("", "compiler", "bare formula", "bytes", "FLOPs", "more temp bytes", "bytes with a mask", "free"):
        drawn.add_column(column, no_wrap=not column)
    for cost in costs:
        without, formula, masked = (f[BOTH] for f in (cost.without, cost.formula, cost.masked))
        if "error" in {**without, **formula, **masked}:
            drawn.add_row(cost.name, cost.compiler, cost.bare, *["failed"] * 4, "-")
            continue
        drawn.add_row(
            cost.name,
            cost.compiler,
            cost.bare,
            f"{without['bytes_accessed'] / formula['bytes_accessed']:.4f}",
            f"{without['flops'] / max(formula['flops'], 1):.4f}",
            f"{without['temp_bytes'] - formula['temp_bytes']:.0f}",
            f"{masked['bytes_accessed'] / formula['bytes_accessed']:.2f}",
            "[green]yes[/green]" if cost.free else "[red]no[/red]",
        )
    return drawn


def _finite(value: Any) -> Any:
    """Without NaN and infinities, which JSON lacks."""
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def document(setting: dict[str, Any], results: Sequence[Result], costs: Sequence[MaskCost]) -> dict[str, Any]:
    return _finite(
        {
            "environment": setting,
            "workloads": [dataclasses.asdict(result) for result in results],
            "masks": [dataclasses.asdict(cost) | {"free": cost.free} for cost in costs],
        }
    )


def _rows(results: Sequence[Result]) -> Iterator[tuple[str, Result, Entry]]:
    for result in results:
        for entry in result.entries:
            if entry.label != OURS and entry.ratio:
                yield f"{result.name}: {entry.label}", result, entry


def chart(results: Sequence[Result], path: pathlib.Path) -> None:
    """Our time over theirs with its quartiles and, where the TPU compiler ran, both temporaries."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    rows = list(_rows(results))
    with_tpu = any("temp_bytes" in entry.tpu.get(BOTH, {}) for _, _, entry in rows)
    height = 1.2 + 0.3 * max(1, len(rows))
    figure, axes = plt.subplots(1, 1 + with_tpu, figsize=(9 + 3 * with_tpu, height), sharey=True, squeeze=False)
    times = axes[0, 0]
    for offset, quantity, colour in zip((-0.12, 0.12), QUANTITIES, ("tab:blue", "tab:orange"), strict=True):
        spreads = [entry.ratio[quantity] for _, _, entry in rows]
        middle = [s.median for s in spreads]
        arms = [[s.median - s.q1 for s in spreads], [s.q3 - s.median for s in spreads]]
        where = [i + offset for i in range(len(rows))]
        times.errorbar(middle, where, xerr=arms, fmt="o", ms=4, color=colour, label=quantity.replace("_", " "))
    times.axvline(1, color="grey", lw=1)
    for i, (one, other) in enumerate(itertools.pairwise(rows)):
        if one[1] is not other[1]:
            times.axhline(i + 0.5, color="lightgrey", lw=0.5)
    times.set(xscale="log", xlabel="time of jaxloss / time of the other (median, quartiles)")
    times.set_yticks(range(len(rows)), [label for label, _, _ in rows])
    times.invert_yaxis()
    times.legend(loc="best")
    if with_tpu:
        for offset, whose in ((-0.15, "jaxloss"), (0.15, "the other")):
            shown = [(result.entries[0] if whose == "jaxloss" else entry, result) for _, result, entry in rows]
            sizes = [e.tpu.get(BOTH, {}).get("temp_bytes", 0) / r.reference_bytes for e, r in shown]
            axes[0, 1].barh([i + offset for i in range(len(rows))], sizes, height=0.3, label=whose)
        axes[0, 1].set(xlabel="TPU temporaries / first input")
        axes[0, 1].legend(loc="best")
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    plt.close(figure)


def write(
    folder: pathlib.Path, setting: dict[str, Any], results: Sequence[Result], costs: Sequence[MaskCost]
) -> tuple[pathlib.Path, pathlib.Path]:
    folder.mkdir(parents=True, exist_ok=True)
    numbers, picture = folder / "benchmarks.json", folder / "benchmarks.png"
    numbers.write_text(json.dumps(document(setting, results, costs), indent=1, allow_nan=False) + "\n")
    chart(results, picture)
    return numbers, picture


def show(console: Console, results: Sequence[Result], costs: Sequence[MaskCost]) -> None:
    for result in results:
        if len(result.entries) > 2:  # there is a peer
            console.print(table(result))
    console.print(mask_table(costs))
    console.print(summary(results))
    console.print(
        "Below a time: that of jaxloss over it inside a round, median (quartiles); under 1 jaxloss is faster. copies: "
        "time with gradient in streaming copies. trace, compile, temp, traffic: with gradient; temp and traffic "
        "in sizes of the first input."
    )
