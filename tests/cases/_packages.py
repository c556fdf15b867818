"""Functions of packages that take long to import, imported when they are called: collecting the tests stays light."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any


def sklearn_metric(name: str) -> Callable[..., Any]:
    """The function of this name in ``sklearn.metrics``."""
    return lambda *args, **kwargs: getattr(importlib.import_module("sklearn.metrics"), name)(*args, **kwargs)
