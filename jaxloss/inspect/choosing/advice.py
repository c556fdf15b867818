"""Which loss? The question of every project, answered from a table."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from jaxloss.inspect.choosing.asking import Question, traits_implied, understand, understand_task
from jaxloss.inspect.choosing.choice import Choice, Option
from jaxloss.inspect.choosing.scoring import ranked
from jaxloss.inspect.choosing.tables import (
    Entry,
    Number,
    all_numbers,
    all_tasks,
    all_traits,
    citations,
    common,
    entries_for,
    experiments,
)

__all__ = ["choose", "tasks", "traits"]


def tasks() -> Mapping[str, str]:
    """The tasks that `choose` knows: by name, what each is about."""
    return {name: task.about for name, task in all_tasks().items()}


def traits(task: str | None = None) -> Mapping[str, str]:
    """The traits that `choose` knows: by name, what each means.

    Args:
        task: Only the traits for which the table has advice in this task; None for all.

    Returns:
        The traits in the order of the table.

    Raises:
        ValueError: If the task is not known; the message lists the near ones.
    """
    found = all_traits()
    if task is None:
        return {name: trait.about for name, trait in found.items()}
    entries = entries_for(understand_task(task)[0])
    return {name: trait.about for name, trait in found.items() if trait.note or _changes(name, entries)}


def choose(task: str, traits: Sequence[str] = (), **numbers: float) -> Choice:
    """Answer "which loss?" with a ranked short list for a task and its traits.

    The advice comes from a table. Every entry says why it is there, what to watch, and what that stands on: a row of
    its property card, an experiment on a small seeded problem, or the literature alone.

    Args:
        task: What the model does, such as ``"segmentation"``; see `tasks`. Common other words are understood, such as
            ``"object detection"`` or ``"rlhf"``.
        traits: What is special about the data, the model or the machine, such as ``"outliers"``; see `traits`. A
            number may be given with its name, as ``"imbalance=0.01"``.
        **numbers: How strong a trait is: ``imbalance`` (share of the rare class), ``label_noise`` (share of wrong
            labels), ``outliers`` (share of wrong targets), ``coverage`` (of prediction intervals), ``vocabulary``
            (number of classes) or ``batch`` (examples per step). A number adds the trait that it implies.

    Returns:
        A `Choice` with two to five losses, or one for each trait if there are more traits.

    Raises:
        TypeError: If a task or trait is not a string, or a number is not a number.
        ValueError: If a task, trait or number is not known, if a number is out of its range, or if two traits
            contradict each other.

    Example:
        >>> choice = choose("regression", ["gross outliers"], outliers=0.2)
        >>> [option.loss for option in choice.options][:3]
        ['huber_loss', 'tukey_biweight_loss', 'welsch_loss']
        >>> print(choose("segmentation").options[0].code)
        jaxloss.softmax_dice_cross_entropy(logits, labels, pixel_ndim=2)
    """
    question = understand(task, traits, numbers)
    entries = entries_for(question.task)
    chosen = ranked(entries, question.traits)
    options = tuple(_option(entry, question) for entry in chosen)
    inputs = {**question.task.inputs, **{k: v for k, v in common().inputs.items() if k not in question.task.inputs}}
    return Choice(
        task=question.task.name,
        traits=question.traits,
        numbers=question.numbers,
        options=options,
        inputs={name: says for name, says in inputs.items() if _is_used(name, options)},
        notes=tuple(_notes(question, entries, chosen)),
    )


def _changes(trait: str, entries: Sequence[Entry]) -> bool:
    return any(trait in entry.traits for entry in entries)


def _shown(code: str) -> dict[str, Number]:
    """The numbers that stand in a code line."""
    return {name: number for name, number in all_numbers().items() if f"<{name}>" in code}


def _option(entry: Entry, question: Question) -> Option:
    code = entry.code
    for name, number in _shown(code).items():
        code = code.replace(f"<{name}>", f"{question.numbers.get(name, number.usual):g}")
    keys = [key for key in (entry.loss, *entry.cites) if key in citations()]
    return Option(
        loss=entry.loss,
        reason=entry.reason,
        warning=entry.warning,
        code=code,
        traits=tuple(trait for trait in question.traits if entry.traits.get(trait, 0) > 0),
        card=entry.card,
        experiment=experiments().get(entry.experiment, ""),
        literature=tuple(dict.fromkeys(citations()[key] for key in keys)),
    )


def _is_used(name: str, options: Sequence[Option]) -> bool:
    return any(re.search(rf"\b{name}\b(?!=)", option.code) for option in options)


def _notes(question: Question, entries: Sequence[Entry], chosen: Sequence[Entry]) -> Iterator[str]:
    for name in question.traits:
        trait = all_traits()[name]
        against = [entry.loss for entry in question.task.entries if entry.base and entry.traits.get(name, 0) < 0]
        if against:
            yield f"'{name}' counts against {', '.join(dict.fromkeys(against))}."
        if trait.note:
            yield trait.note
        elif not _changes(name, entries):
            where = [task.name for task in all_tasks().values() if _changes(name, entries_for(task))]
            yield f"'{name}' changes nothing for {question.task.name}; there is advice on it for {', '.join(where)}."
    for name, value in question.numbers.items():
        if not traits_implied(name, value):
            yield f"{name} = {value:g} adds no trait: it is {all_numbers()[name].about}."
    shown = {name: number for entry in chosen for name, number in _shown(entry.code).items()}
    for name, number in shown.items():
        if name not in question.numbers:
            yield f"{name} was not given; the code shows {number.usual:g} ({number.about})."
