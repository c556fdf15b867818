"""What a GPU says: every loss against the CPU, times beside plain forms, optax and PyTorch, and memory that grows.

python -m benchmarks.gpu --out benchmarks      # writes GPU.md; six minutes on an H200
python -m benchmarks.gpu --part agreement      # or times, or memory; prints what it finds
"""

from __future__ import annotations

import argparse
import concurrent.futures
import functools
import multiprocessing
import os
import pathlib
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jaxloss
from benchmarks import peers, report, workloads
from jaxloss.benchmarks import machine
from jaxloss.benchmarks.comparing import Implementation, compare_implementations
from jaxloss.benchmarks.programs import figures
from jaxloss.inspect.calls import cast, cast_hypers, of_floats, settings
from jaxloss.inspect.case import Case

PROCESSES = 8
"""They compile beside each other and share the GPU."""

ALLOWED = 1e-5
"""Larger differences are listed."""

TENSOR_FLOAT = (
    "At JAX's default precision a GPU multiplies float32 matrices in TensorFloat-32, which rounds by up to 5e-4: "
    "that is the size of the larger ones, all of losses that multiply at the user's precision."
)

SCALE = 8.0
"""Of the sizes of the headline, which keep a CPU busy."""

TIMED = (
    "softmax_cross_entropy_with_integer_labels",
    "softmax_cross_entropy",
    "squared_error",
    "absolute_error",
    "huber_loss",
    "sigmoid_binary_cross_entropy",
    "sigmoid_focal_loss",
    "kl_divergence",
    "cosine_distance",
    "td_lambda_loss",
)
"""Rows of the headline."""

TOKENS, FEATURES, CLASSES = (2048, 8192, 32768), 4096, 128256
PAIRS, WIDTH = (4096, 16384, 65536), 512


def difference(case: Case) -> float:
    """The largest difference between GPU and CPU in value and gradient, each relative to its largest entry."""
    batch = (4, 16) if case.pooled or case.meets else (64,)
    hypers = cast_hypers(settings(case)[-1], np.float32)
    inputs = cast(case.draw(np.random.default_rng(0), batch), np.float32)

    def run(device: jax.Device) -> Any:
        with jax.default_device(device):
            fn, at = of_floats(case, jax.device_put(inputs, device), **hypers)
            return jax.device_get(jax.jit(jax.value_and_grad(fn))(at))

    here, there = (jax.tree.leaves(run(jax.devices(kind)[0])) for kind in ("gpu", "cpu"))
    gaps = [np.max(np.abs(np.asarray(a, np.float64) - b), initial=0) for a, b in zip(here, there, strict=True)]
    sizes = [np.max(np.abs(b), initial=0) or 1 for b in there]
    return float(np.max(np.divide(gaps, sizes)))


def _named(name: str) -> float | str:
    from tests.cases import all_cases

    try:
        return difference(next(case for case in all_cases() if case.name == name))
    except Exception as error:  # a loss that fails on the GPU is a result
        return f"{type(error).__name__}: {str(error).splitlines()[0][:200]}"


def agreement() -> Iterator[str]:
    """How many losses agree with the CPU, and those that do not."""
    from tests.cases import all_cases

    names = [case.name for case in all_cases()]
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(PROCESSES, mp_context=context) as pool:
        found = dict(zip(names, pool.map(_named, names), strict=True))
    close = [gap for gap in found.values() if isinstance(gap, float) and gap <= ALLOWED]
    yield f"{len(close)} of {len(found)} losses agree with the CPU to {ALLOWED:.0e} in value and gradient, float32."
    yield f"The median difference is {np.median(close):.0e}. {TENSOR_FLOAT} The others:\n"
    yield from ("| loss | difference |", "|---|---|")
    for name, gap in found.items():
        if not (isinstance(gap, float) and gap <= ALLOWED):
            yield f"| `{name}` | {gap if isinstance(gap, str) else f'{gap:.1e}'} |"


def times() -> Iterator[str]:
    """Rows of the headline, eight times as large, and a language model's last layer."""
    yield from ("| loss | value and gradient | temporaries | over the other's time |", "|---|---|---|---|")
    for _, make in workloads.headline(SCALE, dict.fromkeys(TIMED)):
        yield _row(make().compare(rounds=7, builds=1))
    yield _row(last_layer(TOKENS[1]))


def _row(found: Any) -> str:
    first, *others = found.entries
    beside = [
        f"{entry.label} {entry.ratio[report.BOTH].median:.2f}" if entry.timed else f"{entry.label} {entry.status}"
        for entry in others
    ]
    milliseconds = 1e3 * first.seconds[report.BOTH].median
    shapes = ", ".join(found.inputs.values())
    return f"| {found.title}; {shapes} | {milliseconds:.3g} ms | {report.temporaries(first)} | {', '.join(beside)} |"


def dense(hidden: jax.Array, kernel: jax.Array, labels: jax.Array) -> jax.Array:
    """The usual form of a linear layer with its cross-entropy: all scores, accumulated in float32."""
    scores = jnp.dot(hidden, kernel, preferred_element_type=jnp.float32)
    return jaxloss.softmax_cross_entropy_with_integer_labels(scores, labels)


def last_layer(tokens: int) -> Any:
    """Hidden states, kernel and labels of a large vocabulary in bfloat16, beside the dense form and PyTorch's two."""
    keys = jax.random.split(jax.random.key(0), 3)
    hidden = jax.random.normal(keys[0], (tokens, FEATURES), jnp.bfloat16)
    kernel = (0.02 * jax.random.normal(keys[1], (FEATURES, CLASSES))).astype(jnp.bfloat16)
    labels = jax.random.randint(keys[2], (tokens,), 0, CLASSES)
    ours = {"jaxloss": jaxloss.linear_softmax_cross_entropy, "dense": dense}
    forms = [Implementation(name, functools.partial(lambda fn: fn, fn)) for name, fn in ours.items()]
    forms += peers.of("linear_softmax_cross_entropy", "bfloat16", {}, ())
    options = {"rounds": 7, "builds": 1, "must_agree": False}
    title = "linear_softmax_cross_entropy, bfloat16"
    return compare_implementations(forms, (hidden, kernel, labels), argnums=(0, 1), title=title, **options)


def memory() -> Iterator[str]:
    """Temporaries of value and gradient by the compiler, beside the form that holds everything."""
    yield from ("| loss | " + " | ".join(("small", "middle", "large")) + " |", "|---|---|---|---|")
    head = lambda n: (
        jax.ShapeDtypeStruct((n, FEATURES), jnp.bfloat16),
        jax.ShapeDtypeStruct((FEATURES, CLASSES), jnp.bfloat16),
        jax.ShapeDtypeStruct((n,), jnp.int32),
    )
    pair = lambda n: (jax.ShapeDtypeStruct((n, WIDTH), jnp.float32),) * 2
    whole = lambda x, y: jaxloss.clip_loss(x, y, chunk_size=x.shape[0])
    rows: tuple[tuple[str, Callable[..., Any], Callable[[int], Any], Sequence[int]], ...] = (
        (f"linear layer of {FEATURES} x {CLASSES}, dense", dense, head, TOKENS),
        ("the same, `linear_softmax_cross_entropy`", jaxloss.linear_softmax_cross_entropy, head, TOKENS),
        (f"all pairs of {WIDTH} features, `clip_loss` in one chunk", whole, pair, PAIRS),
        ("the same in chunks", jaxloss.clip_loss, pair, PAIRS),
    )
    for label, fn, shapes, sizes in rows:
        yield f"| {label} | {' | '.join(f'{n}: {_temporaries(fn, shapes(n))}' for n in sizes)} |"


def _temporaries(fn: Callable[..., Any], shapes: Any) -> str:
    try:
        compiled = jax.jit(jax.value_and_grad(fn, argnums=(0, 1))).lower(*shapes).compile()
    except Exception as error:  # a program too large for the GPU is a result
        return type(error).__name__
    return f"{figures(compiled)['temp_bytes'] / 2**20:.0f} MiB"


PARTS: dict[str, Callable[[], Iterator[str]]] = {"agreement": agreement, "times": times, "memory": memory}


def main(argv: Sequence[str] | None = None) -> int:
    parse = argparse.ArgumentParser("python -m benchmarks.gpu", description=__doc__)
    parse.formatter_class = argparse.RawDescriptionHelpFormatter
    parse.add_argument("--part", choices=PARTS, action="append", help="one of the tables; may be repeated")
    parse.add_argument("--out", type=pathlib.Path, metavar="DIR", help="write GPU.md there")
    options = parse.parse_args(argv)
    if jax.default_backend() != "gpu":
        print(f"there is no GPU here: JAX runs on {jax.default_backend()}")
        return 1
    setting = machine.environment(peers.PACKAGES)
    versions = ", ".join(f"{name} {version}" for name, version in setting["packages"].items())
    lines = [f"# On a GPU\n\n{jax.devices()[0].device_kind}; {setting['date']}; {versions}."]
    lines.append("Regenerate with `python -m benchmarks.gpu --out benchmarks`.")
    for part in options.part or PARTS:
        lines.append(f"\n## {part.capitalize()}\n")
        print(lines[-1])
        for line in PARTS[part]():
            lines.append(line)
            print(line, flush=True)
    if options.out:
        (options.out / "GPU.md").write_text("\n".join(lines) + "\n")
    return 0


if __name__ == "__main__":
    # Processes share the memory of the GPU.
    if "XLA_PYTHON_CLIENT_PREALLOCATE" not in os.environ:
        os.execve(
            sys.executable,
            [sys.executable, *sys.orig_argv[1:]],
            {**os.environ, "XLA_PYTHON_CLIENT_PREALLOCATE": "false"},
        )
    sys.exit(main())
