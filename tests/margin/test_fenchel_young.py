"""Fenchel-Young losses: identities, exactness inside and near the margin, gradient and Hessian of entmax."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss


def entmax(logits: jax.Array, alpha: float) -> jax.Array:
    """The prediction, from the gradient of the loss."""
    one = jax.nn.one_hot(0, logits.shape[-1], dtype=logits.dtype)
    return jax.grad(lambda z: jaxloss.entmax_loss(z, jnp.array(0), alpha=alpha))(logits) + one


@functools.partial(jax.jit, static_argnames="whole")
def _predictions(rows: jax.Array, alpha: float, whole: float | None = None) -> jax.Array:
    return jax.vmap(lambda z: entmax(z, alpha if whole is None else whole))(rows)


def predictions(rows: jax.Array, alpha: float) -> jax.Array:
    """`entmax` of rows: one program for all orders but 1.5 and 2, which have programs of their own when they are known."""
    return _predictions(rows, 0.0, whole=alpha) if alpha in (1.5, 2.0) else _predictions(rows, alpha)


def bisected(logits: np.ndarray, alpha: float) -> np.ndarray:
    """Entmax of rows by halving, in float64."""
    z = (alpha - 1) * (logits - logits.max(-1, keepdims=True)).astype(np.float64)
    low, high = np.full((*z.shape[:-1], 1), -1.0), np.zeros((*z.shape[:-1], 1))
    for _ in range(200):
        middle = (low + high) / 2
        above = np.sum(np.maximum(z - middle, 0) ** (1 / (alpha - 1)), -1, keepdims=True) >= 1
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    p = np.maximum(z - low, 0) ** (1 / (alpha - 1))
    return p / p.sum(-1, keepdims=True)


class TestSparsemax:
    def test_is_that_of_optax(self, rng: np.random.Generator) -> None:
        logits, labels = 2 * rng.normal(size=(20, 6)), rng.integers(0, 6, size=20)
        import optax

        with jax.enable_x64(True), jax.numpy_dtype_promotion("standard"):
            expected = optax.losses.multiclass_sparsemax_loss(jnp.asarray(logits), jnp.asarray(labels))
            actual = jaxloss.sparsemax_loss(logits, labels, reduction="none")
        np.testing.assert_allclose(actual, expected, rtol=1e-10, atol=1e-12)

    def test_two_classes_are_the_huber_like_loss_of_the_lead(self) -> None:
        """Blondel et al. (2020), table 1: 0, (1 - t)**2 / 4 and -t."""
        lead = jnp.array([2.0, 1.0, 0.5, -0.5, -1.0, -3.0])
        logits = jnp.stack([lead, jnp.zeros(6)], axis=-1)
        values = jaxloss.sparsemax_loss(logits, jnp.zeros(6, int), reduction="none")
        np.testing.assert_allclose(values, [0, 0, 0.0625, 0.5625, 1.0, 3.0], rtol=1e-6)

    def test_near_the_margin_no_digit_is_lost(self) -> None:
        gap = np.float32(2.0**-20)
        value = jaxloss.sparsemax_loss(jnp.array([1.0 - gap, 0.0], jnp.float32), jnp.array(0))
        np.testing.assert_allclose(value, float(gap) ** 2 / 4, rtol=1e-6)


class TestEntmax:
    def test_whole_orders_have_their_own_functions(self, rng: np.random.Generator) -> None:
        logits, labels = jnp.asarray(2 * rng.normal(size=(30, 6)), jnp.float32), rng.integers(0, 6, size=30)
        traced = jax.jit(lambda a: jaxloss.entmax_loss(logits, labels, alpha=a, reduction="none"))
        for fn, alpha in ((jaxloss.sparsemax_loss, 2.0), (jaxloss.entmax15_loss, 1.5)):
            expected = fn(logits, labels, reduction="none")
            for actual in (traced(alpha), jaxloss.entmax_loss(logits, labels, alpha=alpha, reduction="none")):
                np.testing.assert_allclose(actual, expected, rtol=2e-6, atol=1e-6)

    def test_tends_to_cross_entropy(self, rng: np.random.Generator) -> None:
        logits, labels = jnp.asarray(4 * rng.normal(size=(30, 6)), jnp.float32), jnp.asarray(rng.integers(0, 6, 30))
        import optax

        expected, slopes = jax.value_and_grad(
            lambda z: jnp.sum(optax.losses.softmax_cross_entropy_with_integer_labels(z, labels))
        )(logits)
        value, gradient = jax.value_and_grad(
            lambda z: jaxloss.entmax_loss(z, labels, alpha=1 + 2.0**-20, reduction="sum")
        )(logits)
        np.testing.assert_allclose(value, expected, rtol=2e-5)
        np.testing.assert_allclose(gradient, slopes, atol=2e-5)

    @pytest.mark.parametrize("alpha", [1.01, 1.1, 1.25, 1.5, 1.9, 2.0, 2.5, 4.0])
    @pytest.mark.parametrize("scale", [0.01, 1.0, 30.0])
    def test_gradient_is_prediction_less_target(self, rng: np.random.Generator, alpha: float, scale: float) -> None:
        logits = scale * rng.normal(size=(40, 9))
        with jax.enable_x64(True):
            actual = np.asarray(predictions(jnp.asarray(logits), alpha))
        np.testing.assert_allclose(actual, bisected(logits, alpha), atol=1e-10 if alpha <= 2 else 1e-6)
        np.testing.assert_allclose(actual.sum(axis=-1), 1, atol=1e-12)
        single = predictions(jnp.asarray(logits, jnp.float32), alpha)
        rounded = bisected(np.asarray(logits, np.float32), alpha)
        np.testing.assert_allclose(single, rounded, atol=2e-6 * max(scale, 1))

    @pytest.mark.parametrize("alpha", [2.5, 5.0, 10.0, 30.0])
    def test_high_orders_keep_the_least_probability(self, alpha: float) -> None:
        """Two classes whose logits are apart by (p ** delta - q ** delta) / delta have the probabilities p and q."""
        delta, small = alpha - 1, np.array([0.49, 0.45, 0.4])
        logits = np.stack([((1 - small) ** delta - small**delta) / delta, np.zeros(3)], axis=-1)
        for scale, shift in ((1e-7, 0.0), (2e-6, 1.0)):
            actual = predictions(jnp.asarray(logits + shift, jnp.float32), alpha)
            np.testing.assert_allclose(actual[:, 1], small, rtol=scale / np.min(small) ** delta)

    @pytest.mark.parametrize("alpha", [1.2, 1.5, 1.7, 2.0])
    def test_many_classes(self, alpha: float) -> None:
        """Equal, evenly spaced, geometrically spaced and absent logits: what makes plain Newton slow or fail."""
        k = 20_000
        rows = np.stack([np.zeros(k), -np.arange(k) / k, -np.arange(k) * 1.0, -(1 - 0.999 ** np.arange(k)) * 2])
        rows = np.concatenate([rows, np.where(np.arange(k) < 3, 0.0, -np.inf)[None]])
        actual = predictions(jnp.asarray(rows, jnp.float32), alpha)
        expected = bisected(np.where(np.isneginf(rows), -1e30, rows).astype(np.float32), alpha)
        np.testing.assert_allclose(actual, expected, atol=2e-6)
        scale = expected.max(-1, keepdims=True)
        np.testing.assert_allclose((actual / scale)[:, 1:], (expected / scale)[:, 1:], atol=2e-4)

    def test_many_classes_in_the_value(self) -> None:
        """A thousandth of a digit of the threshold, ten thousand times, is a digit of the loss."""
        logits = np.float32(np.concatenate([[0.0], -0.6 - 1e-6 * np.arange(20_000)])[None])
        for fn in (jaxloss.sparsemax_loss, jaxloss.entmax15_loss, jaxloss.entmax_loss):
            with jax.enable_x64(True):
                exact = fn(jnp.asarray(logits, jnp.float64), np.array([0]))
            np.testing.assert_allclose(fn(jnp.asarray(logits), np.array([0])), exact, rtol=2e-5)

    @pytest.mark.parametrize("alpha", [1.25, 1.5, 2.0])
    def test_hessian_is_the_jacobian_of_entmax(self, rng: np.random.Generator, alpha: float) -> None:
        """In closed form diag(w) - w w' / sum(w) with w = p ** (2 - alpha) on the support."""
        with jax.enable_x64(True):
            z = jnp.asarray(1.5 * rng.normal(size=6))

            def fn(x):
                return jaxloss.entmax_loss(x, jnp.array(2), alpha=alpha)

            p = bisected(np.asarray(z), alpha)
            w = np.where(p > 0, p ** (2 - alpha), 0)
            expected = np.diag(w) - np.outer(w, w) / w.sum()
            for hessian in (jax.hessian(fn), jax.jacfwd(jax.jacfwd(fn)), jax.jacrev(jax.jacrev(fn))):
                np.testing.assert_allclose(jax.jit(hessian)(z), expected, atol=1e-10)
            third = jax.jit(jax.jacfwd(jax.hessian(fn)))(z)
            step, hessian = 1e-6, jax.jit(jax.hessian(fn))
            ahead, behind = (hessian(z.at[0].add(s)) for s in (step, -step))
            np.testing.assert_allclose(third[..., 0], (ahead - behind) / (2 * step), atol=1e-7)

    def test_order_has_a_slope(self, rng: np.random.Generator) -> None:
        with jax.enable_x64(True):
            z, labels = jnp.asarray(rng.normal(size=(5, 6))), jnp.asarray(rng.integers(0, 6, 5))

            @jax.jit
            def fn(a, x):
                return jaxloss.entmax_loss(x, labels, alpha=a)

            step, alpha = 1e-6, jnp.asarray(1.37)
            first = (fn(alpha + step, z) - fn(alpha - step, z)) / (2 * step)
            np.testing.assert_allclose(jax.grad(fn)(alpha, z), first, rtol=1e-7)
            pull = jax.jit(jax.grad(fn, 1))
            mixed = (pull(alpha + step, z) - pull(alpha - step, z)) / (2 * step)
            np.testing.assert_allclose(jax.jit(jax.jacfwd(pull))(alpha, z), mixed, rtol=1e-6, atol=1e-9)
            np.testing.assert_allclose(jax.jit(jax.grad(jax.grad(fn), 1))(alpha, z), mixed, rtol=1e-6, atol=1e-9)

    @pytest.mark.parametrize("alpha", [1.1, 1.5, 2.0, 3.0])
    def test_absent_classes_are_absent(self, rng: np.random.Generator, alpha: float) -> None:
        logits, labels = jnp.asarray(rng.normal(size=(9, 4)), jnp.float32), jnp.asarray(rng.integers(0, 4, 9))
        padded = jnp.concatenate([logits, jnp.full((9, 2), -jnp.inf)], axis=-1)

        @jax.jit
        def fn(z):
            return jaxloss.entmax_loss(z, labels, alpha=alpha)

        value, gradient = jax.value_and_grad(fn)(padded)
        expected, slopes = jax.value_and_grad(fn)(logits)
        np.testing.assert_allclose(value, expected, rtol=1e-6)
        np.testing.assert_allclose(gradient, jnp.pad(slopes, ((0, 0), (0, 2))), atol=1e-6)
        assert np.all(np.isfinite(jax.jvp(jax.grad(fn), (padded,), (jnp.ones_like(padded),))[1]))
        assert fn(padded.at[:, 0].set(-jnp.inf)) >= 0
        assert jaxloss.entmax_loss(padded[0], jnp.array(5), alpha=alpha) == jnp.inf

    @pytest.mark.parametrize("alpha", [1.0625, 1.25, 1.5, 2.0, 3.0])
    def test_small_losses_keep_their_digits(self, alpha: float) -> None:
        """A lead that nearly reaches the margin, in float32 against float64."""
        leads = np.float32(np.linspace(0.0, 1 / (alpha - 1), 200))
        logits = np.stack([leads, np.zeros(200, np.float32)], axis=-1)

        @jax.jit
        def fn(z):
            return jaxloss.entmax_loss(z, np.zeros(200, int), alpha=alpha, reduction="none")

        with jax.enable_x64(True):
            exact = np.asarray(fn(jnp.asarray(logits, jnp.float64)))
        np.testing.assert_allclose(fn(jnp.asarray(logits)), exact, rtol=2e-5, atol=1e-37)


class TestFenchelYoung:
    def test_logsumexp_gives_cross_entropy(self, rng: np.random.Generator) -> None:
        logits = jnp.asarray(rng.normal(size=(6, 4)), jnp.float32)
        targets = jax.nn.one_hot(jnp.asarray(rng.integers(0, 4, 6)), 4)
        import optax

        actual = jaxloss.fenchel_young_loss(logits, targets, max_fun=jax.scipy.special.logsumexp, reduction="none")
        np.testing.assert_allclose(actual, optax.losses.softmax_cross_entropy(logits, targets), rtol=1e-5, atol=1e-6)

    def test_without_a_regularizer_is_that_of_optax(self, rng: np.random.Generator) -> None:
        logits, targets = (jnp.asarray(rng.uniform(size=(2, 3, 4)), jnp.float32) for _ in range(2))
        import optax

        expected = optax.losses.make_fenchel_young_loss(jax.scipy.special.logsumexp)(logits, targets)
        actual = jaxloss.fenchel_young_loss(logits, targets, max_fun=jax.scipy.special.logsumexp, reduction="none")
        np.testing.assert_allclose(actual, expected, rtol=1e-6)

    def test_with_a_regularizer_the_minimum_is_zero(self, rng: np.random.Generator) -> None:
        """Optax leaves Omega(y) out: there the minimum is the entropy of the targets."""
        targets = jnp.asarray(rng.dirichlet(np.ones(4), size=5), jnp.float32)

        def negentropy(y):
            return jnp.sum(y * jnp.log(y))

        def fn(s, **k):
            return jaxloss.fenchel_young_loss(s, targets, max_fun=jax.scipy.special.logsumexp, reduction="none", **k)

        np.testing.assert_allclose(fn(jnp.log(targets), regularizer=negentropy), 0, atol=1e-6)
        assert np.all(fn(jnp.log(targets)) > 0.01)
        gradient = jax.grad(lambda s: jnp.sum(fn(s, regularizer=negentropy)))(jnp.log(targets))
        np.testing.assert_allclose(gradient, 0, atol=1e-6)

    def test_the_perceptron_is_the_maximum(self) -> None:
        scores, targets = jnp.array([1.0, 3.0, 2.0]), jnp.array([0, 0, 1])
        assert jaxloss.fenchel_young_loss(scores, targets, max_fun=jnp.max) == 1

    def test_absent_entries(self) -> None:
        scores, targets = jnp.array([1.0, -jnp.inf, 2.0]), jnp.array([0.25, 0.0, 0.75])

        def fn(s, y):
            return jaxloss.fenchel_young_loss(s, y, max_fun=jax.scipy.special.logsumexp)

        value, gradient = jax.value_and_grad(fn)(scores, targets)
        np.testing.assert_allclose(value, fn(scores[jnp.array([0, 2])], targets[jnp.array([0, 2])]), rtol=1e-6)
        np.testing.assert_allclose(gradient, jax.nn.softmax(scores) - targets, atol=1e-6)

    def test_masked_rows_never_reach_the_functions(self) -> None:
        """A regularizer with an infinite slope at 0 meets a uniform vector behind the mask."""

        def fn(y):
            return jaxloss.fenchel_young_loss(
                jnp.zeros((2, 3)),
                y,
                max_fun=jax.scipy.special.logsumexp,
                regularizer=lambda p: jnp.sum(p * jnp.log(p)),
                where=jnp.array([True, False]),
            )

        assert np.all(np.isfinite(jax.grad(fn)(jnp.array([[0.2, 0.3, 0.5], [0.0, 0.0, 0.0]]))))

    def test_a_function_of_the_wrong_shape_is_refused(self) -> None:
        with pytest.raises(ValueError, match="shape"):
            jaxloss.fenchel_young_loss(jnp.zeros((2, 3)), jnp.zeros((2, 3)), max_fun=jnp.exp)
