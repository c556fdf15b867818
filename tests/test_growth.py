"""What grows with the square of N is found, and chunks make memory grow with N: compiled figures, no times."""

from __future__ import annotations

import importlib.util
import json
import pathlib

import numpy as np
import pytest

from benchmarks import growth, growth_search
from jaxloss.inspect.case import Case
from tests.cases import all_cases

CASES = {case.name: case for case in all_cases()}
CHUNKED = [case for case in CASES.values() if len(growth.options_of(case)) > 1]
SIZES = (2048, 8192)


def grows(form: growth_search.Form, sizes: tuple[int, int], **options: int) -> float:
    """The power of N of the temporaries of the compiled program."""
    found = {n: growth.compile_on_host(form, n, options).memory_analysis().temp_size_in_bytes for n in sizes}
    power = growth.fitted(found)
    assert power is not None
    return power


@pytest.mark.parametrize(
    ("name", "quadratic"),
    [("siglip_loss", True), ("pairwise_hinge_loss", True), ("squared_error", False), ("vicreg_loss", False)],
)
def test_what_is_quadratic_in_its_examples_is_found(name: str, *, quadratic: bool) -> None:
    found = growth_search.powers(growth_search.Form(CASES[name]))
    assert found is not None
    assert (max(found) > growth_search.FASTER) is quadratic, found


def test_lengths_with_a_meaning_are_not_free() -> None:
    """Boxes have four coordinates; no other number can be traced."""
    boxes = growth_search.Form(CASES["giou_loss"], 4)
    assert growth_search.powers(boxes) is None


@pytest.mark.full
@pytest.mark.parametrize("case", CHUNKED, ids=lambda case: case.name)
def test_memory_in_chunks_is_linear(case: Case) -> None:
    forms = [form for form, _ in growth_search.quadratic(case)] or [growth_search.Form(case)]
    for form in forms:
        assert grows(form, SIZES, chunk_size=growth.CHUNK) <= 1.2, form


@pytest.mark.full
def test_memory_of_all_pairs_is_quadratic() -> None:
    """The same measure with all pairs in one chunk."""
    assert grows(growth_search.Form(CASES["siglip_loss"]), SIZES, chunk_size=SIZES[-1]) > 1.8


@pytest.mark.full
@pytest.mark.skipif(importlib.util.find_spec("libtpu") is None, reason="libtpu, the TPU compiler, is not installed")
@pytest.mark.xdist_group("tpu compiler")
@pytest.mark.usefixtures("no_compilation_cache")
def test_what_does_not_fit_a_chip_has_a_size() -> None:
    """Two arrays of 32 GiB: the compiler says how much it would need."""
    found = growth.temporaries_on_tpu(growth_search.Form(CASES["squared_error"]), 2**33, {})
    assert found is not None
    assert found > 2**36


def test_fit() -> None:
    assert growth.fitted({n: 3.0 * n**2 for n in (64, 256, 1024)}) == pytest.approx(2)
    assert growth.fitted({64: 1e9, 256: 1.0, 1024: 4.0, 4096: 16.0}) == pytest.approx(1)
    assert growth.fitted({64: 1.0}) is None
    assert growth.fitted({64: 1.0, 128: 2.0, 256: 3.0}, floor=2.5) is None


def test_too_large_an_array_is_not_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    form = growth_search.Form(CASES["backward_correction_loss"], 5)  # its matrix is N x N
    assert growth_search.largest_array(form, 2**16, {}) == growth.ENTRIES
    monkeypatch.setattr(growth, "compile_on_host", lambda *_: pytest.fail("compiled"))
    monkeypatch.setattr(growth, "temporaries_on_tpu", lambda *_: pytest.fail("compiled"))
    assert not growth.measure(form, {}, [2**17], [2**17], 1.0).cpu


@pytest.mark.full
def test_command(tmp_path: pathlib.Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """Table, figure and numbers of one loss; a second run goes on with them."""
    growth.main(["--only", "pairwise_hinge_loss", "--sizes", "64", "256", "--tpu-sizes", "--out", str(tmp_path)])
    assert "| pairwise_hinge_loss | examples |" in capsys.readouterr().out
    assert (tmp_path / "growth.png").read_bytes().startswith(b"\x89PNG")
    curve = json.loads((tmp_path / "growth.json").read_text())[0]
    assert curve["cpu"]["256"] > 12 * curve["cpu"]["64"] > 0
    assert all(np.isfinite(t) and t > 0 for t in curve["seconds"].values())
    table = (tmp_path / "GROWTH.md").read_text()
    monkeypatch.setattr(growth, "measure", lambda *_: pytest.fail("measured again"))
    growth.main(
        ["--only", "pairwise_hinge_loss", "--resume", "--sizes", "64", "256", "--tpu-sizes", "--out", str(tmp_path)]
    )
    assert (tmp_path / "GROWTH.md").read_text() == table
