"""The semantic loss against brute force, near certainty, and under other ways to write the same formula."""

from __future__ import annotations

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss


def exact(logits, models):
    """Minus the log of the weighted model count, to 60 digits."""
    mpmath = pytest.importorskip("mpmath")
    with mpmath.workdps(60):
        p = [1 / (1 + mpmath.exp(-mpmath.mpf(float(z)))) for z in logits]
        count = sum(mpmath.fprod(q if s else 1 - q for s, q in zip(m, p, strict=True)) for m in models)
        return float(-mpmath.log(count))


FORMULAS = [
    (lambda a: a, 1),
    (lambda a, b: ~a | b, 2),
    (lambda a, b, c: (a ^ b) & c, 3),
    (lambda a, b, c: (a & ~b & ~c) | (~a & b & ~c) | (~a & ~b & c), 3),
    (lambda a, b, c, d, e: (a | b) & (c | ~d) & ~e, 5),
]


@pytest.mark.parametrize(("formula", "variables"), FORMULAS, ids=["a", "implies", "xor", "one", "five"])
def test_equals_brute_force_however_certain(formula, variables):
    rng = np.random.default_rng(0)
    models = [m for m in itertools.product((False, True), repeat=variables) if formula(*map(np.bool_, m))]
    np.testing.assert_array_equal(jaxloss.logic.satisfying_assignments(formula, variables), models)
    towards = 2 * np.array(models[0], float) - 1
    logits = np.stack(
        [
            2 * rng.normal(size=variables),
            8 * towards,
            17 * towards,
            30 * towards,
            -6 * towards,
            rng.normal(size=variables),
        ]
    ).astype(np.float32)
    expected = [exact(row, models) for row in logits]
    value = jax.jit(lambda z: jaxloss.semantic_loss(z, formula=formula, reduction="none"))(logits)
    np.testing.assert_allclose(value, expected, rtol=1e-6)
    listed = jaxloss.semantic_loss_of_assignments(logits, jnp.asarray(models), reduction="none")
    np.testing.assert_allclose(listed, expected, rtol=1e-6, atol=5e-7)


def test_one_model_is_a_binary_cross_entropy():
    logits = np.random.default_rng(1).normal(size=(6, 4)).astype(np.float32)
    model = np.array([True, False, False, True])
    targets = np.broadcast_to(model, logits.shape).astype(np.int32)
    expected = jaxloss.sigmoid_binary_cross_entropy(logits, targets, reduction="none").sum(-1)
    np.testing.assert_allclose(
        jaxloss.semantic_loss_of_assignments(logits, model[None], reduction="none"), expected, rtol=2e-6
    )
    formula = lambda a, b, c, d: a & ~b & ~c & d
    np.testing.assert_allclose(jaxloss.semantic_loss(logits, formula=formula, reduction="none"), expected, rtol=2e-6)


def test_exactly_one_by_enumeration_and_near_certainty():
    rng = np.random.default_rng(2)
    for variables in (1, 2, 5):
        models = np.eye(variables, dtype=bool)
        far = np.full(variables, -12.0)
        far[0] = 14.0
        logits = np.stack([3 * rng.normal(size=variables), far, 2 * far, -far, np.zeros(variables)]).astype(np.float32)
        np.testing.assert_allclose(
            jaxloss.exactly_one_loss(logits, reduction="none"), [exact(row, models) for row in logits], rtol=1e-6
        )
    one_of_three = lambda a, b, c: (a & ~b & ~c) | (~a & b & ~c) | (~a & ~b & c)
    logits = rng.normal(size=(4, 3)).astype(np.float32)
    both = [
        jax.jit(jax.grad(lambda z: jaxloss.exactly_one_loss(z)))(logits),
        jax.jit(jax.grad(lambda z: jaxloss.semantic_loss(z, formula=one_of_three)))(logits),
        jax.jit(jax.grad(lambda z: jaxloss.semantic_loss_of_assignments(z, jnp.eye(3, dtype=bool))))(logits),
    ]
    np.testing.assert_allclose(both[0], both[1], rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(both[2], both[1], rtol=1e-4, atol=1e-7)


def test_the_writing_of_a_formula_does_not_matter():
    logits = np.random.default_rng(3).normal(size=(5, 2)).astype(np.float32)
    first = jaxloss.semantic_loss(logits, formula=lambda a, b: ~(a & ~b))
    assert first == jaxloss.semantic_loss(logits, formula=lambda a, b: ~a | b)


def test_constant_formulas():
    logits = jnp.ones((2, 3))
    value, gradient = jax.value_and_grad(lambda z: jaxloss.semantic_loss(z, formula=lambda a, b, c: a | ~a))(logits)
    assert value == 0
    assert not np.any(gradient)
    assert jaxloss.semantic_loss(logits, formula=lambda *_: True) == 0
    with pytest.raises(ValueError, match="false under every assignment"):
        jaxloss.semantic_loss(logits, formula=lambda a, b, c: a & ~a)


def test_misuse():
    with pytest.raises(TypeError, match="booleans"):
        jaxloss.semantic_loss(jnp.ones((2, 2)), formula=lambda a, b: a + 2 * b)
    with pytest.raises(ValueError, match="at most 16"):
        jaxloss.logic.satisfying_assignments(lambda *x: x[0], 17)
    with pytest.raises(TypeError, match="boolean"):
        jaxloss.semantic_loss_of_assignments(jnp.ones((2, 2)), jnp.eye(2))
    with pytest.raises(ValueError, match="models, variables"):
        jaxloss.semantic_loss_of_assignments(jnp.ones((2, 2)), jnp.eye(3, dtype=bool))
    with pytest.raises(ValueError, match="assignments"):
        jaxloss.semantic_loss_of_assignments(jnp.ones((2, 2)), jnp.zeros((0, 2), bool))


def test_gradient_pulls_towards_the_likeliest_model():
    """At rest between two models nothing is decided; off it the nearer one wins."""
    exclusive = lambda a, b: a ^ b
    slope = jax.grad(lambda z: jaxloss.semantic_loss(z, formula=exclusive))
    np.testing.assert_allclose(slope(jnp.zeros(2)), 0, atol=1e-7)
    pull = slope(jnp.array([0.5, -0.5]))
    assert pull[0] < 0 < pull[1]
