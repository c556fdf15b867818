"""Cross-entropy over a large vocabulary: what the memory-bounded form saves, by the TPU compiler, without a TPU.

``python -m benchmarks.vocabulary`` compiles value and gradient of a linear layer with its cross-entropy for one v5e
chip, in the dense form and in ours. Nothing is run and nothing is allocated.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import pathlib
import re
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

import jaxloss
from benchmarks import tpu, traffic
from benchmarks.__main__ import ENVIRONMENT


@dataclasses.dataclass(frozen=True)
class Size:
    tokens: int
    features: int = 2048
    classes: int = 131072
    dtype: str = "bfloat16"


SIZES = (Size(8192), Size(8192, classes=128256), Size(65536))
"""A batch of an 8B model on one chip; a vocabulary that chunks do not divide; a batch whose scores do not fit."""


class Cycles(traffic.Program):
    """The compiler's own estimates of cycles, loops counted as often as they run."""

    def instruction(self, i: traffic.Instruction, body: traffic.Computation) -> int:
        del body
        found = re.search(r'"estimated_cycles":"?(\d+)', i.attributes)
        return int(found.group(1)) if found else 0


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
    options = parse.parse_args(argv)
    if reason := tpu.unavailable():
        print(f"no TPU compiler: {reason}")
        return 1
    rows = []
    for size in sizes:
        for form, fn in FORMS.items():
            found = measure(fn, size)
            rows.append({**dataclasses.asdict(size), "form": form, **found})
            print(line(size, form, found))
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "vocabulary.json").write_text(json.dumps({"tpu": tpu.TOPOLOGY, "rows": rows}, indent=1))
    return 0


if __name__ == "__main__":
    for name, value in ENVIRONMENT.items():  # read when the TPU compiler is loaded, which is later
        os.environ.setdefault(name, value)
    raise SystemExit(main())
