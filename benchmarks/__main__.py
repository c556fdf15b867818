"""The command line of the benchmarks."""

from __future__ import annotations

import argparse
import os
import pathlib
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

ENVIRONMENT = {
    # Large results in huge pages; with small ones page faults, not the loss, take the time.
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
    "JAX_PLATFORMS": "cpu",
    "KERAS_BACKEND": "jax",
    # Threads that PyTorch leaves spinning would slow whatever is timed next.
    "OMP_WAIT_POLICY": "passive",
    # The TPU compiler without a TPU: do not look for one, and share the library with other processes.
    "TPU_SKIP_MDS_QUERY": "1",
    "ALLOW_MULTIPLE_LIBTPU_LOAD": "1",
    "TPU_ACCELERATOR_TYPE": "v5litepod-4",
    "TPU_WORKER_HOSTNAMES": "localhost",
}
"""Must be set before the process starts; a variable that is set already is left alone."""

QUICK_SCALE, QUICK_ROUNDS = 2.0**-12, 3
ROUNDS, PAGE_ROUNDS = 15, 9


Chosen = tuple[str, Callable[[], Any]]
"""A title, and what makes the task."""


def parser() -> argparse.ArgumentParser:
    parse = argparse.ArgumentParser("python -m benchmarks", description="Speed and memory of jaxloss and its peers.")
    parse.add_argument("--quick", action="store_true", help="a smoke test: tiny inputs, few rounds, no TPU compiler")
    parse.add_argument("--all", action="store_true", help="every Case of the tests at a small size")
    parse.add_argument("--page", action="store_true", help="write benchmarks/RESULTS.md and its charts")
    parse.add_argument("--grow", action="store_true", help="losses at sizes that grow until the memory is full")
    parse.add_argument(
        "--only", metavar="NAME", action="append", help="one loss by name, or aggregators; may be repeated"
    )
    parse.add_argument("--rounds", type=int, help=f"rounds of timing (default {ROUNDS}; of the page {PAGE_ROUNDS})")
    parse.add_argument(
        "--out", type=pathlib.Path, metavar="DIR", help="default benchmarks/results; of the page benchmarks"
    )
    parse.add_argument("--no-tpu", action="store_true", help="leave out the TPU compiler")
    parse.add_argument("--size-scale", type=float, default=1.0, help="multiplies the number of examples")
    parse.add_argument("--seed", type=int, default=0, help="of the order of the rounds")
    return parse


def main(argv: Sequence[str] | None = None) -> int:
    options = parser().parse_args(argv)
    rounds = options.rounds or (QUICK_ROUNDS if options.quick else PAGE_ROUNDS if options.page else ROUNDS)

    from benchmarks import aggregators, eager, page, peers, report, workloads
    from benchmarks.masks import table
    from jaxloss.benchmarks import machine, tpu

    if "aggregators" in (options.only or ()):
        aggregators.show(rounds)
        options.only.remove("aggregators")
        if not options.only:
            return 0
    known = {row.loss for row in workloads.HEADLINE}
    if not options.all and (unknown := sorted(set(options.only or ()) - known)):
        parser().error(f"no workload for {', '.join(unknown)}; known: {', '.join(sorted(known))}")
    scale = options.size_scale * (QUICK_SCALE if options.quick and not options.all else 1.0)
    reason = "left out" if options.quick or options.no_tpu or options.grow else tpu.unavailable()
    setting = machine.environment(peers.PACKAGES) | {"rounds": rounds, "scale": scale, "tpu": reason or tpu.TOPOLOGY}
    if reason:
        print(f"no TPU compiler: {reason}")
    measure = {"rounds": rounds, "seed": options.seed, "builds": 1 if options.quick or options.page else 3}
    if options.grow:
        for title, sizes in page.grown(options.only, measure, scale=scale, full=True):
            print(f"\n{title}\n{sizes}", flush=True)
        return 0

    chosen = list(workloads.sweep(scale, options.only) if options.all else workloads.headline(scale, options.only))
    found, costs = _measured(chosen, measure | {"tpu": () if reason else ("v5e",)}, tables=not options.page)
    if options.page:
        sizes = dict(page.grown(options.only, measure, scale=scale, full=False))
        written = page.write(options.out or pathlib.Path("benchmarks"), setting, found, costs, sizes, eager.table())
    else:
        print("\n".join([*table(costs), "", *report.summary(found), *report.missing(found)]))
        written = report.write(options.out or pathlib.Path("benchmarks/results"), setting, found, costs)
    for path in written:
        print(f"wrote {path}")
    return 0


def _measured(chosen: Sequence[Chosen], measure: dict[str, Any], *, tables: bool) -> tuple[list[Any], list[Any]]:
    """Comparisons, and what a mask costs in the rows without options; one set of arrays at a time."""
    from benchmarks import masks

    found, costs = [], []
    for title, make in _with_bar(chosen):
        try:
            task = make()
        except ArithmeticError as error:  # ours is wrong, and is not timed
            print(f"{title}: {error}")
            continue
        found.append(task.compare(**measure))
        print(f"{found[-1].table()}\n" if tables and len(found[-1].entries) > 1 else title, flush=True)
        if title.count(",") == 1:  # no options
            costs.append(masks.measure(task))
        del task
    return found, costs


def _with_bar(chosen: Sequence[Chosen]) -> Iterator[Chosen]:
    """A progress bar on the standard error, where a reader is at a terminal."""
    if not sys.stderr.isatty():
        yield from chosen
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=len(chosen))
        for title, make in chosen:
            progress.update(task, description=title)
            yield title, make
            progress.advance(task)


if __name__ == "__main__":
    missing = {name: value for name, value in ENVIRONMENT.items() if name not in os.environ}
    if missing:
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], {**os.environ, **missing})
    sys.exit(main())
