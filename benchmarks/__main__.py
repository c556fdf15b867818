"""The command line of the benchmarks."""

from __future__ import annotations

import argparse
import functools
import os
import pathlib
import sys
from collections.abc import Sequence

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

QUICK_SCALE, QUICK_ROUNDS = 2.0**-10, 3


def parser() -> argparse.ArgumentParser:
    parse = argparse.ArgumentParser("python -m benchmarks", description="Speed and memory of jaxloss and its peers.")
    parse.add_argument("--quick", action="store_true", help="a smoke test: tiny inputs, few rounds, no TPU compiler")
    parse.add_argument("--all", action="store_true", help="every Case of the tests at a small size")
    parse.add_argument(
        "--only", metavar="NAME", action="append", help="one loss by name, or aggregators; may be repeated"
    )
    parse.add_argument("--rounds", type=int, help="rounds of timing (default 15)")
    parse.add_argument("--out", type=pathlib.Path, default=pathlib.Path("benchmarks/results"), metavar="DIR")
    parse.add_argument("--no-tpu", action="store_true", help="leave out the TPU compiler")
    parse.add_argument("--size-scale", type=float, default=1.0, help="multiplies the number of examples")
    parse.add_argument("--seed", type=int, default=0, help="of the order of the rounds")
    return parse


def main(argv: Sequence[str] | None = None) -> int:
    options = parser().parse_args(argv)

    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from benchmarks import aggregators, masks, measure, report, tpu, workloads

    console = Console()
    if not console.is_terminal:
        console = Console(width=report.WIDTH)
    rounds = options.rounds or (QUICK_ROUNDS if options.quick else 15)
    if "aggregators" in (options.only or ()):
        aggregators.show(console, rounds)
        options.only.remove("aggregators")
        if not options.only:
            return 0
    scale = options.size_scale * (QUICK_SCALE if options.quick and not options.all else 1.0)
    chosen = workloads.sweep(scale) if options.all else workloads.headline(scale)
    if options.only:
        known = sorted({workload.loss for workload in chosen})
        if unknown := sorted(set(options.only) - set(known)):
            parser().error(f"no workload for {', '.join(unknown)}; known: {', '.join(known)}")
        chosen = [workload for workload in chosen if workload.loss in options.only]
    reason = "left out" if options.quick or options.no_tpu else tpu.unavailable()
    setting = report.environment() | {"rounds": rounds, "scale": scale, "tpu": reason or tpu.TOPOLOGY}
    if reason:
        console.print(f"no TPU compiler: {reason}")
    compilers = {"cpu": masks.on_host} | ({} if reason else {"tpu": tpu.measure})

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    results, costs = [], []
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=len(chosen) * (rounds + 3))
        for workload in chosen:
            progress.update(task, description=workload.name)
            results.append(
                measure.measure(
                    workload,
                    rounds=rounds,
                    builds=1 if options.quick else min(rounds, 5),
                    seed=options.seed,
                    tpu=compilers.get("tpu"),
                    tick=functools.partial(progress.advance, task),
                )
            )
            costs += masks.measure(workload, compilers)
            progress.advance(task)
    report.show(console, results, costs)
    for path in report.write(options.out, setting, results, costs):
        console.print(f"wrote {path}")
    return 0


if __name__ == "__main__":
    missing = {name: value for name, value in ENVIRONMENT.items() if name not in os.environ}
    if missing:
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], {**os.environ, **missing})
    sys.exit(main())
