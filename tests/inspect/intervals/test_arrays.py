"""Programs of small arrays: what JAX computes at points, and between them, lies in the enclosures of every step."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from jaxloss._floor.maths.softmax.terms import label_terms
from jaxloss.inspect.intervals.covering.boxes import enclose
from jaxloss.inspect.intervals.programs.interpreter import trace
from jaxloss.inspect.intervals.programs.rules import Missing

POINTS = np.asarray([-3.0, -1.5, -0.625, -0.25, 0.0, 0.25, 0.75, 1.0, 2.5])


def _vector(x):
    """Six numbers that depend on one, in different orders for different inputs."""
    return jnp.stack([x, 0.5 - x, x * x - 1, 0 * x + 0.25, x**3 + 1, -2 * x])


def _matrix(x):
    return _vector(x).reshape(2, 3)


_W = np.asarray([0.5, -1.0, 2.0, 0.25, -0.75, 3.0])

# Functions to arrays, whose entries are weighted by different numbers: a wrong place would show.
PROGRAMS = {
    "reshape": lambda x: _matrix(x).reshape(3, 2),
    "reshape that transposes": lambda x: lax.reshape(_matrix(x), (6,), (1, 0)),
    "transpose": lambda x: _matrix(x).T,
    "squeeze": lambda x: jnp.squeeze(_vector(x)[None, :, None], (0, 2)),
    "broadcast": lambda x: jnp.broadcast_to(_matrix(x)[:, :1], (2, 3)) + _matrix(x)[:1],
    "concatenate": lambda x: jnp.concatenate([_matrix(x), _matrix(x)[:, ::-1]], 1),
    "stack": lambda x: jnp.stack([_matrix(x)[0], 2 * _matrix(x)[1]], 1),
    "unstack": lambda x: jnp.stack(jnp.unstack(_matrix(x), axis=1)[::-1]),
    "split": lambda x: jnp.concatenate(jnp.split(_vector(x), [1, 4])[::-1]),
    "flip": lambda x: jnp.flip(_matrix(x), (0, 1)),
    "strides": lambda x: lax.slice(_vector(x), (1,), (6,), (2,)),
    "pad": lambda x: lax.pad(_matrix(x), x, [(1, 0, 1), (-1, 2, 0)]),
    "negative padding between": lambda x: lax.pad(_vector(x), 7.0 + 0 * x, [(-2, -1, 1)]),
    "roll": lambda x: jnp.roll(_vector(x), 2),
    "tile": lambda x: jnp.tile(_vector(x)[:3], 2),
    "iota": lambda x: lax.broadcasted_iota(x.dtype, (2, 3), 1) * _matrix(x),
    "take": lambda x: _vector(x)[jnp.asarray([5, 0, -2, 2])],
    "take along an axis": lambda x: jnp.take_along_axis(_matrix(x), jnp.asarray([[2, 0], [1, 1]]), 1),
    "a column": lambda x: _matrix(x)[:, jnp.asarray(1)],
    "dynamic slice": lambda x: lax.dynamic_slice(_vector(x), (jnp.asarray(9),), (3,)),
    "dynamic update": lambda x: lax.dynamic_update_slice(_matrix(x), _vector(x)[:2][None], (1, 1)),
    "one-hot": lambda x: jax.nn.one_hot(jnp.asarray([1, 5]), 6, dtype=x.dtype) * _vector(x)[None],
    "sum": lambda x: jnp.sum(_matrix(x), 0),
    "sum of all": lambda x: jnp.sum(_matrix(x)) * jnp.ones(2),
    "mean": lambda x: jnp.mean(_matrix(x), 1),
    "variance": lambda x: jnp.var(_matrix(x), 1),
    "product": lambda x: jnp.prod(_matrix(x), 1),
    "largest": lambda x: jnp.max(_matrix(x), 0),
    "smallest": lambda x: jnp.min(_matrix(x), 1),
    "largest of all": lambda x: jnp.max(_vector(x), initial=0.5, where=np.asarray([1, 0, 1, 1, 0, 1], bool)),
    "where the largest is": lambda x: jnp.argmax(_matrix(x), 1).astype(x.dtype) * 1.5,
    "where the smallest is": lambda x: jnp.argmin(_vector(x)).astype(x.dtype) * 1.5,
    "mask of the largest": lambda x: jnp.where(jnp.arange(6) == jnp.argmax(_vector(x)), 0.0, _vector(x)),
    "running sum": lambda x: jnp.cumsum(_vector(x)),
    "running sum from the end": lambda x: lax.cumsum(_matrix(x), 1, reverse=True),
    "running product": lambda x: jnp.cumprod(_vector(x)),
    "running maximum": lambda x: lax.cummax(_vector(x)),
    "running minimum from the end": lambda x: lax.cummin(_matrix(x), 0, reverse=True),
    "all and any": lambda x: jnp.where(jnp.any(_vector(x) > 1) & ~jnp.all(_matrix(x) > -1, 1), 1.0, x),
    "inner product": lambda x: _vector(x) @ jnp.asarray(_W) * jnp.ones(2),
    "outer product": lambda x: jnp.outer(_vector(x)[:2], _vector(x)[2:5]),
    "matrix product": lambda x: _matrix(x) @ _matrix(x).T,
    "batched product": lambda x: jnp.einsum("bij,bjk->bik", _vector(x).reshape(1, 2, 3), _vector(x).reshape(1, 3, 2)),
    "comparison": lambda x: jnp.where(_matrix(x) > _matrix(x)[:, :1], _matrix(x), 2.0),
    "clip": lambda x: jnp.clip(_vector(x), -1.0, jnp.asarray(_W) + 2),
    "scan": lambda x: lax.scan(lambda c, a: (c * 0.5 + a, c - a), x, _vector(x))[1],
    "scan from the end": lambda x: lax.scan(lambda c, a: (c * 0.5 + a, c), x, _vector(x), reverse=True)[1],
    "mapped": lambda x: jax.vmap(lambda a: jax.nn.softplus(a) - a)(_vector(x)),
    "conditional": lambda x: lax.cond(x > 0.5, lambda v: v[::-1], lambda v: 2 * v, _vector(x)),
    "switch beyond the ends": lambda x: lax.switch(
        jnp.sum(_vector(x) > 0) - 2, [lambda v: v, lambda v: -v, lambda v: v * v], _vector(x)
    ),
    "ours with a batch": lambda x: 10 * label_terms(jnp.stack([_vector(x), 2 * _vector(x)]), jnp.asarray([3, 0], jnp.int32))[0],
    "log_softmax": lambda x: jax.nn.log_softmax(_matrix(x), axis=0),
    "softmax": lambda x: jax.nn.softmax(_vector(x)) + jax.nn.softmax(_matrix(x), axis=1).ravel(),
    "others of a softmax": lambda x: jnp.sum(jnp.exp(_vector(x))) - jnp.exp(_vector(x)),
}  # fmt: skip


def _weighted(name):
    """One number, by weights that are different for each entry."""

    def fn(x):
        entries = PROGRAMS[name](x).ravel()
        weights = (np.arange(entries.size) * 0.7 + 1) * (-1.0) ** np.arange(entries.size)
        return jnp.sum(entries * weights)

    return fn


def _comparisons(program, points) -> int:
    """How many comparisons a run meets."""
    margins: list = []
    program(points, points, np.zeros(points.shape, bool), np.zeros(points.shape, bool), margins)
    return len(margins)


@pytest.mark.parametrize("name", PROGRAMS)
def test_what_jax_computes_lies_inside(name, rng):
    fn = _weighted(name)
    with jax.enable_x64(True):
        program, by_jax = trace(fn), jax.jit(jax.vmap(fn))
        slopes = jax.jit(jax.vmap(jax.grad(fn)))
        at = program.value_on(POINTS, POINTS)
        counts = {_comparisons(program, points) for points in (POINTS, POINTS[POINTS > 0], POINTS[POINTS < 0])}
        values = np.asarray(by_jax(jnp.asarray(POINTS)))
        size = 1 + np.abs(values)
        assert (at[0] - 1e-12 * size <= values).all()
        assert (values <= at[1] + 1e-12 * size).all()
        assert (at[1] - at[0] < 1e-9 * size).all(), "a point has one value"
        assert len(counts) == 1, "the same, whatever is decided, so that kinks can be looked for by their margins"
        low = rng.uniform(-3, 3, 60)
        high = low + 10.0 ** -rng.uniform(0, 8, 60)
        boxes = enclose(program, low, high, np.zeros(0))
        inside = rng.uniform(low, high, (4, 60))
        found, steep = (np.asarray(f(jnp.asarray(inside.ravel()))).reshape(inside.shape) for f in (by_jax, slopes))
    size = 1e-9 * (1 + np.abs(found) + np.abs(steep))
    assert (boxes.value[0] - size <= found).all()
    assert (found <= boxes.value[1] + size).all()
    assert (boxes.slope[0] - size <= steep).all()
    assert (steep <= boxes.slope[1] + size).all()
    assert np.isfinite(boxes.value).all()
    # Between two points the value changes by slopes and jumps.
    change, width = np.abs(found[1:] - found[:-1]), np.abs(inside[1:] - inside[:-1])
    jumps = np.maximum(np.abs(boxes.jumps).max(0), 0.0)
    assert (change <= np.abs(boxes.slope).max(0) * width + 20 * jumps + size[1:]).all()


@pytest.mark.parametrize(
    ("fn", "named"),
    [
        (lambda x: jnp.sum(x * jnp.ones((6, 6))), "36|6, 6"),
        (lambda x: jnp.sum(x * jnp.asarray(np.arange(40.0))), "40"),
        (lambda x: jnp.stack([x, -x])[jnp.argmax(jnp.stack([x, -x]))], "place"),
        (lambda x: jnp.take(jnp.stack([x, -x]), 5, mode="fill", fill_value=3.0), "beyond"),
        (lambda x: lax.scan(lambda c, _: (c * 0.5, None), x, None, length=500)[0], "loop"),
        (lambda x: jnp.stack([x, -x]), "shape"),
        (lambda x: x > 0, "truth"),
        (lambda x: jnp.sum(lax.complex(jnp.stack([x, -x]), jnp.ones(2)).real), "complex"),
    ],
)
def test_what_is_refused_is_named(fn, named):
    with jax.enable_x64(True), pytest.raises(Missing, match=named):
        trace(fn).value_on(POINTS, POINTS)
