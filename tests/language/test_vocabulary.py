"""The benchmark of the cross-entropy over a large vocabulary, at a size that compiles quickly."""

from __future__ import annotations

import json
import pathlib

import pytest

from benchmarks import vocabulary
from jaxloss.benchmarks import tpu

pytestmark = [
    pytest.mark.full,
    pytest.mark.usefixtures("no_compilation_cache"),
    pytest.mark.xdist_group("tpu compiler"),
]

LOOP = """HloModule example, is_scheduled=true

%body (state: (s32[], f32[8])) -> (s32[], f32[8]) {
  %state = (s32[], f32[8]) parameter(0)
  %i = s32[] get-tuple-element(%state), index=0
  %x = f32[8] get-tuple-element(%state), index=1
  %y = f32[8]{0} exponential(%x), metadata={op_name="exp"}, backend_config={"estimated_cycles":"7"}
  ROOT %out = (s32[], f32[8]) tuple(%i, %y)
}

%condition (state.1: (s32[], f32[8])) -> pred[] {
  %state.1 = (s32[], f32[8]) parameter(0)
  %end = s32[] constant(5)
  %j = s32[] get-tuple-element(%state.1), index=0
  ROOT %less = pred[] compare(%j, %end), direction=LT
}

ENTRY %main (x.1: f32[8]) -> f32[8] {
  %x.1 = f32[8]{0} parameter(0)
  %start = s32[] constant(0)
  %first = (s32[], f32[8]) tuple(%start, %x.1)
  %loop = (s32[], f32[8]) while(%first), condition=%condition, body=%body
  %once = f32[8]{0} exponential(%x.1), metadata={op_name="exp"}, backend_config={"estimated_cycles":"100"}
  ROOT %result = f32[8]{0} get-tuple-element(%loop), index=1
}
"""


def test_cycles_count_loops() -> None:
    program = vocabulary.Cycles(LOOP)
    assert program.cost(program.entry)[0] == 5 * 7 + 100


def test_report(tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    if reason := tpu.unavailable():
        pytest.skip(reason)
    monkeypatch.delitem(vocabulary.FORMS, "dense")
    size = vocabulary.Size(tokens=1024, features=128, classes=8192)
    assert vocabulary.main(["--out", str(tmp_path)], [size]) == 0
    (row,) = json.loads((tmp_path / "vocabulary.json").read_text())["rows"]
    assert (row["form"], row["tokens"]) == ("jaxloss", 1024)
    assert row["temp_bytes"] >= 0
    assert min(row["estimated_cycles"], row["traffic_bytes"]) > 0
    assert "jaxloss" in capsys.readouterr().out


def test_what_does_not_fit_is_a_result() -> None:
    if reason := tpu.unavailable():
        pytest.skip(reason)
    size = vocabulary.Size(tokens=65536, classes=262144)
    found = vocabulary.measure(vocabulary.dense, size)
    assert "does not compile" in vocabulary.line(size, "dense", found)


def test_kernels_are_counted_by_their_bundles(capsys: pytest.CaptureFixture[str]) -> None:
    """A step takes no fewer bundles than its products can be started in, and far fewer than one after the other."""
    if reason := tpu.unavailable():
        pytest.skip(reason)
    (row,) = vocabulary.kernel_table(["v5e"], [vocabulary.Size(tokens=4096, features=256, classes=4096)])
    assert row["kernels"], capsys.readouterr().out
    for kernel in row["kernels"]:
        least = kernel["operations"] / 2 / (4 * 128 * 128)
        assert least / 2 < kernel["bundles"] < 10 * least
    assert row["cycles"] >= sum(k["steps"] * k["bundles"] for k in row["kernels"])
    assert row["ratio"] == row["cycles"] / row["chunks"]["cycles"]
