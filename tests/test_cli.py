"""The command line as a stranger meets it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import jax
import pytest

from jaxloss import cli

pytest.importorskip("flax")
pytest.importorskip("rich")


@jax.numpy_dtype_promotion("standard")  # for the arithmetic of optax
@jax.numpy_rank_promotion("allow")
def test_demo_trains_reports_and_draws(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = tmp_path / "demo.png"
    assert cli.main(["demo", "--steps", "30", "--seed", "1", "--out", str(picture)]) == 0
    said = capsys.readouterr().out
    for word in (
        "classes",
        "pixels",
        "code",
        "size",
        "raw value",
        "weight",
        "weighted value",
        "valid count",
        "test accuracy",
    ):
        assert word in said
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["demo", "--stepz", "3"], "unrecognized arguments: --stepz 3"),
        (["demo", "--steps", "0"], "'0' is not a whole number >= 1"),
        (["demo", "--steps", "many"], "'many' is not a whole number >= 1"),
        (["demo", "--seed", "-1"], "'-1' is not a whole number >= 0"),
        (["dance"], "invalid choice"),
        ([], "the following arguments are required: command"),
        (["demo", "--out", "/nowhere/at/all.png"], "No such file or directory: '/nowhere/at/all.png'"),
        (["demo", "--out", "picture.jpg"], "the picture must be a .png file: 'picture.jpg'"),
    ],
)
def test_mistakes_are_one_line_and_exit_code_2(words, message, capsys) -> None:
    try:
        code = cli.main(words)
    except SystemExit as stop:
        code = stop.code
    said = capsys.readouterr().err
    assert code == 2
    assert message in said
    assert said.count("\n") == 1


def test_a_folder_is_no_picture(tmp_path: Path, capsys) -> None:
    folder = tmp_path / "folder.png"
    folder.mkdir()
    assert cli.main(["demo", "--out", str(folder)]) == 2
    assert "the picture cannot be a folder" in capsys.readouterr().err
    assert not list(tmp_path.glob("*.png/*"))


def test_missing_extras_are_named(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setitem(sys.modules, "flax", None)
    monkeypatch.delitem(sys.modules, "jaxloss.cli.commands.demo", raising=False)
    assert cli.main(["demo", "--steps", "1"]) == 2
    said = capsys.readouterr().err
    assert "flax is not installed; pip install 'jaxloss[demo]'" in said
    assert said.count("\n") == 1


def test_names_prints_markdown(capsys) -> None:
    assert cli.main(["names"]) == 0
    said = capsys.readouterr().out
    assert "| " in said
    assert "cross_entropy" in said


def test_the_module_is_the_command() -> None:
    result = subprocess.run([sys.executable, "-m", "jaxloss", "--help"], capture_output=True, text=True, check=True)
    assert "demo" in result.stdout
    assert "names" in result.stdout
