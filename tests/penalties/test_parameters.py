"""The L2 penalty: any pytree, masks and predicates, dtypes, gradients."""

from __future__ import annotations

import collections
import doctest
import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss

PARAMS = {
    "params": {
        "dense": {"kernel": jnp.array([[1.0, 2.0]]), "bias": jnp.array([3.0])},
        "norm": {"scale": jnp.array([4.0]), "bias": jnp.array([5.0])},
    }
}
Layer = collections.namedtuple("Layer", ["weight", "bias"])


def test_sum_of_squares_without_a_half():
    assert jaxloss.l2_penalty(PARAMS) == 1 + 4 + 9 + 16 + 25
    gradient = jax.grad(jaxloss.l2_penalty)(PARAMS)
    jax.tree.map(lambda g, x: np.testing.assert_array_equal(g, 2 * x), gradient, PARAMS)


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        (jnp.array([3.0, 4.0]), 25),
        (2.0, 4),
        ([jnp.ones(2), (jnp.ones(3), None)], 5),
        (Layer(jnp.ones(2), jnp.zeros(1)), 2),
        ({}, 0),
        ([], 0),
        (None, 0),
        ({"w": np.ones(4, np.float32)}, 4),
        ({"w": jnp.zeros((0, 3))}, 0),
    ],
)
def test_any_pytree(params, expected):
    value = jaxloss.l2_penalty(params)
    assert value == expected
    assert value.shape == ()
    assert value.dtype == jnp.float32


def test_what_is_not_trained_is_ignored():
    params = {"w": jnp.ones(2), "step": jnp.array(7), "on": jnp.array(True), "n": 3, "key": jax.random.key(0)}
    assert jaxloss.l2_penalty(params) == 2
    assert jaxloss.l2_penalty({"step": jnp.array(7)}) == 0


@pytest.mark.parametrize(
    "mask",
    [
        {"params": {"dense": {"kernel": True, "bias": False}, "norm": {"scale": False, "bias": False}}},
        {"params": {"dense": {"kernel": np.True_, "bias": np.False_}, "norm": False}},
        lambda _, leaf: leaf.ndim > 1,
        lambda path, _: path[-1].key == "kernel",
        lambda path, _: "kernel" in jax.tree_util.keystr(path),
    ],
    ids=["tree", "prefix", "shape", "last key", "written path"],
)
@pytest.mark.parametrize("jit", [False, True], ids=["eager", "jit"])
def test_masks(mask, jit):
    step = jax.value_and_grad(lambda params: jaxloss.l2_penalty(params, mask=mask))
    value, gradient = (jax.jit(step) if jit else step)(PARAMS)
    assert value == 5
    np.testing.assert_array_equal(gradient["params"]["dense"]["kernel"], [[2, 4]])
    for layer, name in (("dense", "bias"), ("norm", "scale"), ("norm", "bias")):
        assert not np.any(gradient["params"][layer][name])


def test_a_mask_of_one_boolean_covers_everything():
    assert jaxloss.l2_penalty(PARAMS, mask=True) == jaxloss.l2_penalty(PARAMS)
    assert jaxloss.l2_penalty(PARAMS, mask=False) == 0
    assert jaxloss.l2_penalty(Layer(jnp.ones(2), jnp.ones(1)), mask=Layer(True, False)) == 2


def test_nan_in_a_masked_leaf_is_inert_and_in_a_counted_one_shows():
    params = {"a": jnp.array([jnp.nan]), "b": jnp.ones(1)}
    keep_b = {"a": False, "b": True}
    value, gradient = jax.value_and_grad(lambda p: jaxloss.l2_penalty(p, mask=keep_b))(params)
    assert value == 1
    np.testing.assert_array_equal(gradient["a"], [0])
    assert np.isnan(jaxloss.l2_penalty(params))


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16], ids=["bfloat16", "float16"])
def test_sixteen_bits_are_raised_before_they_are_squared(dtype):
    params = {"w": jnp.full(5000, 0.01, dtype), "b": jnp.full(1, 300.0, dtype)}
    value, gradient = jax.value_and_grad(jaxloss.l2_penalty)(params)
    assert value.dtype == jnp.float32
    exact = sum(np.sum(np.asarray(x, np.float64) ** 2) for x in params.values())
    np.testing.assert_allclose(value, exact, rtol=1e-6)
    assert gradient["w"].dtype == dtype
    np.testing.assert_allclose(np.float32(gradient["w"]), 2 * np.float32(params["w"]), rtol=4e-3)


def test_mixed_precision_gives_the_widest():
    with jax.enable_x64(True):
        params = {"w": jnp.ones(2, jnp.float64), "v": jnp.ones(2, jnp.float32), "u": jnp.ones(2, jnp.bfloat16)}
        assert jaxloss.l2_penalty(params).dtype == jnp.float64
        assert jaxloss.l2_penalty(params) == 6
        assert jaxloss.l2_penalty(params, mask={"w": False, "v": True, "u": True}).dtype == jnp.float32


@pytest.mark.parametrize("mask", [{"params": {"dense": True}}, {"other": True}, [True, False]])
def test_a_mask_that_does_not_fit_is_refused(mask):
    with pytest.raises(ValueError, match="mask must have the structure of params"):
        jaxloss.l2_penalty(PARAMS, mask=mask)


@pytest.mark.parametrize("mask", [1, "kernel", jnp.array(True), lambda _, leaf: leaf.size, lambda *_: None])
def test_a_mask_that_is_no_boolean_is_refused(mask):
    with pytest.raises(TypeError, match="True or False"):
        jaxloss.l2_penalty(PARAMS, mask=mask)


def test_leaves_that_are_not_real_arrays_are_refused():
    with pytest.raises(TypeError, match=r"params must hold arrays; found str at '\['name'\]'"):
        jaxloss.l2_penalty({"name": "dense"})
    with pytest.raises(TypeError, match=r"params must be real; found complex64 at '\['w'\]'"):
        jaxloss.l2_penalty({"w": jnp.ones(2, jnp.complex64)})
    assert jaxloss.l2_penalty({"w": jnp.ones(2, jnp.complex64), "v": jnp.ones(2)}, mask={"w": False, "v": True}) == 2


def test_vmap_and_scan_over_models():
    models = jax.tree.map(lambda x: jnp.stack([x, 2 * x, 3 * x]), PARAMS)
    np.testing.assert_array_equal(jax.vmap(jaxloss.l2_penalty)(models), [55, 220, 495])
    _, scanned = jax.lax.scan(lambda carry, params: (carry, jaxloss.l2_penalty(params)), 0.0, models)
    np.testing.assert_array_equal(scanned, [55, 220, 495])


def test_flax_modules():
    nnx = pytest.importorskip("flax.nnx")
    model = nnx.Linear(2, 3, rngs=nnx.Rngs(0))
    state = nnx.state(model, nnx.Param)
    kernel = np.asarray(model.kernel[...], np.float64)
    value = jaxloss.l2_penalty(state, mask=lambda path, _: "kernel" in jax.tree_util.keystr(path))
    np.testing.assert_allclose(value, np.sum(kernel**2), rtol=1e-6)


def test_docstring():
    text = inspect.getdoc(jaxloss.l2_penalty)
    for section in ("Args:", "Returns:", "Raises:", "Example:", "Reference:", ".. math::"):
        assert section in text
    names = {"jaxloss": jaxloss, "jax": jax, "jnp": jnp}
    (example,) = doctest.DocTestFinder(recurse=False).find(jaxloss.l2_penalty, "l2_penalty", globs=names)
    assert not doctest.DocTestRunner().run(example).failed
