"""The cost of diagnostics over a training step without them, as ratios: python -m benchmarks.diagnostics"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jaxloss
from jaxloss.inspect import diagnostics as d

ROWS, INPUTS, WIDTH, CLASSES = 512, 64, 256, 10
EVERY = 100
"""Steps from one read to the next."""

Seen = dict[str, jax.Array]
State = Any


def data() -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    real = lambda *shape: (rng.normal(size=shape) / np.sqrt(shape[0])).astype(np.float32)
    params = [real(INPUTS, WIDTH), real(WIDTH, WIDTH), real(WIDTH, CLASSES)]
    batch = {
        "x": rng.normal(size=(ROWS, INPUTS)).astype(np.float32),
        "labels": rng.integers(0, CLASSES, ROWS).astype(np.int32),
        "groups": rng.integers(0, 2, ROWS).astype(np.int32),
    }
    return params, batch


def network(params: Any, zeros: jax.Array, x: jax.Array) -> tuple[jax.Array, jax.Array]:
    hidden = jax.nn.relu(jax.nn.relu(x @ params[0]) @ params[1] + zeros)
    return hidden @ params[2], hidden


def losses(logits: jax.Array, labels: jax.Array) -> jax.Array:
    return jaxloss.softmax_cross_entropy_with_integer_labels(logits, labels, reduction="none")


def of(name: str, update: Callable[[State, Seen], State]) -> Callable[[State, Seen, jax.Array], State]:
    """An update at every step, and a read at every hundredth."""

    def watch(states: State, seen: Seen, number: jax.Array) -> State:
        _, _, states = d.read_every({name: update(states[name], seen)}, number, every=EVERY)
        return states

    return watch


WATCHES: Mapping[str, tuple[State, Callable[[State, Seen], State]]] = {
    "saturation": (
        d.saturation.init(),
        lambda s, x: d.saturation.update(s, ROWS * x["slopes"], x["wrong"], bound=2**0.5),
    ),
    "calibration": (d.calibration.init(), lambda s, x: d.calibration.update(s, x["logits"], x["labels"])),
    "groups": (d.groups.init(2), lambda s, x: d.groups.update(s, x["losses"], ~x["wrong"], x["groups"])),
    "units": (d.units.init(WIDTH), lambda s, x: d.units.update(s, x["hidden"])),
    "units, with gradients": (
        d.units.init(WIDTH),
        lambda s, x: d.units.update(s, x["hidden"], x["hidden_slopes"]),
    ),
    "gradient shares": (
        d.gradient_shares.init(2, CLASSES, WIDTH),
        lambda s, x: d.gradient_shares.update(s, x["slopes"], x["groups"], x["hidden"]),
    ),
    "ranks": (d.ranks.init(WIDTH), lambda s, x: d.ranks.update(s, x["hidden"])),
    "embeddings": (d.embeddings.init(WIDTH), lambda s, x: d.embeddings.update(s, x["hidden"])),
}


def training_step(watch: Callable[..., State] | None) -> Callable[..., Any]:
    """A step of gradient descent; what no diagnostic looks at is removed by the compiler."""

    def step(params: Any, states: State, batch: Any, number: jax.Array) -> tuple[Any, State, jax.Array]:
        zeros = jnp.zeros((ROWS, WIDTH))
        (logits, hidden), pull = jax.vjp(lambda p, z: network(p, z, batch["x"]), params, zeros)
        mean = lambda z: (lambda each: (jnp.mean(each), each))(losses(z, batch["labels"]))
        (loss, each), slopes = jax.value_and_grad(mean, has_aux=True)(logits)
        gradients, hidden_slopes = pull((slopes, jnp.zeros_like(hidden)))
        if watch is not None:
            wrong = jnp.argmax(logits, axis=-1) != batch["labels"]
            seen = {"logits": logits, "hidden": hidden, "slopes": slopes, "hidden_slopes": hidden_slopes}
            states = watch(states, seen | {"losses": each, "wrong": wrong, **batch}, number)
        return jax.tree.map(lambda p, g: p - 1e-2 * g, params, gradients), states, loss

    return step


class Chain:
    """A compiled step whose results are its next arguments, as in training."""

    def __init__(self, name: str, start: State, watch: Callable[..., State] | None) -> None:
        params, self.batch = data()
        self.carry = jax.device_put((params, start))
        self.number = 0
        step = jax.jit(training_step(watch), donate_argnums=(0, 1))
        self.program = step.lower(*self.carry, self.batch, self.number).compile()
        self.name = name

    def run(self, steps: int) -> float:
        """CPU seconds of one step, of all threads: a machine that is shared changes them less than the clock."""
        begin = time.process_time()
        for _ in range(steps):
            *self.carry, self.loss = self.program(*self.carry, self.batch, self.number)
            self.number += 1
        jax.block_until_ready(self.carry)
        return (time.process_time() - begin) / steps


def measure(rounds: int, steps: int = EVERY) -> dict[str, np.ndarray]:
    """Name of a diagnostic to the ratios of its step over the bare one, inside a round."""
    bare = Chain("bare", {}, None)
    chains = [bare, *(Chain(name, {name: start}, of(name, update)) for name, (start, update) in WATCHES.items())]
    for chain in chains:
        chain.run(2)
    seconds: dict[str, list[float]] = {chain.name: [] for chain in chains}
    for _ in range(rounds):
        for chain in random.sample(chains, len(chains)):
            seconds[chain.name].append(chain.run(steps))
    for chain in chains[1:]:
        np.testing.assert_allclose(chain.loss, bare.loss, rtol=1e-5)
    return {name: np.divide(found, seconds["bare"]) for name, found in seconds.items() if name != "bare"}


def main() -> None:
    parse = argparse.ArgumentParser("python -m benchmarks.diagnostics", description=__doc__)
    parse.add_argument("--rounds", type=int, default=15)
    rounds = parse.parse_args().rounds

    from rich.console import Console
    from rich.table import Table

    title = f"A step of a {INPUTS}-{WIDTH}-{WIDTH}-{CLASSES} network, {ROWS} rows: CPU time with over without"
    table = Table("updated at every step", "median", "quartiles", title=f"{title}, a read every {EVERY} steps included")
    for name, ratios in measure(rounds).items():
        low, median, high = np.quantile(ratios, [0.25, 0.5, 0.75])
        table.add_row(name, f"{median:.3f}", f"{low:.3f} to {high:.3f}")
    Console().print(table)


if __name__ == "__main__":
    main()
