"""One strict configuration for every test: no silent promotion, no silent broadcast, eight host devices.

Options: ``--loss NAME`` runs the laws of one loss, ``--everything`` runs all tiers under the compiler flags that users
have, ``--rotate K`` takes the K-th window of ``--window N`` Cases, ``--dearest N`` prints the Cases that took most CPU time.
"""

from __future__ import annotations

import os

os.environ.setdefault("TPU_SKIP_MDS_QUERY", "1")
os.environ.setdefault("TPU_WORKER_HOSTNAMES", "localhost")
os.environ.setdefault("ALLOW_MULTIPLE_LIBTPU_LOAD", "1")
os.environ.setdefault("KERAS_BACKEND", "jax")
USERS = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=8"
# Compilation is most of the suite's time, and these make it three times cheaper. They change what XLA fuses: the law
# `product_in_front` compiles every loss with the default flags, and `--everything` runs all laws under them.
CHEAP = (
    "--xla_backend_optimization_level=0",
    "--xla_cpu_use_fusion_emitters=false",
    "--xla_cpu_parallel_codegen_split_count=1",
    "--xla_llvm_disable_expensive_passes=true",
)

import collections
import gc
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import jax
import numpy as np
import pytest
from jax.experimental.compilation_cache import compilation_cache
from jaxlib import xla_client

from tests import dear

# Compiled programs are shared by the workers and kept for the next run.
jax.config.update("jax_compilation_cache_dir", str(Path(__file__).parent.parent / ".jax_cache"))
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
jax.config.update("jax_traceback_in_locations_limit", 0)  # nobody reads where an operation of a test came from
jax.config.update("jax_traceback_filtering", "off")  # nor waits for what pytest shows in full anyway
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_numpy_dtype_promotion", "strict")

HERE = Path(__file__).parent
SHARED = {"combine", "floor", "inspect"}
"""Folders of tests that are not about a family of losses."""
TIERS = "not full and not all_topologies"


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    pluginmanager.import_plugin("tests.selection")
    group = parser.getgroup("jaxloss")
    group.addoption("--loss", metavar="NAME", help="only the laws of this loss, by its exact name")
    group.addoption("--everything", action="store_true", help="all tiers, under the compiler flags that users have")
    group.addoption("--rotate", type=int, metavar="K", help="the laws of the K-th window of Cases in a shuffled order")
    group.addoption("--window", type=int, metavar="N", default=40, help="how many Cases a window has (default 40)")
    group.addoption("--dearest", type=int, metavar="N", default=0, help="print the N Cases that took most CPU time")


def _is_known(flag: str) -> bool:
    """Whether this version of XLA has a flag; a process that is given an unknown one ends."""
    program = "from jaxlib import xla_client; xla_client.CompileOptions()"
    environment = {**os.environ, "XLA_FLAGS": flag}
    return subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True).returncode == 0


def pytest_configure(config: pytest.Config) -> None:
    everything = config.getoption("everything")
    if everything and config.option.markexpr == TIERS:
        config.option.markexpr = "not all_topologies"
    elif config.option.markexpr.startswith("full") and "all_topologies" not in config.option.markexpr:
        # The five generations of TPUs are asked for by their own marker.
        config.option.markexpr += " and not all_topologies"
    # jaxlib parses the flags once, with the first options of a compilation. libtpu reads the variable later and ends
    # the process at flags that it does not know, so it must not see the cheap ones.
    os.environ["XLA_FLAGS"] = USERS if everything else " ".join([USERS, *filter(_is_known, CHEAP)])
    xla_client.CompileOptions()
    os.environ["XLA_FLAGS"] = USERS


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What a family proves beyond the laws, and what is expensive, is in the full tier.

    ``--changed``, ``--loss`` and mutants run it where they reach it. ``--rotate`` takes of it the share that its window
    has of the Cases.
    """
    if loss := config.getoption("loss"):
        config.hook.pytest_deselected(items=[item for item in items if _case_of(item) != loss])
        items[:] = [item for item in items if _case_of(item) == loss]
    if not loss and config.getoption("changed") is None and not config.pluginmanager.hasplugin("mutation.chosen"):
        for item in items:
            if _is_of_family(item) or item.path.name in dear.FILES:
                item.add_marker(pytest.mark.full)
            elif _is_dear(item) and not item.get_closest_marker("full"):
                item.add_marker(pytest.mark.full)
                item.add_marker(pytest.mark.dear)
    if (turn := config.getoption("rotate")) is not None:
        from tests.cases import all_cases  # jaxlib must not be asked for anything before it has its flags

        windows = -(-len(all_cases()) // config.getoption("window"))
        growing = [item for item in items if _rotates(item) and item.get_closest_marker("full")]
        left = {item for place, item in enumerate(growing) if place % windows != turn % windows}
        config.hook.pytest_deselected(items=list(left))
        items[:] = [item for item in items if item not in left]


def _is_of_family(item: pytest.Item) -> bool:
    return SHARED.isdisjoint(item.path.parts) and item.path.parent != HERE


def _is_dear(item: pytest.Item) -> bool:
    """Whether a test runs a law over a Case that takes long."""
    law = item.callspec.params.get("law") if isinstance(item, pytest.Function) and hasattr(item, "callspec") else None
    if law is None or not _case_of(item):
        return False
    compiled = law.group not in ("form", "misuse") and law.name != "equals_its_oracle"
    return law.name in dear.LAWS or (compiled and _case_of(item) in dear.CASES)


def _rotates(item: pytest.Item) -> bool:
    """What grows with the number of losses, and all about inspection but the mutants that no proof may miss."""
    inspects = "inspect" in item.path.parts and item.path.name != "test_mutants.py"
    return _is_of_family(item) or inspects or item.path.name == "test_names.py"


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Of one loss only the files that run laws are collected, and of those its own Case."""
    if config.getoption("loss") and collection_path.is_file():
        return collection_path.name not in ("test_laws.py", "test_tpu.py", "__init__.py")
    return None


def pytest_collection_finish() -> None:
    """Tracing makes garbage by the thousand and no long cycles: collect seldom, and never what imports made."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)


def _case_of(item: pytest.Item | None) -> str:
    """The name of the loss whose Case a test is about; empty for other tests."""
    return _name_of(item, "case")


def _name_of(item: pytest.Item | None, parameter: str) -> str:
    parameters = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
    return getattr(parameters.get(parameter), "name", "")


CASES = 12
"""After so many Cases compiled programs are thrown away: whatever a process does takes longer with many of them."""
PEAK = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024 / 6
"""kB of resident memory, a sixth of the machine's, beyond which they are as well."""
kept = {"cases": 0, "limit": PEAK}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    """Remember the CPU seconds of a test of one Case with its report, which comes back from any worker.

    Thousands of small programs are compiled and hardly one is needed for another Case: now and then, between two of
    them, a process throws them away.
    """
    item.user_properties.append(("case", _case_of(item)))
    item.user_properties.append(("start", time.process_time()))
    result = yield
    if not _case_of(item) or _case_of(item) != _case_of(nextitem):
        kept["cases"] += bool(_case_of(item))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        if peak > kept["limit"] or kept["cases"] == CASES:
            jax.clear_caches()
            gc.collect()
            kept["limit"], kept["cases"] = max(kept["limit"], 1.3 * peak), 0
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo) -> Iterator[pytest.TestReport]:
    report = yield
    start = dict(item.user_properties)["start"]
    report.user_properties.append(("cpu", time.process_time() - start))
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if config.getoption("everything"):
        terminalreporter.write_line("under the compiler flags that users have: --everything")
    if (turn := config.getoption("rotate")) is not None:
        terminalreporter.write_line(f"{config.getoption('window')} of the Cases: --rotate {turn}")
    dearest = config.getoption("dearest")
    if not dearest:
        return
    seconds = collections.Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", "") == "call":
                found = dict(report.user_properties)
                seconds[found["case"] or report.nodeid.split("::")[0]] += found["cpu"]
    terminalreporter.section("dearest, in CPU seconds")
    terminalreporter.write_line(f"{sum(seconds.values()):8.1f}  all")
    for name, spent in seconds.most_common(dearest):
        terminalreporter.write_line(f"{spent:8.1f}  {name}")


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
