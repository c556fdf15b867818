"""The shared tail of every loss, at sizes and magnitudes that the laws over small arrays cannot see."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss
from jaxloss._floor import reduction
from jaxloss._floor.means import squares


def test_counts_beyond_the_integers_of_float32() -> None:
    n = 2**24 + 3
    keep = jnp.ones(n, bool).at[0].set(False)
    sums, count = jax.jit(reduction.weighted_sums)(jnp.ones(n), keep)
    assert float(sums / count) == pytest.approx(1.0, abs=1e-6)
    shrink = 2.0 ** -(n - 1).bit_length()
    assert float(count) == np.float32(n - 1) * np.float32(shrink)


@pytest.mark.parametrize("where", [None, np.array([True, True, False])], ids=["all", "masked"])
@pytest.mark.parametrize("weights", [None, np.float32([0.5, 0.5, 2.0])], ids=["equal", "weighted"])
def test_a_mean_of_large_numbers_does_not_overflow(where, weights) -> None:
    values = jnp.full(3, 3e38)
    np.testing.assert_allclose(jaxloss.reduce(values, where=where, weights=weights), 3e38, rtol=1e-6)


def test_the_mean_of_equal_numbers_is_that_number() -> None:
    for n in (1, 3, 7, 49, 1000):
        assert float(jaxloss.reduce(jnp.full(n, 0.1))) == pytest.approx(np.float32(0.1), rel=4.8e-7)
        assert float(jaxloss.reduce(jnp.ones(n))) == 1.0


def test_a_large_sum_keeps_its_precision() -> None:
    values = np.random.default_rng(0).uniform(size=10**6).astype(np.float32)
    np.testing.assert_allclose(jaxloss.reduce(values), np.mean(values, dtype=np.float64), rtol=2e-6)


def test_half_precision_is_summed_in_single() -> None:
    values = jnp.full(5000, 0.1, jnp.float16)
    mean = jaxloss.reduce(values)
    assert mean.dtype == jnp.float32
    np.testing.assert_allclose(mean, np.float16(0.1).astype(float), rtol=1e-6)
    assert jaxloss.reduce(values, reduction="sum").dtype == jnp.float32


def test_gradient_of_the_mean_is_the_share_of_the_weight() -> None:
    weights = jnp.array([1.0, 2.0, 5.0])
    keep = np.array([True, False, True])
    gradient = jax.grad(lambda v: jaxloss.reduce(v, where=keep, weights=weights))(jnp.array([1.0, jnp.nan, 3.0]))
    np.testing.assert_allclose(gradient, [1 / 6, 0, 5 / 6], rtol=1e-6)


def test_gradient_reaches_the_weights() -> None:
    values, weights = jnp.array([1.0, 2.0, 6.0]), jnp.array([1.0, 1.0, 2.0])
    gradient = jax.grad(lambda w: jaxloss.reduce(values, weights=w))(weights)
    mean = (1 + 2 + 12) / 4
    np.testing.assert_allclose(gradient, (np.array([1.0, 2.0, 6.0]) - mean) / 4, rtol=1e-6)


def test_nan_is_shown_unless_masked() -> None:
    values = jnp.array([1.0, jnp.nan])
    assert np.isnan(jaxloss.reduce(values))
    assert np.isnan(jaxloss.reduce(values, weights=jnp.array([1.0, 0.0])))
    assert float(jaxloss.reduce(values, where=jnp.array([True, False]))) == 1.0
    assert np.isnan(jaxloss.reduce(jnp.ones(2), weights=values))


def test_masks_and_weights_repeat_along_axes_of_size_1_and_never_add_an_axis() -> None:
    values = jnp.arange(6.0).reshape(2, 3)
    assert float(jaxloss.reduce(values, where=np.array([[True], [False]]))) == 1.0
    assert float(jaxloss.reduce(values, where=np.array([[True, False, False]]))) == 1.5
    assert float(jaxloss.reduce(values, where=np.array(True), weights=2.0)) == 2.5
    assert float(jaxloss.reduce(values, weights=np.float32([[1.0], [3.0]]))) == pytest.approx((3 + 36) / 12)
    with pytest.raises(ValueError, match=r"where must have the shape of the unreduced loss, \(2, 3\)"):
        jaxloss.reduce(values, where=np.ones(2, bool))
    with pytest.raises(ValueError, match=r"for the last axis, where\[None, \.\.\.\]"):
        jaxloss.reduce(values, where=np.ones(3, bool))
    with pytest.raises(ValueError, match="weights must have the shape"):
        jaxloss.reduce(jnp.ones(3), weights=np.ones((2, 3)))


def test_no_mask_costs_nothing() -> None:
    """The program without mask and weights holds no comparison and no selection."""
    text = jax.jit(jaxloss.reduce).lower(jax.ShapeDtypeStruct((64,), jnp.float32)).as_text()
    assert not any(word in text for word in ("compare", "select"))


def test_a_function_is_a_reduction() -> None:
    seen = {}

    def keep(values, weights):
        seen.update(values=values, weights=weights)
        return jnp.max(values)

    result = jaxloss.reduce(jnp.array([1.0, jnp.inf]), where=np.array([True, False]), reduction=keep)
    assert float(result) == 1.0
    np.testing.assert_array_equal(seen["weights"], [1.0, 0.0])
    np.testing.assert_array_equal(seen["values"], [1.0, 0.0])


def test_blank_promotes_by_floats_alone() -> None:
    with jax.enable_x64(True):
        a, b = reduction.blank(None, jnp.ones(2, jnp.bfloat16), jnp.ones(2, jnp.int64))
        assert a.dtype == b.dtype == jnp.float32
        a, b = reduction.blank(None, jnp.ones(2, jnp.float32), jnp.ones(2, jnp.float64))
        assert a.dtype == b.dtype == jnp.float64


def test_pools() -> None:
    entries = jnp.array([[1e30, 1e30, jnp.nan], [3.0, 4.0, 0.0]])
    keep = np.array([[True, True, False], [True, True, False]])
    (blanked,) = reduction.blank(keep, entries)
    mass, present = reduction.pool_mass(keep, None, blanked)
    np.testing.assert_allclose(squares.pool_root_mean_square(blanked, mass), [1e30, 12.5**0.5], rtol=1e-6)
    np.testing.assert_allclose(reduction.pool_mean(blanked, mass), [1e30, 3.5], rtol=1e-6)
    np.testing.assert_allclose(reduction.pool_sum(blanked, mass), [2e30, 7.0], rtol=1e-6)
    np.testing.assert_array_equal(present, [True, True])
    assert reduction.pool_mass(None, None, blanked) == (None, None)
