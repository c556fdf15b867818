"""Errors that the user of the command line can mend, apart from errors of the program."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["WrongUse", "what_users_say"]


class WrongUse(Exception):
    """Bad input; the message says what to do."""


@contextmanager
def what_users_say() -> Iterator[None]:
    """Around a call with words of the user: what it refuses is wrong use. Anywhere else an error has a traceback."""
    try:
        yield
    except (AttributeError, TypeError, ValueError) as error:
        raise WrongUse(str(error)) from error
