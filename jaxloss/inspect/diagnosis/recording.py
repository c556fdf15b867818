"""Which losses of jaxloss a function calls, with which arguments, and where it broadcasts without saying so."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import inspect
import re
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from types import CodeType, FrameType
from typing import Any

import jax

from jaxloss.inspect.diagnosis.arrays import array_of, is_concrete
from jaxloss.inspect.diagnosis.places import line_of_stack

__all__ = ["Call", "Promotion", "Record", "recording"]

PROMOTION = re.compile(r"automatic rank promotion for (\S+) on shapes (.*)\. Set the")
SHAPE = re.compile(r"\(([\d, ]*)\)")


@dataclasses.dataclass(eq=False)
class Call:
    """One call of a loss of jaxloss.

    Attributes:
        fn: The loss.
        arguments: What it was called with, by name, defaults included.
        result: What it returned; None if it raised an error.
        term: The name of the term that the result is, in an objective.
    """

    fn: Callable[..., Any]
    arguments: dict[str, Any]
    result: Any = None
    term: str = ""

    @property
    def name(self) -> str:
        return self.fn.__name__

    @property
    def where(self) -> str:
        """The loss and its term, for a finding."""
        return f"term {self.term!r}, {self.name}" if self.term else self.name

    @property
    def loss(self) -> Any:
        """The result without the state that a loss may carry."""
        return self.result[0] if isinstance(self.result, tuple) else self.result

    def array(self, name: str) -> jax.Array | None:
        """An argument as an array of numbers; None if there is none."""
        return array_of(self.arguments.get(name))

    def run(self, **changes: Any) -> Any:
        """The call again, with some arguments changed."""
        bound = inspect.signature(self.fn).bind_partial()
        bound.arguments.update({**self.arguments, **changes})
        return self.fn(*bound.args, **bound.kwargs)


@dataclasses.dataclass(frozen=True)
class Promotion:
    """An array whose rank was raised by broadcasting, without being asked for."""

    operation: str
    shapes: tuple[tuple[int, ...], ...]
    line: str


@dataclasses.dataclass
class Record:
    """What a run of a function did.

    Attributes:
        calls: Its outermost calls of losses with concrete arguments.
        promotions: Its silent broadcasts.
        traced: Whether a loss was called under a transformation, where its arguments are unknown.
    """

    calls: list[Call] = dataclasses.field(default_factory=list)
    promotions: list[Promotion] = dataclasses.field(default_factory=list)
    traced: bool = False


@functools.cache
def _losses() -> Mapping[CodeType, Callable[..., Any]]:
    """The code of every loss of jaxloss, and the loss."""
    import jaxloss  # at the first diagnosis: the package is not complete while this module is imported

    found = {name: fn for name, fn in vars(jaxloss).items() if not name.startswith("_") and inspect.isfunction(fn)}
    with_tail = {name: fn for name, fn in found.items() if "reduction" in inspect.signature(fn).parameters}
    return {inspect.unwrap(fn).__code__: fn for fn in with_tail.values()}


@contextlib.contextmanager
def recording() -> Iterator[Record]:
    """Note the calls and broadcasts of the code inside, which runs as it would without."""
    record = Record()
    with _noting_calls(record), _noting_promotions(record):
        yield record


@contextlib.contextmanager
def _noting_calls(record: Record) -> Iterator[None]:
    losses, open_frames = _losses(), []

    def hook(frame: FrameType, event: str, returned: Any) -> None:
        if event == "call" and (fn := losses.get(frame.f_code)) is not None:
            names = frame.f_code.co_varnames[: frame.f_code.co_argcount + frame.f_code.co_kwonlyargcount]
            call = Call(fn, {name: frame.f_locals[name] for name in names})
            open_frames.append((frame, call))
            if len(open_frames) == 1 and is_concrete(call.arguments):
                record.calls.append(call)
            elif len(open_frames) == 1:
                record.traced = True
        elif event == "return" and open_frames and frame is open_frames[-1][0]:
            open_frames.pop()[1].result = returned

    before = sys.getprofile()
    sys.setprofile(hook)
    try:
        yield
    finally:
        # Python 3.11's own profiler is not a function: it is switched on again by its method.
        getattr(before, "enable", lambda: sys.setprofile(before))()


@contextlib.contextmanager
def _noting_promotions(record: Record) -> Iterator[None]:
    with warnings.catch_warnings(), jax.numpy_rank_promotion("warn"):
        usual = warnings.showwarning

        def note(message: Warning | str, category: type[Warning], *rest: Any, **kwargs: Any) -> None:
            if (found := PROMOTION.search(str(message))) is None:
                usual(message, category, *rest, **kwargs)
                return
            shapes = [tuple(int(n) for n in re.findall(r"\d+", shape)) for shape in SHAPE.findall(found[2])]
            record.promotions.append(Promotion(found[1], tuple(shapes), line_of_stack()))

        warnings.filterwarnings("always", message=".*automatic rank promotion.*")
        warnings.showwarning = note
        yield
