"""Contrast of bfloat16 rows, which are multiplied as they are: against float64 of the same numbers."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh, PartitionSpec

import jaxloss
from tests.support import assert_trees_close, products_in

LOSSES = {
    "infonce_loss": functools.partial(jaxloss.infonce_loss, temperature=0.1),
    "clip_loss": functools.partial(jaxloss.clip_loss, temperature=0.1),
    "siglip_loss": functools.partial(jaxloss.siglip_loss, temperature=0.2, bias=-1.0),
}
ROWS, FEATURES = 23, 12
HALF_UNIT = 2.0**-8
"""Of a number of bfloat16, which has eight bits."""


def _sets(lengths: float = 1.0, dtypes: tuple[Any, Any] = (jnp.bfloat16, jnp.bfloat16)) -> list[Any]:
    """Two sets of which row 3 and row 5 are zero; pairs that are close, as after some training."""
    rng = np.random.default_rng(5)
    x = rng.normal(size=(ROWS, FEATURES))
    y = x + 0.5 * rng.normal(size=x.shape)
    x[3], y[5] = 0, 0
    return [jnp.asarray(lengths * z, dtype) for z, dtype in zip((x, y), dtypes, strict=True)]


def _wide(tree: Any) -> Any:
    return jax.tree.map(lambda x: np.asarray(x, np.float64), tree)


def _exact(fn: Any, *args: Any) -> Any:
    with jax.enable_x64(True):
        return jax.device_get(jax.jit(fn)(*_wide(args)))


def _assert_rounded(actual: Any, exact: Any) -> None:
    """Correctly rounded to bfloat16, but for float32 errors of what a row sums up."""
    assert actual.dtype == jnp.bfloat16
    largest = np.max(np.abs(exact), axis=-1, keepdims=True)
    error = np.abs(np.asarray(actual, np.float64) - exact)
    assert np.all(error <= HALF_UNIT * np.abs(exact) + 2e-6 * largest)


@pytest.mark.parametrize("lengths", [1.0, 1e30, 1e-30])
@pytest.mark.parametrize("tail", ["", "where", "weights"])
@pytest.mark.parametrize("name", LOSSES)
def test_values_and_gradients(name: str, tail: str, lengths: float) -> None:
    tails = {
        "": {},
        "where": {"where": np.arange(ROWS) % 4 != 1},
        "weights": {"weights": np.arange(ROWS) + 1, "reduction": "sum"},
    }
    x, y = _sets(lengths)
    for chunk_size in (ROWS, 7):
        loss = functools.partial(LOSSES[name], chunk_size=chunk_size, **tails[tail])
        value, slopes = jax.jit(jax.value_and_grad(loss, (0, 1)))(x, y)
        exact, exact_slopes = _exact(jax.value_and_grad(functools.partial(loss, chunk_size=ROWS), (0, 1)), x, y)
        assert value.dtype == jnp.float32
        np.testing.assert_allclose(value, exact, rtol=3e-6)
        for slope, of_exact in zip(slopes, exact_slopes, strict=True):
            _assert_rounded(slope, of_exact)
        assert not np.any(slopes[0][3])
        assert not np.any(slopes[1][5])


@pytest.mark.parametrize("name", LOSSES)
def test_one_set_of_each_dtype(name: str) -> None:
    x, y = _sets(dtypes=(jnp.bfloat16, jnp.float32))
    for pair in ((x, y), (y, x)):
        loss = functools.partial(LOSSES[name], chunk_size=7)
        value, slopes = jax.jit(jax.value_and_grad(loss, (0, 1)))(*pair)
        exact, exact_slopes = _exact(jax.value_and_grad(loss, (0, 1)), *pair)
        np.testing.assert_allclose(value, exact, rtol=3e-6)
        for slope, of_exact, given in zip(slopes, exact_slopes, pair, strict=True):
            assert slope.dtype == given.dtype
            np.testing.assert_allclose(
                np.asarray(slope, np.float64), of_exact, atol=2 * HALF_UNIT * np.max(np.abs(of_exact))
            )


@pytest.mark.parametrize("name", LOSSES)
def test_temperature(name: str) -> None:
    """Its gradient is float32, and as exact as one of float32 rows."""
    x, y = _sets()
    loss = lambda temperature, x, y: getattr(jaxloss, name)(x, y, temperature=temperature, chunk_size=7)
    slope = jax.jit(jax.grad(loss))(jnp.float32(0.2), x, y)
    np.testing.assert_allclose(slope, _exact(jax.grad(loss), np.float32(0.2), x, y), rtol=1e-5)


@pytest.mark.parametrize("name", LOSSES)
def test_forward_mode(name: str) -> None:
    x, y = _sets()
    ways = jax.random.normal(jax.random.key(0), (2, *x.shape), jnp.bfloat16)
    every = functools.partial(LOSSES[name], chunk_size=7, reduction="none")
    forward = lambda x, y, *ways: jax.jvp(every, (x, y), ways)[1]
    exact = _exact(forward, x, y, *ways)
    np.testing.assert_allclose(jax.jit(forward)(x, y, *ways), exact, atol=1e-5 * np.max(np.abs(exact)))
    mean = lambda x, y, *ways: jax.jvp(functools.partial(LOSSES[name], chunk_size=7), (x, y), ways)[1]
    # Of a mean the gradient is made, and rounded, with the value.
    assert abs(jax.jit(mean)(x, y, *ways) - np.mean(exact)) <= HALF_UNIT * np.max(np.abs(exact))


@pytest.mark.parametrize("name", LOSSES)
def test_second_derivatives(name: str) -> None:
    x, y = _sets()
    ways = tuple(jax.random.normal(jax.random.key(1), (2, *x.shape), jnp.bfloat16))
    slopes = jax.grad(functools.partial(LOSSES[name], chunk_size=7), (0, 1))
    curved = lambda x, y, *ways: jax.jvp(slopes, (x, y), ways)[1]
    for found, exact in zip(jax.jit(curved)(x, y, *ways), _exact(curved, x, y, *ways), strict=True):
        assert found.dtype == jnp.bfloat16
        np.testing.assert_allclose(np.asarray(found, np.float64), exact, atol=4 * HALF_UNIT * np.max(np.abs(exact)))


@pytest.mark.parametrize("name", LOSSES)
def test_several_sets(name: str) -> None:
    """As a leading axis and by `jax.vmap`."""
    x, y = (jnp.stack([z, z[::-1]]) for z in _sets())
    loss = functools.partial(LOSSES[name], chunk_size=7)
    mapped = jax.jit(jax.vmap(jax.value_and_grad(loss, (0, 1))))(x, y)
    one = [jax.jit(jax.value_and_grad(loss, (0, 1)))(*pair) for pair in zip(x, y, strict=True)]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *one)
    assert_trees_close(_wide(mapped), _wide(stacked), HALF_UNIT, name)
    whole = jax.jit(loss)(x, y)
    np.testing.assert_allclose(whole, np.mean(mapped[0]), rtol=1e-6)


@pytest.mark.parametrize("ring", [False, True], ids=["gather", "ring"])
@pytest.mark.parametrize("name", LOSSES)
def test_over_devices(name: str, ring: bool) -> None:
    mesh, spec = Mesh(np.array(jax.devices("cpu")[:2]), ("data",)), PartitionSpec("data")
    x, y = (z[:22] for z in _sets())
    loss = functools.partial(LOSSES[name], axis_name="data", ring=ring, chunk_size=4)
    step = jax.value_and_grad(loss, argnums=(0, 1))
    spread = jax.jit(jax.shard_map(step, mesh=mesh, in_specs=spec, out_specs=(PartitionSpec(), (spec, spec))))
    value, slopes = spread(x, y)
    exact, exact_slopes = _exact(jax.value_and_grad(LOSSES[name], (0, 1)), x, y)
    np.testing.assert_allclose(value, exact, rtol=3e-6)
    for slope, of_exact in zip(slopes, exact_slopes, strict=True):
        _assert_rounded(slope, of_exact)


@pytest.mark.parametrize("name", LOSSES)
def test_products_of_the_rows_as_they_are(name: str) -> None:
    """Logits of two bfloat16 factors, which a TPU multiplies in one pass, gradients of one, which it does in three."""
    step = jax.grad(functools.partial(LOSSES[name], chunk_size=7), (0, 1))
    dtypes = [[x.aval.dtype for x in equation.invars] for equation in products_in(step, *_sets())]
    assert {pair.count(jnp.bfloat16) for pair in dtypes} == {1, 2}
