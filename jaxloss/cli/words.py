"""What a word of the command line stands for: a number, several, a truth value."""

from __future__ import annotations

import argparse
import ast
from collections.abc import Callable
from typing import Any

__all__ = ["length", "numbers", "value", "whole_number", "whole_numbers"]


def value(text: str) -> Any:
    """A number, a truth value, a tuple of them after commas, or the text itself."""
    words = {"true": True, "false": False, "none": None}
    if text.casefold() in words:
        return words[text.casefold()]
    try:
        return ast.literal_eval(text)
    except (SyntaxError, ValueError):
        return text


def numbers(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not numbers with commas between them") from None


def whole_number(least: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not text.removeprefix("-").isdigit() or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number >= {least}")
        return int(text)

    return parse


def whole_numbers(least: int) -> Callable[[str], tuple[int, ...]]:
    """Several with commas between them; ``1e6`` is one, too."""

    def parse(text: str) -> tuple[int, ...]:
        found = tuple(value(part) for part in text.split(","))
        if not all(isinstance(x, int | float) and x == int(x) and x >= least for x in found):
            raise argparse.ArgumentTypeError(f"{text!r} is not whole numbers >= {least} with commas between them")
        return tuple(map(int, found))

    return parse


def length(text: str) -> tuple[str, int]:
    """An axis and its length, such as ``K=32768``."""
    name, _, number = text.partition("=")
    if not (name.isidentifier() and number.isdigit() and int(number) > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is not an axis and its length, such as K=32768")
    return name, int(number)
