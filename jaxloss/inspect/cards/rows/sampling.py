"""What the rows that sample share: a loss of one number as NumPy functions, and the verdict of a measured number."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxloss.inspect.programs import defaults
from jaxloss.inspect.verdict import Verdict, Word

__all__ = ["Curve", "curve", "quick", "rounded", "tested"]

CHUNK = 4096
"""Numbers of one call: every call has the same shape, so that a loss is compiled once for all rows."""

QUICK: Mapping[str, str | bool | int | float] = {
    "xla_backend_optimization_level": 0,
    "xla_cpu_use_fusion_emitters": False,
    "xla_cpu_parallel_codegen_split_count": 1,
    "xla_llvm_disable_expensive_passes": True,
}


class Curve:
    """Value, slope and curvature of a loss of one number, in float64, each compiled once."""

    def __init__(self, fn: Callable[[jax.Array], jax.Array]) -> None:
        self._programs = [jax.jit(jax.vmap(order)) for order in (fn, jax.grad(fn), jax.grad(jax.grad(fn)))]

    def values(self, numbers: np.ndarray) -> np.ndarray:
        """The loss at each number."""
        return self._run(0, numbers)

    def slopes(self, numbers: np.ndarray) -> np.ndarray:
        """Its derivative, by reverse mode."""
        return self._run(1, numbers)

    def curvatures(self, numbers: np.ndarray) -> np.ndarray:
        """Its second derivative."""
        return self._run(2, numbers)

    def _run(self, order: int, numbers: np.ndarray) -> np.ndarray:
        flat = np.asarray(numbers, np.float64).ravel()
        padded = np.pad(flat, (0, -flat.size % CHUNK), mode="edge").reshape(-1, CHUNK)
        with jax.enable_x64(True):
            found = [self._programs[order](jnp.asarray(chunk)) for chunk in padded]
        return np.concatenate([np.asarray(chunk, np.float64) for chunk in found])[: flat.size]


@functools.lru_cache(maxsize=8)
def curve(fn: Callable[[jax.Array], jax.Array]) -> Curve:
    """The `Curve` of a function, remembered for the rows of one card."""
    return Curve(fn)


def quick() -> dict[str, str | bool | int | float]:
    """Compiler options for a search, most of whose time is compilation; versions of XLA differ in those they have."""
    return {name: value for name, value in QUICK.items() if name in defaults()}


def rounded(number: float) -> float:
    """To four digits, on which all processors agree."""
    return float(f"{number:.4g}")


def tested(statement: str, value: float, points: int, **evidence: Any) -> Verdict:
    """A number that was measured at some points."""
    more = {name: rounded(v) if isinstance(v, float) else v for name, v in evidence.items()}
    return Verdict(Word.TESTED, statement, rounded(value), {"points": points, **more})
