"""What `jaxloss.reduce` reduced, for whoever needs the losses of the examples behind a finished number.

An objective looks here for the examples of a term that was given as a mean. Notes are taken only while it asks for
them.
"""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Iterator
from typing import NamedTuple

from jaxloss._floor.typing import Array

__all__ = ["Note", "note_of", "notes_are_taken", "take_note", "taking_notes"]


class Note(NamedTuple):
    """The result of a reduction, and the losses and weights of its examples; None if each counts once."""

    result: Array
    values: Array
    mass: Array | None


_notes: contextvars.ContextVar[list[Note] | None] = contextvars.ContextVar("_notes", default=None)


@contextlib.contextmanager
def taking_notes() -> Iterator[None]:
    """Take notes of all reductions inside; an inner block has notes of its own."""
    token = _notes.set([])
    try:
        yield
    finally:
        _notes.reset(token)


def notes_are_taken() -> bool:
    """Whether anybody asks for the losses behind a mean, which then has to be made of them."""
    return _notes.get() is not None


def take_note(result: Array, values: Array, mass: Array | None) -> Array:
    """``result``, noted if anybody asks."""
    if (notes := _notes.get()) is not None:
        notes.append(Note(result, values, mass))
    return result


def note_of(result: object) -> Note | None:
    """What is known of an array that a reduction returned: of this very array, not of an equal one."""
    return next((note for note in reversed(_notes.get() or []) if note.result is result), None)
