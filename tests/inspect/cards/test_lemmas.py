"""Rows that textbook theorems give: every claim is searched for a contradiction, and a wrong one is found out."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss
from jaxloss.inspect.cards import card
from jaxloss.inspect.cards.lemmas.drawing import draw, shape_of
from jaxloss.inspect.cards.lemmas.formulas import holds, names_in, number
from jaxloss.inspect.cards.lemmas.rows import PASSED_ON, claim_row, lemma_of, lemma_rows, merged
from jaxloss.inspect.cards.lemmas.tables import ROWS, Claim, Lemma, lemmas, theorems
from jaxloss.inspect.cards.reading.views import settings_of
from jaxloss.inspect.case import Case
from jaxloss.inspect.verdict import Verdict, Word
from tests.cases import all_cases

THEOREM = theorems()["lipschitz_of_lipschitz"]


def rows_of(name: str, **parameters) -> dict[str, Verdict]:
    fn = getattr(jaxloss, name)
    return lemma_rows(fn, settings_of(fn, parameters))


def row_of(name: str, row: str, **parameters) -> Verdict:
    """One row of a loss; its other claims are not searched."""
    fn = getattr(jaxloss, name)
    settings = settings_of(fn, parameters)
    lemma = lemmas()[name]
    (claim,) = (claim for claim in lemma.claims if claim.row == row and holds(claim.when, settings))
    return claim_row(claim, lemma, fn, settings)


def planted(fn, row: str, bound: str = "", **more) -> Verdict:
    """What becomes of a claim about a function of five numbers."""
    claim = Claim(row, THEOREM, "somebody says so", bound=bound, **more)
    return claim_row(claim, Lemma("planted", ("x",), {"x": "numbers[n]"}, (5,), (claim,)), fn, {})


CLAIMS = [(name, claim) for name, lemma in lemmas().items() for claim in lemma.claims]


# Bounds that the loss itself does not reach: those of all strongly convex regularizers and of all distributions.
LOOSE = {
    ("hl_gauss_loss", "lipschitz"): 0.93,
    ("entmax15_loss", "smooth"): 2**-0.5,
    ("entmax_loss", "smooth"): 2**-0.5,
}
SETTINGS = {"multi_margin_loss": {"power": 2}, "elastic_net_penalty": {"l1_factor": 0.0}}


@pytest.mark.full
@pytest.mark.parametrize(("name", "claim"), CLAIMS, ids=[f"{name}-{claim.row}-{claim.when}" for name, claim in CLAIMS])
def test_every_claim_survives_and_is_nearly_reached(name: str, claim: Claim) -> None:
    fn = getattr(jaxloss, name)
    settings = settings_of(fn, {})
    if not holds(claim.when, settings):
        settings = settings_of(fn, SETTINGS[name])
        assert holds(claim.when, settings)
    found = claim_row(claim, lemmas()[name], fn, settings)
    assert found.word is Word.LEMMA, found
    if claim.row in ("lipschitz", "smooth"):
        assert LOOSE.get((name, claim.row), 1.0) * 0.98 <= found.evidence["reached"] <= 1 + 1e-6
    if claim.row == "minimum":
        assert found.evidence["distance"] < 5e-3


@pytest.mark.parametrize(
    ("name", "row", "value"),
    [
        ("softmax_cross_entropy_with_integer_labels", "lipschitz", math.sqrt(2)),
        ("gan_least_squares_discriminator_loss", "smooth", 1.0),
        ("interval_score", "lipschitz", math.sqrt(2) * 19),
        ("td_loss", "minimum", 0.0),
        ("brier_score", "proper", 0.0),
        ("multiclass_hinge_loss", "convex", None),
    ],
)
def test_some_claims_survive(name: str, row: str, value: float | None) -> None:
    found = row_of(name, row)
    assert found.word is Word.LEMMA
    assert found.value == (value if value is None else pytest.approx(value, rel=1e-3))
    assert found.evidence["points"] > 1000
    if row in ("lipschitz", "smooth"):
        assert 0.99 < found.evidence["reached"] <= 1 + 1e-6


def norm(x):
    return jnp.linalg.norm(x - 1.0)


@pytest.mark.parametrize(
    ("fn", "row", "bound", "witness"),
    [
        (norm, "lipschitz", "0.99", 1.0),
        (lambda x: jax.nn.logsumexp(x), "smooth", "0.49", 0.5),
        (lambda x: jnp.maximum(x[0], 0.0), "smooth", "10", None),  # the gradient jumps where the Hessian is 0
        (
            lambda x: jax.lax.stop_gradient(3 * x[0]) + x[1],
            "lipschitz",
            "1",
            math.sqrt(10),
        ),  # the gradient does not tell
        (lambda x: jnp.sum(x * x) - 0.1, "minimum", "0", -0.1),
        (lambda x: -jnp.linalg.norm(x), "convex", "", None),
    ],
    ids=["slope", "curvature", "kink", "dishonest", "negative", "concave"],
)
def test_a_planted_claim_is_refuted(fn, row: str, bound: str, witness: float | None) -> None:
    found = planted(fn, row, bound)
    assert found.word is Word.REFUTED
    assert found.value is None
    if witness is not None:
        assert found.evidence["witness"]["found"] == pytest.approx(witness, rel=0.02, abs=1e-3)
        assert found.evidence["witness"]["bound"] == float(bound)


def test_a_witness_stands_on_its_own() -> None:
    witness = planted(norm, "lipschitz", "0.5").evidence["witness"]
    points = np.array([witness[f"x_{i}"] for i in range(10)]).reshape(2, 5)
    slopes = jax.vmap(jax.grad(norm))(jnp.asarray(points, jnp.float32))
    assert float(jnp.max(jnp.linalg.norm(slopes, axis=-1))) > 0.5
    witness = planted(lambda x: jnp.sum(x * x) - 0.1, "minimum", "0").evidence["witness"]
    assert sum(witness[f"x_{i}"] ** 2 for i in range(5)) - 0.1 == pytest.approx(witness["found"], abs=1e-6)


def test_a_loss_that_is_not_proper_is_refuted() -> None:
    fn = lambda logits, labels: 1 - jax.nn.softmax(logits)[labels]
    claim = Claim("proper", THEOREM, "", link="softmax", outcome="labels")
    inputs = {"logits": "numbers[n]", "labels": "below(n)"}
    found = claim_row(claim, Lemma("planted", ("logits",), inputs, (3,), (claim,)), fn, {})
    assert found.word is Word.REFUTED
    assert found.evidence["witness"]["gain"] > 0


def test_a_minimum_that_is_not_reached_is_unknown() -> None:
    found = planted(lambda x: 1 + jnp.sum(x * x), "minimum", "0")
    assert found.word is Word.UNKNOWN
    assert "never below 0, but the search stayed 1 above it" in found.statement


@pytest.mark.parametrize(("row", "bound"), [("convex", ""), ("lipschitz", "1"), ("minimum", "0")])
def test_a_search_without_numbers_gives_no_lemma(row: str, bound: str) -> None:
    assert planted(lambda x: jnp.nan * x[0], row, bound).word is Word.UNKNOWN


@pytest.mark.parametrize(
    ("name", "parameters", "present", "absent"),
    [
        ("softmax_cross_entropy", {"label_smoothing": 1.0}, {"convex", "lipschitz", "smooth"}, {"minimum", "proper"}),
        ("softmax_cross_entropy", {"z_loss": 0.1}, set(), {"convex", "lipschitz", "smooth", "minimum", "proper"}),
        ("softmax_cross_entropy", {"class_weights": np.ones(5)}, set(), {"convex", "lipschitz", "smooth"}),
        ("temperature_scaling_nll", {"temperature": 2.0}, {"convex", "lipschitz", "minimum"}, {"proper"}),
        ("temperature_scaling_nll", {}, {"convex", "proper"}, set()),
        ("entmax_loss", {"alpha": 2.0}, {"convex", "smooth"}, set()),
        ("entmax_loss", {"alpha": 2.5}, {"convex", "lipschitz"}, {"smooth"}),
        ("multi_margin_loss", {"power": 2}, {"convex", "smooth"}, {"lipschitz"}),
        ("triplet_margin_loss", {"swap": True}, set(), {"lipschitz"}),
        ("triplet_margin_loss", {"norm_degree": 1.0}, set(), {"lipschitz"}),
        ("elastic_net_penalty", {"l1_factor": 0.0}, {"convex", "smooth"}, set()),
        ("sigmoid_binary_cross_entropy", {"pos_weight": 2.0}, set(), {"proper"}),
    ],
)
def test_conditions_on_hyperparameters(name: str, parameters: dict, present: set, absent: set) -> None:
    settings = settings_of(getattr(jaxloss, name), parameters)
    said = {claim.row for claim in lemmas()[name].claims if holds(claim.when, settings)}
    assert present <= said
    assert not absent & said


@pytest.mark.parametrize(
    ("name", "row", "parameters", "value"),
    [
        ("temperature_scaling_nll", "lipschitz", {"temperature": 2.0}, math.sqrt(0.5)),
        ("knowledge_distillation_loss", "lipschitz", {"temperature": 0.5}, math.sqrt(0.5)),
        pytest.param("ldam_loss", "smooth", {"scale": 3.0}, 4.5, marks=pytest.mark.full),
        pytest.param(
            "elastic_net_penalty", "smooth", {"l1_factor": 0.0, "l2_factor": 3.0}, 6.0, marks=pytest.mark.full
        ),
        pytest.param("interval_score", "lipschitz", {"alpha": 0.5}, 3 * math.sqrt(2), marks=pytest.mark.full),
        pytest.param("multi_margin_loss", "smooth", {"power": 2, "margin": 0.0}, 2.0, marks=pytest.mark.full),
        pytest.param("softmax_cross_entropy", "lipschitz", {"label_smoothing": 1.0}, 2**0.5, marks=pytest.mark.full),
        pytest.param("entmax_loss", "smooth", {"alpha": 2.0}, 1.0, marks=pytest.mark.full),
        pytest.param("entmax_loss", "smooth", {"alpha": 1.01}, 1.0, marks=pytest.mark.full),
    ],
)
def test_numbers_off_the_defaults(name: str, row: str, parameters: dict, value: float) -> None:
    found = row_of(name, row, **parameters)
    assert found.word is Word.LEMMA
    assert found.value == pytest.approx(value, rel=1e-3)
    assert found.evidence["reached"] <= 1 + 1e-6
    assert f"{value:.4g}" in found.statement


def chosen(cases: list[Case]) -> list[tuple[str, Mapping[str, Any]]]:
    """Every loss with a lemma, at the hyperparameters of its Case that are off the defaults or at a closed end."""
    found = [(case.name, keywords) for case in cases if case.name in lemmas() for keywords in (case.hypers, *case.ends)]
    return [(name, keywords) for name, keywords in found if keywords]


OFF = chosen(all_cases())


@pytest.mark.full
@pytest.mark.parametrize(("name", "keywords"), OFF, ids=[f"{name}-{place}" for place, (name, _) in enumerate(OFF)])
def test_claims_survive_off_the_defaults_and_at_closed_ends(name: str, keywords: Mapping[str, Any]) -> None:
    known = settings_of(getattr(jaxloss, name), {})
    parameters = {key: value for key, value in keywords.items() if key in known or key == "class_weights"}
    rows = rows_of(name, **parameters)
    assert {row.word for row in rows.values()} <= {Word.LEMMA}
    assert rows or {"class_weights", "z_loss", "swap", "norm_degree", "label_smoothing", "pos_weight"} & set(parameters)


def test_conditions_are_needed() -> None:
    """Outside of it the theorem would be wrong, and the search says so."""
    fn = jaxloss.softmax_cross_entropy_with_integer_labels
    lemma = lemmas()[fn.__name__]
    (convex,) = (claim for claim in lemma.claims if claim.row == "convex")
    settings = {"label_smoothing": 0.0, "z_loss": 1.0}
    found = claim_row(convex, lemma, fn, settings)
    assert found.word is Word.REFUTED
    witness = found.evidence["witness"]
    ends = [jnp.array([witness[f"{end}_{i}"] for i in range(5)]) for end in "xy"]
    label = jnp.int32(witness["labels_0"])
    first, second, middle = (float(fn(z, label, **settings)) for z in (*ends, (ends[0] + ends[1]) / 2))
    assert middle > (first + second) / 2


def test_references_are_complete() -> None:
    for theorem in theorems().values():
        assert len(theorem.name.split()) > 3
        assert theorem.authors[0].isupper()
        assert 1950 < theorem.year <= 2026
        assert theorem.title
        assert theorem.place
        assert theorem.link.startswith("https://")
    assert set(theorems().values()) == {claim.theorem for _, claim in CLAIMS}


def test_the_tables_are_consistent() -> None:
    for name, lemma in lemmas().items():
        fn = getattr(jaxloss, name)
        assert lemma_of(fn) is lemma
        settings = settings_of(fn, {})
        assert set(lemma.argument) <= set(lemma.inputs)
        assert not set(lemma.inputs) & set(settings)
        for claim in lemma.claims:
            assert claim.row in ROWS
            assert bool(claim.bound) == (claim.row in ("lipschitz", "smooth", "minimum"))
            assert claim.because
            assert names_in(claim.bound or "0") <= {*settings, *lemma.inputs, "size"}


def test_only_losses_of_the_library_have_lemmas() -> None:
    def td_loss(predictions, targets):
        return jnp.square(predictions - targets)

    assert lemma_of(td_loss) is None
    assert lemma_of(jaxloss.welsch_loss) is None
    assert rows_of("welsch_loss") == {}


def test_inputs_are_drawn_as_written() -> None:
    rng = np.random.default_rng(0)
    assert shape_of("numbers[3, n + 1]", 4) == (3, 5)
    labels = draw(rng, "below(n)[3]", 4, 200)
    assert labels.shape == (200, 3)
    assert set(np.unique(labels)) == {0, 1, 2, 3}
    probs = draw(rng, "distribution[n]", 4, 200)
    np.testing.assert_allclose(probs.sum(axis=-1), 1, rtol=1e-12)
    marks = draw(rng, "marks[n]", 2, 200)
    np.testing.assert_array_equal(marks.sum(axis=-1), 1)
    assert (draw(rng, "grades[n]", 2, 200).argmax(axis=-1) == 0).any()
    with pytest.raises(ValueError, match="no way to draw is written 'numbers of n'"):
        draw(rng, "numbers of n", 4, 1)


def test_formulas() -> None:
    assert holds("1 < alpha <= 2 and not swap", {"alpha": 2.0, "swap": False})
    assert holds("class_weights is None", {})
    with jax.enable_x64(True):
        graded = number("sqrt(2) * sum(relevance)", {"relevance": np.array([1.0, 2.0])})
        even = number("entropy(p)", {"p": np.array([0.5, 0.5, 0.0])})
    assert [float(graded), float(even)] == pytest.approx([18**0.5, math.log(2)])
    assert names_in("sqrt(size) * factor") == {"size", "factor"}


PROVED = Verdict(Word.PROVED, "slope at most 1", 1.0, {"engine": "intervals", "domain": [-1, 1], "dtype": "float64"})
UNKNOWN = Verdict(Word.UNKNOWN, "open")
TESTED = Verdict(Word.TESTED, "reports 0.95", 0.0, {"points": 8, "at_0.95": 0.95, "link": "sigmoid"})
REFUTED = Verdict(Word.REFUTED, "not convex", None, {"witness": {"x": 1.0}})
LEMMA = Verdict(Word.LEMMA, "by a theorem", 2.0, {"lemma": "a theorem", "points": 9})


def test_rows_on_the_card_of_one_number() -> None:
    before = {"lipschitz": PROVED, "smooth": UNKNOWN, "proper": TESTED, "minimum": UNKNOWN}
    found = merged(before, dict.fromkeys(ROWS, LEMMA), one_number=True, passed_on=PASSED_ON)
    assert found["lipschitz"] == PROVED  # about the number; the other is about the vector
    assert found["vector_lipschitz"] == found["vector_smooth"] == found["vector_minimum"] == LEMMA
    assert found["smooth"].word is Word.LEMMA  # what holds for the vector holds for each of its numbers
    assert found["smooth"].evidence["without_lemma"] == "UNKNOWN: open"
    assert found["minimum"] == UNKNOWN  # but the smallest value of the vector need not be that of one number
    assert found["proper"].word is Word.LEMMA
    assert found["proper"].evidence["at_0.95"] == 0.95
    assert found["convex"] == LEMMA


@pytest.mark.full
def test_probabilities_move_together() -> None:
    """The slope in the probability of one of two classes is up to 4: the norm of the gradient does not bound it."""
    rows = card("multiclass_brier_score").rows
    assert rows["vector_lipschitz"].value == pytest.approx(2 * math.sqrt(2), rel=1e-3)
    slope = jax.grad(lambda p: jaxloss.multiclass_brier_score(jnp.stack([1 - p, p]), 1))(0.0)
    assert abs(float(slope)) == 4
    assert rows["lipschitz"].word is not Word.LEMMA


def test_rows_on_other_cards() -> None:
    found = merged({"convex": TESTED}, {"convex": LEMMA, "lipschitz": LEMMA}, one_number=False, passed_on=())
    assert [row.word for row in found.values()] == [Word.LEMMA, Word.LEMMA]
    assert list(found) == ["convex", "lipschitz"]
    kept = merged({"convex": REFUTED}, {"convex": LEMMA}, one_number=False, passed_on=())
    assert kept["convex"] == REFUTED  # a witness is worth more than a theorem that was misapplied
    contradicted = merged({"convex": TESTED}, {"convex": REFUTED}, one_number=False, passed_on=())
    assert contradicted["convex"].word is Word.REFUTED


def test_a_card_shows_theorem_and_reference() -> None:
    found = card("triplet_margin_loss")
    assert found.kind == "none"
    assert found.jaxpr
    row = found.rows["lipschitz"]
    assert row.word is Word.LEMMA
    assert "gradient norm at most 2.449 in anchors, positives and negatives" in row.statement
    assert "(Shalev-Shwartz and Ben-David 2014)" in row.statement
    assert {"name": row.evidence["lemma"], **row.evidence["reference"]} == dataclasses.asdict(THEOREM)
    text = " ".join(found.text().split())
    assert text.index("LEMMA lipschitz") < text.index("Understanding Machine Learning, claim 12.7: an r-Lipschitz")
    assert text.endswith("; a search reached 1 of it")
    assert type(found).from_json(found.json()) == found


def test_a_claim_that_no_hyperparameters_meet_gives_a_card_without_it() -> None:
    found = card("triplet_margin_loss", swap=True)
    assert found.rows == {}
