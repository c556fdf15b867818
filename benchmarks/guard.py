"""What every loss costs by the compilers' own account, recorded in one committed file, so that growth is seen.

The value and gradient of every Case of the tests, with and without a mask, is compiled for the CPU and, without a TPU,
for a TPU v5e. No time is taken: bytes, temporaries and kernels of a compiled program are the same on every run.

    python -m benchmarks.guard                  # every loss, written to programs.tsv (about 15 minutes)
    python -m benchmarks.guard huber_loss       # the same for some losses, the rows of the others are kept
    python -m benchmarks.guard --check [NAME]   # compare with the file; ends with 1 where something grew
"""

from __future__ import annotations

import argparse
import concurrent.futures
import importlib.metadata
import inspect
import multiprocessing
import os
import pathlib
import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.__main__ import ENVIRONMENT
from jaxloss.benchmarks import tpu, traffic
from jaxloss.inspect.calls import call, cast, cast_hypers, differentiable, settings
from jaxloss.inspect.case import Case

FILE = pathlib.Path(__file__).with_name("programs.tsv")

ALLOWED, SCALARS = 1.05, 64
"""A figure may grow by this factor, and bytes by this number of them, which a batch does not multiply."""

Key = tuple[str, str]


class Program(NamedTuple):
    """What a compiler says of one program.

    Attributes:
        traffic: Bytes moved to and from memory. On a TPU with loops counted as often as they run; on a CPU the
            compiler's ``bytes accessed``, which counts the body of a loop once.
        temporaries: Largest temporary memory in bytes.
        kernels: Instructions that are run one by one; those of a loop or a branch count once.
    """

    traffic: int
    temporaries: int
    kernels: int


def versions() -> dict[str, str]:
    """What the figures depend on, by compiler."""
    version = importlib.metadata.version
    return {"cpu": f"jaxlib {version('jaxlib')}", "tpu": f"jaxlib {version('jaxlib')} and libtpu {version('libtpu')}"}


def measure(case: Case) -> dict[Key, Program]:
    """The programs of one loss at about 512 examples in float32."""
    batch = (16, 32) if case.pooled or case.meets else (512,)
    inputs = cast(case.draw(np.random.default_rng(0), batch), np.float32)
    hypers = cast_hypers(settings(case)[0], np.float32)
    names = differentiable(case, inputs)
    chosen, rest = ({n: x for n, x in inputs.items() if (n in names) == wanted} for wanted in (True, False))

    def both(chosen: dict[str, Any], rest: dict[str, Any], tail: dict[str, Any]) -> Any:
        return jax.value_and_grad(lambda some: jnp.sum(call(case, {**rest, **some}, **hypers, **tail)))(chosen)

    tails: dict[str, dict[str, Any]] = {"": {}}
    if "where" in inspect.signature(case.fn).parameters:
        unreduced = jax.eval_shape(lambda x: call(case, x, **hypers, reduction="none"), inputs).shape
        tails[" where"] = {"where": jax.ShapeDtypeStruct(batch if case.pooled else unreduced, jnp.bool_)}
    return {
        (case.name, compiler + way): _program(compiler, both, (chosen, rest, tail))
        for compiler in ("cpu", "tpu")
        for way, tail in tails.items()
    }


def _program(compiler: str, fn: Callable[..., Any], args: tuple[dict[str, Any], ...]) -> Program:
    compiled = tpu.compile_for_tpu(fn, args) if compiler == "tpu" else jax.jit(fn).lower(*args).compile()
    text = tpu.text_of(compiled)
    accessed = (compiled.cost_analysis() or {}).get("bytes accessed", 0)
    moved = traffic.count(text)["traffic_bytes"] if compiler == "tpu" and text else accessed
    return Program(round(moved), compiled.memory_analysis().temp_size_in_bytes, traffic.kernels(text))


def read(path: pathlib.Path = FILE) -> tuple[dict[str, str], dict[Key, Program]]:
    """The versions that a file was made with, by compiler, and its rows."""
    lines = path.read_text().splitlines()
    made_with = dict(line[2:].split(": ") for line in lines if line.startswith("# "))
    fields = (line.split("\t") for line in lines[len(made_with) + 1 :])
    return made_with, {(loss, way): Program(*map(int, rest)) for loss, way, *rest in fields}


def write(rows: dict[Key, Program], path: pathlib.Path = FILE) -> None:
    lines = ["\t".join([*key, *map(str, row)]) for key, row in sorted(rows.items())]
    made_with = [f"# {compiler}: {version}" for compiler, version in versions().items()]
    head = "\t".join(["loss", "program", *Program._fields])
    path.write_text("\n".join([*made_with, head, *lines]) + "\n")


def grown(before: dict[Key, Program], now: dict[Key, Program]) -> list[str]:
    """One sentence for each figure of ``now`` that is larger than is allowed, or of which nothing is recorded."""
    found = []
    for (loss, way), program in now.items():
        recorded = before.get((loss, way))
        if recorded is None:
            found.append(f"{loss}, {way}: not recorded")
            continue
        for figure, old, new in zip(Program._fields, recorded, program, strict=True):
            slack = 0 if figure == "kernels" else SCALARS
            if new > ALLOWED * old + slack:
                found.append(f"{loss}, {way}: {figure} grew from {old} to {new}")
    return found


def measure_all(names: Sequence[str], tick: Callable[[], None] = lambda: None) -> dict[Key, Program]:
    """The programs of some losses, one process for each core."""
    context = multiprocessing.get_context("spawn")
    found: dict[Key, Program] = {}
    with concurrent.futures.ProcessPoolExecutor(os.cpu_count(), mp_context=context) as pool:
        for result in concurrent.futures.as_completed([pool.submit(_measure_named, name) for name in names]):
            found |= result.result()
            tick()
    return found


def _measure_named(name: str) -> dict[Key, Program]:
    from tests.cases import all_cases

    return measure(next(case for case in all_cases() if case.name == name))


def main(argv: Sequence[str] | None = None) -> int:
    parse = argparse.ArgumentParser("python -m benchmarks.guard", description=__doc__)
    parse.formatter_class = argparse.RawDescriptionHelpFormatter
    parse.add_argument("names", nargs="*", metavar="NAME", help="losses; all without")
    parse.add_argument("--check", action="store_true", help="compare with the file and leave it as it is")
    options = parse.parse_args(argv)

    from rich.console import Console
    from rich.progress import Progress

    from tests.cases import all_cases

    known = sorted({case.name for case in all_cases()})
    if unknown := sorted(set(options.names) - set(known)):
        parse.error(f"no Case of {', '.join(unknown)}")
    names = options.names or known
    console = Console(stderr=True)
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("compiling", total=len(names))
        now = measure_all(names, lambda: progress.advance(task))
    if not options.check:
        kept = read()[1] if options.names and FILE.exists() else {}
        write({key: row for key, row in (kept | now).items() if key[0] in known})
        print(f"wrote {len(now)} programs to {FILE.name}")
        return 0
    made_with, before = read()
    for compiler, version in versions().items():
        if version != made_with[compiler]:
            print(f"{compiler} is not compared: {FILE.name} was made with {made_with[compiler]}, this is {version}")
            now = {key: row for key, row in now.items() if key[1].split()[0] != compiler}
    found = grown(before, now)
    print("\n".join(found) or f"{len(now)} programs: none grew")
    return 1 if found else 0


if __name__ == "__main__":
    # The TPU compiler without a TPU, as in `python -m benchmarks`; it must know before the process starts.
    missing = {name: value for name, value in ENVIRONMENT.items() if name not in os.environ}
    if missing:
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], {**os.environ, **missing})
    sys.exit(main())
