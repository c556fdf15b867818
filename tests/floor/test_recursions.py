"""Recursions: both forms against loops, the right form for each platform, and every transformation of the choice."""

import functools

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, PartitionSpec

from jaxloss._floor.maths.rows import recursions
from jaxloss._floor.maths.rows.recursions import linear_recursion, running_max
from tests.support import assert_trees_close

BOTH_WAYS = pytest.mark.parametrize("reverse", [False, True], ids=["forwards", "backwards"])
FORMS = {
    "steps": (recursions._linear_in_steps, recursions._max_in_steps),
    "levels": (recursions._linear_in_levels, recursions._max_in_levels),
}


def in_order(size, reverse):
    return reversed(range(size)) if reverse else range(size)


def linear_loop(decay, increment, reverse):
    out, x = np.zeros(increment.shape), 0.0
    for t in in_order(increment.shape[-1], reverse):
        x = out[..., t] = increment[..., t] + decay[..., t] * x
    return out


def max_loop(x, anew, reverse):
    out, top = np.zeros(x.shape), -np.inf
    for t in in_order(x.shape[-1], reverse):
        top = out[..., t] = np.where(anew[..., t], x[..., t], np.maximum(top, x[..., t]))
    return out


def transposed_system(decay, cotangent, reverse):
    """The cotangent of the increments, from the matrix ``I - D`` of the recursion."""
    size = decay.shape[-1]
    matrix = np.eye(size) - (np.diag(decay[:-1], 1) if reverse else np.diag(decay[1:], -1))
    return np.linalg.solve(matrix.T, cotangent)


@BOTH_WAYS
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("shape", [(1,), (2, 7), (3, 1, 64), (2, 0)], ids=str)
def test_each_form_equals_the_loop(shape, form, reverse, rng):
    linear, largest = FORMS[form]
    decay, increment = rng.uniform(size=shape), rng.normal(size=shape)
    anew = rng.uniform(size=shape) < 0.3
    with jax.enable_x64(True):
        decay, increment = jnp.asarray(decay), jnp.asarray(increment)
        np.testing.assert_allclose(
            linear(decay, increment, reverse=reverse), linear_loop(decay, increment, reverse), rtol=1e-13, atol=1e-14
        )
        np.testing.assert_array_equal(
            largest(increment, jnp.asarray(anew), reverse=reverse), max_loop(increment, anew, reverse)
        )


@BOTH_WAYS
@pytest.mark.parametrize("form", [*FORMS, "chosen"])
def test_derivatives(form, reverse, rng):
    """The closed form of both gradients, forward mode, and the second derivatives by differences of the first."""
    run = linear_recursion if form == "chosen" else lambda a, b, way: FORMS[form][0](a, b, reverse=way)
    decay, increment, cotangent = rng.uniform(0.5, 1, size=(3, 9))
    with jax.enable_x64(True):
        loss = lambda a, b: jnp.sum(jnp.asarray(cotangent) * jnp.square(run(a, b, reverse)))
        arguments = jnp.asarray(decay), jnp.asarray(increment)
        x = linear_loop(decay, increment, reverse)
        slope = transposed_system(decay, 2 * cotangent * x, reverse)
        before = np.append(x[1:], 0) if reverse else np.append(0, x[:-1])
        found = jax.grad(loss, (0, 1))(*arguments)
        assert_trees_close(found, (slope * before, slope), 1e-12, "gradient")
        assert_trees_close(jax.jacfwd(loss, (0, 1))(*arguments), found, 1e-12, "forward mode")
        ahead = rng.normal(size=(2, 9))
        _, curve = jax.jvp(jax.grad(loss, (0, 1)), arguments, (ahead[0], ahead[1]))
        step = 1e-5
        there, back = (jax.grad(loss, (0, 1))(decay + s * ahead[0], increment + s * ahead[1]) for s in (step, -step))
        differences = jax.tree.map(lambda a, b: (a - b) / (2 * step), there, back)
        assert_trees_close(curve, differences, 1e-7, "second derivative")


def test_a_maximum_is_a_constant(rng):
    x = jnp.asarray(rng.normal(size=6), jnp.float32)
    assert not np.any(jax.grad(lambda x: jnp.sum(running_max(x, jnp.zeros(6, bool))))(x))


def exported(platforms):
    shape = jax.ShapeDtypeStruct((4, 16), jnp.float32)
    run = jax.grad(lambda a, b: jnp.sum(linear_recursion(a, b, True)), (0, 1))
    return jax.export.export(jax.jit(run), platforms=platforms)(shape, shape)


@pytest.mark.parametrize(("platform", "loops"), [("cpu", True), ("cuda", False), ("tpu", False)])
def test_the_form_belongs_to_the_platform(platform, loops):
    assert ("stablehlo.while" in exported([platform]).mlir_module()) == loops


def test_one_program_for_several_platforms(rng):
    a, b = rng.uniform(size=(2, 4, 16)).astype(np.float32)
    program = jax.export.deserialize(exported(["cpu", "cuda", "tpu"]).serialize())
    expected = jax.grad(lambda a, b: jnp.sum(linear_recursion(a, b, True)), (0, 1))(a, b)
    assert_trees_close(program.call(a, b), expected, 1e-6, "exported")


def test_transformations(rng):
    """Eager, jit, vmap over one argument or both, scan and remat give the same numbers."""
    a, b = rng.uniform(size=(2, 3, 8)).astype(np.float32)
    a, b = jnp.asarray(a), jnp.asarray(b)
    run = lambda a, b: jax.value_and_grad(lambda a, b: jnp.sum(jnp.square(linear_recursion(a, b))), (0, 1))(a, b)
    expected = jax.tree.map(lambda *x: jnp.stack(x), *(run(*pair) for pair in zip(a, b, strict=True)))
    assert_trees_close(jax.jit(jax.vmap(run))(a, b), expected, 1e-6, "vmap")
    assert_trees_close(jax.lax.scan(lambda c, x: (c, run(*x)), 0, (a, b))[1], expected, 1e-6, "scan")
    assert_trees_close(jax.vmap(jax.checkpoint(run))(a, b), expected, 1e-6, "remat")
    same = jax.tree.map(lambda *x: jnp.stack(x), *(run(a[0], row) for row in b))
    assert_trees_close(jax.vmap(run, (None, 0))(a[0], b), same, 1e-6, "vmap over one argument")


@pytest.mark.parametrize("check_vma", [True, False])
@pytest.mark.parametrize("spread", ["decay", "increment", "both"])
def test_over_devices(spread, check_vma, rng):
    a, b = (jnp.asarray(x) for x in rng.uniform(size=(2, 8, 6)).astype(np.float32))
    mesh = jax.make_mesh((8,), ("devices",), axis_types=(AxisType.Auto,))
    specs = tuple(
        PartitionSpec("devices") if spread in (name, "both") else PartitionSpec() for name in ("decay", "increment")
    )
    here = [x if spec else x[:1] for x, spec in zip((a, b), specs, strict=True)]
    run = lambda a, b: jnp.cumsum(linear_recursion(a, b), axis=-1) + running_max(b, a > 0.5, True)
    over = jax.shard_map(run, mesh=mesh, in_specs=specs, out_specs=PartitionSpec("devices"), check_vma=check_vma)
    wide = functools.partial(jnp.broadcast_to, shape=a.shape)
    alone = lambda a, b: run(wide(a), wide(b))
    np.testing.assert_allclose(jax.jit(over)(*here), alone(*here), rtol=1e-6)
    loss = lambda f: jax.jit(jax.grad(lambda a, b: jnp.sum(jnp.square(f(a, b))), (0, 1)))
    assert_trees_close(loss(over)(*here), loss(alone)(*here), 1e-5, "gradient")


def test_what_is_kept_for_the_gradient():
    """The results, and the products of the decay in the form of either platform; both forms themselves would keep 7."""
    shape = jax.ShapeDtypeStruct((64, 512), jnp.float32)
    _, pull = jax.eval_shape(lambda a, b: jax.vjp(linear_recursion, a, b), shape, shape)
    assert sum(x.size for x in jax.tree.leaves(pull) if x.dtype == jnp.float32) <= 4 * shape.size
