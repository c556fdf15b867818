"""The page of results, ``benchmarks/RESULTS.md``: every row of the headline, those that are lost with the reason."""

from __future__ import annotations

import pathlib
import textwrap
import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from benchmarks import eager, report
from benchmarks.masks import MaskCost
from benchmarks.workloads import GROWN, HEADLINE, Row
from jaxloss.benchmarks.charts import chart
from jaxloss.benchmarks.growing import LEVEL, growth_table, until_full
from jaxloss.benchmarks.results import Comparison, Entry
from jaxloss.benchmarks.tables import ratio, seconds

BOTH = "value_and_grad"
STEPS = (1 / 16, 1 / 4, 1.0)
"""Sizes of the page, in those of the headline."""
REASONS = pathlib.Path(__file__).parent / "reasons.toml"
COLUMNS = ("plain jnp", "optax", "torch", "keras")
"""Peers with a column; the others share one."""

HEAD = """# Results

Written by `python -m benchmarks --page`; change nothing here by hand. {date}, {processor}, {cores} cores, load {load}
at the start, Python {python}; {packages}. {rounds} rounds.

The time is that of value and gradient. Under the name of a peer stands **our time over its time**, inside a round:
the median by the clock, and in brackets that by the time of the processor. Under 1 jaxloss is faster; bold is behind by
more than {level:.0%} in both. *temp* is the largest temporary memory that the compiler plans, on the CPU and on a
TPU v5e; *traffic* is what the v5e moves to and from its main memory, in sizes of all arguments and results: 1 is
the least for what does not fit on the chip. Nothing here ran on a TPU.
The rows include the options that cost and the losses that are known to lose.

![Our time over that of the others, and temporaries](results.png)
"""


def sizes_of(row: Row, scale: float, full: bool, measure: Mapping[str, Any]) -> dict[int, Comparison]:
    """A row at growing sizes: those of the page, or on until the machine is full."""
    compare = lambda size: row.task("float32", size / row.size).compare(**measure)
    sizes = [max(row.least, round(scale * row.size * step)) for step in STEPS]
    if full:
        return dict(until_full(compare, sizes[0]))
    return {size: compare(size) for size in dict.fromkeys(sizes)}


def grown(
    only: Collection[str] | None, measure: Mapping[str, Any], *, scale: float, full: bool
) -> Iterator[tuple[str, str]]:
    """Title and table of the losses that are shown at several sizes."""
    for row in HEADLINE:
        plain = not (row.hypers or row.masks or row.arrays)
        if plain and row.loss in (only or GROWN):
            yield next(row.names()), growth_table(sizes_of(row, scale, full, measure))


def _behind(entry: Entry) -> bool:
    return entry.timed and bool(entry.ratio) and min(_ratios(entry)) > LEVEL


def _ratios(entry: Entry) -> tuple[float, float]:
    return entry.ratio[BOTH].median, entry.cpu_ratio[BOTH].median


def _cell(entry: Entry | None) -> str:
    if entry is None:
        return ""
    if not entry.timed:
        return entry.status
    return f"**{report.beside(entry)}**" if _behind(entry) else report.beside(entry)


def _traffic(one: Comparison) -> str:
    """Of ours on the TPU, in sizes of what must be read and written."""
    figures = one.entries[0].tpu.get("v5e", {}).get(BOTH, {})
    if "traffic_bytes" not in figures:
        return report.temporaries(one.entries[0], "v5e") if "error" in figures else ""
    return ratio(figures["traffic_bytes"] / (figures["argument_bytes"] + figures["output_bytes"]))


def _row(one: Comparison) -> str:
    first, *others = one.entries
    by_label = {entry.label: entry for entry in others}
    rest = [f"{e.label} {_cell(e)}" for e in others if e.label not in COLUMNS]
    cells = [
        one.title.replace("_", "\\_"),
        seconds(first.seconds[BOTH].median),
        *(_cell(by_label.get(label)) for label in COLUMNS),
        "; ".join(rest),
        ratio(first.copies.median) if first.copies is not None else "",
        report.temporaries(first),
        report.temporaries(first, "v5e"),
        _traffic(one),
    ]
    return f"| {' | '.join(cells)} |"


def _table(found: Sequence[Comparison]) -> Iterator[str]:
    headings = ["loss, type, options", "time", *COLUMNS, "others", "copies", "temp", "v5e temp", "v5e traffic"]
    yield f"| {' | '.join(headings)} |"
    yield "|" + " --- |" * len(headings)
    yield from map(_row, found)


def _lost(found: Sequence[Comparison]) -> Iterator[str]:
    reasons = tomllib.loads(REASONS.read_text(encoding="utf-8"))
    for one in found:
        behind = [f"{entry.label} {report.beside(entry)}" for entry in one.entries[1:] if _behind(entry)]
        if behind:
            loss = one.title.partition(",")[0]
            reason = reasons.get(one.title) or reasons.get(loss) or "The reason is not known."
            yield f"- `{one.title}`, behind {', '.join(behind)}: {reason}"


def _costs(costs: Sequence[MaskCost]) -> Iterator[str]:
    kept = [cost.name for cost in costs if not cost.free]
    free = len(costs) - len(kept)
    yield f"Without a mask, {free} of {len(costs)} rows without options access and hold not one byte more than their "
    yield "bare formula" + (f"; these do: {', '.join(f'`{name}`' for name in kept)}." if kept else ".")


def text(
    setting: Mapping[str, Any],
    found: Sequence[Comparison],
    costs: Sequence[MaskCost],
    sizes: Mapping[str, str],
    calls: str,
) -> str:
    """The whole page."""
    versions = ", ".join(f"{name} {version}" for name, version in setting["packages"].items())
    words = {"date": setting["date"][:10], "load": f"{setting['load_at_start']:.1f}", "packages": versions}
    head = HEAD.format(**{**setting, **words}, level=LEVEL - 1)
    lost = list(_lost(found)) or ["None."]
    absent = [textwrap.fill(line, 120) for line in report.missing(found)] or ["Every peer was timed in every row."]
    blocks = [
        head,
        "## Every row\n",
        *_table(found),
        "\n## Rows that are lost\n",
        *lost,
        "\n## Peers that were not timed\n",
        "```",
        *absent,
        "```",
        "\n## Without a mask\n",
        "".join(_costs(costs)),
        f"\n## Without jit\n\nCPU time of a call on {eager.EXAMPLES} examples, which nothing compiles first.\n",
        f"```\n{calls}\n```",
        "\n## At several sizes\n",
        "A loss that is ahead at one size only is not ahead.",
        *(f"\n`{title}`\n\n```\n{table}\n```" for title, table in sizes.items()),
    ]
    return "\n".join(blocks) + "\n"


def write(
    folder: pathlib.Path,
    setting: Mapping[str, Any],
    found: Sequence[Comparison],
    costs: Sequence[MaskCost],
    sizes: Mapping[str, str],
    calls: str,
) -> tuple[pathlib.Path, pathlib.Path]:
    """The page and its chart."""
    folder.mkdir(parents=True, exist_ok=True)
    page, picture = folder / "RESULTS.md", folder / "results.png"
    page.write_text(text(setting, found, costs, sizes, calls), encoding="utf-8")
    chart(found, picture, first="jaxloss")
    return page, picture
