"""From the words that people use to the names in the tables, with an error that lists the near ones."""

from __future__ import annotations

import difflib
import functools
import re
from collections.abc import Iterable, Mapping

__all__ = ["find", "plain"]


@functools.lru_cache(maxsize=4096)
def plain(word: str) -> str:
    """Words that differ only in case, hyphens, underscores and spaces are one word."""
    return re.sub(r"[\s_-]+", " ", word).strip().casefold()


def find(word: str, known: Mapping[str, str], what: str) -> str:
    """The name that a word stands for.

    Args:
        word: What the user wrote.
        known: From names and their aliases to names.
        what: What it is, for the error: ``"task"``, ``"trait"`` or ``"number"``.

    Returns:
        The name.

    Raises:
        TypeError: If ``word`` is not a string.
        ValueError: If it is not known; the message lists the near names, or all.
    """
    if not isinstance(word, str):
        raise TypeError(f"a {what} must be a string; found {word!r}, a {type(word).__name__}")
    by_plain = {plain(alias): name for alias, name in known.items()}
    if plain(word) in by_plain:
        return by_plain[plain(word)]
    near = _near(plain(word), by_plain)
    listed = _listed(near) if near else _listed(dict.fromkeys(known.values()))
    raise ValueError(
        f"{what} must be one that the table knows; found {word!r}, {'near' if near else 'known'}: {listed}"
    )


def _near(word: str, by_plain: Mapping[str, str]) -> list[str]:
    """Names of which a word or an alias is spelt alike or shares a word."""
    alike = difflib.get_close_matches(word, by_plain, n=5, cutoff=0.7)
    parts = {part for part in word.split() if len(part) > 3}
    sharing = [alias for alias in by_plain if parts & set(alias.split())]
    return list(dict.fromkeys(by_plain[alias] for alias in (*alike, *sharing)))[:5]


def _listed(names: Iterable[str]) -> str:
    return ", ".join(repr(name) for name in names)
