"""Cards as text, JSON, table and picture."""

from __future__ import annotations

import dataclasses
import datetime
import json
import random

import jax.numpy as jnp
import pytest

import jaxloss
from jaxloss.inspect import cards as package
from jaxloss.inspect.cards import Card, View, card, cards, drift, examine, find, view
from jaxloss.inspect.cards.__main__ import main
from jaxloss.inspect.cards.examination import _weakest, program_hash
from jaxloss.inspect.cards.record import plain
from jaxloss.inspect.cards.table import all_losses
from jaxloss.inspect.intervals import certify
from jaxloss.inspect.subject import KINDS, Subject
from jaxloss.inspect.verdict import Verdict, Word
from tests.support import run_examples

PROOFS = {"gradient", "minimum", "pseudo_convex", "convex", "curvature", "lipschitz", "smooth"}
FLOATS = {"bfloat16", "float16"}


def made_up(**changes) -> Card:
    witness = {"witness": {"input": float("-inf"), "value": float("nan"), "defect": "nan_value", "more": 1.5}}
    rows = {
        "convex": Verdict(
            Word.PROVED, "convex", None, {"engine": "intervals", "domain": [-50.0, 50.0], "dtype": "float64"}
        ),
        "bfloat16": Verdict(Word.REFUTED, "NaN value: 3 inputs; worst gradient 0.5 ulp", 0.5, plain(witness)),
        "gross_error_sensitivity": Verdict(
            Word.TESTED, "one outlier of n moves the estimate by 2 / n", 2.0, {"points": 7}
        ),
        "efficiency": Verdict(Word.NOT_APPLICABLE, "not symmetric: it estimates no centre of a normal distribution"),
    }
    fields = {"kind": "residual", "domain": (-50.0, 50.0), "parameters": {"delta": 1.345}, "jaxpr": "0123456789ab"}
    card = Card("made_up_loss", "regression", **fields, versions={"jaxloss": "1", "jax": "2"}, rows=rows)
    return dataclasses.replace(card, **changes)


def test_json_comes_back() -> None:
    found = made_up()
    assert Card.from_json(found.json()) == found
    assert json.loads(found.json())["evidence"][1]["witness"]["input"] == "-inf"  # strict JSON has no infinities


@pytest.mark.parametrize("width", [60, 80, 150])
def test_text_fits(width: int) -> None:
    lines = made_up().text(width).splitlines()
    assert max(map(len, lines)) <= width
    words = [line.split()[0] for line in lines if line[:1].isupper()]
    assert words == ["PROVED", "REFUTED", "TESTED", "N/A"]
    assert lines[0] == "made_up_loss(delta=1.345)"
    text = " ".join(" ".join(lines).split())
    assert "convex (on [-50, 50])" in text
    assert "witness: input -inf, value nan, ..." in text
    if width == 150:
        assert len(lines) == 2 + 4


def test_narrow_text_is_refused() -> None:
    with pytest.raises(ValueError, match="width must be at least 60; found 59"):
        made_up().text(59)


def test_several_subjects_have_the_weakest_verdict() -> None:
    subjects = [Subject(name, jnp.abs, "residual") for name in ("first", "second")]
    tested = Verdict(Word.TESTED, "yes", evidence={"points": 1})
    proved = Verdict(Word.PROVED, "yes", evidence={"engine": "", "domain": "", "dtype": ""})
    found = _weakest([{"a": proved, "b": tested}, {"a": tested, "b": proved}], subjects)
    assert [row.word for row in found.values()] == [Word.TESTED, Word.TESTED]
    assert [row.evidence["subject"] for row in found.values()] == ["second", "first"]


def test_a_card_belongs_to_a_program() -> None:
    assert program_hash(jnp.tanh, ()) == program_hash(lambda x: jnp.tanh(x), ()) != program_hash(jnp.cosh, ())
    relu = lambda x: jaxloss.hinge_loss(x, jnp.ones_like(x))
    assert program_hash(relu, ()) == program_hash(lambda x: relu(x), ())


def test_names_are_checked() -> None:
    with pytest.raises(ValueError, match="no loss is named 'hubber_loss'; close: huber_loss"):
        card("hubber_loss")
    with pytest.raises(ValueError, match="huber_loss has no hyperparameter 'scale'; it has: delta"):
        card("huber_loss", scale=1.0)


@pytest.mark.full
def test_a_live_card() -> None:
    found = card("huber_loss", delta=1.345)
    words = {name: row.word.value for name, row in found.rows.items()}
    assert {name for name, word in words.items() if word == "PROVED"} == PROOFS | FLOATS
    assert words["redescending"] == "REFUTED"
    assert found.rows["lipschitz"].value == pytest.approx(1.345)
    assert found.rows["efficiency"].value == 0.95
    assert Card.from_json(found.json()) == found


@pytest.mark.full
def test_a_loss_of_ones_own() -> None:
    @jaxloss.elementwise
    def my_loss(predictions, targets):
        return jnp.square(predictions - targets)

    found = card(my_loss)
    assert found.family == ""
    assert found.rows["convex"].word is Word.PROVED
    assert len(found.plot(my_loss).axes) == 3


@pytest.mark.full
@pytest.mark.parametrize(("sign", "word"), [(1, Word.TESTED), (-1, Word.REFUTED)])
def test_where_the_proof_is_open_a_search_is_made(sign: int, word: Word) -> None:
    larger = Subject("larger", lambda x: sign * jnp.sort(jnp.stack([x, -x]))[1], "residual")
    rows = examine(View((larger,)), dtypes=())
    assert rows["lipschitz"].word is Word.UNKNOWN  # nothing is proved about sorting
    assert rows["convex"].word is word
    assert rows["convex"].evidence["open"] == certify(larger)["convex"].statement
    assert "bfloat16" not in rows
    assert "predicts_gamma" not in rows  # it would need the loss of a prediction and a target


def test_every_loss_has_a_committed_card() -> None:
    assert set(cards()) == set(all_losses())
    for name, found in cards().items():
        assert found.kind in {*KINDS, "vector", "none"}
        assert found.rows or found.kind == "none", name
        assert found.family == getattr(jaxloss, name).__module__.split(".")[1]


def test_sampling_never_proves() -> None:
    for found in cards().values():
        for name, row in found.rows.items():
            if row.word is Word.PROVED:
                assert row.evidence["engine"] == {True: "intervals", False: "enumeration"}[name in PROOFS]
            assert (name in PROOFS | FLOATS) or row.word is not Word.PROVED


def test_what_committed_cards_say() -> None:
    rows = cards()
    assert rows["squared_error"].rows["bounded_gradient"].word is Word.REFUTED
    assert rows["absolute_error"].rows["smooth"].word is Word.REFUTED
    assert rows["mean_absolute_percentage_error"].rows["predicts_lognormal"].value == pytest.approx(0.368, abs=1e-3)
    assert rows["sigmoid_focal_loss"].rows["proper"].evidence["at_0.95"] == pytest.approx(0.75, abs=1e-3)
    assert rows["gan_minimax_generator_loss"].rows["push_when_wrong"].word is Word.REFUTED
    assert rows["gan_nonsaturating_generator_loss"].rows["push_when_wrong"].word is Word.TESTED


def test_find() -> None:
    convex = find(task="regression", convex=True, bounded_gradient=True)
    assert {"huber_loss", "absolute_error", "log_cosh"} <= set(convex)
    assert not {"squared_error", "welsch_loss", "sigmoid_binary_cross_entropy"} & set(convex)
    proper = find(task="classification", proper=True)
    assert "sigmoid_binary_cross_entropy" in proper
    assert "sigmoid_focal_loss" in find(task="classification", proper=False, calibrated=True)
    assert not set(proper) & set(find(proper=False))
    assert find(redescending=True) == ["cauchy_loss", "geman_mcclure_loss", "tukey_biweight_loss", "welsch_loss"]


def test_find_checks_its_words() -> None:
    with pytest.raises(ValueError, match="task must be one of .*regression.*; found 'regresion'"):
        find(task="regresion")
    with pytest.raises(ValueError, match="no card has a row 'convexity'; rows are .*convex"):
        find(convexity=True)


def test_a_theorem_counts_as_known(monkeypatch: pytest.MonkeyPatch) -> None:
    lemma = Verdict(Word.LEMMA, "convex in x", None, {"lemma": "a theorem", "points": 9})
    known = {"made_up_loss": made_up(rows={"convex": lemma})}
    monkeypatch.setattr("jaxloss.inspect.cards.table.cards", lambda: known)
    assert find(convex=True) == ["made_up_loss"]
    assert find(convex=False) == []


def test_drift_is_seen() -> None:
    found = made_up()
    assert list(drift(found, found)) == []
    row = dataclasses.replace(found.rows["gross_error_sensitivity"], value=2.1)
    (sentence,) = drift(found, made_up(rows={**found.rows, "gross_error_sensitivity": row}))
    assert sentence == "made_up_loss: the number of gross_error_sensitivity is 2.1 and was 2.0"
    (sentence,) = drift(found, made_up(rows={n: r for n, r in found.rows.items() if n != "convex"}))
    assert sentence == "made_up_loss: convex is absent and was PROVED"
    assert list(drift(found, made_up(jaxpr="ba9876543210")))
    assert not list(drift(found, made_up(jaxpr="ba9876543210", versions={"jaxloss": "1", "jax": "3"})))
    assert list(drift(found, made_up(parameters={"delta": 1.0})))


@pytest.mark.full
def test_a_sample_of_the_table_is_current() -> None:
    """Another sample every day; the command with ``--check`` compares all."""
    names = sorted(name for name, found in cards().items() if found.rows)
    for name in random.Random(datetime.date.today().toordinal()).sample(names, 4):
        assert list(drift(cards()[name], card(name))) == []


@pytest.mark.full
def test_the_command_checks(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check", "half_squared_error"]) == 0
    assert "1 cards are as committed" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["no_such_loss"])
    assert "no loss is named 'no_such_loss'" in capsys.readouterr().err


@pytest.mark.full
def test_pictures() -> None:
    pytest.importorskip("matplotlib", reason="pictures need Matplotlib")
    figure = cards()["varifocal_loss"].plot()
    assert len(figure.axes) == 6  # three of each class
    labels = {label for axis in figure.axes for label in axis.get_legend_handles_labels()[1]}
    assert labels == {"not convex"}
    figure = cards()["huber_loss"].plot()
    assert {round(line.get_xdata()[0]) for line in figure.axes[0].lines if line.get_linestyle() == ":"} == {-1, 1}
    with pytest.raises(ValueError, match="ssim_loss is not a function of one number"):
        cards()["ssim_loss"].plot()


@pytest.mark.full
@pytest.mark.parametrize("name", [n for n in package.__all__ if callable(getattr(package, n)) and n != "FloatName"])
def test_docstrings(name: str) -> None:
    member = getattr(package, name)
    assert len(member.__doc__.split()) > 5
    run_examples(member, name, {})


def test_progress_of_all_subjects_and_dtypes_rises_to_1() -> None:
    shares: list[float] = []
    examine(view(jaxloss.binary_cross_entropy), dtypes=("float16", "bfloat16"), progress=shares.append)
    assert shares == [0.25, 0.5, 0.75, 1.0]
