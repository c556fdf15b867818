"""The small case of `benchmarks.scale` in two processes, whose collectives cross between them, beside one device.

`differences` starts the processes, each of which is this module.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks import processes

PROCESSES, DEVICES = 2, 2
SPLITS = (4, 2)
"""Devices that share the vocabulary: all of both processes, so that its sums cross between them; or those of one."""


def child(this: processes.Member) -> None:
    """Every task on the devices of all processes."""
    import jax
    from jax.sharding import NamedSharding, PartitionSpec

    from benchmarks.scale_tasks import SMALL, mesh_of, tasks

    processes.join(this)

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
            processes.report([task.name, split, leaves])


def reference(task: Any) -> list[np.ndarray]:
    """The loss and its gradients on one device."""
    import jax

    from benchmarks.scale_tasks import SMALL

    arguments = task.draw(SMALL, PROCESSES * DEVICES)
    found = jax.jit(lambda *given: task.step(False, *given))(*arguments)
    return [np.ravel(leaf) for leaf in jax.tree.leaves(found)]


def differences() -> dict[str, float]:
    """By task, the largest difference of a loss or gradient from one device, relative to its largest entry."""
    from benchmarks.scale_tasks import tasks

    expected = {task.name: reference(task) for task in tasks()}
    found = dict.fromkeys(expected, 0.0)
    for name, _, leaves in processes.results(["benchmarks.scale_processes"], processes=PROCESSES, devices=DEVICES):
        for leaf, exact in zip(leaves, expected[name], strict=True):
            error = np.max(np.abs(np.asarray(leaf) - exact)) / np.max(np.abs(exact))
            found[name] = max(found[name], float(error))
    return found


if __name__ == "__main__" and (this := processes.member()):
    child(this)
