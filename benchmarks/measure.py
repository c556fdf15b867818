"""Agreement first, then compiled figures, then times: interleaved, in random order, ratios taken inside a round."""

from __future__ import annotations

import dataclasses
import functools
import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import peers
from benchmarks.programs import QUANTITIES, Figures, JaxProgram, StreamProgram, TorchProgram, figures
from benchmarks.workloads import Workload

OURS, STREAM = "jaxloss", "stream"

TOLERANCE = {"float64": 1e-5, "float32": 1e-5, "bfloat16": 2.0**-5, "float16": 2.0**-8}
"""Largest difference, relative to the largest entry, between results of which the coarser has this dtype: four
units in the last place of 16 bits, and in 32 what the order of a sum of ten million numbers decides."""

SHORTEST = 2e-3
"""Seconds; a shorter call is repeated until one sample lasts as long."""

Samples = dict[str, dict[str, list[float]]]
Compile = Callable[[Callable[..., Any], Sequence[jax.Array]], Figures]


@dataclasses.dataclass(frozen=True)
class Spread:
    """A median and its quartiles over rounds."""

    median: float
    q1: float
    q3: float
    rounds: int

    @classmethod
    def of(cls, samples: Sequence[float]) -> Spread:
        q1, median, q3 = np.quantile(samples, [0.25, 0.5, 0.75])
        return cls(float(median), float(q1), float(q3), len(samples))


@dataclasses.dataclass
class Entry:
    """One implementation in one workload; only one that agrees has figures and times.

    ``ratio`` is our time over its time and ``streams`` its time over that of the yardstick, both inside a round.
    """

    label: str
    status: str
    detail: str = ""
    difference: dict[str, float] = dataclasses.field(default_factory=dict)
    compiled: dict[str, Figures] = dataclasses.field(default_factory=dict)
    tpu: dict[str, Any] = dataclasses.field(default_factory=dict)
    seconds: dict[str, Spread] = dataclasses.field(default_factory=dict)
    ratio: dict[str, Spread] = dataclasses.field(default_factory=dict)
    streams: dict[str, Spread] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class Result:
    """A workload with its entries: ours first, the yardstick last."""

    name: str
    loss: str
    dtype: str
    shapes: dict[str, list[int]]
    reference_bytes: int
    entries: list[Entry]


@jax.jit
def _gap(ours: jax.Array, theirs: jax.Array) -> tuple[jax.Array, jax.Array]:
    ours, theirs = ours.astype(jnp.float32), theirs.astype(jnp.float32)
    return jnp.max(jnp.abs(ours - theirs), initial=0), jnp.max(jnp.abs(ours), initial=0)


def compare(ours: Any, theirs: Any) -> tuple[float, bool]:
    """The largest difference between two trees, relative to the largest entry of each leaf; whether it is allowed."""
    worst, agree = 0.0, True
    for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        a, b = jnp.asarray(a), jnp.asarray(b)
        if a.shape != b.shape:
            return math.inf, False
        gap, scale = (float(x) for x in _gap(a, b))
        relative = gap / scale if scale else gap
        allowed = max(TOLERANCE[str(x.dtype)] for x in (a, b))
        agree = agree and relative <= allowed
        worst = relative if math.isnan(relative) else max(worst, relative)
    return worst, agree


def _verdict(entry: Entry, ours: Any, theirs: Any) -> None:
    """Fills in by how much an entry differs from ours, and whether it may be timed."""
    differences = {part: compare(a, b) for part, a, b in zip(("value", "gradient"), ours, theirs, strict=True)}
    entry.difference = {part: gap for part, (gap, _) in differences.items()}
    if not all(agree for _, agree in differences.values()):
        entry.status = "disagrees"
        entry.detail = ", ".join(f"{part} by {gap:.1e}" for part, gap in entry.difference.items())


def candidates(workload: Workload, inputs: tuple[jax.Array, ...]) -> tuple[list[Entry], dict[str, Any]]:
    """Every implementation with its verdict, and the programs of those that agree."""
    first = Entry(OURS, "agrees")
    if workload.oracle is not None:
        value, expected, source = workload.oracle()
        gap = float(
            np.max(np.abs(np.asarray(value) - expected), initial=0) / (np.max(np.abs(expected), initial=0) or 1)
        )
        first.detail = f"with the oracle ({source})"
        if not gap <= 10 * TOLERANCE["float32"]:
            return [Entry(OURS, "disagrees", f"with the oracle ({source}) by {gap:.1e}")], {}
    programs: dict[str, Any] = {OURS: JaxProgram(workload.ours, inputs, workload.wrt)}
    entries, expected = [first], programs[OURS].run("value_and_grad")
    for peer in peers.of(workload.loss, workload.dtype):
        entry = Entry(peer.label, "agrees")
        entries.append(entry)
        if peer.eager and jax.default_backend() != "cpu":
            entry.status, entry.detail = "absent", "measured on the CPU only"
            continue
        try:
            program = (TorchProgram if peer.eager else JaxProgram)(peer.load(), inputs, workload.wrt)
            _verdict(entry, expected, program.run("value_and_grad"))
        except ImportError as error:
            entry.status, entry.detail = "absent", str(error)
        except Exception as error:  # a peer that fails is a finding about the peer, not the end of the run
            entry.status, entry.detail = "failed", f"{type(error).__name__}: {str(error).splitlines()[0]}"
        if entry.status == "agrees":
            programs[peer.label] = program
    programs[STREAM] = StreamProgram(inputs, workload.wrt)
    return [*entries, Entry(STREAM, "agrees")], programs


def _seconds(call: Callable[[], Any], repeats: int) -> float:
    start = time.perf_counter()
    for _ in range(repeats):
        call()
    return (time.perf_counter() - start) / repeats


def build_times(
    programs: Mapping[str, Any], rounds: int, rng: np.random.Generator
) -> dict[str, dict[str, list[float]]]:
    """Seconds to trace and to compile, by program; PyTorch is eager and has none."""
    samples: Samples = {label: {} for label in programs}
    jobs = [(label, quantity) for label, p in programs.items() if isinstance(p, JaxProgram) for quantity in QUANTITIES]
    for _ in range(rounds):
        for index in rng.permutation(len(jobs)):
            label, quantity = jobs[index]
            for part, seconds in zip(("trace", "compile"), programs[label].build(quantity), strict=True):
                samples[label].setdefault(f"{part}_{quantity}", []).append(seconds)
    return samples


def run_times(programs: Mapping[str, Any], rounds: int, rng: np.random.Generator, tick: Callable[[], None]) -> Samples:
    """Seconds of a warm call, by program."""
    samples: Samples = {label: {q: [] for q in QUANTITIES} for label in programs}
    jobs = [(label, quantity) for label in programs for quantity in QUANTITIES]
    repeats = {}
    for label, quantity in jobs:
        call = functools.partial(programs[label].run, quantity)
        call()
        shortest = min(_seconds(call, 1) for _ in range(2))
        repeats[label, quantity] = max(1, min(1000, math.ceil(SHORTEST / shortest)))
    for _ in range(rounds):
        for index in rng.permutation(len(jobs)):
            label, quantity = jobs[index]
            call = functools.partial(programs[label].run, quantity)
            samples[label][quantity].append(_seconds(call, repeats[label, quantity]))
        tick()
    return samples


def measure(
    workload: Workload,
    *,
    rounds: int,
    builds: int,
    seed: int = 0,
    tpu: Compile | None = None,
    tick: Callable[[], None] = lambda: None,
) -> Result:
    """Everything about one workload. ``tick`` is called after the checks, the builds and each round."""
    inputs = workload.draw()
    rng = np.random.default_rng(seed)
    entries, programs = candidates(workload, inputs)
    shapes = {name: list(x.shape) for name, x in zip(workload.names, inputs, strict=True)}
    result = Result(workload.name, workload.loss, workload.dtype, shapes, inputs[0].nbytes, entries)
    tick()
    built = build_times(programs, builds, rng)
    tick()
    timed = run_times(programs, rounds, rng, tick)
    for entry in (e for e in entries if e.label in programs):
        program = programs[entry.label]
        samples = {**built[entry.label], **timed[entry.label]}
        ours, yardstick = ({**built[label], **timed[label]} for label in (OURS, STREAM))
        entry.seconds = {q: Spread.of(s) for q, s in samples.items()}
        entry.ratio = {q: Spread.of(np.divide(ours[q], s)) for q, s in samples.items()}
        entry.streams = {q: Spread.of(np.divide(timed[entry.label][q], yardstick[q])) for q in QUANTITIES}
        if isinstance(program, JaxProgram):
            entry.compiled = {q: figures(program.compiled[q]) for q in QUANTITIES}
            if tpu is not None:
                entry.tpu = {q: tpu(program.functions[q], program.inputs) for q in QUANTITIES}
    return result
