"""Time of the weights of gradient aggregators, from the Gram matrix alone, beside TorchJD's in the same run."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import time
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from jaxloss import combine
from jaxloss._floor.typing import Array
from jaxloss.benchmarks.tables import rows as table_rows

SIZES = (3, 10, 40)

OURS: dict[str, Callable[[Array], Array]] = {
    "upgrad": combine.upgrad_weights,
    "dualproj": combine.dualproj_weights,
    "mgda": combine.mgda_weights,
    "cagrad": functools.partial(combine.cagrad_weights, caution=0.5),
    "pcgrad": combine.pcgrad_weights,
    "imtl_g": combine.imtl_g_weights,
    "aligned_mtl": combine.aligned_mtl_weights,
    "fairgrad": functools.partial(combine.fairgrad_weights, fairness=2.0),
    "nash": combine.nash_weights,
}

THEIRS: dict[str, tuple[str, dict[str, Any]]] = {
    "upgrad": ("UPGradWeighting", {}),
    "dualproj": ("DualProjWeighting", {}),
    "mgda": ("MGDAWeighting", {}),
    "cagrad": ("CAGradWeighting", {"c": 0.5}),
    "pcgrad": ("PCGradWeighting", {}),
    "imtl_g": ("IMTLGWeighting", {}),
    "aligned_mtl": ("AlignedMTLWeighting", {}),
    "fairgrad": ("FairGradWeighting", {"alpha": 2.0}),
}
"""Our name to the class of ``torchjd.aggregation`` and its arguments; its Nash-MTL wants the gradients themselves."""


def _peer(name: str, gram: np.ndarray) -> Callable[[], Any] | None:
    if name not in THEIRS or importlib.util.find_spec("torchjd") is None:
        return None
    torch, torchjd = importlib.import_module("torch"), importlib.import_module("torchjd.aggregation")
    kind, options = THEIRS[name]
    weighting, matrix = getattr(torchjd, kind)(**options), torch.tensor(gram)
    return lambda: weighting(matrix)


def _microseconds(call: Callable[[], Any], rounds: int) -> float:
    """The median over the rounds, after one call that compiles."""
    call()
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return 1e6 * float(np.median(times))


def measure(rounds: int) -> list[tuple[str, int, float, float | None]]:
    """Method, number of terms, microseconds per call here and in TorchJD."""
    rows = []
    for size in SIZES:
        jacobian = np.random.default_rng(size).normal(size=(size, 2 * size)).astype(np.float32)
        gram = jacobian @ jacobian.T
        for name, fn in OURS.items():
            program = jax.jit(fn).lower(gram).compile()
            argument = jax.device_put(gram)
            ours = _microseconds(lambda program=program, x=argument: program(x).block_until_ready(), rounds)
            peer = _peer(name, gram)
            rows.append((name, size, ours, None if peer is None else _microseconds(peer, rounds)))
    return rows


def show(rounds: int) -> None:
    """Measure and print."""
    if importlib.util.find_spec("torchjd") is None:
        print("aggregators: torchjd is not installed, its times are left out")
    cells = []
    for name, size, ours, theirs in measure(rounds):
        peer = ("", "") if theirs is None else (f"{theirs:.0f}", f"{ours / theirs:.3f}")
        cells.append([name, str(size), f"{ours:.0f}", *peer])
    print("weights from the Gram matrix")
    print("\n".join(table_rows(("method", "terms", "jaxloss, us", "torchjd, us", "ratio"), cells)))
