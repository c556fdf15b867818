"""A chart of comparisons: time of the first implementation over that of the others, and temporaries."""

from __future__ import annotations

import itertools
import pathlib
from collections.abc import Sequence

from jaxloss.benchmarks.programs import QUANTITIES
from jaxloss.benchmarks.results import Comparison, Entry

__all__ = ["chart"]

BOTH = "value_and_grad"
COLOURS = ("#0072b2", "#d55e00")
"""Of Okabe and Ito, which can be told apart with any kind of colour vision."""


def _temporaries(entry: Entry) -> float:
    figures = next(iter(entry.tpu.values()), entry.compiled).get(BOTH, {})
    return figures.get("temp_bytes", 0) / 2**20


def chart(found: Sequence[Comparison], path: pathlib.Path, *, first: str = "the first") -> None:
    """Write a picture; its suffix says in which format.

    Args:
        found: The comparisons.
        path: The file.
        first: What the first implementations are called.
    """
    from matplotlib.figure import Figure

    pairs = [(one, entry) for one in found for entry in one.entries[1:] if entry.timed]
    alone = [(one, one.entries[0]) for one in found if not any(e.timed for e in one.entries[1:])]
    shown = [*pairs, *alone]
    figure = Figure(figsize=(12, 1.4 + 0.28 * max(1, len(shown))), layout="constrained")
    times, sizes = figure.subplots(1, 2, sharey=True, width_ratios=(3, 2))
    for offset, quantity, colour in zip((-0.14, 0.14), QUANTITIES, COLOURS, strict=True):
        spreads = [entry.ratio[quantity] for _, entry in pairs]
        middle = [s.median for s in spreads]
        arms = [[s.median - s.q1 for s in spreads], [s.q3 - s.median for s in spreads]]
        where = [i + offset for i in range(len(pairs))]
        label = quantity.replace("_and_grad", " and gradient")
        times.errorbar(middle, where, xerr=arms, fmt="o", ms=3, lw=1, color=colour, label=label)
    times.axvline(1, color="0.4", lw=0.8)
    times.set(xscale="log", xlabel=f"time of {first} / time of the other (median, quartiles)")
    times.set_yticks(range(len(shown)), [f"{one.title}: {entry.label}" for one, entry in shown], fontsize=8)
    for i, ((one, _), (other, _)) in enumerate(itertools.pairwise(shown)):
        if one is not other:
            times.axhline(i + 0.5, color="0.85", lw=0.5)
            sizes.axhline(i + 0.5, color="0.85", lw=0.5)
    for offset, whose, colour in ((-0.15, first, COLOURS[0]), (0.15, "the other", "0.6")):
        entries = [one.entries[0] if whose == first else entry for one, entry in shown]
        sizes.barh(
            [i + offset for i in range(len(shown))], list(map(_temporaries, entries)), 0.28, label=whose, color=colour
        )
    sizes.set(xlabel="temporaries, MiB")
    sizes.set_xscale("symlog", linthresh=1)
    times.invert_yaxis()
    for axes in (times, sizes):
        axes.grid(axis="x", alpha=0.25)
    if pairs:
        times.legend(loc="best", fontsize=8)
    sizes.legend(loc="best", fontsize=8)
    figure.savefig(path, dpi=110)
