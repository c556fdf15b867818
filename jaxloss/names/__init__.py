"""What other libraries call these losses and their arguments: errors that say ours, and the migration page.

One TOML file per library. They are read when a name or a keyword is used that jaxloss does not have, never before.
"""

from __future__ import annotations

import functools
import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any, NoReturn

__all__ = ["explain_missing_names", "explain_unknown_arguments", "public_modules"]


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


def explain_unknown_arguments() -> None:
    """Let every public function answer for a keyword that it does not have.

    The sources hold plain functions. Here each is exchanged for one that calls it, in every module of jaxloss whose
    ``__all__`` has its name: so it is one object under all its names, and pickle finds it where it is defined. Other
    modules keep the plain function that they imported.
    """
    answering = {fn: _with_answer(fn) for module in public_modules() for fn in _unanswering(module)}
    for module in [module for name, module in sys.modules.items() if name.partition(".")[0] == "jaxloss"]:
        for fn in _unanswering(module):
            if fn in answering:
                vars(module)[fn.__name__] = answering[fn]


def _unanswering(module: ModuleType) -> Iterator[Callable]:
    """The functions in ``__all__`` of a module that know all their keywords.

    Without those that are wrapped: a reduction, for one, binds its arguments itself and says what they are.
    """
    for name in getattr(module, "__all__", ()):
        member = getattr(module, name)
        is_plain = inspect.isfunction(member) and not hasattr(member, "__wrapped__")
        if is_plain and not member.__code__.co_flags & inspect.CO_VARKEYWORDS:
            yield member


def _with_answer(fn: Callable) -> Callable:
    """``fn`` with a TypeError for keywords that it does not have.

    They are looked for before the call: an ``except`` around it would stand in the tracebacks of all other errors.
    """
    code = fn.__code__
    known = frozenset(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount])

    @functools.wraps(fn)
    def call(*args: Any, **kwargs: Any) -> Any:
        if not known.issuperset(kwargs):
            from jaxloss.names.arguments import explain

            raise TypeError(explain(fn, [name for name in kwargs if name not in known]))
        return fn(*args, **kwargs)

    return call
