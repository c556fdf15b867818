"""The rows that measure, against closed forms and constants of the literature."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.integrate
import scipy.stats

import jaxloss
from jaxloss.inspect.cards import (
    bounded_gradient,
    cost_rows,
    falsify_convexity,
    influence_rows,
    predicted,
    predicting_rows,
    pushing_rows,
    reported,
    reporting_rows,
    view,
    wrong_but_flat,
)
from jaxloss.inspect.subject import Subject
from jaxloss.inspect.verdict import Word


def subject(fn, **parameters) -> Subject:
    return view(fn, **parameters).subjects[0]


FAIR = Subject("fair", lambda r: 1.3998 * jnp.abs(r) - 1.3998**2 * jnp.log1p(jnp.abs(r) / 1.3998), "residual")
LOG_COSH = Subject("log_cosh", lambda r: jnp.logaddexp(r / 1.2047, -r / 1.2047), "residual")
SIGMOID_SQUARE = Subject("square", lambda z: (1 - jax.nn.sigmoid(z)) ** 2, "logit", best=math.inf)


@pytest.mark.parametrize(
    "found",
    [
        subject(jaxloss.huber_loss, delta=1.345),
        subject(
            jaxloss.cauchy_loss, scale=2.3849 / math.sqrt(2)
        ),  # log(1 + r^2 / 2 s^2) here, log(1 + r^2 / c^2) there
        subject(jaxloss.welsch_loss, scale=2.9846 / math.sqrt(2)),
        subject(jaxloss.tukey_biweight_loss, scale=4.6851),
        FAIR,
        LOG_COSH,
    ],
    ids=["huber", "cauchy", "welsch", "tukey", "fair", "log_cosh"],
)
def test_the_usual_constants_are_95_percent_efficient(found: Subject) -> None:
    row = influence_rows(found)["efficiency"]
    assert row.word is Word.TESTED
    assert row.value == pytest.approx(0.95, abs=1e-4)


def test_influence_of_absolute_and_squared_error() -> None:
    rows = influence_rows(subject(jaxloss.absolute_error))
    assert rows["efficiency"].value == pytest.approx(2 / math.pi, rel=1e-3)
    assert rows["gross_error_sensitivity"].value == pytest.approx(math.sqrt(math.pi / 2), rel=1e-3)
    assert rows["redescending"].word is Word.REFUTED
    rows = influence_rows(subject(jaxloss.squared_error))
    assert rows["efficiency"].value == 1
    assert rows["outlier_pull"].value == 100
    assert rows["gross_error_sensitivity"].word is Word.REFUTED
    assert rows["gross_error_sensitivity"].evidence["witness"]["residual"] == 1e6


def test_sensitivity_of_huber_in_closed_form() -> None:
    inside = 2 * scipy.stats.norm.cdf(1.345) - 1
    row = influence_rows(subject(jaxloss.huber_loss, delta=1.345))["gross_error_sensitivity"]
    assert row.value == pytest.approx(1.345 / inside, rel=1e-3)


def test_redescending_losses() -> None:
    for loss in (jaxloss.tukey_biweight_loss, jaxloss.welsch_loss, jaxloss.geman_mcclure_loss, jaxloss.cauchy_loss):
        assert influence_rows(subject(loss))["redescending"].holds
    assert influence_rows(subject(jaxloss.quantile_loss, quantile=0.9))["efficiency"].word is Word.NOT_APPLICABLE


@pytest.mark.parametrize(
    ("loss", "parameters", "expected"),
    [
        (jaxloss.sigmoid_binary_cross_entropy, {}, 0.950),
        (jaxloss.brier_score, {}, 0.950),
        (jaxloss.sigmoid_binary_cross_entropy, {"label_smoothing": 0.1}, 0.905),
        (jaxloss.sigmoid_focal_loss, {"gamma": 2.0}, 0.750),
        (jaxloss.sigmoid_focal_loss, {"gamma": 5.0}, 0.629),
        pytest.param(jaxloss.poly_loss_cross_entropy, {"poly_weight": 1.0}, 0.973, marks=pytest.mark.full),
    ],
)
def test_what_is_reported_of_95_percent(loss, parameters: dict, expected: float) -> None:
    found = view(loss, **parameters)
    best = reported(found.subjects[0], 0.95)
    prob = best if found.link == "identity" else scipy.special.expit(best)
    assert prob == pytest.approx(expected, abs=6e-4)


def test_calibrated_and_proper() -> None:
    rows = reporting_rows(subject(jaxloss.sigmoid_binary_cross_entropy), "sigmoid")
    assert rows["proper"].word is rows["calibrated"].word is Word.TESTED
    rows = reporting_rows(subject(jaxloss.sigmoid_focal_loss), "sigmoid")
    assert rows["calibrated"].holds
    assert rows["proper"].word is Word.REFUTED
    assert rows["proper"].evidence["at_0.95"] == pytest.approx(0.75, abs=1e-3)
    rows = reporting_rows(subject(jaxloss.hinge_loss), "sign")
    assert list(rows) == ["calibrated"]
    assert rows["calibrated"].holds
    assert reporting_rows(subject(jaxloss.perceptron_loss), "sign")["calibrated"].word is Word.REFUTED
    assert reporting_rows(subject(jaxloss.dpo_loss), None) == {}


@pytest.mark.parametrize(
    ("loss", "lognormal", "gamma"),
    [
        (jaxloss.squared_error, math.exp(0.5), 2.0),
        (jaxloss.absolute_error, 1.0, scipy.stats.gamma(2).median()),
        (
            jaxloss.mean_absolute_percentage_error,
            math.exp(-1),
            math.log(2),
        ),  # medians of the laws divided by the target
        pytest.param(jaxloss.itakura_saito_divergence, math.exp(0.5), 2.0, marks=pytest.mark.full),
    ],
)
def test_what_is_predicted_in_closed_form(loss, lognormal: float, gamma: float) -> None:
    pair = view(loss).pair
    assert predicted(pair, "lognormal") == pytest.approx(lognormal, rel=1e-3)
    assert predicted(pair, "gamma") == pytest.approx(gamma, rel=1e-3)


@pytest.mark.full
def test_what_is_predicted_by_quadrature_of_others() -> None:
    law = scipy.stats.lognorm(1)
    logs = scipy.integrate.quad(lambda y: math.log1p(y) * law.pdf(y), 0, np.inf)[0]
    assert predicted(view(jaxloss.mean_squared_log_error).pair, "lognormal") == pytest.approx(
        math.expm1(logs), rel=1e-3
    )
    assert predicted(view(jaxloss.huber_loss).pair, "lognormal") == pytest.approx(1.150, abs=1e-3)


def test_the_statistic_has_a_name() -> None:
    statistics = {
        loss: predicting_rows(view(loss).pair)["predicts_gamma"].evidence["statistic"]
        for loss in (jaxloss.squared_error, jaxloss.absolute_error, jaxloss.huber_loss)
    }
    assert list(statistics.values()) == ["mean", "median", "neither"]
    assert predicting_rows(None) == {}


def test_push_when_wrong() -> None:
    rows = pushing_rows(subject(jaxloss.sigmoid_binary_cross_entropy))
    assert rows["push_when_wrong"].value == pytest.approx((1 + math.exp(-1)), rel=1e-3)
    row = pushing_rows(SIGMOID_SQUARE)["push_when_wrong"]
    assert row.word is Word.REFUTED
    assert row.evidence["witness"]["score"] == -20
    s = scipy.special.expit(np.array([-20.0, -1.0]))
    assert row.value == pytest.approx(np.divide(*(s * (1 - s) ** 2)), rel=1e-3)
    assert row.evidence["flat"][0] == -50
    assert -5 < row.evidence["flat"][1] < -3
    assert pushing_rows(subject(jaxloss.squared_error)) == {}


def test_a_clipped_logarithm_does_not_push() -> None:
    clipped = lambda z: -jnp.log(jnp.clip(jax.nn.sigmoid(z), 1e-7, 1.0))
    row = pushing_rows(Subject("clipped", clipped, "logit", best=math.inf))["push_when_wrong"]
    assert row.word is Word.REFUTED
    assert row.value == 0


def test_wrong_but_flat() -> None:
    left, right = wrong_but_flat(subject(jaxloss.tukey_biweight_loss))
    assert left == (-right[1], -right[0])
    assert 4 < right[0] < 4.7
    assert wrong_but_flat(subject(jaxloss.squared_error)) == []


def test_bounded_gradients_beyond_the_domain_of_proofs() -> None:
    assert bounded_gradient(subject(jaxloss.huber_loss)).value == 1
    assert bounded_gradient(subject(jaxloss.squared_error)).word is Word.REFUTED
    found = view(jaxloss.binary_cross_entropy)
    assert bounded_gradient(found.subjects[0], found.legal).evidence["witness"]["slope"] == pytest.approx(1e6)
    assert bounded_gradient(view(jaxloss.brier_score).subjects[0], (0.0, 1.0)).holds


def test_bounded_gradients_where_far_slopes_are_no_numbers() -> None:
    """Slopes of exp overflow far out; the root has none at 0; cosh overflows first, so that nothing is known."""
    grows = bounded_gradient(Subject("exp", lambda m: jnp.exp(-m), "margin", best=math.inf))
    assert grows.word is Word.REFUTED
    assert grows.evidence["witness"]["slope"] == pytest.approx(math.exp(100), rel=1e-3)
    assert bounded_gradient(Subject("magnitude", lambda r: jnp.sqrt(r * r), "residual")).value == 1
    lost = bounded_gradient(Subject("naive", lambda r: jnp.log(jnp.cosh(r)), "residual"))
    assert lost.word is Word.UNKNOWN
    assert "slope nan" in lost.statement


def test_cost_counts_what_is_done() -> None:
    cheap, dear = (cost_rows(fn)["cost"].evidence for fn in (lambda x: x * x, lambda x: jnp.exp(jnp.sin(x))))
    assert cheap["transcendentals_with_gradient"] == 0 < dear["transcendentals_with_gradient"]
    assert cheap["flops_value"] >= 1
    assert 4 <= cheap["bytes_value"] < cheap["bytes_with_gradient"]


CE = lambda x: -jax.nn.log_softmax(x)[1]
CONVEX = {
    "softmax": CE,
    "squares": lambda x: jnp.sum(x * x),
    "norm": lambda x: jnp.linalg.norm(x - 1.0),
    "largest": lambda x: jnp.max(x) - x[0],
    "poisson": lambda x: jnp.sum(jnp.exp(x) - 2 * x),
    "linear": lambda x: jnp.sum(x) * 0.1,
}
BENT = {
    "focal": lambda x: (1 - jax.nn.softmax(x)[1]) ** 2 * CE(x),
    "generalized": lambda x: (1 - jax.nn.softmax(x)[1] ** 0.7) / 0.7,
    "clipped poisson": lambda x: jnp.sum(jnp.exp(jnp.minimum(x, 5.0)) - 2 * x),
    "brier": lambda x: jnp.sum((jax.nn.softmax(x) - jnp.eye(5)[1].astype(x.dtype)) ** 2),
    "dent": lambda x: CE(x) - 1e-3 * jnp.exp(-100 * jnp.sum((x - 1.0) ** 2)),
}


@pytest.mark.parametrize("name", CONVEX)
def test_convex_losses_are_not_refuted_and_never_proved(name: str) -> None:
    assert falsify_convexity(CONVEX[name], 5).word is Word.TESTED


@pytest.mark.parametrize("name", BENT)
def test_a_witness_against_convexity_stands_on_its_own(name: str) -> None:
    row = falsify_convexity(BENT[name], 5)
    assert row.word is Word.REFUTED
    witness = row.evidence["witness"]
    x, y = (np.array([witness[f"{end}_{i}"] for i in range(5)]) for end in "xy")
    with jax.enable_x64(True):
        values = [float(BENT[name](jnp.asarray(p))) for p in (x, y, (x + y) / 2)]
    assert values[2] - (values[0] + values[1]) / 2 > 1e3 * np.finfo(float).eps * max(map(abs, values))
