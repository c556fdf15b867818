"""`jaxloss.returns.standardized_advantages` against NumPy, at its edges and over devices."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss

RNG = np.random.default_rng(2)
ADVANTAGES = RNG.normal(2.0, 3.0, size=(4, 6))
KEEP = RNG.uniform(size=(4, 6)) < 0.7
standardized = jaxloss.returns.standardized_advantages

pytestmark = pytest.mark.full


@pytest.mark.parametrize("ddof", [0, 1])
def test_advantages_are_standardised_by_what_the_mask_keeps(ddof: int) -> None:
    kept = ADVANTAGES[KEEP]
    expected = np.where(KEEP, (ADVANTAGES - kept.mean()) / (kept.std(ddof=ddof) + 0.5), 0)
    spoiled = np.where(KEEP, ADVANTAGES, np.nan)
    with jax.enable_x64(True):
        program = jax.jit(functools.partial(standardized, ddof=ddof, epsilon=0.5))
        np.testing.assert_allclose(program(spoiled, where=KEEP), expected, rtol=1e-12)
        np.testing.assert_allclose(program(ADVANTAGES), program(ADVANTAGES, where=True), rtol=1e-12)
        assert not np.any(program(spoiled, where=False))


def test_those_of_all_devices_are_those_of_one() -> None:
    whole = jax.jit(lambda a, m: standardized(a, where=m, ddof=1))
    shard = jax.vmap(lambda a, m: standardized(a, where=m, ddof=1, axis_name="data"), axis_name="data")
    with jax.enable_x64(True):
        split = [x.reshape(2, 2, 6) for x in (ADVANTAGES, KEEP)]
        np.testing.assert_allclose(shard(*split).reshape(4, 6), whole(ADVANTAGES, KEEP), rtol=1e-12)


@pytest.mark.parametrize("value", [0.1, 3e38, -1e-30])
@pytest.mark.parametrize("shape", [(7,), (2, 7), (1,), (0,), ()])
def test_advantages_that_do_not_differ_are_exactly_0(value: float, shape: tuple[int, ...]) -> None:
    """0.1 seven times has a mean that is not 0.1."""
    fn = functools.partial(standardized, epsilon=0.0)
    found, slope = jax.jit(lambda a: (fn(a), jax.grad(lambda x: jnp.sum(jnp.abs(fn(x))))(a)))(jnp.full(shape, value))
    assert not np.any(found)
    assert np.all(np.isfinite(slope))


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_the_unit_does_not_matter(scale: float) -> None:
    one = jnp.asarray(ADVANTAGES, jnp.float32)
    np.testing.assert_allclose(standardized(scale * one, epsilon=0.0), standardized(one, epsilon=0.0), rtol=1e-5)


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(TypeError, match="advantages"):
        standardized(jnp.ones(3, int))
    with pytest.raises(ValueError, match="ddof"):
        standardized(jnp.ones(3), ddof=-1)
    with pytest.raises(ValueError, match="epsilon"):
        standardized(jnp.ones(3), epsilon=-1.0)


def test_nan_is_not_hidden() -> None:
    assert np.all(np.isnan(standardized(jnp.array([1.0, jnp.nan, 2.0]))))
