"""Agreement first, then compiled figures, then times: interleaved, in random order, ratios taken inside a round."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from jaxloss.benchmarks import tpu as tpu_compiler
from jaxloss.benchmarks.agreement import difference
from jaxloss.benchmarks.programs import QUANTITIES, JaxProgram, StreamProgram, TorchProgram, figures
from jaxloss.benchmarks.results import Comparison, Entry
from jaxloss.benchmarks.timing import Samples, Spread, build_times, run_times

__all__ = ["Implementation", "compare", "compare_implementations"]

STREAM = "streaming copy"


@dataclasses.dataclass(frozen=True)
class Implementation:
    """A loss that can be compared.

    Attributes:
        label: Its name in the tables.
        load: Gives the scalar function of the inputs; an ImportError says that its package is absent.
        eager: Whether it is a function of PyTorch tensors.
    """

    label: str
    load: Callable[[], Callable[..., Any]]
    eager: bool = False


def compare(
    implementations: Mapping[str, Callable[..., Any]],
    args: Sequence[Any],
    *,
    argnums: int | Sequence[int] = 0,
    rounds: int = 9,
    tpu: Sequence[str] = (),
    tolerance: float | None = None,
    must_agree: bool = True,
    seed: int = 0,
) -> Comparison:
    """Time, memory, bytes and FLOPs of implementations of one loss, side by side.

    Value and gradient of every implementation are compared with those of the first, on the very inputs that are timed;
    one that disagrees is not timed. Every function is compiled ahead of time with all arrays as arguments. A round
    calls each once, in random order, and ratios are taken inside a round, by the clock and by the time of the
    processor. JAX's caches are cleared before programs are traced and compiled, as in a fresh process.

    Args:
        implementations: Name to a function of ``args`` that returns a scalar. The others are compared with the first;
            one alone is reported alone.
        args: Arrays, or pytrees of arrays.
        argnums: Positions of the arguments that are differentiated, as in `jax.grad`.
        rounds: How often each is timed.
        tpu: TPU generations to compile for without a TPU: ``"v4"``, ``"v5e"``, ``"v5p"``, ``"v6e"``, ``"tpu7x"``.
            Requires the package ``libtpu``.
        tolerance: Largest difference that counts as agreement, relative to the largest entry; None is 1e-5, or four
            units in the last place where a result has 16 bits.
        must_agree: Whether one that disagrees is left out of the timing.
        seed: Of the order inside the rounds.

    Returns:
        A `Comparison`: ``str`` of it is a table of 80 columns, ``to_dict()`` is for JSON.

    Raises:
        ValueError: If there are no implementations, or a TPU generation is unknown.

    Example:
        >>> from jaxloss import benchmarks
        >>> predictions, targets = jnp.linspace(-1.0, 1.0, 1000), jnp.zeros(1000)
        >>> theirs = lambda p, t: jnp.square(p - t).mean()
        >>> wrong = lambda p, t: jnp.abs(p - t).mean()
        >>> implementations = {"jaxloss": jaxloss.squared_error, "by hand": theirs, "absolute": wrong}
        >>> found = benchmarks.compare(implementations, (predictions, targets), rounds=3)
        >>> [(entry.label, entry.status) for entry in found.entries]
        [('jaxloss', 'agrees'), ('by hand', 'agrees'), ('absolute', 'disagrees')]
        >>> found.entry("by hand").compiled["value_and_grad"]["output_bytes"] >= 4 + 4 * 1000
        True
        >>> found.entry("by hand").cpu_ratio["value_and_grad"].median > 0
        True
    """
    named = [Implementation(name, functools.partial(lambda fn: fn, fn)) for name, fn in implementations.items()]
    places = (argnums,) if isinstance(argnums, int) else tuple(argnums)
    title = ", ".join(implementations)
    more = {"rounds": rounds, "tpu": tpu, "tolerance": tolerance, "must_agree": must_agree, "seed": seed}
    return compare_implementations(named, args, argnums=places, title=title, **more)


def compare_implementations(
    implementations: Sequence[Implementation],
    args: Sequence[Any],
    *,
    argnums: Sequence[int] = (0,),
    title: str = "",
    names: Sequence[str] = (),
    rounds: int = 9,
    builds: int | None = None,
    tpu: Sequence[str] = (),
    tolerance: float | None = None,
    must_agree: bool = True,
    seed: int = 0,
    progress: Callable[[float], Any] | None = None,
) -> Comparison:
    """The engine of `compare`, for implementations that may be absent.

    Args:
        implementations: The first is what the others are compared with; an error of it is raised.
        title: What is compared.
        names: Of the inputs.
        builds: How often each is traced and compiled; None takes three times, or as often as it is timed.
        progress: Called with the share that is done, from 0 to 1.
    """
    if not implementations:
        raise ValueError("compare: there is nothing to compare; give at least one implementation")
    if unknown := [name for name in tpu if name not in tpu_compiler.GENERATIONS]:
        raise ValueError(f"tpu must be of {', '.join(tpu_compiler.GENERATIONS)}; found {', '.join(unknown)}")
    inputs = tuple(jax.tree.map(jax.numpy.asarray, x) for x in args)
    steps = _Steps(progress, 2 + rounds + len(tpu))
    rng = np.random.default_rng(seed)
    entries, programs = _candidates(implementations, inputs, argnums, tolerance, must_agree)
    steps.tick()
    if _streams(inputs, argnums):
        programs[STREAM] = StreamProgram(inputs, argnums)
    built = build_times(programs, min(3, rounds) if builds is None else builds, rng)
    steps.tick()
    wall, cpu = run_times(programs, rounds, rng, steps.tick)
    for entry in (e for e in entries if e.label in programs):
        _fill_in(entry, programs[entry.label], entries[0].label, built, wall, cpu)
    found = Comparison(
        title,
        _described(inputs, names),
        jax.tree.leaves(inputs[0])[0].nbytes,
        jax.default_backend(),
        rounds,
        entries,
    )
    for generation in tpu:
        found.no_tpu = found.no_tpu or _compile_for(generation, entries, programs)
        steps.tick()
    return found


class _Steps:
    """A share from 0 to 1 out of steps of equal size."""

    def __init__(self, progress: Callable[[float], Any] | None, total: int) -> None:
        self.progress, self.total, self.done = progress, total, 0

    def tick(self) -> None:
        self.done += 1
        if self.progress is not None:
            self.progress(min(1.0, self.done / self.total))


def _candidates(
    implementations: Sequence[Implementation],
    inputs: tuple[Any, ...],
    argnums: Sequence[int],
    tolerance: float | None,
    must_agree: bool,
) -> tuple[list[Entry], dict[str, Any]]:
    """Every implementation with its verdict, and the programs of those that are timed."""
    first, *others = implementations
    programs: dict[str, Any] = {first.label: JaxProgram(first.load(), inputs, argnums)}
    entries, expected = [Entry(first.label)], programs[first.label].run("value_and_grad")
    for other in others:
        entry = Entry(other.label)
        entries.append(entry)
        try:
            program = (TorchProgram if other.eager else JaxProgram)(other.load(), inputs, argnums)
            _judge(entry, expected, program.run("value_and_grad"), tolerance, must_agree)
        except ImportError as error:
            entry.status, entry.detail = "absent", str(error)
        except Exception as error:  # one that fails is a finding about it, not the end of the run
            entry.status, entry.detail = "failed", f"{type(error).__name__}: {str(error).splitlines()[0]}"
        else:
            if entry.status in ("agrees", "differs"):
                programs[other.label] = program
    return entries, programs


def _judge(entry: Entry, first: Any, other: Any, tolerance: float | None, must_agree: bool) -> None:
    """Fills in by how much an entry differs from the first, and whether it is timed."""
    parts = ("value", "gradient")
    found = {part: difference(a, b, tolerance) for part, a, b in zip(parts, first, other, strict=True)}
    entry.difference = {part: gap for part, (gap, _) in found.items()}
    if not all(agree for _, agree in found.values()):
        entry.status = "disagrees" if must_agree else "differs"
        entry.detail = ", ".join(f"{part} by {gap:.1e}" for part, gap in entry.difference.items())


def _streams(inputs: tuple[Any, ...], argnums: Sequence[int]) -> bool:
    """Whether the yardstick has arrays to copy."""
    return all(isinstance(inputs[i], jax.Array) for i in argnums) and all(isinstance(x, jax.Array) for x in inputs)


def _fill_in(entry: Entry, program: Any, first: str, built: Samples, wall: Samples, cpu: Samples) -> None:
    samples = {**built[entry.label], **wall[entry.label]}
    entry.seconds = {q: Spread.of(s) for q, s in samples.items()}
    entry.cpu_seconds = {q: Spread.of(s) for q, s in cpu[entry.label].items()}
    if entry.label != first:
        reference = {**built[first], **wall[first]}
        entry.ratio = {q: Spread.of(np.divide(reference[q], s)) for q, s in samples.items()}
        entry.cpu_ratio = {q: Spread.of(np.divide(cpu[first][q], s)) for q, s in cpu[entry.label].items()}
    if STREAM in wall:
        copy = wall[STREAM]["value_and_grad"]
        entry.copies = Spread.of(np.divide(wall[entry.label]["value_and_grad"], copy))
    if isinstance(program, JaxProgram):
        entry.compiled = {q: figures(program.compiled[q]) for q in QUANTITIES}


def _compile_for(generation: str, entries: Sequence[Entry], programs: Mapping[str, Any]) -> str:
    """Adds the figures of a TPU generation to the entries; why there are none, or nothing."""
    topology = tpu_compiler.GENERATIONS[generation]
    if reason := tpu_compiler.unavailable(topology):
        return reason
    for entry in entries:
        program = programs.get(entry.label)
        if isinstance(program, JaxProgram):
            both = tpu_compiler.measure(program.functions["value_and_grad"], program.inputs, topology)
            entry.tpu[generation] = {"value_and_grad": both}
    return ""


def _described(inputs: tuple[Any, ...], names: Sequence[str]) -> dict[str, str]:
    """Name to dtype and shape."""
    said = {}
    for place, tree in enumerate(inputs):
        name = names[place] if place < len(names) else f"argument {place}"
        shapes = [f"{x.dtype}[{','.join(map(str, x.shape))}]" for x in jax.tree.leaves(tree)]
        said[name] = shapes[0] if len(shapes) == 1 else f"({', '.join(shapes)})"
    return said
