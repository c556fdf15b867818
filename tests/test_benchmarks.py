"""The benchmarks: they refuse what disagrees, count what loops move and write what they found. No time is asserted."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from benchmarks.programs import QUANTITIES

from benchmarks import masks, measure, peers, tpu, traffic, workloads
from tests.cases import all_cases
from tests.registry import losses

pytestmark = [pytest.mark.full, pytest.mark.usefixtures("no_compilation_cache")]

ROOT = pathlib.Path(__file__).parent.parent
FIGURES = {"temp_bytes", "argument_bytes", "output_bytes", "bytes_accessed", "flops"}
TIMES = {*QUANTITIES, *(f"{part}_{quantity}" for part in ("trace", "compile") for quantity in QUANTITIES)}

LOOP = """HloModule example, is_scheduled=true

%read_chunk (p0: f32[64,1024], p1: s32[]) -> f32[1,1024] {
  %p0 = f32[64,1024]{1,0:T(8,128)} parameter(0)
  %p1 = s32[]{:T(128)S(6)} parameter(1)
  %zero = s32[]{:T(128)} constant(0)
  %chunk = f32[1,1024]{1,0:T(1,128)} dynamic-slice(%p0, %p1, %zero), dynamic_slice_sizes={1,1024}
  ROOT %exp = f32[1,1024]{1,0:T(1,128)S(1)} exponential(%chunk), metadata={op_name="exp"}
}

%body (state: (s32[], f32[64,1024], f32[64,1024])) -> (s32[], f32[64,1024], f32[64,1024]) {
  %state = (s32[]{:T(128)S(6)}, f32[64,1024]{1,0:T(8,128)}, f32[64,1024]{1,0:T(8,128)}) parameter(0)
  %one = s32[]{:T(128)S(6)} constant(1)
  %i = s32[]{:T(128)S(6)} get-tuple-element(%state), index=0
  %x = f32[64,1024]{1,0:T(8,128)} get-tuple-element(%state), index=1
  %y = f32[64,1024]{1,0:T(8,128)} get-tuple-element(%state), index=2
  %next = s32[]{:T(128)S(6)} add(%i, %one), metadata={op_name="add"}
  %piece = f32[1,1024]{1,0:T(1,128)S(1)} fusion(%x, %i), kind=kLoop, calls=%read_chunk
  %written = f32[64,1024]{1,0:T(8,128)} dynamic-update-slice(%y, %piece, %i, %one), metadata={op_name="update"}
  ROOT %out = (s32[]{:T(128)S(6)}, f32[64,1024]{1,0}, f32[64,1024]{1,0}) tuple(%next, %x, %written)
}

%condition (state.1: (s32[], f32[64,1024], f32[64,1024])) -> pred[] {
  %state.1 = (s32[]{:T(128)S(6)}, f32[64,1024]{1,0:T(8,128)}, f32[64,1024]{1,0:T(8,128)}) parameter(0)
  %end = s32[]{:T(128)} constant(64)
  %j = s32[]{:T(128)S(6)} get-tuple-element(%state.1), index=0
  ROOT %less = pred[]{:T(512)} compare(%j, %end), direction=LT
}

ENTRY %main (x.1: f32[64,1024]) -> f32[64,1024] {
  %x.1 = f32[64,1024]{1,0:T(8,128)} parameter(0)
  %start = s32[]{:T(128)S(6)} constant(0)
  %space = f32[64,1024]{1,0:T(8,128)} custom-call(), custom_call_target="AllocateBuffer"
  %first = (s32[]{:T(128)S(6)}, f32[64,1024]{1,0}, f32[64,1024]{1,0}) tuple(%start, %x.1, %space)
  %loop = (s32[]{:T(128)S(6)}, f32[64,1024]{1,0}, f32[64,1024]{1,0}) while(%first), condition=%condition, body=%body
  ROOT %result = f32[64,1024]{1,0:T(8,128)} get-tuple-element(%loop), index=2
}
"""
"""Exponentials chunk by chunk: 64 chunks read from main memory, made on the chip, written to main memory."""


def small(loss: str, dtype: str = "float32") -> workloads.Workload:
    return next(w for w in workloads.headline(1e-4) if (w.loss, w.dtype) == (loss, dtype))


def test_quick_run(tmp_path: pathlib.Path) -> None:
    """The command as a user runs it: tables, JSON and chart."""
    command = [sys.executable, "-m", "benchmarks", "--quick", "--only", "squared_error", "--out", str(tmp_path)]
    environment = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert "squared_error, bfloat16" in run.stdout
    assert (tmp_path / "benchmarks.png").read_bytes().startswith(b"\x89PNG")
    found = json.loads((tmp_path / "benchmarks.json").read_text())
    assert found["environment"]["packages"]["jax"] == jax.__version__
    assert found["environment"]["glibc_tunables"]
    assert [w["dtype"] for w in found["workloads"]] == ["float32", "bfloat16"]
    for workload in found["workloads"]:
        ours, *others, yardstick = workload["entries"]
        assert (ours["label"], yardstick["label"]) == (measure.OURS, measure.STREAM)
        assert [e["label"] for e in others] == [p.label for p in peers.of("squared_error", workload["dtype"])]
        for entry in workload["entries"]:
            assert entry["status"] in ("agrees", "absent"), entry
            if entry["status"] == "agrees" and entry["label"] != "torch":
                assert set(entry["seconds"]) == set(entry["ratio"]) == TIMES
                assert set(entry["compiled"]) == set(QUANTITIES)
                assert all(set(figures) == FIGURES for figures in entry["compiled"].values())
        for entry in others:
            for spread in entry["ratio"].values():
                assert 0 < spread["q1"] <= spread["median"] <= spread["q3"]
        assert ours["ratio"]["value"]["median"] == yardstick["streams"]["value"]["median"] == 1
    assert all(cost["free"] for cost in found["masks"])


def test_what_disagrees_is_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = {
        "right": lambda p, t: jnp.mean((p - t) ** 2),
        "wrong value": lambda p, t: jnp.mean((p - t) ** 2) * 1.001,
        "wrong gradient": lambda p, t: jnp.mean((p - t) ** 2) + 1e-3 * jnp.mean(p - jax.lax.stop_gradient(p)),
        "not a number": lambda p, t: jnp.mean((p - t) ** 2) * jnp.nan,
        "not a scalar": lambda p, t: (p - t) ** 2,
    }
    rows = [peers.plain(fn, label) for label, fn in wrong.items()]
    rows.append(peers.Peer("nowhere", "a_package_that_does_not_exist", lambda module: module.loss))
    monkeypatch.setattr(peers, "PEERS", {"squared_error": tuple(rows)})
    result = measure.measure(small("squared_error"), rounds=1, builds=1)
    status = {entry.label: entry.status for entry in result.entries}
    assert status == {
        measure.OURS: "agrees",
        "right": "agrees",
        "wrong value": "disagrees",
        "wrong gradient": "disagrees",
        "not a number": "disagrees",
        "not a scalar": "failed",
        "nowhere": "absent",
        measure.STREAM: "agrees",
    }
    for entry in result.entries:
        assert bool(entry.seconds) == (entry.status == "agrees"), entry.label
        assert entry.detail or entry.status == "agrees", entry.label


def test_a_loss_that_disagrees_with_its_oracle_is_not_timed() -> None:
    sweep = {workload.loss: workload for workload in workloads.sweep(0.1)}
    assert set(sweep) == {case.name for case in all_cases() if not case.leading}
    good = sweep["squared_error"]
    entries, programs = measure.candidates(good, good.draw())
    assert entries[0].status == "agrees"
    assert programs
    value, expected, source = good.oracle()
    bad = dataclasses.replace(good, oracle=lambda: (value, expected + 1, source))
    entries, programs = measure.candidates(bad, bad.draw())
    assert [entry.status for entry in entries] == ["disagrees"]
    assert not programs


@pytest.mark.parametrize(
    ("ours", "theirs", "agrees"),
    [
        ([1.0, 2.0], [1.0, 2.0], True),
        ([1.0, 2.0], [1.0, 2.001], False),
        ([1.0, 2.0], [1.0, np.nan], False),
        ([1.0, 2.0], [[1.0, 2.0]], False),
        ([0.0, 0.0], [0.0, 1e-3], False),
    ],
)
def test_compare(ours: list, theirs: list, agrees: bool) -> None:
    assert measure.compare(jnp.asarray(ours), jnp.asarray(theirs))[1] is agrees
    assert measure.compare(jnp.asarray(ours, jnp.bfloat16), jnp.asarray(ours, jnp.float32))[1]


def test_peers_and_workloads_name_losses() -> None:
    assert set(peers.PEERS) <= set(losses())
    assert set(workloads.HEADLINE) <= set(peers.PEERS)
    assert set(masks.BARE) <= set(losses())


def test_no_mask_costs_nothing() -> None:
    """Compiled bytes without a mask are those of the bare formula; a mask costs some."""
    for loss in ("squared_error", "softmax_cross_entropy_with_integer_labels"):
        (cost,) = masks.measure(small(loss), {"cpu": masks.on_host})
        assert cost.free, cost
        assert cost.masked["value_and_grad"]["bytes_accessed"] > cost.without["value_and_grad"]["bytes_accessed"]


def test_traffic_counts_loops() -> None:
    chunk = 1024 * 4
    assert traffic.count(LOOP) == {"traffic_bytes": 64 * 2 * chunk, "loops": 1, "loops_of_unknown_length": 0}
    unknown = LOOP.replace("constant(64)", "parameter(1)")
    assert traffic.count(unknown) == {"traffic_bytes": 2 * chunk, "loops": 1, "loops_of_unknown_length": 1}


def test_traffic_of_tpu_programs() -> None:
    """A sum in one pass and the same sum in chunks move the same bytes; the compiler's own count misses the loop."""
    if reason := tpu.unavailable():
        pytest.skip(reason)
    x = jax.ShapeDtypeStruct((64, 2**20), jnp.float32)
    size = 64 * 2**20 * 4
    whole = tpu.measure(lambda x: jnp.sum(jnp.exp(x)), [x])
    chunks = tpu.measure(lambda x: jax.lax.scan(lambda s, row: (s + jnp.sum(jnp.exp(row)), None), 0.0, x)[0], [x])
    both_ways = tpu.measure(lambda x: jnp.exp(x), [x])
    assert (whole["loops"], chunks["loops"], chunks["loops_of_unknown_length"]) == (0, 1, 0)
    np.testing.assert_allclose([whole["traffic_bytes"], chunks["traffic_bytes"]], size, rtol=1e-3)
    np.testing.assert_allclose(both_ways["traffic_bytes"], 2 * size, rtol=1e-3)
    assert chunks["bytes_accessed"] < size / 10


def test_tpu_failure_is_a_result() -> None:
    """A program that does not fit the chip is reported, not raised."""
    if reason := tpu.unavailable():
        pytest.skip(reason)
    assert "error" in tpu.measure(lambda x: x + 1, [jax.ShapeDtypeStruct((2**34,), jnp.float32)])


def test_objectives_beside_losses_summed_by_hand() -> None:
    """The same step, and not one matrix product more."""
    from benchmarks import objectives

    params, batch = objectives.data()
    batch = {name: values[:32] for name, values in batch.items()}
    inputs = params, objectives.objective.init(params, batch), batch
    ours, theirs = (jax.jit(step).lower(*inputs).compile() for step in (objectives.composed, objectives.by_hand))
    np.testing.assert_allclose(ours(*inputs)[2], theirs(*inputs)[2], rtol=1e-6)
    assert ours.as_text().count("dot(") == theirs.as_text().count("dot(")


def test_random_objectives_are_equal_however_the_batch_is_spread() -> None:
    from benchmarks import equality

    for seed in (3, 5):
        assert equality.error(equality.spread(seed, 2, 2), equality.spread(seed, 1, 1)) < 1e-5
