"""The user's own functions, by what stands on the command line."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from jaxloss.cli.wrong_use import WrongUse

__all__ = ["function_in_file", "own_function"]


def own_function(path: str) -> Callable[..., Any]:
    """The function under ``FILE.py:function``, or under ``module:function`` of an importable module."""
    home, _, name = path.rpartition(":")
    if home.endswith(".py") or os.sep in home:
        return function_in_file(path)
    if not (home and name.isidentifier()):
        raise WrongUse(f"write module:function or FILE.py:function, such as my_losses:my_loss; found {path!r}")
    sys.path.insert(0, os.getcwd())
    try:
        module = importlib.import_module(home)
    except ModuleNotFoundError as error:
        if error.name != home.partition(".")[0] and error.name != home:
            raise WrongUse(f"{home} cannot be imported: {error}") from error
        raise WrongUse(f"no module named {home}; install it, or run this in the folder that has it") from None
    except Exception as error:  # whatever a module of the user's raises
        raise WrongUse(f"{home} cannot be imported: {type(error).__name__}: {error}") from error
    finally:
        sys.path.remove(os.getcwd())
    return _member(module, home, name)


def function_in_file(path: str) -> Callable[..., Any]:
    """The function under ``FILE.py:function``; the file is imported, beside its neighbours."""
    file, colon, name = path.rpartition(":")
    if not (colon and file and name.isidentifier()):
        raise WrongUse(f"write FILE.py:function, such as my_losses.py:my_loss; found {path!r}")
    source = Path(file).resolve()
    if not source.is_file():
        raise WrongUse(f"{file} does not exist")
    spec = importlib.util.spec_from_file_location(source.stem, source)
    if spec is None or spec.loader is None:
        raise WrongUse(f"{file} is not a Python file: its name must end in .py")
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(source.parent))
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever a file of the user's raises
        raise WrongUse(f"{file} cannot be imported: {type(error).__name__}: {error}") from error
    finally:
        sys.path.remove(str(source.parent))
    return _member(module, file, name)


def _member(module: ModuleType, home: str, name: str) -> Callable[..., Any]:
    found = getattr(module, name, None)
    if callable(found):
        return found
    functions = [each for each, member in vars(module).items() if callable(member) and not each.startswith("_")]
    close = difflib.get_close_matches(name, functions, 3) or functions
    raise WrongUse(f"{home} has no function {name!r}; it has {', '.join(close) or 'none'}")
