"""Docstring examples, executed: printed numbers are compared to 2e-7, two units in the last place, words exactly."""

from __future__ import annotations

import doctest
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

__all__ = ["failures"]

NUMBER = re.compile(r"[-+]?\d+\.?\d*(?:e[-+]?\d+)?")


class _NumberChecker(doctest.OutputChecker):
    """Examples print float32 numbers, whose last digit depends on the processor."""

    def check_output(self, want: str, got: str, optionflags: int) -> bool:
        if super().check_output(want, got, optionflags):
            return True
        same_words = ["".join(NUMBER.sub("#", text).split()) for text in (want, got)]
        numbers = [[float(n) for n in NUMBER.findall(text)] for text in (want, got)]
        return same_words[0] == same_words[1] and np.allclose(*numbers, rtol=2e-7, atol=1e-30)


def failures(member: Any, name: str, names: Mapping[str, Any], *, recurse: bool = False) -> tuple[int, list[str]]:
    """Run the examples of a function or module: how many there are, and the reports of those that fail."""
    report: list[str] = []
    runner = doctest.DocTestRunner(checker=_NumberChecker(), optionflags=doctest.NORMALIZE_WHITESPACE)
    for test in doctest.DocTestFinder(recurse=recurse).find(member, name, globs=dict(names)):
        runner.run(test, out=report.append)
    return runner.tries, ["".join(report)] if runner.failures else []
