"""What other libraries call these losses: the AttributeError for a foreign name, and the migration page.

One TOML file per library. They are read when a name is asked for that jaxloss does not have, never before.
"""

from __future__ import annotations

import functools
import importlib.util
import inspect
import sys
from types import ModuleType
from typing import NoReturn

__all__ = ["explain_missing_names", "public_modules"]


def public_modules() -> list[ModuleType]:
    """`jaxloss` and the modules in its ``__all__``."""
    root = sys.modules["jaxloss"]
    return [root, *(member for name in root.__all__ if inspect.ismodule(member := getattr(root, name)))]


def explain_missing_names() -> None:
    """Let every public module answer for a name that it does not have.

    The function is put there at run time: to a type checker, a module that defines ``__getattr__`` has every attribute.
    """
    for module in public_modules():
        vars(module)["__getattr__"] = functools.partial(_no_such_name, module.__name__)


def _no_such_name(module: str, name: str) -> NoReturn:
    """Raise the AttributeError for ``module.name``: it says what to write instead, where that is known."""
    if name.startswith("_"):
        message = f"{module} has no `{name}`."
    elif _is_submodule(module, name):  # asked before the tables are read: ``from jaxloss import nn`` comes here first
        message = f"{module} has no `{name}` yet; write `import {module}.{name}`. Losses are `jaxloss.<name>`."
    else:
        from jaxloss.names.help import explain

        message = explain(module, name)
    # With ``obj`` and without ``name`` Python adds no guess of its own to the message.
    raise AttributeError(message, obj=sys.modules[module])


def _is_submodule(module: str, name: str) -> bool:
    """Whether ``module.name`` can be imported, though nobody has done it."""
    is_package = "__path__" in vars(sys.modules[module])
    return is_package and name.isidentifier() and importlib.util.find_spec(f"{module}.{name}") is not None
