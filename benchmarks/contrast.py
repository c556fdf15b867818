"""Contrast of two matched sets on a TPU: cycles and memory by its compiler, without a TPU.

``python -m benchmarks.contrast`` compiles value and gradient of 16384 pairs of 512 features for one chip and compares
them with the products that they cannot do without, as plain products of whole matrices: all pairs, and one product for
the gradient of each set. Nothing is run and nothing is allocated.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import json
import os
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

import jaxloss
from benchmarks.__main__ import ENVIRONMENT
from benchmarks.vocabulary import Cycles, compile_for, matrix_cycles
from jaxloss.benchmarks import tpu

LOSSES: dict[str, Callable[..., jax.Array]] = {
    "InfoNCE": jaxloss.infonce_loss,
    "SigLIP": jaxloss.siglip_loss,
    "CLIP": jaxloss.clip_loss,
}


@dataclasses.dataclass(frozen=True)
class Size:
    pairs: int = 16384
    features: int = 512


SIZE = Size()


@dataclasses.dataclass(frozen=True)
class Setting:
    """A dtype of the rows, and what the user asks for with ``jax.default_matmul_precision``."""

    dtype: str
    precision: str | None


SETTINGS = (
    Setting("float32", None),
    Setting("float32", "BF16_BF16_F32_X3"),
    Setting("float32", "bfloat16"),
    Setting("bfloat16", None),
    Setting("bfloat16", "bfloat16"),
)


@functools.cache
def three_products(topology: str, size: Size, setting: Setting) -> int:
    """Cycles of the products of all pairs and of both gradients, whose slopes are float32."""
    exact = setting.precision or "highest"
    multiply = functools.partial(jax.lax.dot_general, precision=exact, preferred_element_type=jnp.float32)
    rows, slopes = ((size.pairs, size.features), setting.dtype), ((size.pairs, size.pairs), "float32")
    pairs = lambda x, y: multiply(x, y, (((1,), (1,)), ((), ())))
    of_rows = lambda slopes, y: multiply(slopes, y, (((1,), (0,)), ((), ())))
    of_columns = lambda slopes, x: multiply(slopes, x, (((0,), (0,)), ((), ())))
    forms = (pairs, (rows, rows)), (of_rows, (slopes, rows)), (of_columns, (slopes, rows))
    return sum(matrix_cycles(compile_for(topology, form, *shapes)) for form, shapes in forms)


def measure(topology: str, name: str, size: Size, setting: Setting) -> dict[str, Any]:
    """Figures of value and gradient in both sets, or what went wrong."""
    rows = (size.pairs, size.features), setting.dtype
    try:
        with jax.default_matmul_precision(setting.precision):
            compiled = compile_for(topology, jax.value_and_grad(LOSSES[name], argnums=(0, 1)), rows, rows)
        products = three_products(topology, size, setting)
        program = Cycles(compiled.as_text())
    except Exception as error:  # too large for the chip, or a program that this version cannot print
        return {"error": f"{type(error).__name__}: {str(error).splitlines()[0]}"}
    return {
        "temp_bytes": compiled.memory_analysis().temp_size_in_bytes,
        "cycles": program.cost(program.entry)[0],
        "matrix_cycles": matrix_cycles(compiled),
        "products_cycles": products,
    }


def table(chips: Sequence[str], size: Size, settings: Sequence[Setting]) -> list[dict[str, Any]]:
    """Prints the figures as Markdown, line by line."""
    print("| chip | rows | precision | loss | M cycles | three products | ratio | temporaries, MiB |")
    print("|---|---|---|---|---|---|---|---|")
    rows = []
    for chip in chips:
        for setting in settings:
            for name in LOSSES:
                found = measure(tpu.GENERATIONS[chip], name, size, setting)
                rows.append({"chip": chip, "loss": name, **dataclasses.asdict(setting), **found})
                if "error" in found:
                    cells = f"{found['error'][:90]} | | | "
                else:
                    cycles, products = found["cycles"], found["products_cycles"]
                    cells = (
                        f"{cycles / 1e6:.1f} | {products / 1e6:.1f} | {cycles / products:.2f} | "
                        f"{found['temp_bytes'] / 2**20:.1f}"
                    )
                precision = setting.precision or "not set"
                print(f"| {chip} | {setting.dtype} | {precision} | {name} | {cells} |", flush=True)
    return rows


def main(argv: Sequence[str] | None = None, size: Size = SIZE, settings: Sequence[Setting] = SETTINGS) -> int:
    parse = argparse.ArgumentParser("python -m benchmarks.contrast", description=__doc__)
    parse.add_argument("--out", type=pathlib.Path, default=pathlib.Path("benchmarks/results"), metavar="DIR")
    parse.add_argument("--chips", nargs="+", choices=tpu.GENERATIONS, default=["v5e", "v6e"])
    options = parse.parse_args(argv)
    if reason := tpu.unavailable():
        print(f"no TPU compiler: {reason}")
        return 1
    options.out.mkdir(parents=True, exist_ok=True)
    found = {**dataclasses.asdict(size), "rows": table(options.chips, size, settings)}
    (options.out / "contrast.json").write_text(json.dumps(found, indent=1))
    return 0


if __name__ == "__main__":
    for name, value in ENVIRONMENT.items():  # read when the TPU compiler is loaded, which is later
        os.environ.setdefault(name, value)
    raise SystemExit(main())
