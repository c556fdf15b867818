"""What `choose` returns: a ranked short list, as objects, as text and as JSON."""

from __future__ import annotations

import dataclasses
import json
import re
import textwrap
from collections.abc import Mapping
from typing import Any

__all__ = ["Choice", "Citation", "Option"]

NARROWEST = 60
CODE, FURTHER = " " * 4, " " * 8
"""Where a code line starts, and where it goes on."""


@dataclasses.dataclass(frozen=True)
class Citation:
    """Where something was published.

    Attributes:
        authors: Their surnames, as in the docstrings of the losses.
        year: The year.
        title: The title, with the section or equation where that helps.
        link: Where it can be read.
    """

    authors: str
    year: int
    title: str
    link: str


@dataclasses.dataclass(frozen=True)
class Option:
    """One entry of the short list.

    Attributes:
        loss: The name below `jaxloss`, such as ``"huber_loss"`` or ``"combine.pcgrad"``.
        reason: Why it is here, in one sentence.
        warning: What it costs or where it fails, in one sentence.
        code: An expression that runs with ``jax``, ``jax.numpy as jnp``, `jaxloss`, ``jaxloss.combine as combine`` and
            the arrays in `Choice.inputs`: a loss, or an objective.
        traits: The traits that brought it here; empty if the task alone did.
        card: The row of the loss's property card that justifies the entry, and whether it holds or is refuted there;
            None if no row does.
        experiment: What was measured on small seeded problems; empty if nothing was.
        literature: What the sentences come from. Where there is neither a card row nor an experiment, they rest on
            the literature alone.
    """

    loss: str
    reason: str
    warning: str
    code: str
    traits: tuple[str, ...] = ()
    card: tuple[str, bool] | None = None
    experiment: str = ""
    literature: tuple[Citation, ...] = ()


@dataclasses.dataclass(frozen=True)
class Choice:
    """A ranked short list of losses.

    Attributes:
        task: The task, by its name in the table.
        traits: The traits that were considered, by their names in the table.
        numbers: The numbers that were given, by name.
        options: The losses, the best first.
        inputs: What the code lines need: by name, its shape and what it holds.
        notes: What holds for all of them.
    """

    task: str
    traits: tuple[str, ...]
    numbers: Mapping[str, float]
    options: tuple[Option, ...]
    inputs: Mapping[str, str]
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.text()

    def text(self, width: int = 60) -> str:
        """The short list for a terminal.

        Args:
            width: Columns, at least 60. Only a link, which stands on a line of its own, may be longer.

        Returns:
            Lines of text, without a newline at the end.

        Raises:
            ValueError: If ``width`` is below 60.
        """
        if width < NARROWEST:
            raise ValueError(f"width must be at least {NARROWEST}; found {width}")
        lines = _filled(f"Which loss for {self.task}?", width)
        if self.traits:
            lines += _filled(f"Traits: {', '.join(self.traits)}", width)
        if self.numbers:
            lines += _filled("Numbers: " + ", ".join(f"{k} = {v:g}" for k, v in self.numbers.items()), width)
        for place, option in enumerate(self.options, 1):
            lines += ["", *_described(place, option, width)]
        if self.notes:
            lines += ["", "Notes", *(line for note in self.notes for line in _filled(note, width, "- ", "  "))]
        given = (line for name, says in self.inputs.items() for line in _filled(f"{name}: {says}", width, "  ", "    "))
        lines += ["", "The code lines need", *given]
        return "\n".join(lines)

    def json(self, indent: int | None = 2) -> str:
        """The short list as JSON, with the fields of `Choice`, `Option` and `Citation`."""
        return json.dumps(self._as_dict(), indent=indent, ensure_ascii=False)

    def _as_dict(self) -> dict[str, Any]:
        options = [dataclasses.asdict(option) for option in self.options]
        for option, fields in zip(self.options, options, strict=True):
            fields["card"] = None if option.card is None else {"row": option.card[0], "holds": option.card[1]}
        whole = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return {**whole, "numbers": dict(self.numbers), "inputs": dict(self.inputs), "options": options}


def _filled(text: str, width: int, first: str = "", rest: str = "") -> list[str]:
    return textwrap.wrap(
        text, width, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False, break_long_words=False
    )


def _described(place: int, option: Option, width: int) -> list[str]:
    lines = _filled(f"jaxloss.{option.loss}", width, f"{place}. ", "   ")
    paragraphs = [option.reason, f"Warning: {option.warning}"]
    if option.traits:
        paragraphs.append(f"Because of: {', '.join(option.traits)}")
    if option.card is not None:
        paragraphs.append(f"Property card: {option.card[0]} {'holds' if option.card[1] else 'does not hold'}")
    if option.experiment:
        paragraphs.append(f"Measured: {option.experiment}")
    lines += [line for paragraph in paragraphs for line in _filled(paragraph, width, "   ", "   ")]
    alone = option.card is None and not option.experiment
    for cited in option.literature:
        lines += _filled(
            f"{'Literature alone' if alone else 'See'}: {cited.authors} ({cited.year})", width, "   ", "   "
        )
        lines.append(f"   {cited.link}")
    return [*lines, "", *_broken(option.code, width)]


def _broken(code: str, width: int) -> list[str]:
    """A code line as several lines of the same Python: broken after brackets and spaces, and all are in brackets."""
    lines = [""]
    for piece in re.split(r"(?<=\()|(?<= )", code):
        indent = CODE if len(lines) == 1 else FURTHER
        if lines[-1] and len(indent + lines[-1] + piece.rstrip()) > width:
            lines.append("")
        lines[-1] += piece
    return [(FURTHER if i else CODE) + line.rstrip() for i, line in enumerate(lines)]
