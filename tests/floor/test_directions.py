"""One minus a cosine: both ways of computing it, at the ends of the dtype, and the way that belongs to a platform."""

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss._floor.maths.rows import directions
from jaxloss._floor.maths.rows.directions import half_squared_chord
from jaxloss.inspect.programs import defaults
from tests.support import assert_trees_close

WAYS = {
    "plain": directions._plain,
    "scaled": lambda x, y, difference: directions._scaled(x, y, None, difference),
    "by need": lambda x, y, difference: directions._scaled_by_need(x, y, None, difference),
}


def expected(x, y):
    x, y = np.asarray(x, np.longdouble), np.asarray(y, np.longdouble)
    u, v = (z / np.max(np.abs(z), -1, keepdims=True) for z in (x, y))
    u, v = (z / np.sqrt(np.sum(z * z, -1, keepdims=True)) for z in (u, v))
    return 0.5 * np.sum((u - v) ** 2, -1)


def vectors(rng, scale=1.0, other_scale=1.0):
    return [(s * rng.normal(size=(5, 12))).astype(np.float32) for s in (scale, other_scale)]


@pytest.mark.parametrize("way", WAYS)
def test_each_way(way, rng):
    x, y = vectors(rng)
    y[0], y[1], y[2] = x[0], x[1] * np.float32(1 + 1e-5), x[2] + np.float32(1e-4) * y[2]
    found = WAYS[way](jnp.asarray(x), jnp.asarray(y), None).half_chord
    np.testing.assert_allclose(found[2:], expected(x, y)[2:], rtol=3e-6)
    assert found[0] == 0
    assert found[1] < 1e-12


@pytest.mark.parametrize("way", WAYS)
def test_the_digits_of_a_known_difference(way, rng):
    x, difference = vectors(rng, other_scale=1e-6)
    y = x - difference
    exact = expected(x, np.asarray(x, np.longdouble) - difference)
    found = WAYS[way](*map(jnp.asarray, (x, y, difference))).half_chord
    np.testing.assert_allclose(found, exact, rtol=1e-5)
    without = np.asarray(WAYS[way](jnp.asarray(x), jnp.asarray(y), None).half_chord)
    assert np.max(np.abs(without / exact - 1)) > 1e-3


@pytest.mark.parametrize("scales", [(1.0, 1.0), (1e-30, 1e-30), (1.0, 1e-30)])
def test_slopes_by_a_known_difference(scales, rng):
    x, y = vectors(rng, *scales)
    loss = lambda x, y, difference=None: jnp.sum(directions.half_squared_chord(x, y, difference=difference))
    by_difference = lambda x, y: loss(x, y, x - y)
    first = jax.grad(by_difference, (0, 1))(x, y), jax.grad(loss, (0, 1))(x, y)
    assert_trees_close(*first, rtol=1e-5, what="slope")


def test_second_slopes_by_a_known_difference(rng):
    x, y = vectors(rng)
    loss = lambda x, y, difference=None: jnp.sum(directions.half_squared_chord(x, y, difference=difference))
    by_difference = lambda x, y: loss(x, y, x - y)
    assert_trees_close(jax.hessian(by_difference, (0, 1))(x, y), jax.hessian(loss, (0, 1))(x, y), 1e-5, "second slope")


@pytest.mark.parametrize("scale", [1e-44, 1e-34, 1e-20, 1.0, 1e20, 1e37])
@pytest.mark.parametrize("other_scale", [1e-34, 1.0, 1e37])
def test_vectors_of_any_length(scale, other_scale, rng):
    """Alone, and beside usual ones whose numbers they do not change."""
    x, y = vectors(rng, scale, other_scale)
    keep = 0 if scale < 1e-40 else 1  # a number of a few bits has no direction to compare
    found = jax.jit(half_squared_chord)(x, y)
    assert np.all(np.isfinite(found))
    if keep:
        np.testing.assert_allclose(found, expected(x, y), rtol=2e-5)
    usual = vectors(rng)
    both = jax.jit(half_squared_chord)(*(np.concatenate(pair) for pair in zip(usual, (x, y), strict=True)))
    np.testing.assert_allclose(both[:5], half_squared_chord(*usual), rtol=5e-7)
    np.testing.assert_allclose(both[5:], found, rtol=5e-7)


def test_rows_under_vmap_do_not_meet(rng):
    """Where the branch becomes a selection: a row of 0 or of NaN leaves the derivatives of the others alone."""
    x, y = vectors(rng)
    x[1], y[3, 0] = 0, np.nan
    x[4] *= np.float32(1e30)
    loss = lambda x, y: jnp.sum(jnp.sin(half_squared_chord(x, y)))
    curve = lambda x, y: jax.jvp(jax.grad(loss), (x, y), (jnp.ones_like(x), y))[1]
    for fn in (jax.value_and_grad(loss, (0, 1)), curve):
        one_by_one = jax.tree.map(lambda *z: jnp.stack(z), *(fn(*pair) for pair in zip(x, y, strict=True)))
        mapped = jax.vmap(fn)(x, y)
        for found, wanted in zip(jax.tree.leaves(mapped), jax.tree.leaves(one_by_one), strict=True):
            np.testing.assert_array_equal(np.isnan(found).reshape(5, -1).any(-1), [False, False, False, True, False])
            keep = np.array([0, 1, 2, 4])
            assert_trees_close(found[keep], wanted[keep], 1e-5, "vmap")


def test_the_gradient_and_curvature_are_those_of_the_formula(rng):
    with jax.enable_x64(True):
        x, y = (jnp.asarray(z, jnp.float64) for z in vectors(rng))
        norm = lambda z: jnp.sqrt(jnp.sum(z * z, -1))
        plain = lambda x, y: jnp.sum(jnp.exp(1 - jnp.sum(x * y, -1) / (norm(x) * norm(y))))
        ours = lambda x, y: jnp.sum(jnp.exp(half_squared_chord(x, y)))
        for derivative in (jax.grad, jax.jacfwd, jax.hessian):
            assert_trees_close(derivative(ours, (0, 1))(x, y), derivative(plain, (0, 1))(x, y), 1e-11, "derivative")


def test_the_way_belongs_to_the_platform():
    """A CPU asks whether it has to scale; elsewhere there is nothing to ask but for the platform."""
    shape = jax.ShapeDtypeStruct((4, 8), jnp.float32)
    program = jax.jit(half_squared_chord)
    cpu, cuda, tpu = (
        jax.export.export(program, platforms=[name])(shape, shape).mlir_module().count("stablehlo.case")
        for name in ("cpu", "cuda", "tpu")
    )
    assert cuda == tpu == cpu - 1


def test_hidden_rows_take_no_copy_of_the_vectors():
    """Only where it scales does a CPU store the two sets: a value and a gradient with a mask kept four arrays."""
    rows = 2**12
    vectors, keep = jax.ShapeDtypeStruct((rows, 128), jnp.float32), jax.ShapeDtypeStruct((rows,), bool)
    loss = lambda x, y, where: jnp.sum(half_squared_chord(x, y, where))
    for fn in (loss, jax.value_and_grad(loss)):
        compiled = jax.jit(fn, compiler_options=defaults()).lower(vectors, vectors, keep).compile()
        assert compiled.memory_analysis().temp_size_in_bytes <= 2.2 * 4 * 128 * rows


def test_hidden_rows_are_absent(rng):
    x, y = (jnp.asarray(rng.normal(size=(6, 128)), jnp.float32) for _ in range(2))
    spoiled = x.at[1].set(jnp.nan).at[2].set(jnp.inf)
    where = jnp.array([True, False, False, True, True, True])
    loss = lambda x: jnp.sum(jnp.sin(half_squared_chord(x, y, where)))
    kept = lambda x: jnp.sum(jnp.sin(half_squared_chord(x, y))[where])
    for derivative in (lambda f: f, jax.grad, jax.hessian):
        assert_trees_close(derivative(loss)(spoiled), derivative(kept)(x), 1e-6, "hidden")
