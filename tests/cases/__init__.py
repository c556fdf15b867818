"""The registry: one `Case` per public loss, in ``tests/cases/<family>/<module>.py``."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType

from jaxloss.inspect.case import Case, Inputs, Shape, floats

__all__ = ["Case", "Inputs", "Shape", "all_cases", "case_modules", "floats"]


def case_modules() -> list[ModuleType]:
    """Every module of Cases below this folder."""
    found = pkgutil.walk_packages(__path__, f"{__name__}.")
    return [importlib.import_module(info.name) for info in found if not info.ispkg and "._" not in info.name]


def all_cases() -> list[Case]:
    """Every Case of every module in this package, by name."""
    found = [case for module in case_modules() for case in module.CASES]
    return sorted(found, key=lambda case: case.name)
