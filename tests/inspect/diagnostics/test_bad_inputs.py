"""Inputs that nobody means: every update and read of them gives finite numbers or the NaN that the docstrings promise."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss.inspect import diagnostics as d
from tests.inspect.diagnostics.batches import KINDS, ROWS, cast

read = jax.jit(lambda state: d.read({"x": state}))
FLOATS = (np.nan, np.inf, -np.inf, 0.0, 3e38, 1e-38)
SHARES = ("stuck", "error", "accuracy", "group_accuracy", "worst_accuracy", "ece", "dead", "saturated", "active")
INTEGERS = (-100, -1, 0, 255, 2**31 - 1)


def readings(name: str, data: dict[str, jax.Array], where: jax.Array | None = None) -> dict[str, np.ndarray]:
    kind = KINDS[name]
    given = {} if where is None else {"where": where}
    state = jax.jit(kind.update)(kind.init(), **data, **given)
    return {key.removeprefix("x/"): np.asarray(value) for key, value in read(state).items()}


def worst(name: str) -> list[dict[str, jax.Array]]:
    """The batch with one row, and with all rows, of the same bad number in one argument; and all rows alike."""
    data = cast(KINDS[name].data, jnp.float32)
    found = [{n: jnp.broadcast_to(x[:1], x.shape) for n, x in data.items()}]
    for argument, x in data.items():
        numbers = FLOATS if x.dtype == jnp.float32 else INTEGERS if x.dtype == jnp.int32 else (False, True)
        for number in numbers:
            found += [{**data, argument: x.at[:1].set(number)}, {**data, argument: jnp.full_like(x, number)}]
    return found


@pytest.mark.full
@pytest.mark.parametrize("name", KINDS)
def test_no_input_ends_a_run(name: str) -> None:
    """Shares stay shares, only means of losses are infinite, and a report has a text for every number."""
    for data in worst(name):
        found = readings(name, data)
        assert all(not np.isinf(v).any() for n, v in found.items() if n != "group_loss"), found
        shares = [found[n] for n in SHARES if n in found]
        assert all(np.all(np.isnan(share) | ((share >= 0) & (share <= 1))) for share in shares), found
        history = None
        for step in range(0, 500, 100):
            history = d.append(history, step, {f"x/{key}": value for key, value in found.items()})
        assert not any("nan" in alarm.evidence for alarm in d.report(history))


@pytest.mark.parametrize("name", KINDS)
def test_of_nothing_nothing_is_known(name: str) -> None:
    """An empty batch and one that is masked altogether: only counts and cosines of nothing are numbers."""
    data = cast(KINDS[name].data, jnp.float32)
    empty = readings(name, {n: x[:0] for n, x in data.items()})
    masked = readings(name, data, jnp.zeros(ROWS, bool))
    for found in (empty, masked):
        known = {n for n, value in found.items() if not np.isnan(value).all()}
        assert known <= {"count", "group_count", "agreement"}, found
        assert all(not found[n].any() for n in known)


@pytest.mark.parametrize("bad", [2, -1])
def test_hits_that_are_not_0_or_1_are_seen(bad: int) -> None:
    """A class index in place of a hit: an accuracy of 1.5 was no reason for doubt."""
    hits, zeros = jnp.array([bad, 1, 0]), jnp.zeros(3)
    found = d.calibration.read(d.calibration.update_with_confidences(d.calibration.init(), zeros + 0.5, hits))
    assert np.isnan(found["accuracy"])
    assert np.isnan(found["ece"])
    by_group = d.groups.read(d.groups.update(d.groups.init(2), zeros, hits, jnp.array([0, 0, 1])))
    np.testing.assert_array_equal(by_group["group_accuracy"], [np.nan, 0])
    assert np.isnan(by_group["mean_accuracy"])
    masked = d.groups.update(d.groups.init(1), zeros, hits, jnp.zeros(3, int), where=jnp.array([False, True, True]))
    assert float(d.groups.read(masked)["mean_accuracy"]) == 0.5


def test_an_activation_that_is_nan_is_not_within_its_range() -> None:
    found = d.units.read(d.units.update(d.units.init(2), jnp.array([[0.5, jnp.nan]]), bounds=(0, 1)))
    assert all(np.isnan(value) for value in found.values())


def test_a_group_without_examples_is_not_the_worst() -> None:
    losses, hits = jnp.ones(4), jnp.array([1, 1, 1, 0])
    found = d.groups.read(d.groups.update(d.groups.init(3), losses, hits, jnp.array([0, 0, 2, 2])))
    np.testing.assert_array_equal(found["group_accuracy"], [1, np.nan, 0.5])
    assert float(found["worst_accuracy"]) == 0.5
    assert np.isfinite(found["gap_error"])


def test_one_class_is_always_right() -> None:
    found = d.calibration.read(d.calibration.update(d.calibration.init(), jnp.zeros((4, 1)), jnp.zeros(4, int)))
    assert float(found["accuracy"]) == 1
    assert all(float(found[n]) < 1e-6 for n in ("ece", "null_ece", "adaptive_ece", "debiased_l2", "smooth_ece"))


def test_embeddings_that_are_one_point_have_no_rank() -> None:
    """The covariance is then rounding, which has a rank of its own: 2.4 of 6 directions here, before."""
    rows = jnp.broadcast_to(jnp.asarray(KINDS["embeddings"].data["embeddings"])[:1], (48, 6))
    found = d.embeddings.read(d.embeddings.update(d.embeddings.init(6), rows))
    assert float(found["variance"]) < 1e-6
    assert np.isnan(found["effective_rank"])
    history = None
    for step in range(5):
        history = d.append(history, step, {f"x/{name}": value for name, value in found.items()})
    (alarm,) = d.report(history)
    assert alarm.evidence.endswith("a variance of 0.0000: they are one point")


def test_embeddings_that_are_zero_are_one_point() -> None:
    """They have no direction; as far apart as random ones, they would look perfectly uniform."""
    zeros = jnp.zeros((5, 3))
    assert float(d.pairs.read(d.pairs.update(d.pairs.init(), zeros, zeros))["uniformity"]) == 0
    one = zeros.at[0, 0].set(1)
    found = d.pairs.read(d.pairs.update(d.pairs.init(), one, one))
    np.testing.assert_allclose(found["uniformity"], np.log((8 * np.exp(-2) + 12) / 20), rtol=1e-6)


def test_a_temperature_of_nothing_is_not_known() -> None:
    fit = jax.jit(d.calibration.fit_temperature)
    assert np.isnan(fit(jnp.zeros((0, 3)), jnp.zeros(0, int)))
    assert np.isnan(fit(jnp.ones((2, 3)), jnp.zeros(2, int), where=jnp.zeros(2, bool)))
    constant = jax.jit(lambda: fit(jnp.ones((2, 3)), jnp.zeros(2, int), where=jnp.zeros(2, bool)))
    assert np.isnan(constant())
    np.testing.assert_allclose(fit(jnp.zeros((2, 1)), jnp.zeros(2, int)), 0.01, rtol=1e-5)


@pytest.mark.parametrize("scale", [1e-36, 1.0, 3e38])
def test_shares_of_terms_at_the_ends_of_float32(scale: float) -> None:
    state = d.terms.update(d.terms.init(2), scale * jnp.array([[0.75, 0.0], [0.0, 0.25]]))
    np.testing.assert_allclose(d.terms.shares(state), [0.75, 0.25], rtol=1e-6)


def test_a_term_whose_gradient_is_nan_is_not_a_conflict() -> None:
    found = d.terms.read(d.terms.update(d.terms.init(2), jnp.array([[1.0, jnp.nan], [jnp.nan, 1.0]])))
    assert np.isnan(found["worst_cosine"])
    assert np.isnan(found["share"]).all()
