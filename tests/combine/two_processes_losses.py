"""One of two processes of four devices each: every loss whose examples meet, spread over both, beside the whole batch.

python -m tests.combine.two_processes_losses ADDRESS NUMBER [NAME ...] prints what differs, by loss, as JSON.
"""

from __future__ import annotations

import inspect
import json
import os
import sys

os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=4 --xla_backend_optimization_level=0"
os.environ["JAX_PLATFORMS"] = "cpu"

import jax
import numpy as np

jax.distributed.initialize(sys.argv[1], num_processes=2, process_id=int(sys.argv[2]))

from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jaxloss.inspect.case import Case
from jaxloss.inspect.laws import spreading
from tests.cases import all_cases


def differences(case: Case) -> list[str]:
    mesh = Mesh(np.array(jax.devices()), ("data",))
    program, given, specs, expected = spreading.over_devices(case)
    spread = jax.shard_map(program, mesh=mesh, **specs)
    everywhere = NamedSharding(mesh, PartitionSpec())
    place = lambda x: jax.make_array_from_callback(np.shape(x), everywhere, lambda index: np.asarray(x)[index])
    found = jax.jit(spread, out_shardings=everywhere)(*jax.tree.map(place, given))
    here = jax.tree.map(lambda leaf: np.asarray(leaf.addressable_data(0)), found)
    return list(spreading.compare(here, expected, "two processes"))


def main(names: list[str]) -> None:
    cases = [case for case in all_cases() if "axis_name" in inspect.signature(case.fn).parameters]
    print(json.dumps({case.name: differences(case) for case in cases if not names or case.name in names}))


if __name__ == "__main__":
    main(sys.argv[3:])
