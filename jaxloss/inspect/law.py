"""A law: a plain function of a Case that yields what broke, with the name, the group and the tier it runs in."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator

from jaxloss.inspect.case import Case

__all__ = ["DoesNotApply", "Law", "law"]


class DoesNotApply(Exception):
    """Raised by a law that asks nothing of this Case; the message says why."""


@dataclasses.dataclass(frozen=True)
class Law:
    """What every loss is held to.

    Attributes:
        name: As in ``Case.exempt``.
        group: The module that the law is in.
        full: Whether it runs in the full tier only.
        broken: Yields one sentence for every way in which a Case breaks the law.
    """

    name: str
    group: str
    full: bool
    broken: Callable[[Case], Iterable[str]]

    def __call__(self, case: Case) -> list[str]:
        """What broke, as sentences; empty if the law holds. Raises `DoesNotApply`, or what the loss raises."""
        return list(self.broken(case))


def law(*, full: bool = False) -> Callable[[Callable[[Case], Iterator[str]]], Law]:
    """Turn a generator of sentences into a `Law` of its own name."""

    def named(broken: Callable[[Case], Iterator[str]]) -> Law:
        return Law(broken.__name__, broken.__module__.rpartition(".")[2], full, broken)

    return named
