"""Cross-entropy over a large vocabulary: what the memory-bounded form saves, by the TPU compiler, without a TPU.

``python -m benchmarks.vocabulary`` compiles value and gradient of a linear layer with its cross-entropy for one v5e
chip, in the dense form and in ours. ``--kernels`` compares the kernels with the chunks. ``--bound`` compares the chunks
with the best that any kernel could do that does not store the scores, on five generations of TPUs. Nothing is run and
nothing is allocated.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import json
import os
import pathlib
import re
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

import jaxloss
from benchmarks import bundles
from benchmarks.__main__ import ENVIRONMENT
from jaxloss.benchmarks import tpu, traffic


@dataclasses.dataclass(frozen=True)
class Size:
    tokens: int
    features: int = 2048
    classes: int = 131072
    dtype: str = "bfloat16"


SIZES = (Size(8192), Size(8192, classes=128256), Size(65536))
"""A batch of an 8B model on one chip; a vocabulary that chunks do not divide; a batch whose scores do not fit."""


@dataclasses.dataclass(frozen=True)
class Chip:
    """A generation: a topology to compile for, and the makers' figures of one chip."""

    topology: str
    teraflops: float
    gigabytes: float


CHIPS = {
    "v4": Chip("v4:2x2x1", 275, 1228),
    "v5e": Chip("v5e:2x2", 197, 819),
    "v5p": Chip("v5p:2x2x1", 459, 2765),
    "v6e": Chip("v6e:2x2", 918, 1640),
    "tpu7x": Chip("tpu7x:2x2x1", 2307, 7380),
}
BOUND_SIZES = (Size(8192), Size(8192, 4096, 128256), Size(65536))
PRODUCTS = 8
"""Multiplications and additions for each token, feature and class: scores, scores again, and two for the gradients."""


class Cycles(traffic.Program):
    """The compiler's own estimates of cycles, loops counted as often as they run."""

    def instruction(self, i: traffic.Instruction, body: traffic.Computation) -> int:
        del body
        found = re.search(r'"estimated_cycles":"?(\d+)', i.attributes)
        return int(found.group(1)) if found else 0


class MatrixCycles(Cycles):
    """The cycles of the matrix unit's instructions alone."""

    def instruction(self, i: traffic.Instruction, body: traffic.Computation) -> int:
        inside = self.computations.get(i.called("calls"), {}).values() if i.opcode == "fusion" else (i,)
        return super().instruction(i, body) if any(j.opcode in ("convolution", "dot") for j in inside) else 0


def dense(hidden: jax.Array, kernel: jax.Array, labels: jax.Array) -> jax.Array:
    """The usual form: all scores, accumulated in float32."""
    logits = jnp.dot(hidden, kernel, preferred_element_type=jnp.float32)
    return jaxloss.softmax_cross_entropy_with_integer_labels(logits, labels)


FORMS: dict[str, Callable[..., jax.Array]] = {"dense": dense, "jaxloss": jaxloss.linear_softmax_cross_entropy}


def measure(form: Callable[..., jax.Array], size: Size) -> dict[str, Any]:
    """Figures of value and gradient in the hidden states and the kernel, or what went wrong."""
    shapes = [
        jax.ShapeDtypeStruct((size.tokens, size.features), size.dtype),
        jax.ShapeDtypeStruct((size.features, size.classes), size.dtype),
        jax.ShapeDtypeStruct((size.tokens,), jnp.int32),
    ]
    try:
        compiled = tpu.compile_for_tpu(jax.value_and_grad(form, argnums=(0, 1)), shapes)
    except Exception as error:  # a program too large for the chip is a result
        return {"error": f"{type(error).__name__}: {str(error).splitlines()[0]}"}
    text = compiled.as_text()
    program = Cycles(text)
    return {
        "temp_bytes": compiled.memory_analysis().temp_size_in_bytes,
        "estimated_cycles": program.cost(program.entry)[0],
        "traffic_bytes": traffic.count(text)["traffic_bytes"],
    }


def compile_for(topology: str, fn: Callable[..., Any], *shapes: tuple[tuple[int, ...], str]) -> jax.stages.Compiled:
    """``fn`` compiled for one chip of a topology."""
    structs = [jax.ShapeDtypeStruct(shape, dtype, sharding=tpu.sharding(topology)) for shape, dtype in shapes]
    return jax.jit(fn).trace(*structs).lower(lowering_platforms=("tpu",)).compile()


def matrix_cycles(compiled: jax.stages.Compiled) -> int:
    program = MatrixCycles(compiled.as_text())
    return program.cost(program.entry)[0]


@functools.cache
def peak(topology: str) -> float:
    """Operations of a cycle of the matrix unit, in a plain product of matrices that the same compiler builds."""
    shapes = ((8192, 4096), "bfloat16"), ((4096, 4096), "bfloat16")
    return 2 * 8192 * 4096 * 4096 / matrix_cycles(compile_for(topology, jnp.dot, *shapes))


def against_the_bound(chip: Chip, size: Size) -> dict[str, Any]:
    """How far ours is from the products that it cannot do without, in cycles, and its traffic beside their time."""
    operations = PRODUCTS * size.tokens * size.features * size.classes
    shapes = (
        ((size.tokens, size.features), size.dtype),
        ((size.features, size.classes), size.dtype),
        ((size.tokens,), "int32"),
    )
    try:
        compiled = compile_for(chip.topology, jax.value_and_grad(FORMS["jaxloss"], argnums=(0, 1)), *shapes)
        text = compiled.as_text()
    except Exception as error:  # too large for the chip, or a program that this version cannot print
        return {"error": f"{type(error).__name__}: {str(error).splitlines()[0]}"}
    bound, program = operations / peak(chip.topology), Cycles(text)
    moved = traffic.count(text)["traffic_bytes"]
    return {
        "temp_bytes": compiled.memory_analysis().temp_size_in_bytes,
        "cycles": program.cost(program.entry)[0],
        "matrix_cycles": matrix_cycles(compiled),
        "matrix_over_bound": matrix_cycles(compiled) / bound,
        "all_over_bound": program.cost(program.entry)[0] / bound,
        "traffic_bytes": moved,
        "traffic_over_products": moved / (chip.gigabytes * 1e9) / (operations / (chip.teraflops * 1e12)),
    }


def bound_table(names: Sequence[str], sizes: Sequence[Size]) -> list[dict[str, Any]]:
    """Prints the comparison as Markdown, line by line."""
    print(
        "| chip | tokens x features x classes | matrix / bound | all / bound | temp, MiB | traffic, GB | / products |"
    )
    print("|---|---|---|---|---|---|---|")
    rows = []
    for name in names:
        for size in sizes:
            found = against_the_bound(CHIPS[name], size)
            rows.append({"chip": name, **dataclasses.asdict(size), **found})
            if "error" in found:
                cells = f"{found['error'][:90]} | | | |"
            else:
                cells = (
                    f"{found['matrix_over_bound']:.2f} | {found['all_over_bound']:.2f} | "
                    f"{found['temp_bytes'] / 2**20:.0f} | "
                    f"{found['traffic_bytes'] / 1e9:.1f} | {found['traffic_over_products']:.2f}"
                )
            print(f"| {name} | {size.tokens} x {size.features} x {size.classes} | {cells} |", flush=True)
    return rows


def kernels_beside_chunks(name: str, size: Size) -> dict[str, Any]:
    """Cycles of both forms of ours; a step of a kernel takes those of its bundles or of its products."""
    topology = CHIPS[name].topology
    found = bundles.of_kernels(topology, size.tokens, size.features, size.classes)
    if "error" in found:
        return found
    chunks = against_the_bound(CHIPS[name], size)
    cycles = sum(k["steps"] * max(k["bundles"], k["operations"] / peak(topology)) for k in found["kernels"])
    seconds = cycles * peak(topology) / (CHIPS[name].teraflops * 1e12)
    moved = sum(k["steps"] * k["traffic_bytes"] for k in found["kernels"]) / (CHIPS[name].gigabytes * 1e9)
    return {**found, "cycles": cycles, "chunks": chunks, "ratio": cycles / chunks["cycles"], "moving": moved / seconds}


def kernel_table(names: Sequence[str], sizes: Sequence[Size]) -> list[dict[str, Any]]:
    """Prints the comparison as Markdown, line by line."""
    print("| chip | tokens x features x classes | chunks, M cycles | kernels | ratio | traffic | temp, MiB |")
    print("|---|---|---|---|---|---|---|")
    rows = []
    for name in names:
        for size in sizes:
            found = kernels_beside_chunks(name, size)
            rows.append({"chip": name, **dataclasses.asdict(size), **found})
            if "error" in found:
                cells = f"{found['error'][:90]} | | | | "
            else:
                cells = (
                    f"{found['chunks']['cycles'] / 1e6:.0f} | {found['cycles'] / 1e6:.0f} | {found['ratio']:.2f} | "
                    f"{found['moving']:.2f} | "
                    f"{found['chunks']['temp_bytes'] / 2**20:.0f}, {found['temp_bytes'] / 2**20:.0f}"
                )
            print(f"| {name} | {size.tokens} x {size.features} x {size.classes} | {cells} |", flush=True)
    return rows


def line(size: Size, form: str, found: dict[str, Any]) -> str:
    head = f"{size.tokens:6d} x {size.features} x {size.classes:6d}  {form:8s}"
    if "error" in found:
        return f"{head}  does not compile: {found['error'][:60]}"
    return (
        f"{head}  temp {found['temp_bytes'] / 2**20:8.1f} MiB  cycles {found['estimated_cycles'] / 1e6:7.1f} M  "
        f"traffic {found['traffic_bytes'] / 1e9:6.1f} GB"
    )


def main(argv: Sequence[str] | None = None, sizes: Sequence[Size] = SIZES) -> int:
    parse = argparse.ArgumentParser("python -m benchmarks.vocabulary", description=__doc__)
    parse.add_argument("--out", type=pathlib.Path, default=pathlib.Path("benchmarks/results"), metavar="DIR")
    parse.add_argument("--bound", action="store_true", help="compare with the products that no kernel can do without")
    parse.add_argument("--chips", nargs="+", choices=CHIPS, default=list(CHIPS), help="generations for --bound")
    parse.add_argument("--kernels", action="store_true", help="compare the kernels with the chunks, on v5e and v6e")
    options = parse.parse_args(argv)
    if reason := tpu.unavailable():
        print(f"no TPU compiler: {reason}")
        return 1
    options.out.mkdir(parents=True, exist_ok=True)
    if options.bound:
        rows = bound_table(options.chips, BOUND_SIZES)
        (options.out / "vocabulary_bound.json").write_text(json.dumps({"rows": rows}, indent=1))
        return 0
    if options.kernels:
        rows = kernel_table([name for name in options.chips if name in ("v5e", "v6e")], BOUND_SIZES)
        (options.out / "vocabulary_kernels.json").write_text(json.dumps({"rows": rows}, indent=1))
        return 0
    rows = []
    for size in sizes:
        for form, fn in FORMS.items():
            found = measure(fn, size)
            rows.append({**dataclasses.asdict(size), "form": form, **found})
            print(line(size, form, found))
    (options.out / "vocabulary.json").write_text(json.dumps({"tpu": tpu.TOPOLOGY, "rows": rows}, indent=1))
    return 0


if __name__ == "__main__":
    for name, value in ENVIRONMENT.items():  # read when the TPU compiler is loaded, which is later
        os.environ.setdefault(name, value)
    raise SystemExit(main())
