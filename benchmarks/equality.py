"""Do random objectives give the same numbers however the batch is spread? python -m benchmarks.equality

Draws objectives (masks, weights, transformations, aggregators) and compares value, gradient and everything reported
on several host devices, in micro-batches and in two processes with one device and one piece.
"""

from __future__ import annotations

import argparse
import os
from typing import Any

from benchmarks import processes

if processes.member() is None:
    os.environ |= {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": "--xla_force_host_platform_device_count=8"}

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

import jaxloss
from jaxloss import combine, reductions

P = PartitionSpec
BATCH, WIDTH = 64, 6


class Optimiser:
    """Plain gradient ascent or descent in the form of optax, so that nothing but jaxloss is compared."""

    def init(self, params: Any) -> Any:
        return ()

    def update(self, updates: Any, state: Any, params: Any = None) -> Any:
        return jax.tree.map(lambda g: -0.1 * g, updates), state


TRANSFORMS = (
    lambda rng: combine.weigh(ce=rng.uniform(), fit=lambda step: 1 / (1.0 + step.astype(jnp.float32))),
    lambda rng: combine.on(["ce", "fit"], combine.top_fraction(rng.uniform(0.2, 0.9))),
    lambda rng: combine.on("fit", combine.cvar(rng.uniform(0.2, 0.9))),
    lambda rng: combine.on("ce", combine.trimmed_mean(rng.uniform(0.1, 0.5))),
    lambda rng: combine.on("fit", combine.reduce_by(reductions.soft_maximum, temperature=rng.uniform(0.5, 2.0))),
    lambda rng: combine.on("ce", combine.focal(2.0)),
    lambda rng: combine.on("ce", combine.superloss()),
    lambda rng: combine.on(["ce", "fit"], combine.self_paced(rng.uniform(0.5, 2.0))),
    lambda rng: combine.uncertainty(Optimiser()),
    lambda rng: combine.ema_normalize(0.9),
    lambda rng: combine.dwa(1),
    lambda rng: combine.softadapt(),
    lambda rng: combine.weigh_randomly(jax.random.key(int(rng.integers(99)))),
    lambda rng: combine.weigh(size=0.0),
)
AGGREGATORS = (
    lambda rng: None,
    lambda rng: combine.pcgrad(int(rng.integers(99))),
    lambda rng: combine.upgrad(),
    lambda rng: combine.mgda(),
    lambda rng: combine.nash(),
    lambda rng: combine.aligned_mtl(),
    lambda rng: combine.cagrad(),
    lambda rng: combine.gradnorm(),
    lambda rng: combine.graddrop(int(rng.integers(99))),
    lambda rng: combine.equal_norms(),
)


def losses(params: Any, batch: Any) -> dict[str, Any]:
    hidden = jnp.tanh(batch["x"] @ params["w"])
    return {
        "ce": jaxloss.softmax_cross_entropy_with_integer_labels(
            hidden @ params["head"], batch["label"], where=batch["valid"], reduction=reductions.term
        ),
        "fit": jaxloss.huber_loss(
            hidden @ params["out"], batch["y"], weights=batch["weight"], reduction=reductions.term
        ),
        "size": jaxloss.l2_penalty(params),
    }


def drawn(seed: int) -> tuple[Any, Any, Any, Any]:
    """The transformations, the aggregator, the parameters and the batch of one random objective."""
    rng = np.random.default_rng(seed)
    chosen = rng.choice(len(TRANSFORMS), int(rng.integers(1, 4)), replace=False)
    transforms = [TRANSFORMS[i](rng) for i in chosen]
    aggregate = AGGREGATORS[seed % len(AGGREGATORS)](rng)
    real = lambda *shape: rng.normal(size=shape).astype(np.float32)
    params = {"w": real(WIDTH, 8), "head": real(8, 4), "out": real(8)}
    batch = {
        "x": real(BATCH, WIDTH),
        "y": real(BATCH),
        "label": rng.integers(0, 4, BATCH).astype(np.int32),
        "valid": (rng.uniform(size=BATCH) < 0.6) & (np.arange(BATCH) >= 16),
        "weight": rng.uniform(0.1, 3.0, BATCH).astype(np.float32),
    }
    return transforms, aggregate, params, batch


def build(seed: int, **options: Any) -> tuple[Any, Any, Any, Any]:
    transforms, aggregate, params, batch = drawn(seed)
    objective = combine.objective(losses, *transforms, aggregate=aggregate, **options)
    state = objective.init(params, batch)

    def run(params: Any, state: Any, batch: Any) -> Any:
        for _ in range(2):
            (loss, aux), gradient = jax.value_and_grad(objective, has_aux=True)(params, state, batch)
            state = aux.state
        keys = lambda leaf: jax.random.key_data(leaf) if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key) else leaf
        return jax.tree.map(keys, jax.tree.leaves((loss, aux, gradient)))

    return run, params, state, batch


def spread(seed: int, devices: int, microbatches: int) -> list[np.ndarray]:
    axis = "data" if devices > 1 else None
    run, params, state, batch = build(seed, axis_name=axis, microbatches=microbatches)
    if axis:
        mesh = Mesh(np.array(jax.devices()[:devices]), (axis,))
        run = jax.shard_map(run, mesh=mesh, in_specs=(P(), P(), P(axis)), out_specs=P())
    return list(map(np.asarray, jax.jit(run)(params, state, batch)))


def error(actual: list[Any], expected: list[np.ndarray]) -> float:
    """The largest difference of a leaf, relative to its largest entry."""
    pairs = [
        (np.asarray(a, np.float64).ravel(), e.astype(np.float64).ravel()) for a, e in zip(actual, expected, strict=True)
    ]
    return max(float(np.max(np.abs(a - e)) / (np.max(np.abs(e)) + 1e-12)) for a, e in pairs if e.size)


def child(this: processes.Member, seeds: range) -> None:
    processes.join(this)
    mesh = Mesh(np.array(jax.devices()), ("data",))

    def place(tree: Any, spec: Any) -> Any:
        def one(leaf: Any) -> Any:
            is_key = isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
            whole = jax.random.key_data(leaf) if is_key else leaf
            make = lambda index: np.asarray(whole)[index]
            array = jax.make_array_from_callback(np.shape(whole), NamedSharding(mesh, spec), make)
            return jax.random.wrap_key_data(array, impl=jax.random.key_impl(leaf)) if is_key else array

        return jax.tree.map(one, tree)

    for seed in seeds:
        run, params, state, batch = build(seed, axis_name="data", microbatches=2)
        program = jax.shard_map(run, mesh=mesh, in_specs=(P(), P(), P("data")), out_specs=P())
        found = jax.jit(program)(place(params, P()), place(state, P()), place(batch, P("data")))
        processes.report([np.asarray(leaf.addressable_data(0)).tolist() for leaf in found])


def main() -> None:
    parse = argparse.ArgumentParser("python -m benchmarks.equality", description=__doc__)
    parse.add_argument("--count", type=int, default=20, help="number of random objectives")
    count = parse.parse_args().count
    if this := processes.member():
        child(this, range(count))
        return

    from rich.console import Console
    from rich.table import Table

    reference = [spread(seed, 1, 1) for seed in range(count)]
    table = Table(
        "devices", "micro-batches", "largest relative difference", "median", title=f"{count} random objectives"
    )
    grid = [(d, k) for d in (1, 2, 4, 8) for k in (1, 2, 4) if (d, k) != (1, 1)]
    for devices, microbatches in grid:
        errors = [error(spread(seed, devices, microbatches), reference[seed]) for seed in range(count)]
        table.add_row(str(devices), str(microbatches), f"{max(errors):.1e}", f"{np.median(errors):.1e}")
    arguments = ["benchmarks.equality", "--count", str(count)]
    apart = processes.results(arguments, processes=2, devices=2)
    errors = [error(found, expected) for found, expected in zip(apart, reference, strict=True)]
    table.add_row("2 processes x 2", "2", f"{max(errors):.1e}", f"{np.median(errors):.1e}")
    Console().print(table)


if __name__ == "__main__":
    main()
