"""Alarms: readings that persist, with the numbers, what to try, and what would show that the alarm is wrong."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from jaxloss.inspect.diagnostics.alarms.history import History
from jaxloss.inspect.diagnostics.alarms.rules import RULES, Rule

__all__ = ["Alarm", "report"]


@dataclasses.dataclass(frozen=True)
class Alarm:
    """A failure that the readings point to. ``str(alarm)`` is its text.

    Attributes:
        name: Name of the failure.
        state: Name of the state that shows it.
        step: Step of the last read.
        reads: In how many of the last reads it held, and how many these were.
        evidence: The numbers, in a sentence.
        suggests: What to try.
        falsified_by: What would show that the alarm is wrong.
    """

    name: str
    state: str
    step: int
    reads: tuple[int, int]
    evidence: str
    suggests: tuple[str, ...]
    falsified_by: str

    def __str__(self) -> str:
        held, of = self.reads
        return (
            f"{self.name} ({self.state}), step {self.step}\n"
            f"  in {held} of the last {of} reads: {self.evidence}\n"
            f"  try: {', '.join(self.suggests)}\n"
            f"  wrong if: {self.falsified_by}"
        )


def report(history: History, rules: Sequence[Rule] = RULES, *, persistence: tuple[int, int] = (3, 5)) -> list[Alarm]:
    """Alarms that a history of readings gives reason for.

    An alarm needs a size of effect, which its rule sets, and persistence. The thresholds of the rules are starting
    points: see `Rule`.

    Args:
        history: The readings, see `append`.
        rules: What to look for.
        persistence: ``(held, of)``: the effect must be there in at least ``held`` of the last ``of`` reads, and in the
            last one; in the same share of more reads where a rule asks for a number of steps that these do not span.

    Returns:
        The alarms, in the order of the rules; empty if there is no reason for one.

    Raises:
        ValueError: If ``persistence`` is not two numbers with ``1 <= held <= of``.

    Example:
        >>> history = None
        >>> for step in range(100, 600, 100):
        ...     readings = {"eval/ece": 0.2, "eval/null_ece": 0.04, "eval/overconfidence": 0.19, "eval/count": 500.0}
        ...     history = diagnostics.append(history, step, readings)
        >>> (alarm,) = diagnostics.report(history)
        >>> print(alarm)
        over-confidence (eval), step 500
          in 5 of the last 5 reads: ECE 0.200, where chance explains 0.040; confidence minus accuracy is +0.190
          try: jaxloss.softmax_cross_entropy_with_integer_labels(label_smoothing=0.1), jaxloss.temperature_scaling_nll
          wrong if: the gap vanishes on data that was not trained on; smoothing can also make a calibrated model worse
    """
    held, of = persistence
    if not 1 <= held <= of:
        raise ValueError(f"persistence must be (held, of) with 1 <= held <= of; found {persistence!r}.")
    return [
        alarm
        for rule in rules
        for state in _states_with(history, rule)
        if (alarm := _alarm(history, rule, state, held, of)) is not None
    ]


def _states_with(history: History, rule: Rule) -> list[str]:
    """The names of the states that have the first reading of a rule, and for which the others can be found."""
    tail = f"/{rule.uses[0]}"
    states = [name.removesuffix(tail) for name in history.readings if name.endswith(tail)]
    return [state for state in states if all(_found(history, state, reading) for reading in rule.uses)]


def _found(history: History, state: str, reading: str) -> str | None:
    """The full name of a reading: of this state, or of the only one that has it."""
    own = f"{state}/{reading}"
    elsewhere = [name for name in history.readings if name.endswith(f"/{reading}")]
    if own in history.readings:
        return own
    return elsewhere[0] if len(elsewhere) == 1 else None


def _alarm(history: History, rule: Rule, state: str, held: int, of: int) -> Alarm | None:
    names = {reading: _found(history, state, reading) for reading in rule.uses}
    columns = {reading: history.readings[name] for reading, name in names.items() if name is not None}
    # Steps at which this state was not read are no evidence, for or against. A NaN among numbers that were read is.
    read = [~np.isnan(column).all(axis=tuple(range(1, column.ndim))) for column in columns.values()]
    given = np.any(np.stack(read), axis=0)
    columns = {reading: column[given] for reading, column in columns.items()}
    steps = history.steps[given]
    if len(steps) < held:
        return None
    with np.errstate(invalid="ignore"):
        effects = np.asarray(rule.holds(columns), bool)
    # The last reads, or all that span the steps of the rule where these are more.
    spanning = 1 + int(np.sum(steps > steps[-1] - rule.steps))
    window = min(max(of, spanning), len(effects))
    recent = np.flatnonzero(effects[-window:]) + len(effects) - window
    persists = len(recent) >= held and of * len(recent) >= held * window
    if not effects[-1] or not persists or steps[recent[-1]] - steps[recent[0]] < rule.steps:
        return None
    at = lambda place: {reading: column[place] for reading, column in columns.items()}
    evidence = rule.evidence(at(-1), at(0))
    reads = (len(recent), window)
    return Alarm(rule.name, state, int(steps[-1]), reads, evidence, rule.suggests, rule.falsified_by)
