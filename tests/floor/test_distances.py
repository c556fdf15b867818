"""Lengths of differences: at the ends of the dtype, for equal vectors, and the way that belongs to a platform."""

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss._floor.maths.rows import distances
from jaxloss._floor.maths.rows.distances import euclidean_distance

WAYS = {"scaled": distances._scaled, "by need": distances._scaled_by_need}


def pairs(rng, scale=1.0):
    return [(scale * rng.normal(size=(5, 12))).astype(np.float32) for _ in range(2)]


def expected(x, y):
    gap = x.astype(np.longdouble) - y.astype(np.longdouble)
    length = np.sqrt(np.sum(gap * gap, -1))
    return length, gap / np.where(length == 0, 1, length)[:, None]


@pytest.mark.parametrize("others", ["none", "usual", "equal"])
@pytest.mark.parametrize("scale", [1e-35, 1e-20, 1e-9, 1.0, 1e9, 1e20, 1e37])
@pytest.mark.parametrize("way", WAYS)
def test_vectors_of_any_length(way, scale, others, rng):
    x, y = pairs(rng, scale)
    if others != "none":
        more = pairs(rng)
        more[1] = more[0] if others == "equal" else more[1]
        x, y = (np.concatenate(both) for both in zip((x, y), more, strict=True))
    length, slope = expected(x, y)
    np.testing.assert_allclose(jax.jit(WAYS[way])(x, y), length, rtol=5e-7)
    found = jax.jit(jax.grad(lambda x, y: jnp.sum(euclidean_distance(x, y)), (0, 1)))(x, y)
    np.testing.assert_allclose(found[0], slope, rtol=2e-6, atol=1e-9)
    np.testing.assert_allclose(found[1], -slope, rtol=2e-6, atol=1e-9)


@pytest.mark.parametrize("mapped", [False, True], ids=["together", "vmap"])
def test_rows_do_not_meet(mapped, rng):
    """A row that is equal, NaN or huge leaves the others alone, and a masked one has no part in anything."""
    x, y = pairs(rng)
    x[1], y[2, 3], x[3] = y[1], np.nan, 5e37
    where = jnp.array([True, True, True, True, False])
    x[4], y[4] = np.inf, np.inf
    of_rows = jax.vmap(euclidean_distance) if mapped else euclidean_distance
    loss = lambda x, y: jnp.sum(jnp.sin(of_rows(x, y, where)))
    curve = lambda x, y: jax.jvp(jax.grad(loss), (x, y), (jnp.ones_like(x), y))[1]
    values, slope, bend = of_rows(x, y, where), jax.jit(jax.grad(loss))(x, y), jax.jit(curve)(x, y)
    assert values[1] == values[4] == 0
    assert np.all(slope[1] == 0)
    assert np.all(slope[4] == 0)
    for found in (values, slope, bend):
        assert np.array_equal(np.isnan(found).reshape(5, -1).any(-1), [False, False, True, False, False])
    np.testing.assert_allclose(slope[0], np.cos(values[0]) * expected(x[:1], y[:1])[1][0], rtol=1e-5)


def test_only_a_cpu_has_branches():
    shape, program = jax.ShapeDtypeStruct((5, 12), jnp.float32), jax.jit(euclidean_distance)
    cpu, cuda, tpu = (
        jax.export.export(program, platforms=[name])(shape, shape).mlir_module().count("stablehlo.case")
        for name in ("cpu", "cuda", "tpu")
    )
    assert cuda == tpu == cpu - 2
