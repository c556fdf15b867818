"""Times of programs: interleaved, in random order, by the clock and by the processor."""

from __future__ import annotations

import dataclasses
import functools
import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from jaxloss.benchmarks.programs import QUANTITIES, JaxProgram

__all__ = ["BUILDS", "Samples", "Spread", "build_times", "run_times"]

SHORTEST = 2e-3
"""Seconds; a shorter call is repeated until one sample lasts as long."""

BUILDS = tuple(f"{part}_{quantity}" for part in ("trace", "compile") for quantity in QUANTITIES)
"""What is timed beside the calls."""

Samples = dict[str, dict[str, list[float]]]
"""Program to quantity to seconds, one a round."""


@dataclasses.dataclass(frozen=True)
class Spread:
    """A median and its quartiles over rounds."""

    median: float
    q1: float
    q3: float
    rounds: int

    @classmethod
    def of(cls, samples: Sequence[float] | np.ndarray) -> Spread:
        q1, median, q3 = np.quantile(samples, [0.25, 0.5, 0.75])
        return cls(float(median), float(q1), float(q3), len(samples))


def _seconds(call: Callable[[], Any], repeats: int) -> tuple[float, float]:
    """Of one call: by the clock, and of all threads of the process, which others on the machine disturb less."""
    start, busy = time.perf_counter(), time.process_time()
    for _ in range(repeats):
        call()
    return (time.perf_counter() - start) / repeats, (time.process_time() - busy) / repeats


def build_times(programs: Mapping[str, Any], rounds: int, rng: np.random.Generator) -> Samples:
    """Seconds to trace and to compile, by program; an eager one has none."""
    samples: Samples = {label: {} for label in programs}
    jobs = [(label, quantity) for label, p in programs.items() if isinstance(p, JaxProgram) for quantity in QUANTITIES]
    for _ in range(rounds):
        for index in rng.permutation(len(jobs)):
            label, quantity = jobs[index]
            for part, seconds in zip(("trace", "compile"), programs[label].build(quantity), strict=True):
                samples[label].setdefault(f"{part}_{quantity}", []).append(seconds)
    return samples


def run_times(
    programs: Mapping[str, Any], rounds: int, rng: np.random.Generator, tick: Callable[[], None]
) -> tuple[Samples, Samples]:
    """Seconds of a warm call by the clock, and of the processor, by program; ``tick`` is called after each round."""
    wall: Samples = {label: {q: [] for q in QUANTITIES} for label in programs}
    cpu: Samples = {label: {q: [] for q in QUANTITIES} for label in programs}
    jobs = [(label, quantity) for label in programs for quantity in QUANTITIES]
    repeats = {}
    for label, quantity in jobs:
        call = functools.partial(programs[label].run, quantity)
        call()
        shortest = min(_seconds(call, 1)[0] for _ in range(2))
        repeats[label, quantity] = max(1, min(1000, math.ceil(SHORTEST / shortest)))
    for _ in range(rounds):
        for index in rng.permutation(len(jobs)):
            label, quantity = jobs[index]
            call = functools.partial(programs[label].run, quantity)
            seconds, busy = _seconds(call, repeats[label, quantity])
            wall[label][quantity].append(seconds)
            cpu[label][quantity].append(busy)
        tick()
    return wall, cpu
