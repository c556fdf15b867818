"""One of two processes of two devices each: python -m tests.combine.two_processes ADDRESS NUMBER prints what it computes."""

from __future__ import annotations

import json
import os
import sys

os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=2"
os.environ["JAX_PLATFORMS"] = "cpu"

import jax
import numpy as np

jax.distributed.initialize(sys.argv[1], num_processes=2, process_id=int(sys.argv[2]))

from jax.sharding import Mesh, NamedSharding, PartitionSpec

from tests.combine.test_spread import DATA, PARAMS, RECIPES, evaluate


def main() -> None:
    mesh = Mesh(np.array(jax.devices()), ("data",))
    everywhere, split = NamedSharding(mesh, PartitionSpec()), NamedSharding(mesh, PartitionSpec("data"))
    place = lambda tree, sharding: jax.tree.map(
        lambda leaf: jax.make_array_from_callback(np.shape(leaf), sharding, lambda index: np.asarray(leaf)[index]), tree
    )
    found = {}
    for name in ("hard examples", "upgrad", "whole batch"):
        run, state = evaluate(RECIPES[name], axis_name="data", microbatches=2)
        specs = (PartitionSpec(), PartitionSpec(), PartitionSpec("data"))
        program = jax.jit(jax.shard_map(run, mesh=mesh, in_specs=specs, out_specs=PartitionSpec()))
        loss, aux, gradient = program(place(PARAMS, everywhere), place(state, everywhere), place(DATA, split))
        leaves = jax.tree.leaves((loss, aux.terms, aux.weights, gradient))
        found[name] = [np.ravel(np.asarray(leaf.addressable_data(0))).tolist() for leaf in leaves]
    print(json.dumps(found))


if __name__ == "__main__":
    main()
