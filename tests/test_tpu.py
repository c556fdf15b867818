"""Every loss and its gradient, compiled by the real TPU compiler ahead of time, without a TPU."""

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
from jaxloss.inspect.calls import cast, cast_hypers, differentiable, of_floats, settings
from jaxloss.inspect.case import Case
from tests.support import selected_cases

TOPOLOGIES = {"v4": "v4:2x2x1", "v5e": "v5e:2x2", "v5p": "v5p:2x2x1", "v6e": "v6e:2x2", "tpu7x": "tpu7x:2x2x1"}
OTHERS = [pytest.param(name, marks=pytest.mark.all_topologies) for name in TOPOLOGIES if name != "v5e"]

pytestmark = [
    pytest.mark.full,
    pytest.mark.skipif(importlib.util.find_spec("libtpu") is None, reason="libtpu, the TPU compiler, is not installed"),
    pytest.mark.xdist_group("tpu compiler"),
    pytest.mark.usefixtures("no_compilation_cache"),
]


@pytest.fixture(scope="module", params=["v5e", *OTHERS])
def replicated(request: pytest.FixtureRequest) -> NamedSharding:
    """The sharding of an array held whole by one chip of a topology."""
    topology = topologies.get_topology_desc(platform="tpu", topology_name=TOPOLOGIES[request.param])
    return NamedSharding(Mesh(np.array(topology.devices[:1]), ("chip",)), PartitionSpec())


def compile_for(sharding: NamedSharding, fn: Any, shapes: Any) -> Any:
    placed = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=sharding), shapes)
    return jax.jit(fn).trace(placed).lower(lowering_platforms=("tpu",)).compile()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "case" in metafunc.fixturenames:
        metafunc.parametrize("case", selected_cases(metafunc.config), ids=lambda case: case.name)


def test_compiles(case: Case, replicated: NamedSharding) -> None:
    inputs = cast(case.draw(np.random.default_rng(0), (8, 128)), np.float32)
    hypers = cast_hypers(settings(case)[-1], np.float32)
    names = differentiable(case, inputs)

    def both(x: dict) -> Any:
        fn, _ = of_floats(case, x, **hypers)
        return jax.value_and_grad(fn)({n: x[n] for n in names})

    assert compile_for(replicated, both, inputs).memory_analysis() is not None


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16], ids=["float32", "bfloat16"])
@pytest.mark.parametrize(
    "options", [{}, {"label_smoothing": 0.1, "z_loss": 1e-4}], ids=["plain", "smoothing and z-loss"]
)
def test_cross_entropy_keeps_no_copy_of_the_logits(replicated: NamedSharding, dtype: Any, options: dict) -> None:
    """Value and gradient of 16 MiB of float32 logits need less than a sixteenth of it beside inputs and outputs."""
    shapes = {"logits": jax.ShapeDtypeStruct((512, 8192), dtype), "labels": jax.ShapeDtypeStruct((512,), jnp.int32)}
    loss = lambda x: jaxloss.softmax_cross_entropy_with_integer_labels(x["logits"], x["labels"], **options)
    compiled = compile_for(replicated, lambda x: jax.value_and_grad(loss, allow_int=True)(x), shapes)
    logits = 512 * 8192 * jnp.dtype(dtype).itemsize
    assert compiled.memory_analysis().temp_size_in_bytes < logits / 16
