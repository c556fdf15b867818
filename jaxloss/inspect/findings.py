"""Comparisons that return what differs, as sentences; an empty list is agreement."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

__all__ = ["differences", "infinities", "inner", "norm", "refusals", "tree_differences"]


def differences(actual: Any, expected: Any, what: str, *, rtol: float = 0.0, atol: float = 0.0) -> list[str]:
    """Entries of ``actual`` that are off by more than ``atol + rtol * abs(expected)``; NaN equals NaN."""
    a, e = np.asarray(actual, np.float64), np.asarray(expected, np.float64)
    if a.shape != e.shape:
        return [f"{what}: shape {a.shape}, expected {e.shape}"]
    with np.errstate(invalid="ignore"):
        same = (a == e) | (np.isnan(a) & np.isnan(e)) | (np.abs(a - e) <= atol + rtol * np.abs(e))
    if same.all():
        return []
    where = tuple(int(i) for i in np.argwhere(~same)[0])
    found, wanted = float(a[where]), float(e[where])
    return [f"{what}: {found!r}, expected {wanted!r} at {where}; {np.sum(~same)} of {same.size} entries differ"]


def tree_differences(actual: Any, expected: Any, rtol: float, what: str) -> list[str]:
    """Leaf by leaf, relative to the largest finite entry of the leaf."""
    (paths, structure), (leaves, other) = jax.tree.flatten_with_path(expected), jax.tree.flatten(actual)
    if structure != other:
        return [f"{what}: structure {other}, expected {structure}"]
    found = []
    for (path, expectation), leaf in zip(paths, leaves, strict=True):
        e = np.asarray(expectation, np.float64)
        scale = np.max(np.abs(e[np.isfinite(e)]), initial=0.0)
        found += differences(leaf, e, f"{what} {jax.tree_util.keystr(path)}".strip(), atol=rtol * scale + 1e-300)
    return found


def infinities(tree: Any, what: str) -> list[str]:
    """Leaves that are not finite."""
    leaves = jax.tree.flatten_with_path(tree)[0]
    broken = [(path, leaf) for path, leaf in leaves if not np.all(np.isfinite(np.asarray(leaf, np.float64)))]
    return [f"{what} {jax.tree_util.keystr(path)}: {leaf}" for path, leaf in broken]


def refusals(
    run: Callable[[], Any], error: type[Exception] | tuple[type[Exception], ...], word: str, what: str
) -> list[str]:
    """A sentence unless ``run`` raises ``error`` with one of the words of ``word``, separated by bars, in it."""
    try:
        run()
    except error as raised:
        missing = not any(part in str(raised) for part in word.split("|"))
        return [f"{what}: the message does not say {word!r}: {raised}"] if missing else []
    except Exception as raised:
        return [f"{what}: raised {type(raised).__name__} and not the promised error: {raised}"]
    return [f"{what}: accepted"]


def inner(a: Mapping[str, Any], b: Mapping[str, Any]) -> float:
    """The inner product of two dicts of arrays, in float64."""
    return float(sum(np.sum(np.asarray(a[n], np.float64) * np.asarray(b[n], np.float64)) for n in a))


def norm(a: Mapping[str, Any]) -> float:
    """The Euclidean norm of a dict of arrays."""
    return float(np.sqrt(inner(a, a)))
