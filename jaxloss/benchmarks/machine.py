"""What a reader needs to judge the figures: the machine, the packages, and how much memory is left."""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import pathlib
import platform
import re
from collections.abc import Sequence
from typing import Any

import jax

__all__ = ["PACKAGES", "available_bytes", "environment"]

PACKAGES = ("jaxloss", "jax", "jaxlib", "numpy", "libtpu", "optax")
MEMINFO = pathlib.Path("/proc/meminfo")


def environment(packages: Sequence[str] = PACKAGES) -> dict[str, Any]:
    """The machine, the time and the versions; the load says whether the machine was quiet."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "platform": jax.default_backend(),
        "device": jax.devices()[0].device_kind,
        "machine": platform.machine(),
        "processor": _processor(),
        "system": platform.system(),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "load_at_start": load,
        "glibc_tunables": os.environ.get("GLIBC_TUNABLES", ""),
        "packages": {package: _version(package) for package in packages},
    }


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "absent"


def _processor() -> str:
    """The name of the processor, where the system tells."""
    info = pathlib.Path("/proc/cpuinfo")
    found = re.search(r"model name\s*: (.*)", info.read_text()) if info.exists() else None
    return found[1] if found else platform.processor()


def available_bytes() -> int:
    """Memory that a program may still take where the arrays live: of the device, or of the machine."""
    stats = jax.devices()[0].memory_stats() or {}
    if "bytes_limit" in stats:
        return stats["bytes_limit"] - stats.get("bytes_in_use", 0)
    found = re.search(r"MemAvailable:\s*(\d+) kB", MEMINFO.read_text()) if MEMINFO.exists() else None
    return 1024 * int(found[1]) if found else os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
