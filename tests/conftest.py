"""One strict configuration for every test: no silent promotion, no silent broadcast, eight host devices."""

from __future__ import annotations

import os

os.environ.setdefault("TPU_SKIP_MDS_QUERY", "1")
os.environ.setdefault("TPU_WORKER_HOSTNAMES", "localhost")
os.environ.setdefault("ALLOW_MULTIPLE_LIBTPU_LOAD", "1")
os.environ.setdefault("KERAS_BACKEND", "jax")
# The optimiser of LLVM takes a third of the suite's time and changes no result; XLA's own passes stay as they are.
FLAGS = "--xla_force_host_platform_device_count=8 --xla_backend_optimization_level=0"
os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {FLAGS}"

import gc
import resource
from pathlib import Path

import jax
import numpy as np
import pytest
from jax.experimental.compilation_cache import compilation_cache

# Compiled programs are shared by the workers and kept for the next run: most of the suite's time is compilation.
jax.config.update("jax_compilation_cache_dir", str(Path(__file__).parent.parent / ".jax_cache"))
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_numpy_dtype_promotion", "strict")


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    pluginmanager.import_plugin("tests.selection")


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20240607)


@pytest.fixture(scope="module")
def no_compilation_cache():
    """For programs of the TPU compiler: without a TPU they can be written to the cache and not read back."""
    for enabled in (False, True):
        jax.config.update("jax_enable_compilation_cache", enabled)
        compilation_cache.reset_cache()
        if not enabled:
            yield


PEAK = {"limit": 2.5e6}  # kB of resident memory beyond which compiled programs are thrown away


@pytest.fixture(autouse=True)
def _bounded_memory():
    """Thousands of small programs are compiled and hardly one is needed again: keep the workers' memory flat."""
    yield
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if peak > PEAK["limit"]:
        jax.clear_caches()
        gc.collect()
        PEAK["limit"] = 1.1 * peak
