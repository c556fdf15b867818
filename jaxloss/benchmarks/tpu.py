"""The TPU compiler without a TPU: what it says of a program that is compiled ahead of time."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import numpy as np
from jax.experimental import topologies
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jaxloss.benchmarks import traffic
from jaxloss.benchmarks.programs import figures

__all__ = [
    "ENVIRONMENT",
    "GENERATIONS",
    "TOPOLOGY",
    "compile_for_tpu",
    "measure",
    "sharding",
    "text_of",
    "unavailable",
]

GENERATIONS = {"v4": "v4:2x2x1", "v5e": "v5e:2x2", "v5p": "v5p:2x2x1", "v6e": "v6e:2x2", "tpu7x": "tpu7x:2x2x1"}
"""Generation to a topology of it, of which one chip is compiled for."""

TOPOLOGY = GENERATIONS["v5e"]

ENVIRONMENT = {
    "TPU_SKIP_MDS_QUERY": "1",
    "ALLOW_MULTIPLE_LIBTPU_LOAD": "1",
    "TPU_ACCELERATOR_TYPE": "v5litepod-4",
    "TPU_WORKER_HOSTNAMES": "localhost",
}
"""The TPU compiler without a TPU: do not look for one, and share the library with other processes. It reads these when
it is loaded; one that is set already is left alone."""


@functools.cache
def sharding(topology: str = TOPOLOGY) -> NamedSharding:
    """One device of a topology; raises where libtpu is not installed."""
    if jax.default_backend() != "tpu":
        for name, value in ENVIRONMENT.items():
            os.environ.setdefault(name, value)
    devices = topologies.get_topology_desc(platform="tpu", topology_name=topology).devices
    return NamedSharding(Mesh(np.array(devices[:1]), ("device",)), PartitionSpec())


def unavailable(topology: str = TOPOLOGY) -> str:
    """Why there is no TPU compiler here; empty if there is one."""
    try:
        sharding(topology)
    except Exception as error:  # libtpu raises whatever its C++ side reports
        return f"{type(error).__name__}: {str(error).splitlines()[0]}"
    return ""


def compile_for_tpu(fn: Callable[..., Any], inputs: Sequence[Any], topology: str = TOPOLOGY) -> jax.stages.Compiled:
    """Compiled for one chip; the inputs may be shapes."""
    one = sharding(topology)
    structs = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=one), tuple(inputs))
    return jax.jit(lambda *args: fn(*args)).trace(*structs).lower(lowering_platforms=("tpu",)).compile()


def measure(fn: Callable[..., Any], inputs: Sequence[Any], topology: str = TOPOLOGY) -> dict[str, Any]:
    """The compiler's figures and the memory traffic with loops counted; what went wrong if it does not compile."""
    start = time.perf_counter()
    try:
        compiled = compile_for_tpu(fn, inputs, topology)
    except Exception as error:  # a program too large for the chip is a result
        return {"error": f"{type(error).__name__}: {str(error).splitlines()[0]}"}
    found = {"compile_seconds": time.perf_counter() - start, **figures(compiled)}
    text = text_of(compiled)
    return {**found, **traffic.count(text)} if text else found


def text_of(compiled: jax.stages.Compiled) -> str:
    """The scheduled program; empty for some asynchronous programs of libtpu, which JAX cannot print."""
    try:
        with _silence():
            return compiled.as_text() or ""
    except jax.errors.JaxRuntimeError:
        return ""


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Without what C++ writes to the standard error, which is a stack trace beside the exception."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
