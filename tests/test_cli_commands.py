"""Every command of the command line, as a program meets it: exit codes, plain lines in a pipe, JSON, advice."""

from __future__ import annotations

import inspect
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import jaxloss
from jaxloss import cli
from jaxloss.cli.commands import plot
from jaxloss.cli.parser import parse
from jaxloss.inspect.cards import Card, cards, find
from jaxloss.inspect.cards.table import all_losses

ROOT = Path(jaxloss.__file__).parent.parent


@pytest.fixture(autouse=True)
def a_hundred_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)


def said(words: str, capsys: pytest.CaptureFixture[str], *, code: int = 0) -> str:
    """What a command prints, if it ends with a code; its errors if the code is 2."""
    try:
        found = cli.main(words.split())
    except SystemExit as stop:
        found = stop.code
    out, err = capsys.readouterr()
    assert found == code, err
    return err if code == 2 else out


def as_json(words: str, capsys: pytest.CaptureFixture[str], *, code: int = 0):
    return json.loads(said(f"{words} --json", capsys, code=code))


# ---- start-up ----------------------------------------------------------------------------------------------------


@pytest.mark.full
@pytest.mark.parametrize("words", [["--help"], ["--version"], ["dance"], ["names", "l2_loss"]])
def test_the_started_command_runs(words: list[str]) -> None:
    done = subprocess.run([sys.executable, "-m", "jaxloss", *words], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == (2 if words == ["dance"] else 0)
    assert ("jaxloss: error" in done.stderr) == (words == ["dance"])
    if words == ["--version"]:
        assert done.stdout == f"jaxloss {jaxloss.__version__}\n"


def test_a_closed_pipe_is_no_traceback() -> None:
    read, write = os.pipe()
    os.close(read)
    program = [sys.executable, "-m", "jaxloss", "names"]
    with os.fdopen(write, "wb") as pipe:
        done = subprocess.run(program, stdout=pipe, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    assert (done.returncode, done.stderr) == (141, "")


COMMANDS = ("list", "show", "names", "card", "plot", "compare", "find", "choose", "check", "bench", "demo")


@pytest.mark.parametrize("command", COMMANDS)
def test_help_fits_60_columns_and_has_an_example(command, monkeypatch, capsys) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    page = said(f"{command} --help", capsys)
    assert f"  jaxloss {command}" in page
    assert "--json" in page
    lines, _, examples = page.partition("\nexample")
    assert max(map(len, lines.splitlines())) <= 60
    for line in examples.splitlines()[1:]:  # the examples are words that the parser takes
        words = line.partition(" > ")[0].replace('"label noise"', "noise").split()
        assert parse(words[1:]).command == command


# ---- looking -----------------------------------------------------------------------------------------------------


def test_list_has_every_loss_once_on_one_line(capsys) -> None:
    heading, *lines = said("list", capsys).splitlines()
    assert heading.split()[:2] == ["name", "family"]
    assert sorted(line.split()[0] for line in lines) == sorted(all_losses())
    by_family = as_json("list --family ranking", capsys)
    assert {entry["name"] for entry in by_family} == set(jaxloss.ranking.__all__) & set(all_losses())
    assert all(entry["family"] == "ranking" for entry in by_family)


def test_list_searches_names_and_docstrings(capsys) -> None:
    found = {entry["name"] for entry in as_json("list --grep TVERSKY", capsys)}
    expected = {name for name, fn in all_losses().items() if "tversky" in f"{name} {inspect.getdoc(fn)}".lower()}
    assert found == expected
    assert "tversky_loss" in found
    assert said("list --grep zzz", capsys, code=1) == ""


def test_show_has_signature_docstring_module_and_names(capsys) -> None:
    page = said("show huber_loss", capsys)
    assert page.startswith("huber_loss(predictions, targets, *, delta=1.0, where=None, weights=None, reduction='mean')")
    for words in ("delta: Residual where the loss turns linear", "https://doi.org/10.1214/aoms/1177703732", ">>> "):
        assert words in page
    assert "jaxloss.regression.huber" in page
    assert "F.huber_loss(predictions, targets, delta=0.5)" in page
    assert ":math:" not in page
    assert ".. math" not in page
    fields = as_json("show combine.pcgrad", capsys)
    assert fields["module"].startswith("jaxloss.combine")
    assert fields["docstring"] == inspect.getdoc(jaxloss.combine.pcgrad)


def test_show_loses_no_word_of_any_docstring() -> None:
    from jaxloss.cli.docstring import rendered

    for name in jaxloss.__all__:
        text = inspect.getdoc(getattr(jaxloss, name)) or ""
        plain = text.replace(".. math::", "").replace(":math:", "").replace("``", "`")
        shown = rendered(text, 60)
        assert "".join(shown.split()) == "".join(plain.split()), name
        body = shown.partition("\nArgs:\n")[2].partition("\nReturns:\n")[0]
        assert all(len(line) <= 60 or " " not in line.strip() for line in body.splitlines()), name


def test_names_answers_and_knows_what_it_does_not_know(capsys) -> None:
    assert "jaxloss.softmax_cross_entropy_with_integer_labels(" in said("names F.cross_entropy", capsys)
    assert as_json("names squared_error", capsys)["known"] is True
    assert as_json("names zzzqqq", capsys, code=1) == {
        "name": "zzzqqq",
        "known": False,
        "says": "jaxloss has no `zzzqqq`.",
    }
    rows = as_json("names", capsys)
    assert {"PyTorch", "optax", "Keras"} <= {row["library"] for row in rows}


# ---- cards -------------------------------------------------------------------------------------------------------


def test_card_is_the_committed_one_at_the_defaults(capsys) -> None:
    assert said("card huber_loss", capsys) == f"{cards()['huber_loss'].text(100)}\n"
    read = Card.from_json(said("card huber_loss --json", capsys))
    assert read == cards()["huber_loss"]


def test_card_is_live_with_hyperparameters(capsys) -> None:
    live = Card.from_json(said("card huber_loss --json --delta=2.0", capsys))
    assert live.parameters["delta"] == 2.0
    assert live.rows["lipschitz"].value == pytest.approx(2.0)  # the slope is clipped at delta


def test_card_without_rows_is_nothing_found(capsys) -> None:
    empty = next(name for name, found in cards().items() if not found.rows)
    assert said(f"card {empty}", capsys, code=1).startswith(f"{empty} has a card without rows")


def test_compare_puts_what_differs_first(capsys) -> None:
    one, two = "squared_error", "huber_loss"
    found = as_json(f"compare {one} {two}", capsys)
    rows = {name: cards()[name].rows for name in (one, two)}
    says = {row: {(rows[name][row].word, rows[name][row].statement) for name in rows} for row in rows[one]}
    assert set(found["differ"]) == {row for row, words in says.items() if len(words) == 2}
    assert set(found["same"]) == {row for row, words in says.items() if len(words) == 1}
    lines = said(f"compare {one} {two}", capsys).splitlines()
    assert lines[0].split() == ["differ", one, two]
    named = [line.split()[0] for line in lines if line]
    assert [name for name in named if name in says] == found["differ"] + found["same"]


@pytest.mark.full
def test_compare_takes_several_values(capsys) -> None:
    found = as_json("compare huber_loss --delta 1,2", capsys)
    assert [found["cards"][f"huber_loss(delta={d})"]["rows"]["lipschitz"][2] for d in (1, 2)] == [1.0, 2.0]
    assert "lipschitz" in found["differ"]
    assert "convex" in found["same"]


def test_find_is_find(capsys) -> None:
    entries = as_json("find --convex --bounded-gradient --task regression", capsys)
    assert [entry["name"] for entry in entries] == find(convex=True, bounded_gradient=True, task="regression")
    assert {"huber_loss", "absolute_error"} <= {entry["name"] for entry in entries}
    not_convex = as_json("find --not-convex --redescending", capsys)
    assert {"welsch_loss", "tukey_biweight_loss"} <= {entry["name"] for entry in not_convex}
    assert not_convex[0]["rows"]["convex"]["word"] == "REFUTED"
    assert said("find --redescending --task ranking", capsys, code=1) == ""
    counts = {row["option"]: row for row in as_json("find", capsys)}
    assert counts["--convex"]["holds"] == len(find(convex=True))
    assert counts["--convex"]["refuted"] == len(find(convex=False))


# ---- plots -------------------------------------------------------------------------------------------------------


def test_plot_draws_value_slope_and_curvature(tmp_path: Path, monkeypatch, capsys) -> None:
    pytest.importorskip("matplotlib")
    drawn: list[plot.Line] = []
    draw = plot._draw
    monkeypatch.setattr(plot, "_draw", lambda lines, *more: (drawn.extend(lines), draw(lines, *more)))
    picture = tmp_path / "huber.svg"
    assert said(f"plot huber_loss --delta 0.5,2 --out {picture}", capsys) == f"picture: {picture}\n"
    assert [line.label for line in drawn] == ["huber_loss(delta=0.5)", "huber_loss(delta=2)"]
    for line, delta in zip(drawn, (0.5, 2.0), strict=True):
        r, (value, slope, curvature) = line.numbers, line.rows
        inside = np.abs(r) < delta
        np.testing.assert_allclose(value, np.where(inside, r**2 / 2, delta * (np.abs(r) - delta / 2)), atol=1e-12)
        kept = np.isfinite(slope)
        assert np.sum(~kept) <= 6
        np.testing.assert_allclose(slope[kept], np.clip(r, -delta, delta)[kept], atol=1e-12)
        np.testing.assert_allclose(curvature[kept], inside[kept], atol=1e-12)
    text = picture.read_text()
    for label in ("huber_loss(delta=0.5)", "huber_loss(delta=2)", "slope", "curvature", "prediction minus target"):
        assert f"<!-- {label}" in text or f"{label} -->" in text


def test_plot_takes_several_losses_of_one_axis(tmp_path: Path, capsys) -> None:
    pytest.importorskip("matplotlib")
    picture = tmp_path / "scores.png"
    found = as_json(f"plot hinge_loss sigmoid_binary_cross_entropy --domain=-3,3 --out {picture}", capsys)
    assert found["curves"] == ["hinge_loss", "sigmoid_binary_cross_entropy"]
    assert picture.read_bytes().startswith(b"\x89PNG")


# ---- deciding ----------------------------------------------------------------------------------------------------


def test_choose_answers_and_lists_what_may_be_asked(capsys) -> None:
    from jaxloss.inspect.choosing import choose, tasks

    choice = choose("segmentation", ["imbalance=0.01"])
    assert as_json("choose --task segmentation --trait imbalance=0.01", capsys) == json.loads(choice.json())
    assert said("choose --task segmentation --trait imbalance=0.01", capsys) == f"{choice.text(100)}\n"
    assert set(as_json("choose", capsys)["tasks"]) == set(tasks())
    assert "segmentation" in said("choose", capsys)


# ---- wrong use ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("card huber_los", "Did you mean huber_loss?"),
        ("card MSELoss", "use `jaxloss.squared_error(predictions, targets)`"),
        ("card blank", "blank is not a loss"),
        ("card huber_loss --dleta 1", "huber_loss has no hyperparameter 'dleta'; it has: delta"),
        ("card huber_loss --delta", "argument --delta: expected a value"),
        ("card huber_loss --delta -1", "delta must be > 0; found -1"),
        ("card huber_loss --delta wide", "delta must be an array of numbers; found str"),
        ("card", "the following arguments are required: name"),
        ("compare huber_loss", "give two losses or more"),
        ("compare huber_loss hinge_los", "Did you mean hinge_loss"),
        ("find --convx", "did you mean --convex?"),
        ("find --task regresion", "did you mean regression or representation?"),
        ("list --family regresion", "did you mean regression"),
        ("list --family zzz", "families are audio, "),
        ("show regression", "jaxloss.regression is a module, not a function"),
        ("show mse_loss", "use `jaxloss.squared_error(predictions, targets)`"),
        ("choose --task segmentatoin", "near: 'segmentation'"),
        ("choose --task regression --trait outlirs", "near: 'outliers'"),
        ("choose --trait outliers", "a trait needs a task"),
        ("plot huber_loss hinge_loss", "cannot share a picture"),
        ("plot ssim_loss --data-range 1", "ssim_loss is not a function of one number per example"),
        ("plot huber_loss --domain=4", "--domain must be two numbers in rising order"),
        ("plot huber_loss --domain=low,high", "'low,high' is not numbers with commas between them"),
        ("plot huber_loss --out picture.jpg", "the picture must be a .png or .svg or .pdf file"),
        ("plot barron_loss --alpha 1,2 --scale 1,2", "only one hyperparameter may have several values"),
    ],
)
def test_wrong_use_is_answered_without_a_traceback(words, message, capsys, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    error = said(words, capsys, code=2)
    assert message in error
    assert error.startswith("jaxloss ")
    assert "Traceback" not in error
    assert not list(tmp_path.iterdir())


def test_a_fault_of_the_program_has_a_traceback(monkeypatch) -> None:
    from jaxloss.cli.commands import names

    def broken(path: str) -> tuple[bool, str]:
        raise ValueError("not the user's")

    monkeypatch.setattr(names, "answer", broken)
    with pytest.raises(ValueError, match="not the user's"):
        cli.main(["names", "x"])


def test_an_interrupt_is_no_traceback(monkeypatch, capsys) -> None:
    from jaxloss.cli.commands import names

    def interrupted(path: str) -> tuple[bool, str]:
        raise KeyboardInterrupt

    monkeypatch.setattr(names, "answer", interrupted)
    assert said("names x", capsys, code=130) == ""


def test_letters_that_a_terminal_lacks_are_replaced(monkeypatch) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))
    assert cli.main(["show", "weighted_ape"]) == 0
    assert b"Kolassa and Sch?tz" in written.getvalue()


def test_missing_packages_are_named_with_their_extra(monkeypatch, capsys, tmp_path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert said("plot huber_loss", capsys, code=2).endswith(
        "matplotlib is not installed; pip install 'jaxloss[demo]'\n"
    )
