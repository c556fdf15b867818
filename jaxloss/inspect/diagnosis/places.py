"""Lines of the source: of the user's code where possible, never of JAX."""

from __future__ import annotations

import importlib.util
import sysconfig
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import jax

__all__ = ["is_of_jax", "is_ours", "line_of_error", "line_of_operation", "line_of_stack"]

OURS = str(Path(__file__).parents[2])
TOOLS = (
    *(str(Path(str(spec.origin)).parent) for name in ("jax", "chex") if (spec := importlib.util.find_spec(name))),
    "<",
)
STDLIB = sysconfig.get_path("stdlib")
PACKAGES = (sysconfig.get_path("purelib"), sysconfig.get_path("platlib"))


def is_of_jax(source: str | None) -> bool:
    """Whether a function, of which JAX says ``name at file:line``, is one of JAX."""
    return source is not None and str(Path(jax.__file__).parent) in source


def is_ours(source_info: Any) -> bool:
    """Whether the innermost line outside of JAX that asks for an operation is one of jaxloss."""
    frames = source_info.traceback.frames if source_info.traceback is not None else ()
    return next((f.file_name.startswith(OURS) for f in frames if not f.file_name.startswith(TOOLS)), False)


def line_of_operation(source_info: Any) -> str:
    """The line that made an operation of a jaxpr; empty if it is unknown."""
    frames = source_info.traceback.frames if source_info.traceback is not None else ()
    return _innermost((frame.file_name, frame.line_num) for frame in frames)


def line_of_error(error: BaseException) -> str:
    """The line that raised an error."""
    return _innermost(
        (frame.filename, frame.lineno or 0) for frame in reversed(traceback.extract_tb(error.__traceback__))
    )


def line_of_stack() -> str:
    """The line that is being executed."""
    return _innermost((frame.filename, frame.lineno or 0) for frame in reversed(traceback.extract_stack()))


def _innermost(frames: Iterable[tuple[str, int]]) -> str:
    """The innermost line of the user's own files; else of an installed package; else of this one."""
    known = [(file, line) for file, line in frames if not file.startswith(TOOLS)]
    known = [(file, line) for file, line in known if file.startswith(PACKAGES) or not file.startswith(STDLIB)]
    installed = [place for place in known if not place[0].startswith(OURS)]
    own = [place for place in installed if not place[0].startswith(PACKAGES)]
    for places in (own, installed, known):
        if places:
            return f"{Path(places[0][0]).name}:{places[0][1]}"
    return ""
