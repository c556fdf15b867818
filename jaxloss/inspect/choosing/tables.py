"""The tables of the selector, read from the TOML files beside this module when a question is asked."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jaxloss.inspect.choosing.choice import Citation

__all__ = [
    "Entry",
    "Number",
    "Task",
    "Trait",
    "all_numbers",
    "all_tasks",
    "all_traits",
    "citations",
    "common",
    "entries_for",
    "experiments",
]

FOLDER = Path(__file__).parent


@dataclasses.dataclass(frozen=True)
class Entry:
    """A loss that may be advised, and what for."""

    loss: str
    """The name below `jaxloss`."""
    base: int
    """Its score without any trait; 0 if it is only advised for a trait."""
    traits: Mapping[str, int]
    """What each trait adds to the score; negative where the loss suffers from it."""
    reason: str
    warning: str
    code: str
    """An expression in which ``<name>`` stands for a number that the user may give."""
    card: tuple[str, bool] | None
    experiment: str
    """A key of `experiments`; empty if there is none."""
    cites: tuple[str, ...]
    """Keys of `citations` beside the one of the loss."""
    tasks: tuple[str, ...]
    """Of a common entry, the tasks that it is for; all if empty."""


@dataclasses.dataclass(frozen=True)
class Task:
    """What somebody wants to do."""

    name: str
    about: str
    aliases: Mapping[str, tuple[str, ...]]
    """Other words for it, each with the traits that it implies."""
    inputs: Mapping[str, str]
    """Names in the code lines: the shape in brackets, and what they hold."""
    entries: tuple[Entry, ...]


@dataclasses.dataclass(frozen=True)
class Trait:
    """What is special about somebody's data, model or machine."""

    name: str
    about: str
    aliases: tuple[str, ...]
    excludes: tuple[str, ...]
    """Traits that cannot hold at the same time."""
    note: str
    """Advice that is not a loss; empty if there is none."""


@dataclasses.dataclass(frozen=True)
class Number:
    """A number that tells how strong a trait is."""

    name: str
    about: str
    low: float
    high: float
    usual: float
    """What code lines show if it is not given."""
    implies: Mapping[str, tuple[float, float]]
    """Trait to the closed interval of numbers for which it holds."""


def _read(path: Path) -> dict[str, Any]:
    import tomllib  # only when a question is asked

    return tomllib.loads(path.read_text(encoding="utf-8"))


def _entries(rows: list[dict[str, Any]]) -> tuple[Entry, ...]:
    return tuple(
        Entry(
            loss=row["loss"],
            base=row.get("base", 0),
            traits=row.get("traits", {}),
            reason=row["reason"],
            warning=row["warning"],
            code=row["code"],
            card=(row["card"]["row"], row["card"]["holds"]) if "card" in row else None,
            experiment=row.get("experiment", ""),
            cites=tuple(row.get("cites", ())),
            tasks=tuple(row.get("tasks", ())),
        )
        for row in rows
    )


def _task(path: Path) -> Task:
    data = _read(path)
    aliases = {name: tuple(implied) for name, implied in data["aliases"].items()}
    return Task(data["task"], data["about"], aliases, data["inputs"], _entries(data["entries"]))


@functools.cache
def all_tasks() -> Mapping[str, Task]:
    """Every task by name, in alphabetical order."""
    found = map(_task, (FOLDER / "tasks").glob("*.toml"))
    return {task.name: task for task in sorted(found, key=lambda task: task.name)}


@functools.cache
def common() -> Task:
    """Entries for traits that mean the same in every task; not a task itself."""
    return _task(FOLDER / "common.toml")


def entries_for(task: Task) -> tuple[Entry, ...]:
    """The entries of a task, and the common ones that fit it, for losses that it has no entry for."""
    own = {entry.loss for entry in task.entries}
    fitting = [entry for entry in common().entries if not entry.tasks or task.name in entry.tasks]
    return (*task.entries, *(entry for entry in fitting if entry.loss not in own))


@functools.cache
def all_traits() -> Mapping[str, Trait]:
    """Every trait by name, in the order of the file."""
    return {
        name: Trait(
            name,
            row["about"],
            tuple(row.get("aliases", ())),
            tuple(row.get("excludes", ())),
            row.get("note", ""),
        )
        for name, row in _read(FOLDER / "traits.toml").items()
    }


@functools.cache
def all_numbers() -> Mapping[str, Number]:
    """Every number by name."""
    return {
        name: Number(
            name,
            row["about"],
            row["low"],
            row["high"],
            row["usual"],
            {trait: (low, high) for trait, (low, high) in row["implies"].items()},
        )
        for name, row in _read(FOLDER / "numbers.toml").items()
    }


@functools.cache
def citations() -> Mapping[str, Citation]:
    """What the table cites; a loss that has a citation of its own is the key of it."""
    return {key: Citation(**row) for key, row in _read(FOLDER / "literature.toml").items()}


@functools.cache
def experiments() -> Mapping[str, str]:
    """Experiments by name, and in one sentence what each of them measured."""
    return _read(FOLDER / "experiments.toml")
