"""The cost of an objective of five terms over the same losses summed by hand: python -m benchmarks.objectives"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jaxloss
from jaxloss import combine, reductions

WEIGHTS = {"ce": 1.0, "fit": 0.5, "bits": 0.3, "kl": 1e-2, "l2": 1e-4}
ROWS, WIDTH, CLASSES = 2048, 512, 256


def data() -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    real = lambda *shape: (rng.normal(size=shape) / np.sqrt(shape[0])).astype(np.float32)
    params = {"trunk": real(WIDTH, WIDTH), "ce": real(WIDTH, CLASSES), "fit": real(WIDTH, 32), "bits": real(WIDTH, 64)}
    params |= {"mean": real(WIDTH, 32), "log_variance": real(WIDTH, 32)}
    batch = {
        "x": rng.normal(size=(ROWS, WIDTH)).astype(np.float32),
        "labels": rng.integers(0, CLASSES, ROWS).astype(np.int32),
        "targets": rng.normal(size=(ROWS, 32)).astype(np.float32),
        "bits": rng.integers(0, 2, (ROWS, 64)).astype(np.float32),
        "valid": rng.uniform(size=ROWS) < 0.8,
    }
    return params, batch


def terms(params: Any, batch: Any, reduction: Any) -> dict[str, Any]:
    hidden = jax.nn.relu(batch["x"] @ params["trunk"])
    head = lambda name: hidden @ params[name]
    return {
        "ce": jaxloss.softmax_cross_entropy_with_integer_labels(
            head("ce"), batch["labels"], where=batch["valid"], reduction=reduction
        ),
        "fit": jaxloss.huber_loss(head("fit"), batch["targets"], reduction=reduction),
        "bits": jaxloss.sigmoid_binary_cross_entropy(head("bits"), batch["bits"], reduction=reduction),
        "kl": jaxloss.gaussian_kl_standard_normal(head("mean"), jnp.exp(head("log_variance")), reduction=reduction),
        "l2": jaxloss.l2_penalty(params),
    }


def by_hand(params: Any, state: Any, batch: Any) -> Any:
    def total(params: Any) -> Any:
        found = terms(params, batch, "mean")
        return sum(WEIGHTS[name] * found[name] for name in WEIGHTS), found

    (loss, found), gradient = jax.value_and_grad(total, has_aux=True)(params)
    return jax.tree.map(lambda p, g: p - 1e-3 * g, params, gradient), state, loss, found


objective = combine.objective(lambda p, b: terms(p, b, reductions.term), combine.weigh(**WEIGHTS))


def composed(params: Any, state: Any, batch: Any) -> Any:
    (loss, aux), gradient = jax.value_and_grad(objective, has_aux=True)(params, state, batch)
    return jax.tree.map(lambda p, g: p - 1e-3 * g, params, gradient), aux.state, loss, aux


def build(step: Callable[..., Any], inputs: Any) -> tuple[float, float, Any]:
    """Seconds to trace, seconds to compile, and the program; with nothing left over from an earlier build."""
    jax.clear_caches()
    start = time.perf_counter()
    traced = jax.jit(lambda *given: step(*given)).trace(*inputs)
    middle = time.perf_counter()
    program = traced.lower().compile()
    return middle - start, time.perf_counter() - middle, program


def timed(program: Any, inputs: Any) -> float:
    start = time.perf_counter()
    jax.block_until_ready(program(*inputs))
    return time.perf_counter() - start


def main() -> None:
    parse = argparse.ArgumentParser("python -m benchmarks.objectives", description=__doc__)
    parse.add_argument("--rounds", type=int, default=25)
    rounds = parse.parse_args().rounds

    from rich.console import Console
    from rich.table import Table

    params, batch = data()
    inputs = jax.device_put((params, objective.init(params, batch), batch))
    steps = {"objective": composed, "by hand": by_hand}
    builds: dict[str, list[Any]] = {name: [] for name in steps}
    for _ in range(max(2, rounds // 5)):
        for name in random.sample(list(steps), 2):
            builds[name].append(build(steps[name], inputs))
    programs = {name: found[-1][2] for name, found in builds.items()}
    outcomes = [programs[name](*inputs) for name in steps]
    np.testing.assert_allclose(outcomes[0][2], outcomes[1][2], rtol=1e-6)

    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(rounds):
        for name in random.sample(list(steps), 2):
            seconds[name].append(timed(programs[name], inputs))
    figures = {
        "trace": {name: [b[0] for b in found] for name, found in builds.items()},
        "compile": {name: [b[1] for b in found] for name, found in builds.items()},
        "step": seconds,
    }
    table = Table("", *(f"{name}, ms" for name in steps), "ratio", title="A training step with five terms, on the CPU")
    for what, times in figures.items():
        ratio = np.median(np.divide(times["objective"], times["by hand"]))
        table.add_row(what, *(f"{1e3 * np.median(times[name]):.2f}" for name in steps), f"{ratio:.3f}")
    products = [program.as_text().count("dot(") for program in programs.values()]
    table.add_row("matrix products", *map(str, products), f"{products[0] / products[1]:.3f}")
    Console().print(table)


if __name__ == "__main__":
    main()
