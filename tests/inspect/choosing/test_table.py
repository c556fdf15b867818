"""The tables of the selector: every name exists, every code line runs, and every sentence stands on something."""

from __future__ import annotations

import inspect
import re
from urllib.parse import urlparse

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss
from jaxloss.inspect.choosing.tables import (
    Entry,
    Task,
    all_numbers,
    all_tasks,
    all_traits,
    citations,
    common,
    experiments,
)
from tests.inspect.choosing import test_experiments
from tests.inspect.choosing.inputs import evaluate, names

TASKS: list[Task] = [*all_tasks().values(), common()]
ENTRIES: list[Entry] = [entry for task in TASKS for entry in task.entries]
IDEAS = {
    "dice nlp",
    "discrete time",
    "distilbert",
    "esrgan",
    "fitnets",
    "focal calibration",
    "in defense",
    "minillm",
    "r3gan",
    "unet",
}
"""Citations that no docstring has."""
each_task = pytest.mark.parametrize("task", TASKS, ids=[task.name for task in TASKS])


def member(name: str):
    found = jaxloss
    for part in name.split("."):
        found = getattr(found, part)
    return found


def filled(code: str) -> str:
    for name, number in all_numbers().items():
        code = code.replace(f"<{name}>", f"{number.usual:g}")
    return code


def without_task(entry: Entry) -> str:
    return f"{entry.loss}: {entry.code}"


@each_task
def test_every_code_line_traces_to_a_number(task: Task) -> None:
    given = names(task)
    for entry in task.entries:
        shape = jax.eval_shape(lambda: evaluate(filled(entry.code), given))
        assert shape.shape == (), without_task(entry)
        assert jnp.issubdtype(shape.dtype, jnp.floating), without_task(entry)


@pytest.mark.full
@each_task
def test_every_code_line_gives_a_finite_number(task: Task) -> None:
    given = names(task)
    codes = [filled(entry.code) for entry in task.entries]
    found = jax.jit(lambda: [evaluate(code, given) for code in codes])()
    assert not [code for code, value in zip(codes, found, strict=True) if not np.isfinite(value)]


@each_task
def test_a_code_line_uses_its_loss_and_only_what_is_described(task: Task) -> None:
    known = {*common().inputs, *task.inputs, "jax", "jnp", "jaxloss", "combine", "sum", "bool", "part"}
    for entry in task.entries:
        assert callable(member(entry.loss)), without_task(entry)
        short = entry.loss.rpartition(".")[2]
        assert (
            re.search(rf"\.{short}(_weights)?\(|reductions\.{short}\(", entry.code) or short == "class_balanced_weights"
        )
        used = compile(filled(entry.code), "code", "eval")
        assert set(_global_names(used)) <= known, without_task(entry)


def _global_names(code) -> set[str]:
    """Names that a code object looks up: not the attributes of what it finds."""
    import dis

    found = {i.argval for i in dis.get_instructions(code) if i.opname in ("LOAD_NAME", "LOAD_GLOBAL")}
    nested = [const for const in code.co_consts if inspect.iscode(const)]
    return found.union(*map(_global_names, nested))


@each_task
def test_every_described_input_is_used(task: Task) -> None:
    text = " ".join(entry.code for entry in task.entries)
    hidden = {"params"} if task is common() else set()  # `losses` takes them
    assert not [name for name in task.inputs if name not in hidden and not re.search(rf"\b{name}\b(?!=)", text)]


def test_every_entry_stands_on_something() -> None:
    for entry in ENTRIES:
        cited = [key for key in (entry.loss, *entry.cites) if key in citations()]
        assert entry.card or entry.experiment or cited, without_task(entry)
        assert not set(entry.cites) - set(citations()), without_task(entry)
        for sentence in (entry.reason, entry.warning):
            arguments = inspect.signature(member(entry.loss)).parameters
            assert sentence[0].isupper() or re.split(r"\W", sentence)[0] in arguments, sentence
            assert sentence.endswith(".")
        assert len(entry.reason) < 160, without_task(entry)


def test_experiments_are_tests_and_are_cited() -> None:
    cited = {entry.experiment for entry in ENTRIES} - {""}
    assert cited == set(experiments())
    tested = {name.removeprefix("test_") for name in vars(test_experiments) if name.startswith("test_")}
    assert cited == tested


def test_citations_have_authors_year_and_link() -> None:
    for key, cited in citations().items():
        assert cited.authors, key
        assert cited.title, key
        assert 1800 < cited.year < 2027, key
        link = urlparse(cited.link)
        assert link.scheme == "https", key
        assert link.netloc, key


def test_citations_are_those_of_the_docstrings() -> None:
    docs = " ".join(" ".join((inspect.getdoc(_documented(name)) or "").split()) for name in _public())
    elsewhere = {
        key
        for key, cited in citations().items()
        if f"{cited.authors} ({cited.year})" not in docs or cited.link not in docs
    }
    assert elsewhere == IDEAS
    used = {entry.loss for entry in ENTRIES} | {key for entry in ENTRIES for key in entry.cites}
    assert set(citations()) <= used


def _public() -> list[str]:
    return [*jaxloss.__all__, *(f"combine.{name}" for name in jaxloss.combine.__all__)]


def _documented(name: str):
    return member(name)


def test_traits_are_known_and_each_changes_some_list_or_has_a_note() -> None:
    asked = {trait for entry in ENTRIES for trait in entry.traits}
    assert asked <= set(all_traits())
    assert set(all_traits()) == asked | {name for name, trait in all_traits().items() if trait.note}
    for trait in all_traits().values():
        assert set(trait.excludes) <= set(all_traits())
    for number in all_numbers().values():
        assert set(number.implies) <= set(all_traits())
        assert number.low <= number.usual <= number.high
    for task in TASKS:
        assert {trait for implied in task.aliases.values() for trait in implied} <= set(all_traits())


def test_cards_say_what_is_cited() -> None:
    cards = pytest.importorskip("jaxloss.inspect.cards", reason="property cards are not built")
    for entry in ENTRIES:
        if entry.card:
            row, holds = entry.card
            verdict = cards.cards()[entry.loss].rows[row]
            assert verdict.holds if holds else verdict.word == "REFUTED", (
                f"{without_task(entry)}: {row} is {verdict.word}"
            )
