"""A plugin of pytest: collects the chosen Cases and tests alone, oracles first, and records what failed.

``MUTATION_CHOICE`` names a JSON file with ``cases``, ``tests`` (``"module.function"``), ``laws`` (the tests that run
over Cases), ``left_out`` (node ids) and ``record``, the file to which one JSON line per test is added.
"""

from __future__ import annotations

import itertools
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

CHOICE: dict[str, Any] = json.loads(Path(os.environ["MUTATION_CHOICE"]).read_text(encoding="utf-8"))


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """A file without a chosen test is not imported."""
    if not collection_path.match("test_*.py"):
        return None
    module = ".".join(collection_path.relative_to(config.rootpath).with_suffix("").parts)
    laws = CHOICE["laws"] if CHOICE["cases"] else []
    return None if any(name.rpartition(".")[0] == module for name in (*CHOICE["tests"], *laws)) else True


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    left_out = set(CHOICE["left_out"])
    chosen, left = [], []
    for item in items:
        (chosen if item.nodeid not in left_out and _owners(config, item) else left).append(item)
    items[:] = sorted(chosen, key=_turn)  # the order within a turn stays
    config.hook.pytest_deselected(items=left)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.failed or report.when == "call":
        _record(report.nodeid, report.outcome, report.duration)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    if report.failed:
        _record(f"collection of {report.nodeid or 'the tests'}", report.outcome, 0.0)


def _owners(config: pytest.Config, item: pytest.Item) -> set[str]:
    """The chosen Cases or tests that an item belongs to."""
    chain = item.listchain()
    top = next(node for above, node in itertools.pairwise(chain) if isinstance(above, pytest.Module))
    module = ".".join(item.path.relative_to(config.rootpath).with_suffix("").parts)
    name = f"{module}.{top.name.partition('[')[0]}"
    cases = set(re.findall(r"\w+", item.name.partition("[")[2])) if name in CHOICE["laws"] else set()
    return {name} & set(CHOICE["tests"]) | cases & set(CHOICE["cases"])


def _turn(item: pytest.Item) -> int:
    law = any(item.nodeid.startswith(f"{name.rpartition('.')[0].replace('.', '/')}.py") for name in CHOICE["laws"])
    return (0 if "oracle" in item.name else 1) if law else 2


def _record(test: str, outcome: str, seconds: float) -> None:
    with Path(CHOICE["record"]).open("a", encoding="utf-8") as file:
        file.write(json.dumps({"test": test, "outcome": outcome, "seconds": seconds}) + "\n")
