"""``jaxloss check``: a loss in a file of a stranger's, in a folder of a stranger's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import jax.numpy as jnp
import pytest

import jaxloss
from jaxloss import cli
from jaxloss.inspect import check_loss

LOSSES = """
import jax.numpy as jnp
import jaxloss
from neighbour import HALF

print("a file that talks")

lambda_is_no_name = [lambda r: r]

def ripple(r):
    return jnp.square(r) + HALF * jnp.sin(5 * r)

def squared(predictions, targets, *, where=None, weights=None, reduction="mean"):
    predictions, targets = jaxloss.checks.values(predictions=predictions, targets=targets)
    predictions, targets = jaxloss.blank(where, predictions, targets)
    values = jnp.square(predictions - targets)
    return jaxloss.reduce(values, where=where, weights=weights, reduction=reduction)

def fails(r):
    raise RuntimeError("out of coffee")
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "losses.py").write_text(LOSSES)
    (tmp_path / "neighbour.py").write_text("HALF = 0.5\n")
    (tmp_path / "torn.py").write_text("import no_such_package\n")
    (tmp_path / "notes.txt").write_text("not Python")
    return tmp_path


def test_what_is_required_and_does_not_hold_is_exit_code_1(folder: Path, capsys, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    before = list(sys.path)
    words = ["check", f"{folder}/losses.py:ripple", "--kind", "residual", "--require", "convex"]
    assert cli.main([*words, "--require", "outlier-pull"]) == 1
    page, aside = capsys.readouterr()
    assert page.startswith("ripple(")
    assert "a file that talks" in aside
    assert "REQUIRED convex is REFUTED" in page  # its second derivative is 2 - 12.5 sin(5 r)
    assert "REQUIRED outlier_pull" not in page
    assert sys.path == before


@pytest.mark.full
def test_a_loss_that_makes_nan_prints_nothing_beside_its_report(capsys) -> None:
    report = check_loss(lambda r: jnp.sqrt(r * r), kind="residual")
    assert "no_nan_is_made_of_legal_inputs" in report.broken
    assert capsys.readouterr().out == ""


@pytest.mark.full
def test_a_sound_loss_is_exit_code_0_for_a_stranger(folder: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(jaxloss.__file__).parent.parent)}
    words = ["check", "losses.py:squared", "--kind", "residual", "--require", "convex", "--json"]
    program = [sys.executable, "-m", "jaxloss", *words]
    done = subprocess.run(program, capture_output=True, text=True, cwd=folder, env=environment)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["card"]["rows"]["convex"][0] == "PROVED"
    assert found["broken"] == {}
    assert found["failures"] == []
    assert len(found["holding"]) > 20


@pytest.mark.parametrize(
    ("loss", "more", "message"),
    [
        ("losses.py", "", "write FILE.py:function"),
        ("absent.py:f", "", "absent.py does not exist"),
        ("notes.txt:f", "", "its name must end in .py"),
        ("torn.py:f", "", "torn.py cannot be imported: ModuleNotFoundError: No module named 'no_such_package'"),
        ("losses.py:rippel", "", "has no function 'rippel'; it has ripple"),
        ("losses.py:lambda_is_no_name", "", "has no function 'lambda_is_no_name'"),
        ("losses.py:ripple", "--kind resid", "found 'resid', kinds are\n  residual: "),
        ("losses.py:fails", "", "out of coffee"),
        ("losses.py:ripple", "--domain=3,1", "domain must be two finite numbers in rising order"),
    ],
)
def test_wrong_use_is_answered(folder: Path, loss: str, more: str, message: str, capsys) -> None:
    kind = [] if "--kind" in more else ["--kind", "residual"]
    assert cli.main(["check", f"{folder}/{loss}", *kind, *more.split()]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error


def test_an_unknown_row_names_the_near_ones(folder: Path, capsys, monkeypatch) -> None:
    from jaxloss.cli.commands import check
    from jaxloss.inspect.cards import cards
    from jaxloss.inspect.checking import Report

    report = Report("loss", "a loss", cards()["squared_error"], {}, {}, (), jaxloss.squared_error)
    monkeypatch.setattr(check, "check_loss", lambda *_, **__: report)
    words = ["check", f"{folder}/losses.py:ripple", "--kind", "residual"]
    assert cli.main([*words, "--require", "convx"]) == 2
    assert "did you mean convex" in capsys.readouterr().err
    assert cli.main([*words, "--require", "convex", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["failures"] == []
    assert cli.main([*words, "--require", "redescending"]) == 1
    broken = Report("loss", "a loss", cards()["squared_error"], {"law": ["it broke"]}, {}, (), jaxloss.squared_error)
    monkeypatch.setattr(check, "check_loss", lambda *_, **__: broken)
    assert cli.main(words) == 1


def test_a_thorough_check_moves_a_bar_at_a_terminal_alone(folder: Path, capsys, monkeypatch) -> None:
    from jaxloss.cli import output
    from jaxloss.cli.commands import check
    from jaxloss.inspect.cards import cards
    from jaxloss.inspect.checking import Report

    report = Report("loss", "a loss", cards()["squared_error"], {}, {}, (), jaxloss.squared_error)
    bars = []
    monkeypatch.setattr(check, "check_loss", lambda *_, progress, **__: bars.append(progress) or report)
    words = ["check", f"{folder}/losses.py:ripple", "--kind", "residual", "--thorough"]
    assert cli.main(words) == 0
    assert bars == [None]
    monkeypatch.setattr(output.sys.stderr, "isatty", lambda: True)
    with output.advancing("checking") as progress:
        assert progress is not None
        progress(0.5)
    assert "checking" in capsys.readouterr().err
