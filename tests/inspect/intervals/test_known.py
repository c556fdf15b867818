"""Every entry of the registry: it is recognised, its closed form is its value, and its rule is the derivative of it."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxloss.inspect.intervals import certify
from jaxloss.inspect.intervals.arithmetic import interval as iv
from jaxloss.inspect.intervals.numbers.jets import Jet
from jaxloss.inspect.intervals.programs.entries import of_list
from jaxloss.inspect.intervals.programs.interpreter import trace
from jaxloss.inspect.intervals.programs.known import KNOWN
from jaxloss.inspect.intervals.programs.memory import Memory
from jaxloss.inspect.intervals.programs.rules import Watch
from jaxloss.inspect.subject import Subject
from jaxloss.inspect.verdict import Word

_POSITIVE, _ANY = (0.01, 40.0), (-30.0, 30.0)

# For each entry: the range of the number that moves, its place, and the constants at the other places.
WAYS = {
    "logaddexp": [(_ANY, 0, (0.0,)), (_ANY, 1, (1.5,)), (_ANY, 0, (-np.inf,))],
    "relu": [(_ANY, 0, ())],
    "magnitude": [(_ANY, 0, ())],
    "distance": [(_ANY, 0, (1.5,)), (_ANY, 1, (1.5,))],
    "huber": [(_ANY, 0, (1.5, 0.7)), (_ANY, 1, (1.5, 0.7)), (_POSITIVE, 2, (1.5, -2.0))],
    "smooth_distance": [(_ANY, 0, (1.5, 0.7)), (_ANY, 1, (1.5, 0.7)), (_POSITIVE, 2, (1.5, -2.0)), (_ANY, 0, (1.5, 0.0))],
    "_pinball": [(_ANY, 0, (1.5, 0.9)), (_ANY, 1, (1.5, 0.1)), ((0.01, 0.99), 2, (1.5, -2.0))],
    "weighted_negative_log_sigmoids": [(_ANY, 0, (1.0, 0.0)), (_ANY, 0, (0.3, 0.7)), (_POSITIVE, 1, (2.0, 0.5))],
    "difference": [(_ANY, 0, (1.5,)), (_ANY, 1, (1.5,))],
    "quotient": [(_ANY, 0, (1.5,)), (_POSITIVE, 1, (1.5,))],
    "_power": [(_POSITIVE, 0, (2.0,)), (_POSITIVE, 0, (0.3,)), (_POSITIVE, 0, (-1.5,))],
    "softplus": [(_ANY, 0, ())],
    "exp_excess": [(_ANY, 0, ())],
    "negative_log_sigmoid": [(_ANY, 0, ())],
    "negative_log_sigmoids": [(_ANY, 0, ())],
    "sigmoid_sides": [(_ANY, 0, ())],
    "log1p_near": [((-0.5, 1.0), 0, ())],
    "_if_valid": [(_ANY, 0, (True,))],
    "gap": [(_POSITIVE, 0, (2.0, None)), (_POSITIVE, 1, (2.0, None))],
    "_miss": [(_ANY, 0, (1.0,)), (_ANY, 0, (0.25,))],
    "_log1p_difference": [((-0.9, 30.0), 0, (2.0,)), ((-0.9, 30.0), 1, (2.0,))],
    "_pseudo_huber": [(_ANY, 0, (0.3,))],
    "_charbonnier": [(_ANY, 0, (0.3,))],
    "_log_cosh": [(_ANY, 0, ())],
    "_cauchy": [(_ANY, 0, (0.7,))],
    "_expectile": [(_ANY, 0, (1.5, 0.9)), (_ANY, 1, (1.5, 0.1))],
    "_geman_mcclure": [(_ANY, 0, ())],
    "_welsch": [((-8.0, 8.0), 0, ())],
    "_tukey": [((-0.99, 0.99), 0, ())],
    "_mass": [(_ANY, 0, (0.7, 0.5)), (_ANY, 0, (0.7, np.inf))],
    "_barron": [(_ANY, 0, (0.7, a)) for a in (2.0, 0.0, 0.3, 1.5, -np.inf)] + [((-8.0, 8.0), 0, (0.7, np.inf))],
    "_hyperbola": [(_ANY, 0, (1.5, 0.7)), (_ANY, 1, (1.5, 0.7))],
}  # fmt: skip


_TARGETS = (0.2, 0.5, 0.1, 0.7)

# For each entry of whole arrays: its inputs as a function of the number that moves; its first output is verified.
WAYS_OF_ARRAYS = {
    "label_terms": [
        lambda x: (jnp.stack([0 * x, x]), jnp.int32(1)),
        lambda x: (jnp.stack([x, 0 * x + 1.5, -1 + 0.5 * x, 2 - x]), jnp.int32(2)),
        lambda x: (jnp.stack([0 * x, x, 0 * x - jnp.inf]), jnp.int32(0)),
    ],
    "target_terms": [
        lambda x: (jnp.stack([0 * x, x]), jnp.asarray([0.0, 1.0])),
        lambda x: (jnp.stack([x, 0 * x + 1.5, -1 + 0.5 * x, 2 - x]), jnp.asarray(_TARGETS)),
        lambda x: (jnp.stack([x, 0 * x]), jnp.stack([jax.nn.sigmoid(x), jax.nn.sigmoid(-x)])),
    ],
}


def test_every_entry_is_tested():
    assert WAYS.keys() == {name for name, entry in KNOWN.items() if not entry.of_arrays}
    assert WAYS_OF_ARRAYS.keys() == KNOWN.keys() - WAYS.keys()


@pytest.mark.parametrize("name", WAYS_OF_ARRAYS)
def test_value_and_rule_of_arrays(name, rng):
    points = np.unique(np.concatenate([rng.uniform(-30, 30, 200), np.linspace(-30, 30, 21)]))
    closed = np.zeros(points.size, bool)
    for way in WAYS_OF_ARRAYS[name]:
        with jax.enable_x64(True):
            for output in range(3):
                one = lambda x, way=way, k=output: KNOWN[name].fn(*way(x))[k]
                jet = trace(one)(points, points, closed, closed)
                _near(jet.value, np.asarray(jax.jit(jax.vmap(one))(jnp.asarray(points))), 4e-15, floor=1)
                assert bool(jet.opaque) is (output > 0), "the rules of the two others leave out the largest logit"
                if output == 0:
                    slopes = np.asarray(jax.jit(jax.vmap(jax.grad(one)))(jnp.asarray(points)))
                    _near(jet.slope, slopes, 1e-13, floor=1)


def _as_function(name, place, others):
    """The entry as a function of one number; None among the constants stands for the difference of the other two."""

    def fn(x):
        inputs = [jnp.asarray(c, x.dtype) for c in others if c is not None]
        inputs.insert(place, x)
        if None in others:
            inputs.append(inputs[0] - inputs[1])
        outputs = KNOWN[name].fn(*inputs)
        return outputs if isinstance(outputs, tuple) else (outputs,)

    return fn


@pytest.mark.parametrize("name", WAYS)
def test_value_and_rule(name, rng):
    for (low, high), place, others in WAYS[name]:
        fn = _as_function(name, place, others)
        points = np.unique(np.concatenate([rng.uniform(low, high, 200), np.linspace(low, high, 20)]))
        with jax.enable_x64(True):
            count = len(fn(jnp.asarray(1.0)))
            for output in range(count):
                one = lambda x, k=output: fn(x)[k]
                jet = trace(one)(points, points, np.zeros(points.size, bool), np.zeros(points.size, bool))
                values = np.asarray(jax.jit(jax.vmap(one))(jnp.asarray(points)))
                slopes = np.asarray(jax.jit(jax.vmap(jax.grad(one)))(jnp.asarray(points)))
                assert not jet.opaque, "the rule is recognised"
                _near(jet.value, values, 4e-15)
                _near(jet.slope, slopes, 1e-13)


def _near(enclosure: iv.Interval, numbers: np.ndarray, relative: float, floor: float = 1e-3) -> None:
    """Numbers lie in the enclosures, but for rounding; kinks are left out by the points."""
    size = relative * (np.abs(numbers) + floor * np.abs(numbers).max())
    assert (enclosure.low - size <= numbers).all()
    assert (numbers <= enclosure.high + size).all()
    assert (enclosure.high - enclosure.low <= 1e-9 * (1 + np.abs(numbers))).all()


@pytest.mark.parametrize("name", WAYS)
def test_form_and_body_agree(name, rng):
    """The closed form is what the body computes, by enclosures of both at the same points."""
    for (low, high), place, others in WAYS[name]:
        fn = _as_function(name, place, others)
        points = rng.uniform(low, high, 100)
        closed = np.zeros(points.size, bool)
        entry = KNOWN[name]
        inputs = [Jet(iv.point(c)) for c in others if c is not None]
        inputs.insert(place, Jet(iv.Interval(points, points, closed, closed), slope=iv.point(1.0)))
        if None in others:
            inputs.append(inputs[0])
        with np.errstate(all="ignore"):
            outputs = entry.form(*inputs)
        if outputs is None:
            continue
        with jax.enable_x64(True):
            values = [np.asarray(v) for v in jax.jit(jax.vmap(fn))(jnp.asarray(points))]
        for output, value in zip(outputs, values, strict=True):
            _near(output.value, value, 4e-15)


@pytest.mark.parametrize("name", WAYS_OF_ARRAYS)
def test_form_and_body_of_arrays_agree(name, rng):
    """The largest of what the body computes is what the form computes, where the form is used."""
    points = rng.uniform(-30, 30, 50)
    closed = np.zeros(points.size, bool)
    for way in WAYS_OF_ARRAYS[name]:
        with jax.enable_x64(True):
            fn = lambda x, way=way: KNOWN[name].fn(*way(x))
            arrays = [np.asarray(a) for a in jax.vmap(way)(jnp.asarray(points))]
            values = [np.asarray(v) for v in jax.jit(jax.vmap(fn))(jnp.asarray(points))]
        inputs = []
        for array in arrays:
            columns = np.moveaxis(np.broadcast_to(array, (points.size, *array.shape[1:])), 0, -1).astype(float)
            same = lambda c: iv.point(c[0]) if (c == c[0]).all() else iv.Interval(c, c, closed, closed)
            jets = [Jet(same(c)) for c in columns.reshape(-1, points.size)]
            inputs.append(of_list(jets, columns.shape[:-1]))
        with np.errstate(all="ignore"):
            outputs = KNOWN[name].form(Memory(Watch()), *inputs)
        for output, value in zip(outputs, values, strict=True):
            _near(output.item().value, value, 4e-15, floor=1)


def test_a_changed_rule_is_not_the_entry():
    """The same name and body with another rule: the value is believed, the gradient is not."""

    def softplus(x):
        return jnp.maximum(x, 0) + jnp.log1p(jnp.exp(-jnp.abs(x)))

    liar = jax.custom_jvp(softplus)
    liar.defjvps(lambda tangent, _, x: tangent * jax.nn.sigmoid(2 * x))
    rows = certify(Subject("liar", lambda z: liar(-z), "logit", best=np.inf))
    assert rows["convex"].word is Word.PROVED
    assert rows["gradient"].word is Word.REFUTED


@pytest.mark.parametrize(
    "flat", [lambda r: 0.0 * r, lambda r: jnp.ones_like(r), lambda r: r - r, lambda r: jnp.sign(r) ** 2]
)
def test_a_rule_of_a_constant_may_lie_too(flat):
    """The value does not move, and what its rule says it does in a place that no sample hits."""
    rule = jax.custom_jvp(flat)
    rule.defjvps(lambda tangent, _, r: tangent * jnp.where(jnp.abs(r - 3.3) < 1e-7, 1.0, 0.0))
    row = certify(Subject("flat", lambda r: 0.5 * r * r + rule(r), "residual"))["gradient"]
    assert row.word is not Word.PROVED


def test_a_namesake_with_other_inputs_is_unknown():
    softplus = jax.custom_jvp(lambda x, y: x * x + 0 * y)
    softplus.defjvps(lambda tangent, _, x, y: tangent * 2 * x, lambda tangent, _, x, y: 0 * tangent)
    softplus.fun.__name__ = "softplus"
    rows = certify(Subject("namesake", lambda r: softplus(r, r), "residual"))
    assert rows["convex"].word is Word.PROVED
    assert rows["gradient"].word is Word.TESTED
    assert "softplus" in rows["gradient"].statement


def test_an_unknown_rule_is_named():
    square = jax.custom_jvp(lambda x: x * x)
    square.defjvps(lambda tangent, _, x: tangent * 2 * x)
    row = certify(Subject("square", lambda r: 1.0 * square(r), "residual"))["gradient"]
    assert row.word is Word.TESTED
    assert "<lambda>" in row.statement


def test_a_stopped_gradient_is_named():
    fn = lambda r: r * r + 0.0 * jax.lax.stop_gradient(jnp.exp(r))
    row = certify(Subject("stopped", fn, "residual", domain=(-5.0, 5.0)))["gradient"]
    assert row.word is Word.PROVED, "0 times a finite number is a constant"
    fn = lambda r: r * r + jax.lax.stop_gradient(jnp.exp(r)) - jnp.exp(r) + jax.lax.stop_gradient(jnp.exp(r))
    row = certify(Subject("stopped", fn, "residual", domain=(-5.0, 5.0)))["gradient"]
    assert row.word is Word.REFUTED


def test_dead_branches_do_not_count():
    """A guard that no point of the domain enters may hold anything."""
    fn = lambda r: jnp.where(jnp.abs(r) > 1e9, jax.lax.stop_gradient(r), r) ** 2
    assert certify(Subject("guarded", fn, "residual"))["gradient"].word is Word.PROVED
