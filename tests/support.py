"""What the laws share: calling a Case, casting, choosing settings, comparing."""

from __future__ import annotations

import doctest
import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from tests.cases import Case, Inputs, floats

TAIL = ("where", "weights", "reduction")


def keyword_parameters(fn: Callable) -> dict[str, inspect.Parameter]:
    parameters = inspect.signature(fn).parameters.values()
    return {p.name: p for p in parameters if p.kind is p.KEYWORD_ONLY and p.name not in TAIL}


def settings(case: Case) -> list[Mapping[str, Any]]:
    """The defaults, if there are enough of them, and the Case's own hyperparameters."""
    required = any(p.default is p.empty for p in keyword_parameters(case.fn).values())
    return ([] if required else [{}]) + ([case.hypers] if case.hypers else [])


def cast(inputs: Inputs, dtype: Any) -> dict[str, Any]:
    return {k: jnp.asarray(v, dtype if k in floats(inputs) else None) for k, v in inputs.items()}


def cast_hypers(hypers: Mapping[str, Any], dtype: Any) -> dict[str, Any]:
    """Array hyperparameters in ``dtype``; numbers as they are."""
    floating = lambda v: isinstance(v, np.ndarray) and np.issubdtype(v.dtype, np.floating)
    return {k: jnp.asarray(v, dtype) if floating(v) else v for k, v in hypers.items()}


def differentiable(case: Case, inputs: Mapping[str, Any]) -> list[str]:
    return [n for n, x in inputs.items() if jnp.issubdtype(jnp.asarray(x).dtype, jnp.floating) and n not in case.fixed]


def call(case: Case, inputs: Mapping[str, Any], **kwargs: Any) -> Any:
    """The loss as it stands, operation by operation, without the state that it may return."""
    dtypes = [x.dtype for x in inputs.values() if hasattr(x, "dtype") and jnp.issubdtype(x.dtype, jnp.floating)]
    wide = lambda x: jnp.asarray(x, dtypes[0] if dtypes else jnp.float32) if isinstance(x, np.ndarray) else x
    result = case.fn(*jax.tree.map(wide, case.leading), **inputs, **kwargs)
    return result[0] if case.carries else result


def loss(case: Case, inputs: Mapping[str, Any], **kwargs: Any) -> Any:
    """The loss as one compiled program, which is much faster to compile than its operations one by one."""
    return jax.jit(lambda x: call(case, x, **kwargs))(dict(inputs))


def of_floats(case: Case, inputs: Mapping[str, Any], **kwargs: Any) -> tuple[Callable[[dict], Any], dict[str, Any]]:
    """The loss as a function of its differentiable inputs, and those inputs."""
    chosen = {n: inputs[n] for n in differentiable(case, inputs)}
    return lambda some: call(case, {**inputs, **some}, **kwargs), chosen


def contracted(case: Case, inputs: Mapping[str, Any], cotangent: Any, **kwargs: Any) -> tuple[Callable, dict]:
    """As `of_floats`, with the unreduced loss contracted with ``cotangent``: tests every entry's own rule."""
    fn, chosen = of_floats(case, inputs, reduction="none", **kwargs)
    return lambda some: jnp.sum(fn(some) * cotangent), chosen


def rows(case: Case, inputs: Mapping[str, Any], index: Any) -> dict[str, Any]:
    """The inputs at some positions of the only batch axis; shared inputs whole."""
    return {n: x if n in case.shared else np.asarray(x)[index] for n, x in inputs.items()}


def direction(rng: np.random.Generator, chosen: Mapping[str, Any]) -> dict[str, Any]:
    return {n: jnp.asarray(rng.normal(size=np.shape(x)), jnp.asarray(x).dtype) for n, x in chosen.items()}


def inner(a: Mapping[str, Any], b: Mapping[str, Any]) -> float:
    return float(sum(np.sum(np.asarray(a[n], np.float64) * np.asarray(b[n], np.float64)) for n in a))


def assert_trees_close(actual: Any, expected: Any, rtol: float, what: str) -> None:
    """Leaf by leaf, relative to the largest entry of the leaf."""
    assert jax.tree.structure(actual) == jax.tree.structure(expected), what
    for a, e in zip(jax.tree.leaves(actual), jax.tree.leaves(expected), strict=True):
        a, e = np.asarray(a, np.float64), np.asarray(e, np.float64)
        assert a.shape == e.shape, f"{what}: shape {a.shape}, expected {e.shape}"
        finite = np.isfinite(e)
        np.testing.assert_array_equal(a[~finite], e[~finite], err_msg=what)
        scale = np.max(np.abs(e[finite]), initial=0.0)
        np.testing.assert_allclose(a[finite], e[finite], rtol=0, atol=rtol * scale + 1e-300, err_msg=what)


def assert_finite(tree: Any, what: str) -> None:
    for leaf in jax.tree.leaves(tree):
        assert np.all(np.isfinite(np.asarray(leaf, np.float64))), f"{what}: {leaf}"


NUMBER = re.compile(r"[-+]?\d+\.?\d*(?:e[-+]?\d+)?")


class NumberChecker(doctest.OutputChecker):
    """Examples print float32 numbers, whose last digit depends on the processor: compare them to 1e-5."""

    def check_output(self, want: str, got: str, optionflags: int) -> bool:
        if super().check_output(want, got, optionflags):
            return True
        same_words = ["".join(NUMBER.sub("#", text).split()) for text in (want, got)]
        numbers = [[float(n) for n in NUMBER.findall(text)] for text in (want, got)]
        return same_words[0] == same_words[1] and np.allclose(*numbers, rtol=1e-5, atol=1e-30)


def run_examples(member: Any, name: str, names: Mapping[str, Any], *, recurse: bool = False) -> int:
    """Run the docstring examples of a function or module and return how many there were; fail on a wrong one."""
    report: list[str] = []
    runner = doctest.DocTestRunner(checker=NumberChecker(), optionflags=doctest.NORMALIZE_WHITESPACE)
    for test in doctest.DocTestFinder(recurse=recurse).find(member, name, globs=dict(names)):
        runner.run(test, out=report.append)
    assert not runner.failures, "".join(report)
    return runner.tries
