"""Finds the functions of jaxloss that a user names; an unknown name gets the advice that jaxloss has for it."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any

import jaxloss
from jaxloss.cli.wrong_use import WrongUse, what_users_say
from jaxloss.inspect.cards.table import all_losses
from jaxloss.names import public_modules

__all__ = ["family_of", "function_named", "home_of", "known_family", "loss_named"]


def home_of(path: str) -> tuple[ModuleType, str]:
    """The public module that a path is about, and the name in it; jaxloss itself for names of other libraries."""
    owner, _, name = path.removeprefix("jaxloss.").rpartition(".")
    root, *others = public_modules()
    return next((module for module in others if module.__name__ == f"jaxloss.{owner}"), root), name


def function_named(path: str) -> Callable[..., Any]:
    """The function under a name, such as ``huber_loss`` or ``combine.pcgrad``."""
    home, name = home_of(path)
    with what_users_say():
        found = getattr(home, name)
    if not callable(found) or isinstance(found, type(jaxloss)):
        raise WrongUse(f"{home.__name__}.{name} is a {type(found).__name__}, not a function")
    return found


def loss_named(name: str) -> Callable[..., Any]:
    """The loss under a name."""
    found = function_named(name)
    if (flat := found.__name__) not in all_losses():
        raise WrongUse(f"{name} is not a loss: it has no property card; `jaxloss show {name}` says what it is")
    return all_losses()[flat]


def family_of(fn: Callable[..., Any]) -> str:
    """The folder that a function is in."""
    return fn.__module__.split(".")[1]


def known_family(word: str, families: Iterable[str]) -> str:
    """The family, or an error with the near ones."""
    known = sorted(set(families))
    if word in known:
        return word
    close = difflib.get_close_matches(word, known, 3)
    listed = f"did you mean {' or '.join(close)}?" if close else f"families are {', '.join(known)}"
    raise WrongUse(f"no family is named {word!r}; {listed}")
