"""DL2: a penalty is 0 if and only if its formula holds; slopes, quantifiers, a constraint that is learned."""

from __future__ import annotations

import itertools
import operator

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss

DL2 = jaxloss.logic.dl2
NUMBERS = (-1.0, 0.0, 0.0, 2.5)
TRUTHS = {
    "less_equal": operator.le,
    "less": operator.lt,
    "equal": operator.eq,
    "not_equal": operator.ne,
}


@pytest.mark.parametrize("name", TRUTHS)
def test_zero_if_and_only_if_it_holds(name):
    for a, b in itertools.product(NUMBERS, NUMBERS):
        penalty = float(getattr(DL2, name)(jnp.float32(a), jnp.float32(b)))
        assert penalty >= 0
        assert (penalty == 0) == TRUTHS[name](a, b), (a, b)
    assert getattr(DL2, name)(jnp.ones(2), jnp.zeros(2)).dtype == jnp.float32


def test_formulas_hold_where_logic_says_so():
    """Every formula of two comparisons, and De Morgan's laws by the comparisons that are each other's negations."""
    negation = {"less_equal": "less", "less": "less_equal"}
    for first, second in itertools.product(TRUTHS, TRUTHS):
        for a, b, c in itertools.product(NUMBERS, repeat=3):
            x, y, z = (jnp.float32(v) for v in (a, b, c))
            p, q = getattr(DL2, first)(x, y), getattr(DL2, second)(y, z)
            one, other = TRUTHS[first](a, b), TRUTHS[second](b, c)
            assert (float(DL2.conjunction(p, q)) == 0) == (one and other)
            assert (float(DL2.disjunction(p, q)) == 0) == (one or other)
    for name, opposite in negation.items():
        for a, b in itertools.product(NUMBERS, NUMBERS):
            holds = float(getattr(DL2, name)(jnp.float32(a), jnp.float32(b))) == 0
            fails = float(getattr(DL2, opposite)(jnp.float32(b), jnp.float32(a))) == 0
            assert holds != fails


def test_values_of_the_paper(rng):
    """Fischer et al. (2019), section 3, entry by entry."""
    a, b = rng.integers(-2, 3, size=(2, 40)).astype(float)
    with jax.enable_x64(True):
        np.testing.assert_array_equal(DL2.less_equal(a, b), np.maximum(a - b, 0))
        np.testing.assert_array_equal(DL2.less(a, b, xi=0.25), np.maximum(a - b, 0) + 0.25 * (a == b))
        np.testing.assert_array_equal(DL2.equal(a, b), np.abs(a - b))
        np.testing.assert_array_equal(DL2.not_equal(a, b, xi=0.25), 0.25 * (a == b))
        both = DL2.less_equal(a, b)
        np.testing.assert_array_equal(DL2.equal(a, b), DL2.conjunction(both, DL2.less_equal(b, a)))
        assert jaxloss.inequality_penalty(a) == jaxloss.reduce(jnp.square(DL2.less_equal(a, np.zeros(40))))
        assert jaxloss.equality_penalty(a) == jaxloss.reduce(jnp.square(DL2.equal(a, np.zeros(40))))


def test_quantifiers_are_repeated_connectives(rng):
    p = np.maximum(rng.normal(size=(5, 3)), 0)
    keep = rng.integers(0, 2, size=(5, 3)).astype(bool)
    with jax.enable_x64(True):
        np.testing.assert_allclose(DL2.forall(p), DL2.conjunction(DL2.conjunction(p[:, 0], p[:, 1]), p[:, 2]))
        np.testing.assert_allclose(DL2.exists(p), DL2.disjunction(DL2.disjunction(p[:, 0], p[:, 1]), p[:, 2]))
        spoiled = np.where(keep, p, np.nan)
        np.testing.assert_allclose(DL2.forall(spoiled, where=keep), np.sum(p * keep, -1))
        np.testing.assert_allclose(DL2.exists(spoiled, where=keep), np.prod(np.where(keep, p, 1), -1))
    assert DL2.forall(jnp.zeros((2, 0))).tolist() == [0, 0]
    assert DL2.exists(jnp.zeros((2, 0))).tolist() == [1, 1]


def test_slopes_at_the_edges():
    for name in TRUTHS:
        fn = getattr(DL2, name)
        assert jax.grad(fn)(1.0, 1.0) == 0
        assert np.isfinite(jax.grad(jax.grad(fn))(1.0, 1.0))
        assert np.isnan(fn(jnp.nan, jnp.float32(1.0)))
        assert np.isnan(fn(jnp.float32(1.0), jnp.nan))
    assert jax.grad(DL2.less_equal)(2.0, 1.0) == 1
    assert jax.grad(DL2.equal)(0.5, 1.0) == -1
    # A product in front of a comparison is fused into it.
    x, y = jnp.float32(0.1), jnp.float32(3.0)
    assert jax.jit(lambda x, y: DL2.equal(x * y, x * y))(x, y) == 0
    slopes = jax.grad(lambda p, q: DL2.disjunction(p, q), argnums=(0, 1))(2.0, 3.0)
    assert slopes == (3.0, 2.0)


def test_refusals():
    with pytest.raises(TypeError, match="a must be"):
        DL2.less(jnp.arange(2), jnp.zeros(2))
    with pytest.raises(ValueError, match="xi"):
        DL2.not_equal(jnp.zeros(2), jnp.zeros(2), xi=0.0)
    for fn in (DL2.less_equal, DL2.conjunction):
        with pytest.raises(ValueError, match="shape"):
            fn(jnp.zeros(2), jnp.zeros((2, 1)))
    with pytest.raises(TypeError, match="where"):
        DL2.forall(jnp.zeros((2, 2)), where=jnp.ones((2, 2)))


def test_a_constraint_is_learned():
    """Either both outputs are at most 0.2, or their sum is 1: each example keeps to the nearer alternative."""
    rng = np.random.default_rng(0)
    values = jnp.asarray(rng.uniform(0, 1, size=(20, 2)), jnp.float32)

    def penalty(v):
        small = DL2.forall(DL2.less_equal(v, jnp.full(v.shape, 0.2)))
        whole = DL2.equal(jnp.sum(v, axis=-1), jnp.ones(20))
        return DL2.disjunction(small, whole)

    loss = lambda v: jaxloss.reduce(penalty(v), reduction="sum")
    step = jax.jit(lambda v, rate: v - rate * jax.grad(loss)(v))
    before = np.asarray(penalty(values))
    for i in range(600):
        values = step(values, 0.1 / (1 + 0.05 * i))
    assert np.max(before) > 0.1
    assert np.max(penalty(values)) < 2e-2
