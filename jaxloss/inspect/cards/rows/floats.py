"""Every floating-point input of a loss, one after the other: what overflows, vanishes or turns negative, and where."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, get_args

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np

from jaxloss.inspect.programs import defaults
from jaxloss.inspect.subject import Subject
from jaxloss.inspect.verdict import Verdict, Word

__all__ = [
    "DEFECTS",
    "MANY_ULPS",
    "NUMPY",
    "SMALL_SLOPE",
    "Enumeration",
    "FloatName",
    "enumerate_floats",
    "float_verdict",
]

FloatName = Literal["bfloat16", "float16", "float32"]
NUMPY: Mapping[str, Any] = {"bfloat16": ml_dtypes.bfloat16, "float16": np.float16, "float32": np.float32}
CHUNK = 1 << 18
"""Inputs of one call of the compiled program: arrays of 2 MB in float64 stay in the cache."""

SMALL_SLOPE = 1e-4
"""Slopes below are small: a gradient of 0 there is not counted as lost, and has no relative error worth a report."""
MANY_ULPS = 32.0
"""Units in the last place of the input's dtype from which a gradient is called wrong."""
SMALLEST = 2.0**-120
"""Below, inputs or intermediate results are flushed to zero by most processors, so that gradients are not judged."""
EXPONENT = np.uint64(0x7FF << 52)
"""The bits of a float64 that make it a power of two."""
ROUNDING = -1e-9
"""Lowest float64 value of a loss that is >= 0: naive formulas round to a little below 0 in float64, too."""

DEFECTS: Mapping[str, str] = {
    "nan_value": "NaN value",
    "nan_gradient": "NaN gradient",
    "infinite_value": "infinite value where the exact one is finite",
    "infinite_gradient": "infinite gradient where the exact one is finite",
    "negative": "negative value of a loss that is >= 0",
    "lost_gradient": "gradient 0 where the exact slope is at least 1e-4",
    "wrong_gradient": "gradient off by more than 32 ulp where the exact slope is at least 1e-4",
}
"""What is counted, by name."""


@dataclasses.dataclass(frozen=True)
class Enumeration:
    """What became of every finite input of one dtype.

    Attributes:
        dtype: The dtype of the inputs.
        points: How many inputs were evaluated.
        counts: Name of a defect, as in `DEFECTS`, to the number of inputs that have it.
        witnesses: Name of a defect that occurs to the input of smallest magnitude that has it, and the value, gradient,
            exact value and exact slope there.
        worst_ulps: Largest error of a gradient where the exact slope is at least `SMALL_SLOPE`, in units in the last
            place of the dtype.
        worst_input: Where that is; None if no slope is that large.
    """

    dtype: str
    points: int
    counts: Mapping[str, int]
    witnesses: Mapping[str, Mapping[str, float]]
    worst_ulps: float
    worst_input: float | None

    @property
    def sound(self) -> bool:
        """Whether no input has a defect."""
        return not any(self.counts.values())


def enumerate_floats(
    subject: Subject,
    dtype: FloatName,
    *,
    legal: tuple[float, float] = (-math.inf, math.inf),
    progress: Callable[[float], Any] | None = None,
) -> Enumeration:
    """Evaluate a loss and its gradient at every finite number of a dtype.

    The reference is the loss itself in float64, at the same rounded input. A value or gradient may be infinite where
    the reference is too large for the dtype of the result, and a value may be negative if the reference is. The
    gradient is taken in reverse mode, as training takes it. At inputs below 2^-120 it may also be 0 or inexact, because
    most processors read the smallest numbers as 0, those of the reference included.

    Args:
        subject: The loss as a function of one number.
        dtype: ``"bfloat16"`` or ``"float16"``, 65,536 numbers each, or ``"float32"``, 2^32 numbers in some minutes.
        legal: The closed interval on which the loss is defined; inputs outside are not evaluated.
        progress: Called with the finished share, from 0 to 1, after every 262,144 inputs.

    Returns:
        The number of inputs with each defect, and witnesses.

    Raises:
        ValueError: If ``dtype`` is none of the three.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxloss.inspect.cards import enumerate_floats
        >>> from jaxloss.inspect.subject import Subject
        >>> naive = Subject("naive", lambda r: jnp.sqrt(1 + r * r) - 1, kind="residual")
        >>> found = enumerate_floats(naive, "float16")
        >>> found.witnesses["infinite_value"]["input"]  # 256 squared is too large for float16
        256.0
    """
    if dtype not in get_args(FloatName):
        raise ValueError(f"dtype must be one of {', '.join(get_args(FloatName))}; found {dtype!r}")
    tally = _Tally(dtype)
    with jax.enable_x64(True):
        evaluate = _program(subject.fn)
        for share, inputs in _inputs(NUMPY[dtype], legal):
            if inputs.size:
                tally.add(inputs, *(np.asarray(found) for found in evaluate(inputs)))
            if progress is not None:
                progress(share)
    return tally.result()


def float_verdict(found: Enumeration) -> Verdict:
    """The row of a card for an enumeration: proved for this dtype, or refuted with the first defect as witness."""
    worst = f"worst gradient {found.worst_ulps:.3g} ulp"
    evidence = {"engine": "enumeration", "domain": f"{found.points} finite {found.dtype}", "dtype": found.dtype}
    evidence |= {"points": found.points, "worst_ulps": round(found.worst_ulps, 3), "worst_input": found.worst_input}
    if found.sound:
        return Verdict(Word.PROVED, f"no defect; {worst}", float(f"{found.worst_ulps:.3g}"), evidence)
    counts = {name: count for name, count in found.counts.items() if count}
    first = next(iter(counts))
    evidence |= {"counts": counts, "witness": {**found.witnesses[first], "defect": first}}
    statement = "; ".join(f"{DEFECTS[name]}: {count} inputs" for name, count in counts.items())
    return Verdict(Word.REFUTED, f"{statement}; {worst}", float(f"{found.worst_ulps:.3g}"), evidence)


def _program(fn: Callable[[jax.Array], jax.Array]) -> Callable[[Any], tuple[jax.Array, ...]]:
    """Inputs to value and gradient in their dtype, and both in float64.

    Compiled with the options that users have, whatever the process has: they decide which intermediate results of 16
    bits are rounded.
    """
    slopes = jax.vmap(jax.value_and_grad(fn))
    return jax.jit(lambda x: (*slopes(x), *slopes(x.astype(jnp.float64))), compiler_options=defaults())


def _inputs(dtype: Any, legal: tuple[float, float]) -> Iterator[tuple[float, np.ndarray]]:
    """Every finite number of a dtype within ``legal``, in chunks, with the share that is then finished."""
    unsigned = np.dtype(f"uint{8 * np.dtype(dtype).itemsize}")
    total = 1 << (8 * unsigned.itemsize)
    size = min(CHUNK, total)
    for start in range(0, total, size):
        share = (start + size) / total
        with np.errstate(invalid="ignore"):  # half of the NaNs are signalling ones
            # Chunks of float32 are monotone, so that the ends tell of those that are outside.
            ends = np.array([start, start + size - 1]).astype(unsigned).view(dtype).astype(np.float64)
            if np.max(ends) < legal[0] or np.min(ends) > legal[1]:
                yield share, np.empty(0, dtype)
                continue
            numbers = np.arange(start, start + size).astype(unsigned).view(dtype)
            wide = numbers.astype(np.float64)
        yield share, numbers[np.isfinite(wide) & (wide >= legal[0]) & (wide <= legal[1])]


class _Tally:
    """Counts of defects over chunks, with the witness of smallest magnitude of each."""

    def __init__(self, dtype: str) -> None:
        self.dtype = dtype
        self.points = 0
        self.lowest = math.inf
        self.counts = dict.fromkeys(DEFECTS, 0)
        self.witnesses: dict[str, dict[str, float]] = {}
        self.worst_ulps, self.worst_input = 0.0, None

    def add(self, inputs: Any, values: Any, slopes: Any, exact: Any, true: Any) -> None:
        """Count one chunk: inputs, values and gradients, and both of these in float64."""
        limits = [_largest(values.dtype), _largest(slopes.dtype)]
        x, values, slopes, exact, true = (np.asarray(a, np.float64) for a in (inputs, values, slopes, exact, true))
        size = np.abs(true)
        steep, fits = (size >= SMALL_SLOPE) & (np.abs(x) >= SMALLEST), size <= limits[1]
        ulps = _ulps(slopes, true, inputs.dtype)
        ulps[~(steep & fits)] = 0
        faults = {
            "nan_value": np.isnan(values),
            "nan_gradient": np.isnan(slopes),
            "infinite_value": np.isinf(values) & (np.abs(exact) <= limits[0]),
            "infinite_gradient": np.isinf(slopes) & fits,
            "negative": values < 0,
            "lost_gradient": steep & (slopes == 0),
            "wrong_gradient": (ulps > MANY_ULPS) & (slopes != 0) & np.isfinite(slopes),
        }
        self.points += x.size
        self.lowest = min(self.lowest, float(np.nanmin(exact, initial=math.inf)))
        for name, fault in faults.items():
            if fault.any():
                self.counts[name] += int(fault.sum())
                self._keep(name, (a[fault] for a in (x, values, slopes, exact, true)))
        ulps[~np.isfinite(ulps)] = 0  # counted as NaN or infinite
        if ulps.max() > self.worst_ulps:
            self.worst_ulps, self.worst_input = float(ulps.max()), float(x[ulps.argmax()])

    def _keep(self, name: str, columns: Iterator[np.ndarray]) -> None:
        rows = list(columns)
        at = np.abs(rows[0]).argmin()
        names = ("input", "value", "gradient", "exact_value", "exact_gradient")
        found = {key: float(row[at]) for key, row in zip(names, rows, strict=True)}
        if name not in self.witnesses or abs(found["input"]) < abs(self.witnesses[name]["input"]):
            self.witnesses[name] = found

    def result(self) -> Enumeration:
        """What was found, without the negative values of a loss whose exact values are negative, too."""
        if self.lowest < ROUNDING:
            self.counts["negative"] = 0
            self.witnesses.pop("negative", None)
        names = self.dtype, self.points, self.counts, self.witnesses
        return Enumeration(*names, self.worst_ulps, self.worst_input)


def _largest(dtype: Any) -> float:
    return float(ml_dtypes.finfo(dtype).max)


def _ulps(found: np.ndarray, true: np.ndarray, dtype: Any) -> np.ndarray:
    """Distance in units in the last place that numbers of the size of ``true`` have in a dtype."""
    powers = (true.view(np.uint64) & EXPONENT).view(np.float64)  # a logarithm takes ten times as long
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        return np.abs(found - true) / (float(ml_dtypes.finfo(dtype).eps) * powers)
