"""A plugin of pytest: collects the chosen Cases and tests alone, oracles first, and records what failed.

``MUTATION_CHOICE`` names a JSON file with ``cases``, ``tests`` (``"module.function"``), ``laws`` (the tests that run
over Cases), ``left_out`` and ``only`` (node ids, or null) and ``record``, the file to which each failure is added.
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
    left_out, only = set(CHOICE["left_out"]), CHOICE["only"]
    chosen, left = [], []
    for item in items:
        wanted = item.nodeid not in left_out if only is None else item.nodeid in only
        (chosen if wanted and _is_chosen(config, item) else left).append(item)
    items[:] = sorted(chosen, key=_turn)  # the order within a turn stays
    config.hook.pytest_deselected(items=left)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.failed:
        _record(report.nodeid)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    if report.failed:
        _record(f"collection of {report.nodeid or 'the tests'}")


def _is_chosen(config: pytest.Config, item: pytest.Item) -> bool:
    chain = item.listchain()
    top = next(node for above, node in itertools.pairwise(chain) if isinstance(above, pytest.Module))
    module = ".".join(item.path.relative_to(config.rootpath).with_suffix("").parts)
    name = f"{module}.{top.name.partition('[')[0]}"
    cases = set(re.findall(r"\w+", item.name.partition("[")[2])) if name in CHOICE["laws"] else set()
    return name in CHOICE["tests"] or not cases.isdisjoint(CHOICE["cases"])


def _turn(item: pytest.Item) -> int:
    law = any(item.nodeid.startswith(f"{name.rpartition('.')[0].replace('.', '/')}.py") for name in CHOICE["laws"])
    return (0 if "oracle" in item.name else 1) if law else 2


def _record(failure: str) -> None:
    with Path(CHOICE["record"]).open("a", encoding="utf-8") as file:
        file.write(failure + "\n")
