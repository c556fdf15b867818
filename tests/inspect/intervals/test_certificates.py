"""Certificates of real losses say what textbooks say; and what each row says where it cannot decide."""

from __future__ import annotations

import doctest
import json
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss
from jaxloss._floor.maths.softmax.terms import label_terms
from jaxloss.inspect.intervals import ROWS, certify
from jaxloss.inspect.intervals.covering.boxes import enclose
from jaxloss.inspect.intervals.programs.interpreter import trace
from jaxloss.inspect.subject import Subject
from jaxloss.inspect.verdict import Word
from tests.inspect.intervals import losses
from tests.inspect.intervals.losses import Known


def of(fn, best=0.0, **more):
    return certify(Subject("loss", fn, "margin" if best == math.inf else "residual", best=best, **more))


def wrong(known: Known) -> list[str]:
    """Where a certificate is not what the textbook says."""
    rows = certify(known.subject)
    wanted = {
        "convex": known.convex,
        "minimum": known.minimum,
        "pseudo_convex": known.pseudo,
        "lipschitz": True,
        "gradient": True,
    }
    if known.curvature is not None:
        wanted["smooth"] = True
    found = [
        f"{row}: {rows[row].word}, {rows[row].statement}"
        for row, truth in wanted.items()
        if rows[row].word is not (Word.PROVED if truth else Word.REFUTED)
    ]
    numbers = {"lipschitz": (known.slope, 1.02), "smooth": (known.curvature, 1.05)}
    for row, (number, loose) in numbers.items():
        value = rows[row].value
        if number is not None and not (value is not None and number * (1 - 1e-9) <= value <= loose * number):
            found.append(f"{row}: {value} instead of {number}")
    return found


TIER_A = [known for known in losses.ALL if known.tier_a]


@pytest.mark.parametrize("known", TIER_A, ids=lambda known: known.subject.name)
def test_losses_that_everybody_expects(known):
    assert not wrong(known)


@pytest.mark.full
@pytest.mark.parametrize("known", [k for k in losses.ALL if not k.tier_a], ids=lambda known: known.subject.name)
def test_other_losses(known):
    assert not wrong(known)


def of_several(loss, *others):
    """A loss of several scores, of which the first one moves and is the right one."""
    return lambda z: loss(jnp.stack([z, *(jnp.full_like(z, c) for c in others)]))


ENTROPIES = {
    "log_softmax": lambda z: -jax.nn.log_softmax(z)[0],
    "softmax": lambda z: -jnp.log(jax.nn.softmax(z)[0]),
    "logsumexp": lambda z: jax.nn.logsumexp(z) - z[0],
    "without a shift": lambda z: jnp.log(jnp.sum(jnp.exp(z))) - z[0],
    "shares": lambda z: -jnp.log(jnp.exp(z[0]) / jnp.sum(jnp.exp(z))),
    "one-hot": lambda z: -jnp.sum(jax.nn.one_hot(0, z.size, dtype=z.dtype) * jax.nn.log_softmax(z)),
    "by a product": lambda z: -jax.nn.log_softmax(z) @ jnp.eye(z.size, dtype=z.dtype)[0],
    "ours": lambda z: jaxloss.softmax_cross_entropy_with_integer_labels(z, jnp.asarray(0), reduction="none"),
}


@pytest.mark.parametrize("name", ENTROPIES)
def test_cross_entropy_of_three_classes_in_many_words(name):
    """``log(1 + exp(c - z))`` with ``c = log(exp(0.5) + exp(-1))``: no way to write it hides what it is."""
    rows = of(of_several(ENTROPIES[name], 0.5, -1.0), best=math.inf)
    for row in ("convex", "pseudo_convex", "minimum", "lipschitz", "smooth"):
        assert rows[row].word is Word.PROVED, rows[row].statement
    assert rows["lipschitz"].value == pytest.approx(1, rel=1e-6)
    assert rows["smooth"].value == pytest.approx(0.25, rel=0.03)
    assert rows["gradient"].word in (Word.PROVED, Word.TESTED)
    if name in ("ours", "without a shift", "shares"):
        assert rows["gradient"].word is Word.PROVED


@pytest.mark.parametrize("name", ["log_softmax", "softmax", "logsumexp", "ours"])
def test_a_cross_entropy_with_a_wrong_sign_is_refuted(name):
    """Minus the cross-entropy is concave, and a shift that a gradient flows through wrongly is seen."""
    rows = of(of_several(lambda z: -ENTROPIES[name](z), 0.5, -1.0), best=math.inf)
    assert rows["convex"].word is Word.REFUTED
    assert rows["minimum"].word is Word.REFUTED


def test_a_stopped_maximum_that_does_not_cancel_is_a_lie():
    shifted = lambda z: jnp.log(jnp.sum(jnp.exp(z - jax.lax.stop_gradient(jnp.max(z)))))
    assert of(of_several(shifted, 0.5))["gradient"].word is Word.REFUTED
    spread = lambda z: label_terms(z, jnp.int32(0))[1]
    assert of(of_several(spread, 0.5))["gradient"].word is Word.REFUTED
    both = lambda z: sum(label_terms(z, jnp.int32(0))[1:])
    assert of(of_several(both, 0.5))["gradient"].word is Word.TESTED


def test_of_the_programs_for_platforms_that_of_a_cpu_is_examined():
    square, lie = lambda r: r * r, lambda r: -r
    rows = of(lambda r: jax.lax.platform_dependent(r, cpu=square, default=lie))
    assert [rows[row].word for row in ("convex", "minimum", "gradient")] == [Word.PROVED] * 3
    assert of(lambda r: jax.lax.platform_dependent(r, tpu=square, default=lie))["minimum"].word is Word.REFUTED


@pytest.mark.parametrize("decided", [True, False])
def test_conditionals(decided):
    square, line = lambda r: r * r, lambda r: 2 * jnp.abs(r) - 1
    fn = lambda r: jax.lax.cond(jnp.ones_like(r) > 0 if decided else jnp.abs(r) <= 1, square, line, r)
    rows = of(fn)
    assert [rows[row].word for row in ("convex", "minimum", "lipschitz")] == [Word.PROVED] * 3
    assert rows["gradient"].word is (Word.PROVED if decided else Word.TESTED), "open at the floats where it flips"
    assert rows["lipschitz"].value == pytest.approx(100 if decided else 2)
    broken = of(lambda r: jax.lax.cond(jnp.abs(r) <= 1.5, square, line, r))
    assert broken["convex"].word is Word.REFUTED
    assert broken["lipschitz"].word is Word.REFUTED
    switch = lambda r: jax.lax.switch(
        (r > 1).astype(int) - (r < -1).astype(int) + 1, [lambda r: -2 * r - 1, square, lambda r: 2 * r - 1], r
    )
    assert of(switch)["convex"].word is Word.PROVED


def test_numbers_that_are_computed_twice_are_one():
    fn = lambda r: jnp.where(jnp.abs(r - 0.0) + 1 <= jnp.abs(r - 0.0) + 1, r * r, -5.0)
    assert of(fn)["convex"].word is Word.PROVED


def _guarded(lift: float):
    """``x - 1 - log(x)`` below 1/7, its tangent above; no float is 1/7, and the guard asks what the choice asks."""
    edge = 1 / 7

    def fn(r):
        below = 7 * r <= 1
        inner = jnp.where(below & (r > 0), r, 1.0)
        tangent = edge - 1 - math.log(edge) + (1 - 7) * (r - edge) + lift
        return jnp.where(below, inner - 1 - jnp.log(inner), tangent)

    return fn


def test_a_guard_and_a_choice_that_ask_the_same():
    """Between the floats beside 1/7 the guard alone would make the logarithm 0."""
    rows = of(_guarded(0.0), domain=(0.01, 0.3), best=0.3)
    for row in ("convex", "lipschitz", "smooth", "pseudo_convex"):
        assert rows[row].word is Word.PROVED, rows[row].statement
    for lift in (1e-9, -1e-9, 1e-3):
        torn = of(_guarded(lift), domain=(0.01, 0.3), best=0.3)
        for row in ("convex", "lipschitz", "smooth", "gradient"):
            assert torn[row].word is not Word.PROVED, (lift, row)


def test_cases_that_are_open_in_other_places():
    """Three comparisons flip between the same two floats, and the third one makes the jump."""
    ask = lambda r, k: k * r <= k / 7
    fn = lambda r: (
        r * r + jnp.where(ask(r, 7.0), 0.0, 0.0 * r) + jnp.where(ask(r, 0.7), r, r) + jnp.where(ask(r, 0.3), 0.0, 1e-6)
    )
    assert of(fn)["lipschitz"].word is not Word.PROVED
    assert of(fn)["convex"].word is not Word.PROVED


def test_every_row_is_there_and_can_be_written_as_json():
    for fn in (jnp.abs, lambda r: jnp.minimum(r * r, 1.0), jnp.round):
        rows = of(fn)
        assert tuple(rows) == ROWS
        for verdict in rows.values():
            assert json.loads(json.dumps(dict(verdict.evidence))) == dict(verdict.evidence)


def test_kinks_are_found_to_the_float():
    evidence = of(lambda r: jnp.abs(r - 0.1234567) + jnp.maximum(0.0, 1.345 - r) + r)["convex"].evidence
    assert {0.1234567, 1.345} <= set(evidence["kinks"])


def test_kinks_between_floats_are_kept_apart():
    """Where 0.7 r = 0.1 has no float, the kink stays inside a box of a few floats."""
    rows = of(lambda r: jnp.maximum(0.7 * r - 0.1, 0.0))
    assert [rows[row].word for row in ("convex", "lipschitz", "minimum", "pseudo_convex")] == [Word.PROVED] * 4
    assert rows["lipschitz"].value == pytest.approx(0.7, abs=1e-15)
    assert rows["smooth"].word is Word.UNKNOWN
    assert of(lambda r: -jnp.maximum(0.7 * r - 0.1, 0.0))["convex"].word is Word.REFUTED


def test_nothing_is_tightened_across_a_kink():
    boxes = enclose(trace(jnp.abs), np.asarray([-1.0]), np.asarray([2.0]), np.zeros(0))
    assert boxes.slope[:, 0].tolist() == [-1, 1]
    assert boxes.bends[:, 0].tolist() == [0, 2]
    steps = enclose(trace(lambda r: jnp.where(r > 0.5, 7.0, r)), np.asarray([0.0]), np.asarray([2.0]), np.zeros(0))
    assert steps.value[1, 0] == 7
    assert steps.jumps[1, 0] >= 6.5


def test_a_kink_that_flips_twice_inside_a_box_is_no_secret():
    fn = lambda r: jnp.where(jnp.abs(r - 3.3) < 1e-12, 0.5 * r * r + 1.0, 0.5 * r * r)
    rows = of(fn)
    assert rows["convex"].word is Word.REFUTED
    assert rows["lipschitz"].word is not Word.PROVED
    assert rows["gradient"].word is not Word.PROVED


def test_refutations_come_with_points_that_anybody_can_check():
    rows = of(lambda r: jnp.minimum(0.5 * r * r, 0.5 * (r - 2) ** 2 + 0.1))
    low, middle, high = rows["convex"].evidence["witness"]["points"]
    fn = lambda x: min(0.5 * x * x, 0.5 * (x - 2) ** 2 + 0.1)
    assert middle == 0.5 * (low + high)
    assert fn(middle) > 0.5 * (fn(low) + fn(high))
    near, far = rows["pseudo_convex"].evidence["witness"]["points"]
    assert 0 <= near < far
    assert fn(far) < fn(near)


def test_a_strongly_convex_loss_has_its_constant():
    rows = of(lambda r: 0.5 * r * r + jnp.sqrt(1 + r * r))
    assert rows["curvature"].value == pytest.approx(1, rel=1e-4)
    assert rows["curvature"].evidence["high"] == pytest.approx(2, rel=1e-3)
    assert of(jnp.abs)["curvature"].value == 0
    assert of(lambda r: jnp.minimum(r * r, 1.0))["curvature"].value is None


def test_a_jump_of_the_value_has_no_slope():
    rows = of(lambda r: 0.5 * r * r + jnp.where(r > 0.3, 1e-6, 0.0))
    assert rows["lipschitz"].word is Word.REFUTED
    left, right = rows["lipschitz"].evidence["witness"]["points"]
    assert right == np.nextafter(left, np.inf)
    assert rows["pseudo_convex"].word is Word.PROVED
    assert rows["minimum"].word is Word.PROVED


@pytest.mark.parametrize(
    ("fn", "named"),
    [
        (jnp.round, "round"),
        (lambda r: r.astype(jnp.float32).astype(r.dtype), "float32"),
        (lambda r: jnp.sum(r * jnp.ones(33)), "shape (33,)"),
        (lambda r: jnp.sort(jnp.stack([r, r * r]))[0], "sort"),
        (lambda r: jax.lax.while_loop(lambda x: x > 1, lambda x: x - 1, r), "while"),
        (lambda r: jnp.stack([r, r * r])[(r > 0).astype(int)], "place"),
        (jax.lax.lgamma, "lgamma"),
    ],
)
def test_what_has_no_rule_is_named(fn, named):
    rows = of(lambda r: fn(r) ** 2)
    assert {verdict.word for verdict in rows.values()} == {Word.UNKNOWN}
    assert named.split(" ")[0] in rows["convex"].statement


def test_a_loss_without_bound_of_the_slope():
    rows = of(lambda r: jnp.sqrt(jnp.abs(r)))
    assert rows["lipschitz"].word is Word.UNKNOWN
    assert rows["convex"].word is Word.REFUTED
    assert rows["pseudo_convex"].word is Word.PROVED


def test_outside_the_domain_of_a_logarithm_nothing_is_claimed():
    rows = of(lambda r: -jnp.log(r), best=math.inf)
    for row in ("convex", "lipschitz", "minimum", "gradient"):
        assert rows[row].word not in (Word.PROVED, Word.TESTED), row


def test_the_minimum_of_margins_is_an_infimum():
    rows = of(lambda z: jax.nn.softplus(-z), math.inf)
    assert "infimum 0 towards infinity" in rows["minimum"].statement
    assert of(lambda z: jax.nn.softplus(-z) + 0.1, math.inf)["minimum"].word is Word.UNKNOWN
    assert of(lambda z: 0.9 * jax.nn.softplus(-z) + 0.1 * jax.nn.softplus(z), math.inf)["minimum"].word is Word.REFUTED
    assert of(lambda z: 1 - z, math.inf)["minimum"].word is Word.REFUTED


def test_a_best_point_outside_the_domain():
    rows = of(jnp.square, best=3.0, domain=(-1.0, 1.0))
    assert rows["minimum"].word is Word.UNKNOWN
    assert "outside" in rows["minimum"].statement
    assert rows["pseudo_convex"].word is Word.UNKNOWN


def test_a_gradient_that_is_no_number():
    """The value of the root is 0 at 0, its gradient 0 times infinity; and where() does not help in a whole half."""
    rows = of(lambda r: jnp.sqrt(r * r))
    assert rows["gradient"].word is Word.REFUTED
    assert rows["gradient"].evidence["witness"]["points"] == [0.0]
    assert math.isnan(rows["gradient"].evidence["witness"]["gradient"])
    assert of(lambda r: jnp.where(r > 1, jnp.log(r), 0.0) ** 2)["gradient"].word is not Word.PROVED


def test_subgradients_at_kinks_are_honest():
    assert of(jnp.abs)["gradient"].word is Word.PROVED
    assert of(lambda r: r * jnp.sign(r))["gradient"].word is Word.PROVED
    flat_at_one_point = lambda r: jax.nn.relu(r) - jax.nn.relu(-r)
    assert of(flat_at_one_point)["gradient"].word is Word.REFUTED, "0 at 0, where the slope is 1"


def test_float32_around_does_not_matter():
    """The certificate is the same with and without 64 bits switched on."""
    fn = lambda r: jnp.where(jnp.abs(r) <= 1.345, 0.5 * r * r, 1.345 * (jnp.abs(r) - 0.6725))
    outside = of(fn)
    with jax.enable_x64(True):
        inside = of(fn)
    assert {row: (v.word, v.value) for row, v in outside.items()} == {
        row: (v.word, v.value) for row, v in inside.items()
    }


ONCE_FALSE = {
    "-abs, undeclared": (lambda r: -jnp.abs(r - 0.1234567), (), "convex"),
    "-abs, declared": (lambda r: -jnp.abs(r), (0.0,), "convex"),
    "jump, declared": (lambda r: jnp.where(r < 0.3, 0.0 * r, 0.0 * r + 1), (0.3,), "lipschitz"),
    "jump, undeclared": (lambda r: jnp.where(r < 0.3, 0.0 * r, 0.0 * r + 1), (), "lipschitz"),
    "dent of 1e-9": (lambda r: 0.5 * r * r - 1e-9 * jnp.exp(-(((r - 3.3) / 1e-5) ** 2)), (), "convex"),
    "narrow select": (lambda r: jnp.where(jnp.abs(r - 3.3) < 1e-7, 0.5 * r * r + 1.0, 0.5 * r * r), (), "convex"),
    "ripple": (lambda r: 0.5 * r * r + 1e-7 * jnp.tanh(4e4 * (r - 1.7)), (), "convex"),
    "straight-through": (lambda r: jax.lax.stop_gradient(jnp.sign(r) - r) + r + 0.5 * r * r, (), "gradient"),
}


@pytest.mark.parametrize("name", ONCE_FALSE)
def test_what_fooled_earlier_engines(name):
    fn, kinks, row = ONCE_FALSE[name]
    assert of(fn, kinks=kinks)[row].word not in (Word.PROVED, Word.TESTED)


NOT_A_NUMBER = {
    "a constant": lambda r: r * r + jnp.nan,
    "asked for": lambda r: jnp.where(jnp.isnan(jnp.sqrt(r)), 0.0, r * r),
    "squashed": lambda r: jnp.tanh(jnp.sqrt(r)) ** 2,
    "clipped": lambda r: jnp.clip(jnp.sqrt(r), 0.0, 1.0),
    "of a sign": lambda r: jnp.sign(jnp.log(r)) + r * r,
    "divided": lambda r: r / r,
    "times zero": lambda r: r * r + 0.0 * jnp.log(r),
    "compared": lambda r: jnp.where(jnp.tanh(jnp.sqrt(r)) <= 2.0, r * r, -r),
}


@pytest.mark.parametrize("name", NOT_A_NUMBER)
def test_where_a_value_may_be_nan_nothing_is_proved(name):
    rows = of(NOT_A_NUMBER[name])
    for row in ("convex", "pseudo_convex", "lipschitz", "smooth", "gradient"):
        assert rows[row].word is not Word.PROVED, row
    if name not in ("asked for", "compared"):
        assert rows["minimum"].word is not Word.PROVED


def test_whole_numbers_and_less_precision_are_refused():
    for fn in (
        lambda r: r * (jnp.int32(2**30) * jnp.int32(4)).astype(r.dtype),
        lambda r: r * (jnp.uint8(3) - jnp.uint8(4)).astype(r.dtype),
        lambda r: r * jnp.sum(jnp.where(r > 0, 2, 1) * jnp.int8(100)).astype(jnp.int8).astype(r.dtype),
        lambda r: (r.astype(jnp.int32) ** 2).astype(r.dtype),
        lambda r: jnp.square(r.astype(jnp.bfloat16)).astype(r.dtype),
    ):
        assert of(fn)["convex"].word is Word.UNKNOWN
    in_float32 = lambda r: r * r * (jnp.float32(0.1) * jnp.float32(3)).astype(r.dtype)
    assert of(in_float32)["curvature"].word in (Word.UNKNOWN, Word.PROVED)
    assert of(lambda r: r * r * jnp.asarray(7 // 2, jnp.int32).astype(r.dtype))["curvature"].value == 6


def test_the_example_of_the_docstring():
    runner = doctest.DocTestRunner()
    for example in doctest.DocTestFinder().find(certify, "certify", globs={"jnp": jnp}):
        runner.run(example)
    assert runner.tries > 0
    assert runner.failures == 0
