"""What several test files share: comparisons and docstring examples that fail in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import jax
import numpy as np
import pytest
from jax.extend.core import JaxprEqn, jaxprs_in_params

from jaxloss.inspect.case import Case
from jaxloss.inspect.examples import failures
from jaxloss.inspect.findings import tree_differences
from tests.cases import all_cases

__all__ = ["assert_trees_close", "products_in", "run_examples", "selected_cases"]


def assert_trees_close(actual: Any, expected: Any, rtol: float, what: str) -> None:
    """Leaf by leaf, relative to the largest entry of the leaf."""
    found = tree_differences(actual, expected, rtol, what)
    assert not found, "\n".join(found)


def products_in(fn: Any, *args: Any) -> list[JaxprEqn]:
    """The products of matrices in the program of a function."""

    def walk(jaxpr: Any) -> Iterator[JaxprEqn]:
        for equation in jaxpr.eqns:
            if equation.primitive.name == "dot_general":
                yield equation
            for inner in jaxprs_in_params(equation.params):
                yield from walk(inner)

    return list(walk(jax.make_jaxpr(fn)(*args).jaxpr))


def run_examples(member: Any, name: str, names: Mapping[str, Any], *, recurse: bool = False) -> int:
    """Run the docstring examples of a function or module and return how many there were; fail on a wrong one."""
    tries, reports = failures(member, name, names, recurse=recurse)
    assert not reports, "".join(reports)
    return tries


def selected_cases(config: pytest.Config) -> list[Case]:
    """All Cases, or with ``--loss`` the one of a loss, or with ``--rotate`` a window of them in a shuffled order.

    Windows of successive numbers join, so as many runs as there are windows see every Case.
    """
    cases, loss, turn = all_cases(), config.getoption("loss"), config.getoption("rotate")
    if loss is not None:
        found = [case for case in cases if case.name == loss]
        if not found:
            raise pytest.UsageError(f"there is no Case of {loss!r}")
        return found
    if turn is not None:
        size = min(config.getoption("window"), len(cases))
        shuffled = np.random.default_rng(0).permutation(len(cases))
        window = set(np.take(shuffled, range(turn * size, (turn + 1) * size), mode="wrap").tolist())
        return [case for place, case in enumerate(cases) if place in window]
    return cases
