"""What the kernels of the last layer of a language model take, counted in the instructions that the compiler schedules.

The compiler's own estimate leaves out what is inside a Pallas kernel. But it can write down its bundles of
instructions, of which a TPU starts one per cycle. So value and gradient are compiled for one chip, without one, and the
bundles of a step of each kernel are counted. A step takes that many cycles, or as many as its products do at the speed
of a plain product of matrices if they are more, unless it waits for memory.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

import jaxloss
from benchmarks.__main__ import ENVIRONMENT
from jaxloss.benchmarks import tpu
from jaxloss.language.projected._blocks import backward_grid, forward_grid

__all__ = ["of_kernels"]

MARK = "result: "
WIDTH = 2
"""Bytes of a number in bfloat16."""


def _loss(hidden: jax.Array, kernel: jax.Array, labels: jax.Array) -> jax.Array:
    return jaxloss.linear_softmax_cross_entropy(hidden, kernel, labels, implementation="pallas")


def _compiled(topology: str, tokens: int, features: int, classes: int) -> jax.stages.Compiled:
    shapes = [
        jax.ShapeDtypeStruct((tokens, features), jnp.bfloat16),
        jax.ShapeDtypeStruct((features, classes), jnp.bfloat16),
        jax.ShapeDtypeStruct((tokens,), jnp.int32),
    ]
    return tpu.compile_for_tpu(jax.value_and_grad(_loss, argnums=(0, 1)), shapes, topology)


def _bundles(dump: pathlib.Path, name: str) -> int:
    """The bundles of a step of a kernel: those of its outer loop, which the compiler has unrolled inside."""
    (path,) = dump.glob(f"*-{name}.*-[0-9][0-9]-final_bundles.txt")
    lines = path.read_text().splitlines()
    address = lambda line: int(line.split()[0], 16)
    start = next(address(line) for line in lines if re.match(r" *0x[0-9a-f]+ +LB:", line))
    stop = next(address(line) for line in reversed(lines) if "loop exit test" in line)
    return stop - start


def of_kernels(topology: str, tokens: int, features: int, classes: int) -> dict[str, Any]:
    """Each kernel's steps, what a step takes, and the temporary memory; compiled in a process of its own."""
    with tempfile.TemporaryDirectory() as dump:
        written = f"--xla_jf_dump_to={dump} --xla_jf_dump_llo_text=true"
        flags = f"{os.environ.get('LIBTPU_INIT_ARGS', '')} {written}"
        command = [sys.executable, "-m", "benchmarks.bundles", topology, str(tokens), str(features), str(classes)]
        run = subprocess.run(
            command, env={**os.environ, "LIBTPU_INIT_ARGS": flags}, capture_output=True, text=True, check=False
        )
        found = [line.removeprefix(MARK) for line in run.stdout.splitlines() if line.startswith(MARK)]
        if not found:
            return {"error": (run.stderr.strip().splitlines() or ["no result"])[-1]}
        rows, columns = forward_grid(features), backward_grid(features, WIDTH)
        kernels = [
            {
                "name": name,
                "bundles": _bundles(pathlib.Path(dump), name),
                "steps": -(-tokens // grid.tokens) * -(-classes // grid.classes),
                "operations": 2 * products * grid.tokens * grid.classes * features,
                "traffic_bytes": moved * features,
            }
            for name, grid, products, moved in (
                # A step reads a block of the kernel.
                ("cross_entropy", rows, 1, WIDTH * rows.classes),
                # A step reads a block of hidden states, and reads and writes that of their gradient, in float32.
                ("cross_entropy_gradient", columns, 3, (WIDTH + 8) * columns.tokens),
            )
        ]
    return {**json.loads(found[0]), "kernels": kernels}


def main(argv: Sequence[str] | None = None) -> int:
    parse = argparse.ArgumentParser("python -m benchmarks.bundles", description=__doc__)
    parse.add_argument("topology")
    for name in ("tokens", "features", "classes"):
        parse.add_argument(name, type=int)
    options = parse.parse_args(argv)
    compiled = _compiled(**vars(options))
    print(MARK + json.dumps({"temp_bytes": compiled.memory_analysis().temp_size_in_bytes}))
    return 0


if __name__ == "__main__":
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    raise SystemExit(main())
