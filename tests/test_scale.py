"""Programs for many devices: what they send, read from the compiled text, and the same numbers as on one device."""

from __future__ import annotations

import dataclasses
import importlib.util
from typing import Any

import jax
import numpy as np
import pytest
from jax.experimental import topologies
from jax.sharding import Mesh

import jaxloss
from benchmarks import collectives, scale, scale_processes, scale_tasks
from tests.support import assert_trees_close

TASKS = {task.name: task for task in scale_tasks.tasks()}
SMALL = scale_tasks.SMALL


ALL = pytest.mark.all_topologies
TPU = dataclasses.replace(scale_tasks.FULL, tokens=256, width=256, vocabulary=8192, pairs=256)


def spread(fn: Any) -> list[collectives.Collective]:
    """The collectives of a function of one array that is spread over ``n`` devices."""
    mesh = Mesh(np.array(jax.devices()[:8]), ("x",))
    program = jax.jit(jax.shard_map(fn, mesh=mesh, in_specs=jax.P("x"), out_specs=jax.P("x"), check_vma=False))
    return collectives.collectives(program.lower(jax.ShapeDtypeStruct((64, 16), np.float32)).compile().as_text())


WHOLE, HERE = 64 * 16 * 4, 8 * 16 * 4
"""Bytes of the array of all eight devices and of the part of one."""


@pytest.mark.parametrize(
    ("fn", "kind", "payload", "sent"),
    [
        (lambda x: jax.lax.psum(x, "x"), "all-reduce", HERE, 2 * 7 / 8 * HERE),
        (lambda x: jax.lax.all_gather(x, "x", tiled=True), "all-gather", WHOLE, 7 / 8 * WHOLE),
        (lambda x: jax.lax.psum_scatter(x, "x", tiled=True), "reduce-scatter", HERE, 7 / 8 * HERE),
        (lambda x: jax.lax.all_to_all(x, "x", 0, 1, tiled=True), "all-to-all", HERE, 7 / 8 * HERE),
        (lambda x: jax.lax.ppermute(x, "x", [(i, (i + 1) % 8) for i in range(8)]), "collective-permute", HERE, HERE),
    ],
    ids=collectives.KINDS[:5],
)
def test_counts(fn: Any, kind: str, payload: int, sent: float) -> None:
    """Every collective alone, and three times in a loop."""
    (once,) = spread(fn)
    assert (once.kind, once.payload, once.times, once.sent) == (kind, payload, 1, sent)
    if kind in ("all-reduce", "collective-permute"):  # these give what they take
        (thrice,) = spread(lambda x: jax.lax.fori_loop(0, 3, lambda _, y: fn(y), x))
        assert (thrice.kind, thrice.payload, thrice.times, thrice.sent) == (kind, payload, 3, 3 * sent)


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ("channel_id=1, replica_groups={{0,2},{1,3}}, dimensions={0}", (0, 2)),
        ("replica_groups=[2,4]<=[8]", (0, 1, 2, 3)),
        ("replica_groups=[4,2]<=[2,4]T(1,0), use_global_device_ids=true", (0, 4)),
        ("source_target_pairs={{0,1},{1,0}}", (0, 1)),
        ("replica_groups={}, to_apply=%add", tuple(range(8))),
    ],
)
def test_groups(attributes: str, expected: tuple[int, ...]) -> None:
    assert collectives.members(attributes, 8) == expected


SPLIT_IN_THREE = """HloModule example, is_scheduled=true, num_partitions=4

%start (p: f32[2]) -> f32[8] {
  %p = f32[2]{0} parameter(0)
  ROOT %gather = f32[8]{0} all-gather(%p), replica_groups={{0,1,2,3}}, frontend_attributes={chain_id="0"}
}

%done (q: f32[2]) -> f32[8] {
  %q = f32[2]{0} parameter(0)
  ROOT %gather.1 = f32[8]{0} all-gather(%q), replica_groups={{0,1,2,3}}, frontend_attributes={chain_id="0"}
}

ENTRY %main (x: f32[2]) -> f32[8] {
  %x = f32[2]{0} parameter(0)
  %first = f32[8]{0} fusion(%x), kind=kCustom, calls=%start
  ROOT %last = f32[8]{0} fusion(%x), kind=kCustom, calls=%done
}
"""
"""One gather of a TPU program that overlaps with arithmetic."""


def test_a_collective_in_pieces_counts_once() -> None:
    (gather,) = collectives.collectives(SPLIT_IN_THREE)
    assert (gather.payload, gather.sent) == (32, 24)
    assert len(collectives.collectives(SPLIT_IN_THREE.replace('{chain_id="0"}', "{}"))) == 2


MOST = {"_tokens": 2 * 8 * 8 * 16, "_embeddings": 8 * 16 * 8, "_examples": 8 * 32}
"""Entries of the largest array that may be sent: hidden states of a row of the mesh, everybody's embeddings, the kernel
of a head."""

FEW = ("next token, linear head", "CLIP, ring")


@pytest.mark.parametrize(
    ("name", "split"),
    [
        pytest.param(name, split, marks=() if name in FEW else pytest.mark.full)
        for name, task in TASKS.items()
        for split in ((8, 4) if task.by_classes else (8,))
    ],
)
def test_one_device_and_eight(name: str, split: int) -> None:
    """The same loss and gradients, and no collective carries logits or N x N."""
    task, mesh = TASKS[name], scale_tasks.mesh_of(jax.devices()[:8], split)
    arguments = jax.jit(lambda: task.draw(SMALL, 8))()
    placed = jax.tree.map(
        lambda x, like: jax.device_put(x, like.sharding), arguments, scale_tasks.structs(task, SMALL, mesh)
    )
    expected = jax.jit(lambda *given: task.step(False, *given))(*arguments)
    assert_trees_close(task.on(mesh)(*placed), expected, 1e-5, name)
    row = scale.measure(task, SMALL, mesh, "cpu")
    assert not row.error
    assert 0 < row.largest * task.limit(SMALL, mesh.shape) <= MOST[task.draw.__name__]
    assert row.largest < 1


def test_a_gather_of_logits_is_seen() -> None:
    def gathered(spread: bool, hidden: jax.Array, kernel: jax.Array, labels: jax.Array):
        assert spread
        logits = jax.lax.all_gather(hidden @ kernel, "classes", axis=1, tiled=True)
        mean = jaxloss.reductions.mean(axis_name=("data", "classes"))
        loss = jaxloss.softmax_cross_entropy_with_integer_labels(logits, labels, reduction=mean)
        return loss, (hidden, kernel)

    task = dataclasses.replace(TASKS["next token, dense logits, plain jit"], step=gathered, plain=False)
    row = scale.measure(task, SMALL, scale_tasks.mesh_of(jax.devices()[:8], 4), "cpu")
    assert row.largest >= 1, row


@pytest.mark.parametrize("name", ["SigLIP, ring", pytest.param("CLIP, gathered", marks=pytest.mark.full)])
def test_projection(name: str) -> None:
    """What 2 and 4 devices say of 8 is what 8 send."""
    rows = [scale.measure(TASKS[name], SMALL, scale_tasks.mesh_of(jax.devices()[:n], 1), "cpu") for n in (2, 4, 8)]
    np.testing.assert_allclose(scale.project(rows[0], rows[1], 8), rows[2].sent, rtol=0.01)


@pytest.mark.full
def test_two_processes() -> None:
    """Collectives that cross between processes give the numbers of one device."""
    found = scale_processes.differences()
    assert set(found) == set(TASKS)
    assert max(found.values()) < 1e-5, found


@pytest.mark.full
@pytest.mark.skipif(importlib.util.find_spec("libtpu") is None, reason="libtpu, the TPU compiler, is not installed")
@pytest.mark.xdist_group("tpu compiler")
@pytest.mark.usefixtures("no_compilation_cache")
@pytest.mark.parametrize("name", [pytest.param(n, marks=() if n in FEW else ALL) for n in TASKS if "gathered" not in n])
def test_tpu_chips(name: str) -> None:
    """Four times the chips and the batch: no gather of logits or N x N, and no more memory per chip."""
    meshes = {
        topology: scale_tasks.mesh_of(topologies.get_topology_desc(platform="tpu", topology_name=topology).devices)
        for topology in ("v5e:4x4", "v5e:8x8")
    }
    few, many = (scale.measure(TASKS[name], TPU, mesh, topology) for topology, mesh in meshes.items())
    assert not few.error + many.error
    assert max(few.largest, many.largest) < 1
    assert many.temp_bytes < 1.1 * few.temp_bytes + 2**16
