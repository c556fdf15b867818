"""The TPU compiler without a TPU: what it says of a program that is compiled ahead of time."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jax.experimental import topologies
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from benchmarks import traffic
from benchmarks.programs import figures

TOPOLOGY = "v5e:2x2"


@functools.cache
def sharding(topology: str = TOPOLOGY) -> NamedSharding:
    """One device of a topology; raises where libtpu is not installed."""
    devices = topologies.get_topology_desc(platform="tpu", topology_name=topology).devices
    return NamedSharding(Mesh(np.array(devices[:1]), ("device",)), PartitionSpec())


def unavailable() -> str:
    """Why there is no TPU compiler here; empty if there is one."""
    try:
        sharding()
    except Exception as error:  # libtpu raises whatever its C++ side reports
        return f"{type(error).__name__}: {str(error).splitlines()[0]}"
    return ""


def compile_for_tpu(fn: Callable[..., Any], inputs: Sequence[Any]) -> jax.stages.Compiled:
    structs = [jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=sharding()) for x in inputs]
    return jax.jit(lambda *args: fn(*args)).trace(*structs).lower(lowering_platforms=("tpu",)).compile()


def measure(fn: Callable[..., Any], inputs: Sequence[Any]) -> dict[str, Any]:
    """The compiler's figures and the memory traffic with loops counted; what went wrong if it does not compile."""
    start = time.perf_counter()
    try:
        compiled = compile_for_tpu(fn, inputs)
    except Exception as error:  # a program too large for the chip is a result
        return {"error": f"{type(error).__name__}: {str(error).splitlines()[0]}"}
    return {"compile_seconds": time.perf_counter() - start, **figures(compiled), **traffic.count(compiled.as_text())}
