"""Contrast a chunk of rows at a time: the numbers of all pairs at once, for memory that grows with the chunk."""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.experimental import topologies
from jax.sharding import Mesh, NamedSharding, PartitionSpec

import jaxloss
from tests.support import assert_trees_close

MATCHED = {
    "infonce_loss": functools.partial(jaxloss.infonce_loss, temperature=0.3),
    "clip_loss": functools.partial(jaxloss.clip_loss, temperature=0.3),
    "n_pairs_loss": jaxloss.n_pairs_loss,
    "siglip_loss": functools.partial(jaxloss.siglip_loss, temperature=0.3, bias=-1.0),
}


def _of_labels(loss: Callable[..., Any], **hypers: Any) -> Callable[..., Any]:
    """``loss`` as one of two sets, whose sum is labelled by threes."""

    def labelled(x: Any, y: Any, **tail: Any) -> Any:
        return loss(x + y, jnp.broadcast_to(jnp.arange(x.shape[-2]) // 3, x.shape[:-1]), **hypers, **tail)

    return labelled


def _with_queue(x: Any, y: Any, **tail: Any) -> Any:
    return jaxloss.infonce_with_queue_loss(x, y, (x * y).reshape(-1, x.shape[-1]), temperature=0.3, **tail)


LOSSES = {
    **MATCHED,
    "ntxent": _of_labels(jaxloss.ntxent, temperature=0.3),
    "supcon_loss": _of_labels(jaxloss.supcon_loss, temperature=0.3),
    "multi_similarity_loss": _of_labels(jaxloss.multi_similarity_loss, negative_temperature=0.2),
    "circle_loss": _of_labels(jaxloss.circle_loss, scale=4.0),
    "infonce_with_queue_loss": _with_queue,
}


def _sets(shape: tuple[int, ...], dtype: Any = jnp.float32) -> list[Any]:
    rng = np.random.default_rng(3)
    return [jnp.asarray(rng.normal(size=shape), dtype) for _ in range(2)]


@pytest.mark.parametrize("name", LOSSES)
def test_chunks_are_one_piece(name: str) -> None:
    """Values and both derivatives, with leading sets, masks of which one keeps a single row, and a smaller last chunk."""
    with jax.enable_x64(True):
        x, y = _sets((2, 7, 3), jnp.float64)
        keep = jnp.array([[True, True, False, True, True, True, True], [False] * 5 + [True, False]])
        tail = {"where": keep, "weights": jnp.arange(14.0).reshape(2, 7) + 1}

        def results(chunk_size: int) -> Any:
            loss = lambda x, y: LOSSES[name](x, y, chunk_size=chunk_size, **tail)
            every = lambda x, y: LOSSES[name](x, y, chunk_size=chunk_size, reduction="none")
            both = lambda x, y: (jax.value_and_grad(loss, (0, 1))(x, y), jax.jvp(every, (x, y), (y, x)))
            return jax.jit(both)(x, y)

        whole = results(7)
        for chunk_size in (1, 3):
            assert_trees_close(results(chunk_size), whole, 1e-12, f"{name}, chunks of {chunk_size}")


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("name", ["infonce_loss", "siglip_loss"])
def test_gradients_made_with_the_value(name: str, reduction: str) -> None:
    """By everything that may be differentiated, twice, and inside of a loop, where JAX forgets rules of derivatives."""
    with jax.enable_x64(True):
        x, y = _sets((7, 3), jnp.float64)
        args = (x.at[2].set(0), y, jnp.float64(0.3), jnp.arange(7.0) + 1)

        def results(chunk_size: int) -> Any:
            def loss(x: Any, y: Any, temperature: Any, weights: Any) -> Any:
                tail = {"where": jnp.arange(7) != 4, "weights": weights, "reduction": reduction}
                return getattr(jaxloss, name)(x, y, temperature=temperature, chunk_size=chunk_size, **tail)

            def repeated(*args: Any) -> Any:
                return jax.lax.scan(lambda total, _: (total + loss(*args), None), 0.0, None, length=2)[0]

            some = tuple(jax.value_and_grad(loss, place)(*args) for place in range(4))
            return some, jax.jvp(loss, args, args), *(jax.hessian(f, (0, 1, 2, 3))(*args) for f in (loss, repeated))

        assert_trees_close(results(3), results(7), 1e-11, name)


@pytest.mark.parametrize("ring", [False, True], ids=["gather", "ring"])
@pytest.mark.parametrize("name", MATCHED)
def test_chunks_of_the_rows_of_a_device(name: str, ring: bool) -> None:
    """Three rows on each of four devices, two at a time."""
    mesh, spec = Mesh(np.array(jax.devices("cpu")[:4]), ("data",)), PartitionSpec("data")
    x, y = _sets((12, 3))
    tail = {"where": jnp.arange(12) % 5 != 1, "weights": jnp.arange(12.0) + 1}
    loss = functools.partial(MATCHED[name], axis_name="data", ring=ring, chunk_size=2)
    step = jax.value_and_grad(lambda x, y, tail: loss(x, y, **tail), argnums=(0, 1))
    spread = jax.shard_map(step, mesh=mesh, in_specs=spec, out_specs=(PartitionSpec(), (spec, spec)))
    whole = jax.jit(jax.value_and_grad(functools.partial(MATCHED[name], **tail), argnums=(0, 1)))(x, y)
    assert_trees_close(jax.jit(spread)(x, y, tail), whole, 1e-5, name)


def test_a_set_of_each_device_in_chunks() -> None:
    """Without an axis the two directions of CLIP share their products; so they do for the sets of several devices."""
    mesh, spec = Mesh(np.array(jax.devices("cpu")[:2]), ("data",)), PartitionSpec("data")
    x, y = _sets((2, 5, 3))
    step = jax.grad(lambda x, y: jaxloss.clip_loss(x[0], y[0], axis_name=(), chunk_size=2))
    spread = jax.jit(jax.shard_map(step, mesh=mesh, in_specs=spec, out_specs=spec))
    assert_trees_close(spread(x, y), jax.vmap(jax.grad(jaxloss.clip_loss))(x, y), 1e-5, "clip_loss")


@pytest.mark.parametrize("name", LOSSES)
def test_an_empty_set_in_chunks(name: str) -> None:
    x, y = _sets((0, 3))
    keywords = {"chunk_size": 2}
    if name == "infonce_with_queue_loss":
        loss = lambda x, y: jaxloss.infonce_with_queue_loss(x, y, jnp.ones((4, 3)), **keywords)
    else:
        loss = lambda x, y: LOSSES[name](x, y, **keywords)
    value, slope = jax.value_and_grad(loss)(x, y)
    assert value == 0
    assert slope.shape == x.shape


def _temporaries(name: str, rows: int, chunk_size: int) -> int:
    struct = jax.ShapeDtypeStruct((rows, 8), jnp.float32)
    loss = lambda x, y: LOSSES[name](x, y, chunk_size=chunk_size)
    compiled = jax.jit(jax.value_and_grad(loss, (0, 1))).lower(struct, struct).compile()
    return compiled.memory_analysis().temp_size_in_bytes


@pytest.mark.parametrize("name", LOSSES)
def test_memory_grows_with_the_chunk(name: str) -> None:
    """Twice the rows in chunks of one size need twice the memory, and no more than the pairs of a few chunks."""
    small, large = (_temporaries(name, rows, 32) for rows in (1024, 2048))
    assert large < 2.2 * small
    assert large < _temporaries(name, 2048, 2048) / 4


@pytest.mark.all_topologies  # they take minutes to compile
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16], ids=["float32", "bfloat16"])
@pytest.mark.parametrize("name", ["clip_loss", "infonce_loss", "siglip_loss"])
@pytest.mark.skipif(importlib.util.find_spec("libtpu") is None, reason="libtpu, the TPU compiler, is not installed")
@pytest.mark.xdist_group("tpu compiler")
@pytest.mark.usefixtures("no_compilation_cache")
def test_memory_on_a_tpu(name: str, dtype: Any) -> None:
    """By default, for 16384 pairs of 512 features, whose products are 1 GiB."""
    devices = topologies.get_topology_desc(platform="tpu", topology_name="v5e:2x2").devices
    chip = NamedSharding(Mesh(np.array(devices[:1]), ("chip",)), PartitionSpec())
    struct = lambda shape, dtype: jax.ShapeDtypeStruct(shape, dtype, sharding=chip)
    rows, number = struct((16384, 512), dtype), struct((), jnp.float32)
    loss = lambda x, y, temperature: getattr(jaxloss, name)(x, y, temperature=temperature)
    step = jax.jit(jax.value_and_grad(loss, (0, 1, 2))).trace(rows, rows, number)
    figures = step.lower(lowering_platforms=("tpu",)).compile().memory_analysis()
    assert figures.temp_size_in_bytes < 16 * 2**20
