"""Speed and memory of jaxloss against its peers: ``python -m benchmarks --help``.

The engine is `jaxloss.benchmarks`; this package adds the losses that are measured and the packages they are measured
against.
"""

from __future__ import annotations

import importlib
from typing import Any


def __getattr__(name: str) -> Any:
    """`compare` of the engine, imported when it is asked for: environment variables come first."""
    if name == "compare":
        return importlib.import_module("jaxloss.benchmarks").compare
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
