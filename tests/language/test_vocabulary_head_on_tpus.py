"""The memory of the cross-entropy of a linear layer, by the figures of the TPU compiler, without a TPU."""

from __future__ import annotations

import importlib.util
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.experimental import topologies
from jax.sharding import Mesh, NamedSharding, PartitionSpec

import jaxloss

pytestmark = [
    pytest.mark.skipif(importlib.util.find_spec("libtpu") is None, reason="libtpu, the TPU compiler, is not installed"),
    pytest.mark.xdist_group("tpu compiler"),
    pytest.mark.usefixtures("no_compilation_cache"),
]


def whole(**options: Any) -> Any:
    return jaxloss.linear_softmax_cross_entropy(**options)


def sum_of_parts(**options: Any) -> Any:
    found = jaxloss.linear_softmax_cross_entropy_parts(**options)
    return found.cross_entropy + 1e-4 * found.z_loss


def compiled(
    tokens: int, features: int, classes: int, kernel: Any = jnp.bfloat16, loss: Any = whole, **options: Any
) -> Any:
    """Value and gradient for a v5e."""
    devices = topologies.get_topology_desc(platform="tpu", topology_name="v5e:2x2").devices
    sharding = NamedSharding(Mesh(np.array(devices[:1]), ("chip",)), PartitionSpec())
    struct = lambda shape, dtype: jax.ShapeDtypeStruct(shape, dtype, sharding=sharding)
    some = {"hidden": struct((tokens, features), jnp.bfloat16), "kernel": struct((features, classes), kernel)}
    some["bias"], labels = struct((classes,), jnp.float32), struct((tokens,), jnp.int32)

    def total(some: dict, labels: jax.Array) -> jax.Array:
        return loss(**some, labels=labels, **options)

    lowered = jax.jit(jax.value_and_grad(total)).trace(some, labels).lower(lowering_platforms=("tpu",))
    return lowered.compile()


def temporaries(*sizes: int, **options: Any) -> int:
    """Bytes that value and gradient need apart from their results."""
    return compiled(*sizes, **options).memory_analysis().temp_size_in_bytes


def test_a_fraction_of_the_scores() -> None:
    """With all options and chunks that do not divide the classes, under a twentieth of what the scores alone take."""
    found = temporaries(2048, 256, 32001, label_smoothing=0.1, z_loss=1e-4, chunk_size=512)
    assert found < 2048 * 32001 * 4 / 20


@pytest.mark.full
def test_no_copy_of_a_float32_kernel() -> None:
    """The products of a TPU are of bfloat16; a chunk of the kernel is converted, and not all of it before the loop."""
    features, classes = 1024, 65536
    assert temporaries(1024, features, classes, kernel=jnp.float32) < 2 * features * classes / 4


@pytest.mark.full
def test_many_tokens() -> None:
    """Besides the gradient of the hidden states in float32 a tile, however many tokens there are: not a column of tiles."""
    tokens, features, classes = 65536, 512, 16384
    found = temporaries(tokens, features, classes)
    assert found < 4 * tokens * features + 4 * 4096 * 512 * 3


@pytest.mark.full
def test_two_losses_cost_as_much_as_one() -> None:
    """The gradient of the cross-entropy and the z-loss, as two results, moves and multiplies what their sum does."""
    sizes = 2048, 256, 32001
    one, both = compiled(*sizes, z_loss=1e-4), compiled(*sizes, loss=sum_of_parts)
    for figure in ("flops", "bytes accessed"):
        assert both.cost_analysis()[figure] < 1.02 * one.cost_analysis()[figure]
    assert both.memory_analysis().temp_size_in_bytes < 1.1 * one.memory_analysis().temp_size_in_bytes
