"""The compiled programs of the losses have not grown since their sizes were recorded."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys

import pytest

from benchmarks import guard
from benchmarks.guard import Program
from tests.support import selected_cases


def test_growth_is_seen():
    recorded = {("a_loss", "cpu"): Program(1000, 0, 10), ("a_loss", "tpu"): Program(10**6, 10**6, 40)}
    assert guard.grown(recorded, recorded) == []
    within = {("a_loss", "cpu"): Program(1050 + 64, 64, 10), ("a_loss", "tpu"): Program(1_049_000, 9, 42)}
    assert guard.grown(recorded, within) == []
    beyond = {("a_loss", "cpu"): Program(1000, 65, 11), ("a_loss", "tpu"): Program(1_051_000, 0, 40)}
    assert guard.grown(recorded, beyond) == [
        "a_loss, cpu: temporaries grew from 0 to 65",
        "a_loss, cpu: kernels grew from 10 to 11",
        "a_loss, tpu: traffic grew from 1000000 to 1051000",
    ]
    assert guard.grown(recorded, {("new_loss", "cpu"): Program(1, 1, 1)}) == ["new_loss, cpu: not recorded"]


def test_the_file_comes_back_as_it_was_written(tmp_path):
    made_with, rows = guard.read()
    guard.write(rows, tmp_path / "programs.tsv")
    assert guard.read(tmp_path / "programs.tsv")[1] == rows
    assert set(made_with) == {"cpu", "tpu"}


@pytest.mark.full
@pytest.mark.skipif(importlib.util.find_spec("libtpu") is None, reason="libtpu, the TPU compiler, is not installed")
def test_no_program_grew(pytestconfig: pytest.Config) -> None:
    """In a process of its own: the tests compile under cheaper flags than users do."""
    names = [case.name for case in selected_cases(pytestconfig)]
    environment = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}
    command = [sys.executable, "-m", "benchmarks.guard", "--check", *names]
    done = subprocess.run(command, env=environment, cwd=pytestconfig.rootpath, capture_output=True, text=True)
    assert done.returncode == 0, f"{done.stdout}{done.stderr[-2000:]}\nIf it must: python -m benchmarks.guard NAME..."
