"""Contrast with the rows of all devices around a ring: the numbers of a gather, for less memory."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh, PartitionSpec

import jaxloss
from tests.support import assert_trees_close

LOSSES = {
    "infonce_loss": functools.partial(jaxloss.infonce_loss, temperature=0.3),
    "clip_loss": functools.partial(jaxloss.clip_loss, temperature=0.3),
    "n_pairs_loss": jaxloss.n_pairs_loss,
    "siglip_loss": functools.partial(jaxloss.siglip_loss, temperature=0.3, bias=-1.0),
}


def _compiled(loss: Any, axes: Any, mesh: Mesh, *arrays: Any, **tail: Any) -> Any:
    spec = PartitionSpec(axes)
    step = jax.value_and_grad(lambda x, y, tail: loss(x, y, axis_name=axes, **tail), argnums=(0, 1))
    spread = jax.shard_map(step, mesh=mesh, in_specs=spec, out_specs=(PartitionSpec(), (spec, spec)))
    return jax.jit(spread).lower(*arrays, tail).compile()


def _rows(size: int, width: int) -> list[Any]:
    rng = np.random.default_rng(5)
    return [jnp.asarray(rng.normal(size=(size, width)), jnp.float32) for _ in range(2)]


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("axes", ["data", ("host", "chip")], ids=["one axis", "two axes"])
def test_a_ring_is_a_gather(name: str, axes: Any) -> None:
    """Also over two axes, and with a share of which nothing is kept."""
    devices = np.array(jax.devices("cpu")[:4])
    mesh = Mesh(devices, ("data",)) if axes == "data" else Mesh(devices.reshape(2, 2), axes)
    arrays, tail = _rows(12, 3), {"where": jnp.arange(12) % 5 != 1, "weights": jnp.arange(12.0) + 1}
    tail["where"] = tail["where"].at[3:6].set(False)
    results = [
        _compiled(functools.partial(LOSSES[name], ring=ring), axes, mesh, *arrays, **tail)(*arrays, tail)
        for ring in (True, False)
    ]
    assert_trees_close(results[0], results[1], 2e-6, name)
    whole = jax.value_and_grad(functools.partial(LOSSES[name], **tail), argnums=(0, 1))(*arrays)
    assert_trees_close(results[0], whole, 1e-5, name)


@pytest.mark.parametrize("name", LOSSES)
def test_a_ring_never_holds_all_rows(name: str) -> None:
    """Eight devices with 256 rows each: less than the products with all rows, which a gather has."""
    mesh, arrays = Mesh(np.array(jax.devices("cpu")[:8]), ("data",)), _rows(2048, 16)
    products = 256 * 2048 * 4
    ring, gather = (
        _compiled(functools.partial(LOSSES[name], ring=ring), "data", mesh, *arrays)
        .memory_analysis()
        .temp_size_in_bytes
        for ring in (True, False)
    )
    assert ring < products < gather
