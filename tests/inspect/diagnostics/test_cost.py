"""What the diagnostics of every step cost, by the counts of the compiler: times are in `benchmarks.diagnostics`."""

from __future__ import annotations

import jax
import pytest


@pytest.mark.full
def test_cheap_diagnostics_cost_less_than_a_twentieth_of_a_step() -> None:
    from benchmarks import diagnostics as bench

    params, batch = bench.data()

    def flops(name: str | None) -> float:
        start, update = bench.WATCHES[name] if name else (None, None)
        # Without the read, which happens once in a hundred steps and whose branch the compiler counts in full.
        watch = (lambda states, seen, _: update(states, seen)) if update else None
        program = jax.jit(bench.training_step(watch)).lower(params, start, batch, 0).compile()
        return program.cost_analysis()["flops"]

    bare = flops(None)
    ratios = {name: flops(name) / bare for name in bench.WATCHES}
    dear = {name for name, ratio in ratios.items() if ratio > 1.05}
    assert dear == {"ranks", "embeddings"}, ratios
