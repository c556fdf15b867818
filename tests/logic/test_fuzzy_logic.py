"""Fuzzy logics: truth tables, laws of logic, slopes at the edges, quantifiers, a rule that is learned."""

from __future__ import annotations

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss

LOGICS = ("product", "godel", "lukasiewicz")
OPERATIONS = ("conjunction", "disjunction", "implication")
GRID = np.linspace(0, 1, 6)
A, B = (x.ravel() for x in np.meshgrid(GRID, GRID))


def of(logic: str, operator: str):
    return getattr(getattr(jaxloss.logic, logic), operator)


EXPECTED = {
    ("product", "conjunction"): lambda a, b: a * b,
    ("product", "disjunction"): lambda a, b: a + b - a * b,
    ("product", "implication"): lambda a, b: 1 - a + a * b,
    ("godel", "conjunction"): np.minimum,
    ("godel", "disjunction"): np.maximum,
    ("godel", "implication"): lambda a, b: np.maximum(1 - a, b),
    ("lukasiewicz", "conjunction"): lambda a, b: np.clip(a + b - 1, 0, None),
    ("lukasiewicz", "disjunction"): lambda a, b: np.clip(a + b, None, 1),
    ("lukasiewicz", "implication"): lambda a, b: np.clip(1 - a + b, None, 1),
}


@pytest.mark.parametrize(("logic", "operator"), EXPECTED, ids=lambda x: x)
def test_formula_and_range(logic, operator):
    with jax.enable_x64(True):
        value = of(logic, operator)(jnp.asarray(A), jnp.asarray(B))
        np.testing.assert_allclose(value, EXPECTED[logic, operator](A, B), atol=1e-15)
    single = of(logic, operator)(jnp.asarray(A, jnp.float32), jnp.asarray(B, jnp.float32))
    assert np.all((single >= 0) & (single <= 1))


@pytest.mark.parametrize("logic", LOGICS)
def test_truth_tables_at_false_and_true(logic):
    tables = {
        "conjunction": lambda a, b: a and b,
        "disjunction": lambda a, b: a or b,
        "implication": lambda a, b: not a or b,
    }
    for (operator, table), a, b in itertools.product(tables.items(), (False, True), (False, True)):
        assert float(of(logic, operator)(jnp.float32(a), jnp.float32(b))) == table(a, b), (operator, a, b)
    for instances in itertools.product((0.0, 1.0), repeat=3):
        assert float(of(logic, "forall")(jnp.array(instances))) == all(instances)
        assert float(of(logic, "exists")(jnp.array(instances))) == any(instances)


@pytest.mark.parametrize("logic", LOGICS)
def test_laws_of_logic(logic):
    conj, disj, implies, no = (
        of(logic, "conjunction"),
        of(logic, "disjunction"),
        of(logic, "implication"),
        jaxloss.logic.negation,
    )
    with jax.enable_x64(True):
        a, b, c = jnp.asarray(A), jnp.asarray(B), jnp.asarray(A[::-1] ** 2)
        close = functools.partial(np.testing.assert_allclose, atol=1e-14)
        close(conj(a, b), conj(b, a))
        close(conj(a, conj(b, c)), conj(conj(a, b), c))
        close(disj(a, disj(b, c)), disj(disj(a, b), c))
        close(no(conj(a, b)), disj(no(a), no(b)))
        close(implies(a, b), disj(no(a), b))
        close(implies(a, b), implies(no(b), no(a)))
        rows = jnp.stack([a, b, c], axis=-1)
        close(of(logic, "forall")(rows), conj(conj(a, b), c))
        close(of(logic, "exists")(rows), disj(disj(a, b), c))


@pytest.mark.parametrize("logic", LOGICS)
def test_slopes_are_finite_and_those_of_the_logic(logic):
    for operator in OPERATIONS:
        fn = lambda a, b, operator=operator: jnp.sum(of(logic, operator)(a, b))
        slopes = jax.jit(jax.grad(fn, (0, 1)))(jnp.asarray(A, jnp.float32), jnp.asarray(B, jnp.float32))
        assert np.all(np.isfinite(slopes))
        assert np.max(np.abs(slopes)) <= 1
    at = lambda operator, a, b: jax.grad(of(logic, operator), (0, 1))(jnp.float32(a), jnp.float32(b))
    # A rule that is badly broken corrects premise and conclusion; Gödel's only the nearer one to being right.
    premise, conclusion = at("implication", 0.9, 0.2)
    assert premise <= 0 <= conclusion
    assert (conclusion > 0) == (premise < 0 or logic == "godel")
    if logic == "lukasiewicz":
        assert not np.any(at("conjunction", 0.3, 0.4))  # the logic is indifferent below
        np.testing.assert_array_equal(at("conjunction", 0.8, 0.7), [1, 1])
    else:
        assert np.any(at("conjunction", 0.3, 0.4))
    if logic == "godel":
        np.testing.assert_array_equal(at("conjunction", 0.5, 0.5), [0.5, 0.5])


def test_slopes_of_the_product_quantifiers_at_false_instances():
    truths = jnp.array([0.0, 0.5, 0.25])
    np.testing.assert_allclose(jax.grad(jaxloss.logic.product.forall)(truths), [0.125, 0, 0])
    np.testing.assert_allclose(jax.grad(jaxloss.logic.product.exists)(1 - truths), [0.125, 0, 0])
    tiny = jnp.full(4, 1e-12)
    np.testing.assert_allclose(jaxloss.logic.product.exists(tiny), 4e-12, rtol=1e-6)


@pytest.mark.parametrize("p", [1.0, 2.0, 6.5])
def test_p_means(p):
    truths = np.random.default_rng(0).uniform(size=(3, 5))
    with jax.enable_x64(True):
        there = jaxloss.logic.exists_p_mean(jnp.asarray(truths), p=p)
        np.testing.assert_allclose(there, np.mean(truths**p, -1) ** (1 / p), rtol=1e-13)
        every = jaxloss.logic.forall_p_mean(jnp.asarray(truths), p=p)
        np.testing.assert_allclose(every, 1 - np.mean((1 - truths) ** p, -1) ** (1 / p), rtol=1e-12)
        fn = lambda x, p: jnp.sum(jaxloss.logic.forall_p_mean(x, p=p) * jnp.arange(1.0, 4.0))
        gradient, in_p = jax.jit(jax.grad(fn, (0, 1)))(jnp.asarray(truths), p)
        along = np.random.default_rng(1).normal(size=truths.shape)
        difference = (fn(truths + 1e-6 * along, p) - fn(truths - 1e-6 * along, p)) / 2e-6
        np.testing.assert_allclose(np.sum(gradient * along), difference, rtol=1e-7)
        np.testing.assert_allclose(in_p, (fn(truths, p + 1e-6) - fn(truths, p + 0.0)) / 1e-6, rtol=1e-4)


@pytest.mark.parametrize("quantifier", ["forall_p_mean", "exists_p_mean"])
@pytest.mark.parametrize("edge", [0.0, 1.0])
def test_p_means_at_the_edges(quantifier, edge):
    fn = getattr(jaxloss.logic, quantifier)
    for p in (1.0, 2.0, 3.5):
        value, gradient = jax.value_and_grad(lambda x, p=p: fn(x, p=p))(jnp.full(4, edge))
        assert value == edge
        assert np.all(np.isfinite(gradient))
        mixed = jax.grad(lambda x, p=p: fn(x, p=p))(jnp.array([0.0, 1.0, 0.5]))
        assert np.all(np.isfinite(mixed))
        assert np.all(mixed >= 0)
    if edge == 0 or quantifier == "exists_p_mean":
        np.testing.assert_allclose(gradient, 0.25, rtol=1e-6)
    else:
        assert not np.any(gradient)
    many = jax.grad(fn)(jnp.full(10_000, 0.3))
    np.testing.assert_allclose(many * 10_000, 1.0, rtol=1e-4)  # a product would have no slope left
    with pytest.raises(ValueError, match="p must be"):
        fn(jnp.ones(3), p=0.5)
    np.testing.assert_allclose(fn(jnp.array([0.2, 0.6]), p=200.0), 0.2 if "forall" in quantifier else 0.6, atol=5e-3)


QUANTIFIERS = {f"{logic}.{q}": of(logic, q) for logic in LOGICS for q in ("forall", "exists")} | {
    name: getattr(jaxloss.logic, name) for name in ("forall_p_mean", "exists_p_mean")
}


@pytest.mark.parametrize("name", QUANTIFIERS)
def test_masked_instances_are_absent(name):
    fn = QUANTIFIERS[name]
    truths = jnp.array([[0.75, jnp.nan, 0.875], [0.5, 0.25, jnp.inf]])
    keep = jnp.array([[True, False, True], [True, True, False]])
    both = jax.value_and_grad(lambda x: jnp.sum(fn(x, where=keep)))
    value, gradient = jax.jit(both)(truths)
    np.testing.assert_allclose(value, fn(truths[0, jnp.array([0, 2])]) + fn(truths[1, :2]), rtol=1e-6)
    assert np.all(np.isfinite(gradient))
    assert not np.any(gradient[~keep])
    nothing, gradient = jax.value_and_grad(lambda x: fn(x, where=jnp.zeros(3, bool)))(truths[0])
    assert float(nothing) == ("forall" in name)
    assert not np.any(gradient)
    assert float(fn(truths[0, :0])) == ("forall" in name)
    assert np.isnan(fn(truths[0]))
    with pytest.raises(TypeError, match="truths"):
        fn(jnp.ones(3, jnp.int32))


def test_operands_are_checked():
    with pytest.raises(ValueError, match="same shape"):
        jaxloss.logic.product.conjunction(jnp.ones(3), jnp.ones((3, 1)))
    with pytest.raises(ValueError, match="probabilities"):
        jaxloss.checked(jaxloss.logic.product.conjunction)(jnp.array([2.0]), jnp.array([0.5]))
    assert jaxloss.logic.product.conjunction(jnp.ones(1, jnp.bfloat16), jnp.ones(1, jnp.bfloat16)).dtype == jnp.float32


@pytest.mark.parametrize("logic", LOGICS)
def test_a_rule_is_learned(logic):
    """For all i: a_i -> b_i, and some b_i is true, from scores that say neither."""
    implies, conj = of(logic, "implication"), of(logic, "conjunction")

    @jax.jit
    @jax.value_and_grad
    def doubt(scores):
        a, b = jax.nn.sigmoid(scores)
        rule = jaxloss.logic.forall_p_mean(implies(a, b))
        return 1 - conj(rule, jaxloss.logic.exists_p_mean(a))

    scores = jnp.asarray(np.random.default_rng(3).normal(size=(2, 4)), jnp.float32)
    first, _ = doubt(scores)
    for _ in range(200):
        _, slope = doubt(scores)
        scores = scores - 4 * slope
    last, _ = doubt(scores)
    # Gödel's minimum moves one instance at a time, and is slow.
    assert last < (0.9 * first if logic == "godel" else 0.2)
    assert first > 0.2
