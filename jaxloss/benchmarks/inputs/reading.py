"""What the docstring of a loss says of its arguments: the shape of each, and the words about it.

The docstrings of this library have one form, which tests hold them to: a shape, such as ``[..., K]``, or "See" another
function whose argument of the same name is described.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
import sys
from collections.abc import Callable
from typing import Any

import jaxloss
from jaxloss.names import public_modules

__all__ = ["Argument", "arguments", "mask", "required"]

_ENTRY = re.compile(r"^ {4}(\w+(?:, \w+)*): (.*)$")
_SHAPE = re.compile(r"[Ss]hapes? ``\[([^`\]]*)\]``")
_ELSEWHERE = re.compile(r"(?:See|As in|see) `(?:jaxloss\.)?([\w.]+)`")


@dataclasses.dataclass(frozen=True)
class Argument:
    """An argument of a loss.

    Attributes:
        name: In the signature.
        dims: Its axes, such as ``("...", "K")``; None if the docstring has no shape.
        says: The words about it.
    """

    name: str
    dims: tuple[str, ...] | None
    says: str

    @property
    def last(self) -> str:
        """The last axis; empty if there is none but the batch."""
        return self.dims[-1] if self.dims and self.dims[-1] != "..." else ""


def arguments(fn: Callable[..., Any]) -> tuple[Argument, ...]:
    """The positional arguments of a public loss."""
    parameters = inspect.signature(fn).parameters.values()
    found: list[Argument] = []
    for name in (p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD):
        says = _description(fn, name)
        dims = _dims(says)
        if dims is None and re.search("of the same shape|structure and shapes of", says) and found:
            dims = found[-1].dims
        if dims is None and says.startswith("Any pytree"):
            dims = ("...", "D")
        found.append(Argument(name, dims, says))
    return tuple(found)


def mask(fn: Callable[..., Any]) -> Argument:
    """The mask; without dimensions if it has the shape of the unreduced loss."""
    says = _description(fn, "where")
    return Argument("where", _dims(says), says)


def _dims(says: str) -> tuple[str, ...] | None:
    shape = _SHAPE.search(says)
    return tuple(dim.strip() for dim in shape[1].split(",") if dim) if shape else None


def required(fn: Callable[..., Any]) -> tuple[str, ...]:
    """The hyperparameters that have no default."""
    parameters = inspect.signature(fn).parameters.values()
    return tuple(p.name for p in parameters if p.kind is p.KEYWORD_ONLY and p.default is p.empty)


def _description(where: Any, name: str, depth: int = 0) -> str:
    """The words about an argument, in the docstring of a function or of a module, or where these send the reader."""
    text = inspect.getdoc(where) or ""
    says = _of_module(text, name) if inspect.ismodule(where) else _of_function(text, name)
    sent = _ELSEWHERE.search(says)
    if sent and not _SHAPE.search(says) and depth < 4 and (target := _public(sent[1])) is not None:
        return _description(target, name, depth + 1) or says
    return says


def _of_function(text: str, name: str) -> str:
    lines = text.partition("Args:\n")[2].split("\n")
    said: list[str] = []
    inside = False
    for line in lines:
        if line and not line.startswith(" "):
            break
        if entry := _ENTRY.match(line):
            inside = name in entry[1].split(", ")
            line = entry[2]
        if inside:
            said.append(line.strip())
    return " ".join(said)


def _of_module(text: str, name: str) -> str:
    found = re.search(rf"``{name}``(?:, ``\w+``)*(?::|\n) *(.*?)(?=``\w+``: |\n\S|\Z)", text, re.DOTALL)
    return " ".join(found[1].split()) if found else ""


def _public(path: str) -> Any:
    """A public function or module under a name that docstrings use."""
    if f"jaxloss.{path}" in sys.modules:
        return sys.modules[f"jaxloss.{path}"]
    homes = [jaxloss, *public_modules()]
    return next((vars(home)[path] for home in homes if path in vars(home)), None)
