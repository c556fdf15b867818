"""Losses on 4 to 64 TPU chips, compiled and counted: python -m benchmarks.scale

Compiles each loss with its gradients for whole TPU topologies, without a TPU, with a batch that grows with the chips.
Prints temporary memory per chip and every collective with its bytes, read from the compiled program, then what the same
counts say for 1024 chips. A small case runs in two processes and is compared with one device.
"""

from __future__ import annotations

import argparse
import collections
import dataclasses
import math
import os
import pathlib
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmarks.__main__ import ENVIRONMENT

TOPOLOGIES = ("v5e:2x2", "v5e:4x4", "v5e:8x8", "v5p:2x2x4", "v5p:4x4x4")
PAPER = ("v5p:2x2x4", "v5p:4x4x4", "v5p:8x8x16")
"""Two topologies whose counts are continued, and the one they are continued to."""

LINKS = 600e9
"""Bytes per second that a v5p chip can send: half of the 1200 GB/s published for both directions of all its links,
https://docs.cloud.google.com/tpu/docs/v5p-training"""

MIB = 2**20
SHORT = {"all-reduce": "all-reduce", "all-gather": "all-gather", "reduce-scatter": "reduce-scatter"}
SHORT |= {"collective-permute": "permute", "all-to-all": "all-to-all"}


@dataclasses.dataclass(frozen=True)
class Row:
    """What one program does on one topology, per chip.

    Attributes:
        mesh: Sizes of the mesh axes.
        temp_bytes: Temporary memory.
        counts: By kind of collective, how many run and the bytes of their arrays.
        sent: The bytes that a chip sends.
        whole: By mesh axes, what it would send over endless ones; what is handed from chip to chip has no axis.
        largest: Entries of the largest array that a collective carries, over the logits of one chip or all pairs.
        error: Why there is nothing to report.
    """

    task: str
    topology: str
    mesh: Mapping[str, int]
    temp_bytes: int = 0
    counts: Mapping[str, tuple[int, int]] = dataclasses.field(default_factory=dict)
    sent: float = 0.0
    whole: Mapping[tuple[str, ...], float] = dataclasses.field(default_factory=dict)
    largest: float = 0.0
    compile_seconds: float = 0.0
    error: str = ""

    @property
    def chips(self) -> int:
        return math.prod(self.mesh.values())


HEAD = """# On many chips

What programs send to each other when they are compiled for several TPU chips, read from the compiled text. Nothing here
ran on a TPU. 1024 tokens, or 256 pairs of 512 features, per chip. Regenerate with
`python -m benchmarks.scale --out benchmarks/SCALE.md`; the rows of 1024 chips, which take longest, are of
`--topologies v5p:2x2x4 v5p:4x4x4 v5p:8x8x16 --only ring`, and `--only linear`.
"""


def measure(task: Any, size: Any, mesh: Any, topology: str) -> Row:
    """Compile a task for a mesh and count."""
    from benchmarks import scale_tasks
    from benchmarks.collectives import collectives

    shape = dict(mesh.shape)
    start = time.perf_counter()
    try:
        traced = task.on(mesh).trace(*scale_tasks.structs(task, size, mesh))
        platform = mesh.devices.flat[0].platform
        compiled = traced.lower(lowering_platforms=(platform,)).compile()
        found = collectives(compiled.as_text())
    except Exception as error:  # a program too large for the chip is a result, and some have no text
        return Row(task.name, topology, shape, error=f"{type(error).__name__}: {str(error).splitlines()[0]}")
    counts: dict[str, list[int]] = collections.defaultdict(lambda: [0, 0])
    whole: dict[tuple[str, ...], float] = collections.defaultdict(float)
    for one in found:
        counts[one.kind][0] += one.times
        counts[one.kind][1] += one.times * one.payload
        whole[() if one.kind == "collective-permute" else one.axes(shape)] += one.whole
    return Row(
        task.name,
        topology,
        shape,
        compiled.memory_analysis().temp_size_in_bytes,
        {kind: (count, size) for kind, (count, size) in counts.items()},
        sum(one.sent for one in found),
        dict(whole),
        max((one.largest for one in found), default=0) / task.limit(size, shape),
        time.perf_counter() - start,
    )


def project(small: Row, large: Row, chips: int) -> float:
    """Bytes that a chip sends on ``chips`` chips, from the counts on two topologies.

    A ring all-reduce of S bytes over m devices sends 2 (m - 1) / m S per device, the other collectives half of it. S
    is a power of the number of chips, the same over each axis: 0 for the gradient of a parameter, 1 for gathered
    embeddings.
    """
    mesh = {**large.mesh, "data": chips * large.mesh["data"] // large.chips}
    total = 0.0
    for axes, whole in large.whole.items():
        power = math.log(whole / small.whole.get(axes, whole)) / math.log(large.chips / small.chips)
        m = math.prod(mesh[axis] for axis in axes)
        total += whole * (chips / large.chips) ** power * ((m - 1) / m if axes else 1)
    return total


def _mib(size: float) -> str:
    return f"{size / MIB:.2f}" if size < 100 * MIB else f"{size / MIB:.0f}"


def table(rows: Iterable[Row]) -> str:
    """Markdown: a line per program and topology."""
    kinds = [kind for kind in SHORT if any(kind in row.counts for row in rows)]
    head = ["program", "topology", "chips", "temporaries", "sent", *(SHORT[kind] for kind in kinds), "largest"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * 2 + "---:|" * (len(head) - 2)]
    for row in rows:
        cells = [row.task, row.topology, str(row.chips)]
        if row.error:
            cells += [f"not counted: {row.error[:34]}", *[""] * (len(head) - 4)]
        else:
            found = [row.counts.get(kind) for kind in kinds]
            cells += [_mib(row.temp_bytes), _mib(row.sent)]
            cells += [f"{one[0]} x: {_mib(one[1])}" if one else "" for one in found]
            cells.append(f"{row.largest:.3f}")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


NOTE = """MiB per chip. `sent` is what a chip sends by ring algorithms. Each collective has how many run, loops counted
as often as they run, and the size of their arrays in all. `largest` is the largest array of any collective, over the
logits of one chip, all pairs of the contrast or the whole batch of the objective: below 1, none of these is sent.
What is not counted was compiled to a program whose text the compiler fails to write."""

PAPER_NOTE = f"""MiB that a chip sends. On paper: each array is a power of the number of chips, taken from the first two
columns, and a ring all-reduce of S bytes over m chips sends 2 (m - 1) / m S. The last column divides by the
{LINKS / 1e9:.0f} GB/s in one direction that are published for all links of a v5p chip together: a program needs at
least this long to send, during which it may compute."""

PROCESSES_NOTE = """Loss and gradients of a small case on two processes of two devices each, relative to the largest
entry of those on one device; the vocabulary spread over both processes, and over the devices of each."""


def paper(rows: Sequence[Row]) -> str:
    """Markdown: what the counts on two topologies say of a larger one, and what that one counts if it was compiled."""
    found = {(row.task, row.topology): row for row in rows if not row.error}
    small, large, last = PAPER
    chips = math.prod(map(int, last.partition(":")[2].split("x")))
    lines = [
        f"| program | {small} | {large} | on paper, {chips} chips | {last} compiled | at least, ms |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for task in dict.fromkeys(row.task for row in rows):
        first, second, third = (found.get((task, topology)) for topology in PAPER)
        if first and second:
            then = project(first, second, chips)
            sizes = [_mib(row.sent) if row else "" for row in (first, second, third)]
            sizes.insert(2, _mib(then))
            lines.append(f"| {task} | {' | '.join(sizes)} | {1e3 * then / LINKS:.2f} |")
    return "\n".join(lines)


def differences() -> str:
    """Markdown: two processes beside one device."""
    from benchmarks import scale_processes

    lines = ["| program | largest relative difference |", "|---|---:|"]
    lines += [f"| {task} | {error:.1e} |" for task, error in scale_processes.differences().items()]
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    parse = argparse.ArgumentParser("python -m benchmarks.scale", description=__doc__)
    parse.add_argument(
        "--topologies",
        nargs="*",
        default=TOPOLOGIES,
        metavar="TPU:AxB",
        help=f"add {PAPER[-1]} to compare with what is on paper; none leaves the two processes",
    )
    parse.add_argument("--only", default="", metavar="TEXT", help="programs whose name contains this")
    parse.add_argument("--out", type=pathlib.Path, metavar="FILE", help="write the tables to a Markdown file as well")
    options = parse.parse_args(argv)

    from jax.experimental import topologies

    from benchmarks import scale_tasks
    from jaxloss.benchmarks import tpu

    parts = []
    rows: list[Row] = []
    if reason := tpu.unavailable():
        parts.append(f"No TPU compiler: {reason}")
    else:
        for topology in options.topologies:
            devices = topologies.get_topology_desc(platform="tpu", topology_name=topology).devices
            for task in scale_tasks.tasks():
                if options.only in task.name:
                    rows.append(measure(task, scale_tasks.FULL, scale_tasks.mesh_of(devices), topology))
                    print(f"{topology}  {task.name}: {rows[-1].error or 'compiled'}", file=sys.stderr, flush=True)
        rows.sort(key=lambda row: [task.name for task in scale_tasks.tasks()].index(row.task))
        parts += [table(rows), NOTE, paper(rows), PAPER_NOTE]
    parts += ["## Two processes", differences(), PROCESSES_NOTE]
    text = "\n\n".join(parts) + "\n"
    print(text)
    if options.out:
        options.out.write_text(f"{HEAD}\n{text}")
    return 0


if __name__ == "__main__":
    for name, value in ENVIRONMENT.items():  # read when the TPU compiler is loaded, which is later
        os.environ.setdefault(name, value)
    raise SystemExit(main())
