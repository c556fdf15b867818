"""From what a user asks to names in the tables: words, numbers, and what contradicts itself."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from numbers import Real

from jaxloss.inspect.choosing.tables import Number, Task, all_numbers, all_tasks, all_traits
from jaxloss.inspect.choosing.words import find, plain

__all__ = ["Question", "traits_implied", "understand", "understand_task"]


@dataclasses.dataclass(frozen=True)
class Question:
    """What was asked, in the words of the tables."""

    task: Task
    traits: tuple[str, ...]
    numbers: Mapping[str, float]
    """Only the numbers that were given."""


def understand(task: str, traits: Sequence[str], numbers: Mapping[str, float]) -> Question:
    """The question in the words of the tables; raises what `choose` promises."""
    if isinstance(traits, str):
        raise TypeError(f"traits must be a sequence of strings; found the string {traits!r}, write [{traits!r}]")
    found, implied = understand_task(task)
    words, written = _split(traits)
    if twice := written.keys() & numbers.keys():
        raise ValueError(f"a number must be given once; {', '.join(sorted(twice))} is among the traits and a keyword")
    given = {
        name: _checked(all_numbers()[name], value) for name, value in {**written, **numbers}.items() if _known(name)
    }
    known = {alias: trait.name for trait in all_traits().values() for alias in (trait.name, *trait.aliases)}
    named = [find(word, known, "trait") for word in words]
    meant = [trait for name, value in given.items() for trait in traits_implied(name, value)]
    wanted = tuple(dict.fromkeys([*implied, *named, *meant]))
    _refuse_contradictions(wanted)
    return Question(found, wanted, given)


def understand_task(word: str) -> tuple[Task, tuple[str, ...]]:
    """The task that a word stands for, and the traits that the word implies."""
    known = {alias: task.name for task in all_tasks().values() for alias in (task.name, *task.aliases)}
    task = all_tasks()[find(word, known, "task")]
    implied = {plain(alias): traits for alias, traits in task.aliases.items()}
    return task, implied.get(plain(word), ())


def traits_implied(name: str, value: float) -> list[str]:
    """The traits that hold for a number."""
    return [trait for trait, (low, high) in all_numbers()[name].implies.items() if low <= value <= high]


def _split(traits: Sequence[str]) -> tuple[list[str], dict[str, float]]:
    """Traits in words, and those written as ``name=number``."""
    words: list[str] = []
    numbers: dict[str, float] = {}
    for trait in traits:
        name, equals, text = trait.partition("=") if isinstance(trait, str) else (trait, "", "")
        if not equals:
            words.append(trait)
            continue
        key = find(name, {name: name for name in all_numbers()}, "number")
        try:
            numbers[key] = float(text)
        except ValueError:
            raise ValueError(
                f"{key} must be a number, such as {key}={all_numbers()[key].usual:g}; found {text!r}"
            ) from None
    return words, numbers


def _known(name: str) -> bool:
    """True, or the error for a keyword that is not the name of a number."""
    if name not in all_numbers():
        raise ValueError(f"choose has no number {name!r}; the numbers are {', '.join(all_numbers())}")
    return True


def _checked(number: Number, value: float) -> float:
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{number.name} must be a number; found {value!r}, a {type(value).__name__}")
    if not (math.isfinite(value) and number.low <= value <= number.high):
        raise ValueError(
            f"{number.name} ({number.about}) must be in [{number.low:g}, {number.high:g}]; found {value:g}"
        )
    return float(value)


def _refuse_contradictions(traits: Sequence[str]) -> None:
    for i, first in enumerate(traits):
        for second in traits[i + 1 :]:
            if second in all_traits()[first].excludes or first in all_traits()[second].excludes:
                raise ValueError(f"traits must not contradict each other; found {first!r} and {second!r}: drop one")
