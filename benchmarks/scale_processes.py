"""The small case of `benchmarks.scale` in two processes, whose collectives cross between them, beside one device.

``python -m benchmarks.scale_processes ADDRESS NUMBER`` is one of the processes; number 0 prints what it computes.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from typing import Any

import numpy as np

MARK = "result: "
PROCESSES, DEVICES = 2, 2
SPLITS = (4, 2)
"""Devices that share the vocabulary: all of both processes, so that its sums cross between them; or those of one."""

ENVIRONMENT = {"XLA_FLAGS": f"--xla_force_host_platform_device_count={DEVICES}", "JAX_PLATFORMS": "cpu"}


def child(address: str, number: int) -> None:
    """Every task on the devices of all processes."""
    import jax
    from jax.sharding import NamedSharding, PartitionSpec

    from benchmarks.scale_tasks import SMALL, mesh_of, tasks

    jax.distributed.initialize(address, num_processes=PROCESSES, process_id=number)

    def place(leaf: Any, sharding: NamedSharding) -> jax.Array:
        whole = np.asarray(leaf)
        return jax.make_array_from_callback(whole.shape, sharding, lambda index: whole[index])

    for task in tasks():
        for split in SPLITS if task.by_classes else SPLITS[:1]:
            mesh = mesh_of(jax.devices(), split)
            arguments = [
                jax.tree.map(lambda leaf, at=NamedSharding(mesh, spec): place(leaf, at), tree)
                for spec, tree in zip(task.specs, task.draw(SMALL, mesh.size), strict=True)
            ]
            found = task.on(mesh)(*arguments)
            whole = jax.jit(lambda tree: tree, out_shardings=NamedSharding(mesh, PartitionSpec()))(found)
            leaves = [np.ravel(leaf.addressable_data(0)).tolist() for leaf in jax.tree.leaves(whole)]
            if number == 0:  # the pipe of the other is not read before this one ends
                print(MARK + json.dumps([task.name, split, leaves]), flush=True)


def reference(task: Any) -> list[np.ndarray]:
    """The loss and its gradients on one device."""
    import jax

    from benchmarks.scale_tasks import SMALL

    arguments = task.draw(SMALL, PROCESSES * DEVICES)
    found = jax.jit(lambda *given: task.step(False, *given))(*arguments)
    return [np.ravel(leaf) for leaf in jax.tree.leaves(found)]


def run() -> list[list[Any]]:
    """``[task, split, leaves]`` of every task, as the first of two processes prints them."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    command = [sys.executable, "-m", "benchmarks.scale_processes", address]
    children = [
        subprocess.Popen(
            [*command, str(number)],
            env={**os.environ, **ENVIRONMENT},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(PROCESSES)
    ]
    outputs = [process.communicate() for process in children]
    for process, (_, errors) in zip(children, outputs, strict=True):
        if process.returncode:
            raise RuntimeError(errors[-2000:])
    lines = outputs[0][0].splitlines()  # the collectives of the host print as well
    return [json.loads(line.removeprefix(MARK)) for line in lines if line.startswith(MARK)]


def differences() -> dict[str, float]:
    """By task, the largest difference of a loss or gradient from one device, relative to its largest entry."""
    from benchmarks.scale_tasks import tasks

    expected = {task.name: reference(task) for task in tasks()}
    found = dict.fromkeys(expected, 0.0)
    for name, _, leaves in run():
        for leaf, exact in zip(leaves, expected[name], strict=True):
            error = np.max(np.abs(np.asarray(leaf) - exact)) / np.max(np.abs(exact))
            found[name] = max(found[name], float(error))
    return found


if __name__ == "__main__":
    child(sys.argv[1], int(sys.argv[2]))
