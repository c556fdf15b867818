"""The benchmarks: they refuse what disagrees, count what loops move and write what they found. No time is asserted."""

from __future__ import annotations

import functools
import json
import os
import pathlib
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks import masks, page, peers, report, workloads
from benchmarks.__main__ import QUICK_SCALE
from jaxloss.benchmarks import Comparison, Spread, machine, tpu, traffic
from jaxloss.benchmarks.agreement import difference
from jaxloss.benchmarks.comparing import Implementation, compare_implementations
from jaxloss.benchmarks.programs import QUANTITIES
from jaxloss.benchmarks.timing import BUILDS
from tests.cases import all_cases
from tests.registry import losses

pytestmark = [pytest.mark.full, pytest.mark.usefixtures("no_compilation_cache")]

ROOT = pathlib.Path(__file__).parent.parent
FIGURES = {"temp_bytes", "argument_bytes", "output_bytes", "bytes_accessed", "flops"}

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


def quick(loss: str, dtype: str = "float32", **more) -> Comparison:
    """The first row of a loss, at the size of --quick."""
    row = next(row for row in workloads.HEADLINE if row.loss == loss)
    return row.task(dtype, QUICK_SCALE).compare(rounds=1, builds=1, **more)


def test_quick_run(tmp_path: pathlib.Path) -> None:
    """The command as a user runs it: tables of 80 columns, JSON and chart."""
    command = [sys.executable, "-m", "benchmarks", "--quick", "--only", "absolute_error", "--out", str(tmp_path)]
    environment = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert "\nabsolute_error, float32\n" in run.stdout
    assert max(map(len, run.stdout.splitlines())) <= max(80, len(str(tmp_path)) + 30)
    assert (tmp_path / "benchmarks.png").read_bytes().startswith(b"\x89PNG")
    found = json.loads((tmp_path / "benchmarks.json").read_text())
    assert found["environment"]["packages"]["jax"] == jax.__version__
    assert found["environment"]["glibc_tunables"]
    (one,) = found["comparisons"]
    ours, *others = one["entries"]
    assert ours["label"] == workloads.OURS
    assert [e["label"] for e in others] == ["plain jnp", "keras", "torch"]
    for entry in one["entries"]:
        assert entry["status"] in ("agrees", "absent"), entry
        if entry["status"] == "agrees":
            assert set(entry["cpu_seconds"]) == set(QUANTITIES)
        if entry["status"] == "agrees" and entry["label"] != "torch":
            assert set(entry["seconds"]) == {*QUANTITIES, *BUILDS}
            assert all(set(figures) == FIGURES for figures in entry["compiled"].values())
    for entry in (e for e in others if e["status"] == "agrees"):
        for spread in (*entry["ratio"].values(), *entry["cpu_ratio"].values()):
            assert 0 < spread["q1"] <= spread["median"] <= spread["q3"]
    assert [cost["name"] for cost in found["masks"]] == ["absolute_error, float32"]


def test_what_disagrees_is_not_timed() -> None:
    def absent() -> None:
        raise ImportError("No module named 'nowhere'")

    wrong = {
        "ours": lambda p, t: jnp.mean((p - t) ** 2),
        "right": lambda p, t: jnp.mean(p * p - 2 * p * t + t * t),
        "wrong value": lambda p, t: jnp.mean((p - t) ** 2) * 1.001,
        "wrong gradient": lambda p, t: jnp.mean((p - t) ** 2) + 1e-3 * jnp.mean(p - jax.lax.stop_gradient(p)),
        "not a number": lambda p, t: jnp.mean((p - t) ** 2) * jnp.nan,
        "not a scalar": lambda p, t: (p - t) ** 2,
    }
    rows = [Implementation(label, functools.partial(lambda fn: fn, fn)) for label, fn in wrong.items()]
    rows.append(Implementation("nowhere", absent))
    inputs = jnp.linspace(-1.0, 1.0, 100), jnp.linspace(2.0, 1.0, 100)
    found = compare_implementations(rows, inputs, rounds=1, builds=1)
    assert {entry.label: entry.status for entry in found.entries} == {
        "ours": "agrees",
        "right": "agrees",
        "wrong value": "disagrees",
        "wrong gradient": "disagrees",
        "not a number": "disagrees",
        "not a scalar": "failed",
        "nowhere": "absent",
    }
    for entry in found.entries:
        assert entry.timed == (entry.status == "agrees"), entry.label
        assert entry.detail or entry.status == "agrees", entry.label
    assert "nowhere" in "".join(report.missing([found]))
    assert "No module named 'nowhere'" in "".join(report.missing([found]))


def test_a_peer_that_breaks_on_import_is_absent_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> None:
        raise RuntimeError(f"operator {name}::nms does not exist")

    monkeypatch.setattr(peers.importlib, "import_module", broken)
    found = quick("ssim_loss")
    others = {entry.label: (entry.status, entry.detail) for entry in found.entries[1:]}
    assert others["piq"] == ("absent", "piq: RuntimeError: operator piq::nms does not exist")


def test_a_loss_that_disagrees_with_its_oracle_is_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    made = dict(workloads.sweep(0.1))
    assert set(made) == {f"{case.name}, float32" for case in all_cases() if not case.leading}
    assert made["squared_error, float32"]().compare(rounds=1, builds=1).entries[0].timed
    monkeypatch.setattr(workloads, "ORACLE", -1.0)
    with pytest.raises(ArithmeticError, match="disagrees with its oracle"):
        made["squared_error, float32"]()


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
def test_difference(ours: list, theirs: list, agrees: bool) -> None:
    assert difference(jnp.asarray(ours), jnp.asarray(theirs))[1] is agrees
    assert difference(jnp.asarray(ours, jnp.bfloat16), jnp.asarray(ours, jnp.float32))[1]
    assert difference(jnp.asarray([1.0]), jnp.asarray([1.01]), tolerance=0.1)[1]


def test_peers_and_rows_name_losses() -> None:
    assert set(peers.PEERS) <= set(losses())
    assert {row.loss for row in workloads.HEADLINE} <= set(losses())
    assert set(workloads.GROWN) <= {row.loss for row in workloads.HEADLINE}
    titles = [title for title, _ in workloads.headline()]
    assert len(titles) == len(set(titles))


@pytest.mark.parametrize("row", workloads.HEADLINE, ids=lambda row: next(row.names()))
def test_every_row_measures_something_and_agrees(row: workloads.Row) -> None:
    """At the size of --quick: FLOPs, bytes and a gradient, and peers that compute the same loss."""
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        task = row.task("float32", QUICK_SCALE)
        found = task.compare(rounds=1, builds=1)
    assert found.title == next(row.names())
    figures = found.entries[0].compiled["value_and_grad"]
    assert figures["flops"] > 10
    assert figures["bytes_accessed"] > 1000
    gradient = jax.grad(task.implementations[0].load(), argnums=task.argnums)(*task.inputs)
    assert all(float(jnp.max(jnp.abs(g))) > 0 for g in gradient)
    wrong = {e.label: e.detail for e in found.entries if e.status in ("failed", "disagrees")}
    assert not wrong


def test_the_page_keeps_the_rows_that_are_lost(tmp_path: pathlib.Path) -> None:
    lost = quick("absolute_error")
    entry = lost.entries[1]
    entry.ratio["value_and_grad"] = entry.cpu_ratio["value_and_grad"] = Spread(2.5, 2.4, 2.6, 9)
    setting = machine.environment(peers.PACKAGES) | {"rounds": 9}
    page_path, picture = page.write(tmp_path, setting, [lost], [], {"absolute_error": "a table"}, "calls")
    text = page_path.read_text()
    assert "| **2.50 (2.50)** |" in text
    assert "`absolute_error, float32`, behind plain jnp 2.50 (2.50)" in text.partition("## Rows that are lost")[2]
    assert f"jax {jax.__version__}" in text
    assert picture.stat().st_size < 500_000


def test_no_mask_costs_nothing() -> None:
    """Compiled bytes without a mask are those of the bare formula; a mask costs some."""
    for loss in ("squared_error", "softmax_cross_entropy_with_integer_labels"):
        row = next(row for row in workloads.HEADLINE if row.loss == loss)
        cost = masks.measure(row.task("float32", QUICK_SCALE))
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
