"""How memory and time grow with N, for every loss that is quadratic in anything: python -m benchmarks.growth

Finds the losses in which an array or the work outgrows the inputs, compiles value and gradient over three decades of N
for the CPU and for one TPU chip (without a TPU), times them on the CPU, and fits powers of N: by default, and with
``chunk_size`` where the loss has it. Writes a table, GROWTH.md, a figure and JSON.
"""

from __future__ import annotations

import argparse
import dataclasses
import inspect
import json
import os
import pathlib
import re
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.__main__ import ENVIRONMENT

SIZES = (64, 256, 1024, 4096, 16384, 65536)
TPU_SIZES = (64, 1024, 16384, 65536)
CHUNK = 128
"""Rows of a chunk where the loss takes them: no default chunk has fewer."""

REPEATS = 3
MEMORY = 2 * 2**30
"""A program that needs more is not run; to draw its inputs takes several times as much."""

HEAD = """# Growth with the batch

Temporary memory (by the compilers of the CPU and of a TPU v5e, without a TPU) and CPU time of value and gradient
against N, for every loss in which an array or the work outgrows the inputs: by default, and in chunks of 128 rows where
the loss takes `chunk_size`. Regenerate with `python -m benchmarks.growth --out benchmarks`.

N stands for the examples, or for the axes that have a certain length in the inputs of the tests: classes, features,
points. Temporaries and time stand as the power of N through the last three sizes: 1 is linear, 2 quadratic. N goes from
{sizes[0]} to {sizes[1]}, and to {sizes[2]} for the TPU. It stops earlier where one N takes more than
{seconds:g} s of CPU time, or of the TPU compiler, and where one array would have more than 2^32 entries. MiB are those
of the last N, and blank where it was not reached.

![Memory and time against N](growth.png)
"""

ENTRIES = 2**32
"""No program is compiled in which an array has more: XLA may compute such a constant, and take all memory for it."""

MIB = 2**20
FLOOR = 2.0**14
"""Temporaries below this say nothing of growth, and are drawn as this: a logarithm has no 0."""


@dataclasses.dataclass
class Curve:
    """One loss with one of its lengths free, by default or in chunks; figures by N.

    Attributes:
        cpu: Temporary bytes, by the CPU compiler.
        tpu: Temporary bytes, by the TPU compiler; what a program that does not fit the chip would need.
        seconds: CPU time of value and gradient.
    """

    loss: str
    length: int
    options: Mapping[str, int]
    cpu: dict[int, float] = dataclasses.field(default_factory=dict)
    tpu: dict[int, float] = dataclasses.field(default_factory=dict)
    seconds: dict[int, float] = dataclasses.field(default_factory=dict)


def options_of(case: Any) -> list[dict[str, int]]:
    """By default, and in chunks where the loss has them."""
    chunks = "chunk_size" in inspect.signature(case.fn).parameters
    return [{}, {"chunk_size": CHUNK}] if chunks else [{}]


def fitted(figures: Mapping[int, float], last: int = 3, floor: float = 0.0) -> float | None:
    """The power of N through the ``last`` sizes, least squares of logarithms; None if there are not two."""
    import numpy as np

    points = sorted((n, y) for n, y in figures.items() if y > floor)[-last:]
    if len(points) < 2:
        return None
    n, y = np.log(np.array(points, float)).T
    return float(np.polyfit(n, y, 1)[0])


def compile_on_host(form: Any, size: int, options: Mapping[str, int]) -> Any:
    import jax

    fn = lambda arrays: form.value_and_grad(arrays, **options)
    return jax.jit(fn).lower(form.shapes(size)).compile()


def temporaries_on_tpu(form: Any, size: int, options: Mapping[str, int]) -> float | None:
    """By the TPU compiler; from its message where the program does not fit the chip."""
    import jax

    from jaxloss.benchmarks import tpu

    shapes = form.shapes(size)
    names = list(shapes)
    fn = lambda *arrays: form.value_and_grad(dict(zip(names, arrays, strict=True)), **options)
    try:
        memory: Any = tpu.compile_for_tpu(fn, list(shapes.values())).memory_analysis()
        return memory.temp_size_in_bytes
    except jax.errors.JaxRuntimeError as error:
        used = re.search(r"temporaries \(([\d.]+)([KMGT])\)", str(error))
        return float(used.group(1)) * 1024 ** ("KMGT".index(used.group(2)) + 1) if used else None


def seconds(program: Any, arrays: Mapping[str, Any]) -> float:
    """CPU time of one call: the median of a few, each repeated until it lasts a fiftieth of a second."""
    import jax

    def once(count: int) -> float:
        start = time.process_time()
        for _ in range(count):
            jax.block_until_ready(program(arrays))
        return (time.process_time() - start) / count

    count = max(1, round(0.02 / max(once(1), 1e-6)))
    return statistics.median(once(count) for _ in range(REPEATS))


def measure(
    form: Any, options: Mapping[str, int], sizes: Sequence[int], tpu_sizes: Sequence[int], limit: float
) -> Curve:
    """The figures of one loss; no N is timed for which the smaller ones foretell more than ``limit`` seconds.

    Nor is a larger N compiled for a TPU than the first that takes as long to compile.
    """
    from benchmarks.growth_search import largest_array

    curve = Curve(form.name, form.length, options)
    sizes, tpu_sizes = ([n for n in some if largest_array(form, n, options) <= ENTRIES] for some in (sizes, tpu_sizes))
    timed = True
    for size in sizes:
        program = compile_on_host(form, size, options)
        memory = program.memory_analysis()
        curve.cpu[size] = memory.temp_size_in_bytes
        needs = memory.temp_size_in_bytes + memory.argument_size_in_bytes + memory.output_size_in_bytes
        timed = timed and needs < MEMORY and _expected(curve.seconds, size) * (REPEATS + 1) < limit
        if timed:
            curve.seconds[size] = seconds(program, form.arrays(size))
    for size in tpu_sizes:
        start = time.perf_counter()
        if (found := temporaries_on_tpu(form, size, options)) is not None:
            curve.tpu[size] = found
        if time.perf_counter() - start > limit:  # a program that grows with N, of an inverse: the next takes far longer
            break
    return curve


def _expected(found: Mapping[int, float], size: int) -> float:
    """Time at ``size`` if the power of N of the two largest sizes goes on, at least 1."""
    if not found:
        return 0.0
    largest = max(found)
    return found[largest] * (size / largest) ** max(1.0, fitted(found, 2) or 0.0)


def table(curves: Sequence[Curve]) -> str:
    """Markdown: powers of N, and temporaries at the largest size."""
    largest, on_tpu = (max((n for one in found for n in one), default=0) for found in _temporaries(curves))
    head = "| loss | N | in chunks | CPU temporaries | TPU temporaries | CPU time "
    head += f"| MiB on the CPU at {largest} | on the TPU at {on_tpu} |"
    lines = [head, "|---|---|---:|---:|---:|---:|---:|---:|"]
    for curve in curves:
        powers = fitted(curve.cpu, floor=FLOOR), fitted(curve.tpu, floor=FLOOR), fitted(curve.seconds)
        cells = [curve.loss, names(curve), str(curve.options.get("chunk_size", ""))]
        cells += ["" if power is None else f"{power:.2f}" for power in powers]
        last = (curve.cpu, largest), (curve.tpu, on_tpu)
        cells += [f"{found[n] / MIB:.1f}" if n in found else "" for found, n in last]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _temporaries(curves: Sequence[Curve]) -> tuple[list[dict[int, float]], list[dict[int, float]]]:
    return [curve.cpu for curve in curves], [curve.tpu for curve in curves]


def names(curve: Curve) -> str:
    from benchmarks.growth_search import BATCH

    return "examples" if curve.length == BATCH else f"axes of {curve.length}"


def read(record: pathlib.Path) -> list[Curve]:
    """The curves of a file that this command wrote, whose sizes JSON made strings."""
    found = [Curve(**one) for one in json.loads(record.read_text())]
    by_size = lambda figures: {int(size): figure for size, figure in figures.items()}
    return [
        dataclasses.replace(one, cpu=by_size(one.cpu), tpu=by_size(one.tpu), seconds=by_size(one.seconds))
        for one in found
    ]


def figure(curves: Sequence[Curve], path: pathlib.Path) -> None:
    """Small multiples: memory above time, one column per loss."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot, ticker

    subjects = list(dict.fromkeys((curve.loss, curve.length) for curve in curves))
    columns = 6
    blocks = -(-len(subjects) // columns)
    drawing, axes = pyplot.subplots(2 * blocks, columns, figsize=(2.4 * columns, 3.2 * blocks), squeeze=False)
    for panel in axes.ravel():
        panel.set_visible(False)
    for place, subject in enumerate(subjects):
        row, column = divmod(place, columns)
        memory, times = axes[2 * row, column], axes[2 * row + 1, column]
        for curve in (c for c in curves if (c.loss, c.length) == subject):
            _draw(memory, times, curve)
        chosen = next(c for c in curves if (c.loss, c.length) == subject)
        memory.set_title(f"{chosen.loss}\n{names(chosen)}", fontsize=7)
        for panel in (memory, times):
            panel.set_visible(True)
            panel.set(xscale="log", yscale="log", xlim=(48, 90000))
            panel.tick_params(labelsize=6)
            panel.yaxis.set_minor_formatter(ticker.NullFormatter())  # or a narrow range has a label for each
            panel.grid(alpha=0.3)
        if column == 0:
            memory.set_ylabel("temporaries, MiB", fontsize=7)
            times.set_ylabel("CPU time, s", fontsize=7)
    lines = {line.get_label(): line for panel in axes.ravel() for line in panel.get_lines()}
    drawing.legend(lines.values(), lines.keys(), loc="upper center", ncols=len(lines), fontsize=8)
    drawing.tight_layout(rect=(0, 0, 1, 1 - 0.3 / drawing.get_figheight()))
    drawing.savefig(path, dpi=80)
    pyplot.close(drawing)


def _draw(memory: Any, times: Any, curve: Curve) -> None:
    style = "--" if curve.options else "-"
    how = f"chunks of {CHUNK}" if curve.options else "default"
    for panel, found, where, colour in (
        (memory, {n: max(y, FLOOR) / MIB for n, y in curve.cpu.items()}, "CPU", "tab:blue"),
        (memory, {n: max(y, FLOOR) / MIB for n, y in curve.tpu.items()}, "TPU v5e", "tab:orange"),
        (times, curve.seconds, "CPU", "tab:blue"),
    ):
        panel.plot(list(found), list(found.values()), style, marker=".", color=colour, label=f"{where}, {how}", lw=1)


def main(argv: Sequence[str] | None = None) -> int:
    parse = argparse.ArgumentParser("python -m benchmarks.growth", description=__doc__)
    parse.add_argument("--only", metavar="NAME", action="append", help="one loss by name; may be repeated")
    parse.add_argument("--sizes", type=int, nargs="+", default=SIZES, metavar="N")
    parse.add_argument("--tpu-sizes", type=int, nargs="*", default=TPU_SIZES, metavar="N")
    parse.add_argument(
        "--seconds", type=float, default=10.0, help="of CPU time, or of the TPU compiler, for one N of one loss"
    )
    parse.add_argument("--resume", action="store_true", help="keep what growth.json in DIR has, of a run that was cut")
    parse.add_argument("--out", type=pathlib.Path, default=pathlib.Path("benchmarks/results"), metavar="DIR")
    options = parse.parse_args(argv)

    import jax

    from benchmarks import growth_search
    from jaxloss.benchmarks import tpu
    from tests.cases import all_cases

    if reason := tpu.unavailable():
        print(f"no TPU compiler: {reason}", file=sys.stderr)
        options.tpu_sizes = ()
    options.out.mkdir(parents=True, exist_ok=True)
    record = options.out / "growth.json"
    curves = read(record) if options.resume and record.exists() else []
    known = {curve.loss for curve in curves}
    for case in all_cases():
        if case.name in known or (options.only and case.name not in options.only):
            continue
        for form, _ in growth_search.quadratic(case):
            for chosen in options_of(case):
                curves.append(measure(form, chosen, options.sizes, options.tpu_sizes, options.seconds))
                print(f"{form.name}, {names(curves[-1])} {chosen or ''}", file=sys.stderr, flush=True)
        record.write_text(json.dumps([dataclasses.asdict(curve) for curve in curves], indent=1))
        jax.clear_caches()
    curves.sort(key=lambda curve: (curve.loss, curve.length, bool(curve.options)))
    sizes = min(options.sizes), max(options.sizes), max(options.tpu_sizes, default=0)
    head = HEAD.format(sizes=sizes, seconds=options.seconds)
    (options.out / "GROWTH.md").write_text(f"{head}\n{table(curves)}\n")
    figure(curves, options.out / "growth.png")
    print(table(curves))
    return 0


if __name__ == "__main__":
    missing = {name: value for name, value in ENVIRONMENT.items() if name not in os.environ}
    if missing:  # some are read before any line of Python
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], {**os.environ, **missing})
    sys.exit(main())
