"""Speed and memory of jaxloss against its peers: ``python -m benchmarks --help``.

The engine is `jaxloss.benchmarks`; this package adds the losses that are measured and the packages they are measured
against.
"""

from __future__ import annotations

import importlib
from typing import Any

ENGINE = ("programs", "tpu", "traffic")


def __getattr__(name: str) -> Any:
    """`compare` and modules of the engine, imported when they are asked for: environment variables come first."""
    if name in ENGINE:
        return importlib.import_module(f"jaxloss.benchmarks.{name}")
    if name == "compare":
        return importlib.import_module("jaxloss.benchmarks").compare
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
