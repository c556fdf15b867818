"""Relative, logarithmic and scaled errors: traps, scales, parity with other packages."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss
from jaxloss._floor.maths.numerics import quotient

RELATIVE = [jaxloss.weighted_ape, jaxloss.relative_l2_error]


def both(fn, *inputs, **kwargs):
    """The unreduced loss and the gradient of its sum in every input."""

    def total(*x):
        return jnp.sum(fn(*x, reduction="none", **kwargs))

    return fn(*inputs, reduction="none", **kwargs), jax.grad(total, tuple(range(len(inputs))))(*inputs)


# ---- the quotient ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [1e-30, 1e-10, 1.0, 1e10, 1e25])
def test_quotient_keeps_its_slopes_at_every_scale(scale):
    """JAX's own rule squares the denominator: NaN at 0 / 1e-30, no slope at 1e25."""
    x, y = jnp.float32(3 * scale), jnp.float32(2 * scale)
    value, (in_x, in_y) = jax.value_and_grad(quotient, (0, 1))(x, y)
    np.testing.assert_allclose([value, in_x * scale, in_y * scale], [1.5, 0.5, -0.75], rtol=1e-6)
    assert jax.grad(quotient, 1)(jnp.float32(0), y) == 0


def test_quotient_has_higher_derivatives():
    hessian = jax.hessian(quotient, (0, 1))(jnp.float32(3), jnp.float32(2))
    np.testing.assert_allclose(np.asarray(hessian), [[0, -0.25], [-0.25, 0.75]], rtol=1e-6)
    forward = jax.jacfwd(jax.jacfwd(quotient, (0, 1)), (0, 1))(jnp.float32(3), jnp.float32(2))
    np.testing.assert_allclose(np.asarray(forward), np.asarray(hessian), rtol=1e-6)


# ---- percentages -----------------------------------------------------------------------------------------------


def test_mape_is_a_fraction_and_equals_sklearn(rng):
    import sklearn.metrics

    targets, predictions = rng.normal(size=50) + 3, rng.normal(size=50)
    with jax.enable_x64(True):
        value = jaxloss.mean_absolute_percentage_error(predictions, targets)
    np.testing.assert_allclose(value, sklearn.metrics.mean_absolute_percentage_error(targets, predictions), rtol=1e-13)


@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16, jnp.float32])
def test_mape_floor_acts_in_every_dtype(dtype):
    """A target of 0 counts 1 / epsilon: finite, not 1e16 and not 0."""
    value = jaxloss.mean_absolute_percentage_error(jnp.ones(1, dtype), jnp.zeros(1, dtype))
    np.testing.assert_allclose(value, 1e6, rtol=1e-6)
    epsilon = 2.0**-12
    values, (gradient, _) = both(
        jaxloss.mean_absolute_percentage_error, jnp.ones(1, dtype), jnp.zeros(1, dtype), epsilon=epsilon
    )
    assert values == 1 / epsilon
    assert gradient.astype(jnp.float32) == 1 / epsilon


def test_mape_below_the_floor_does_not_pull_on_the_target():
    _, (in_predictions, in_targets) = both(
        lambda p, y, **k: jaxloss.mean_absolute_percentage_error(p, y, epsilon=1.0, **k),
        jnp.array([2.0, 2.0]),
        jnp.array([0.0, 0.5]),
    )
    np.testing.assert_array_equal(in_predictions, [1, 1])
    np.testing.assert_array_equal(in_targets, [-1, -1])


@pytest.mark.parametrize("scale", [1e-30, 1e-3, 1e25, 1e36])
def test_ratios_do_not_depend_on_the_unit(scale):
    """Values and gradients scale exactly over the whole range of float32."""
    p, y = np.array([0.5, -1.0, 0.25, 1.0]), np.array([0.75, 1.0, 0.125, 1.0])
    for fn in (jaxloss.symmetric_mape, *RELATIVE, jaxloss.mean_absolute_percentage_error):
        kwargs = {"epsilon": jnp.float32(1e-36)} if fn is jaxloss.mean_absolute_percentage_error else {}
        value, gradient = both(fn, jnp.asarray(p, jnp.float32), jnp.asarray(y, jnp.float32), **kwargs)
        far, steep = both(fn, jnp.asarray(p * scale, jnp.float32), jnp.asarray(y * scale, jnp.float32), **kwargs)
        np.testing.assert_allclose(far, value, rtol=1e-6, err_msg=fn.__name__)
        for one, other in zip(gradient, steep, strict=True):
            np.testing.assert_allclose(np.float64(other) * scale, one, rtol=2e-6, atol=1e-6, err_msg=fn.__name__)


def test_ratios_are_finite_at_the_top_of_the_dtype():
    """Half the sum, half the difference: 3e38 - (-3e38) is infinite, and so is 3e38 + 3e38."""
    p, y = jnp.array([3e38, -3e38, 0.0]), jnp.array([-3e38, 1e38, 3e38])
    np.testing.assert_array_equal(jaxloss.symmetric_mape(p, y, reduction="none"), [2, 2, 2])
    np.testing.assert_allclose(
        jaxloss.mean_absolute_percentage_error(p, y, reduction="none"), np.array([2, 4, 1]), rtol=1e-6
    )
    np.testing.assert_allclose(jaxloss.weighted_ape(p, y), 13 / 7, rtol=1e-6)
    np.testing.assert_allclose(jaxloss.relative_l2_error(p, y), np.sqrt((36 + 16 + 9) / 19), rtol=1e-6)
    history = jnp.array([3e38, -3e38, 0.0])
    np.testing.assert_allclose(jaxloss.mean_absolute_scaled_error(p, y, history), (13 / 3) / 4.5, rtol=1e-6)


def test_symmetric_mape_ends_at_two():
    predictions, targets = jnp.array([1.0, 0.1, 5.0, 0.0, 0.0]), jnp.array([-0.3, -7.0, 0.0, 3.0, 0.0])
    values, (gradient, in_targets) = both(jaxloss.symmetric_mape, predictions, targets)
    np.testing.assert_array_equal(values, [2, 2, 2, 2, 0])
    np.testing.assert_array_equal(gradient[:3], np.zeros(3))
    np.testing.assert_array_equal(in_targets[4:], [0])
    assert gradient[4] == 0


def test_weighted_ape_allows_single_zero_targets_and_weighs_entries():
    predictions, targets = jnp.array([[1.0, 4.0, 9.0]]), jnp.array([[0.0, 5.0, 7.0]])
    np.testing.assert_allclose(jaxloss.weighted_ape(predictions, targets), 4 / 12, rtol=1e-6)
    weights = jnp.array([[1.0, 2.0, 0.0]])
    np.testing.assert_allclose(jaxloss.weighted_ape(predictions, targets, weights=weights), 3 / 10, rtol=1e-6)


# ---- a scale of zero -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fn", RELATIVE, ids=lambda fn: fn.__name__)
def test_a_target_of_zeros_is_absent(fn):
    predictions, targets = jnp.array([[1.0, 2.0], [3.0, 5.0]]), jnp.array([[0.0, 0.0], [3.0, 4.0]])
    assert fn(predictions, targets) == fn(predictions[1:], targets[1:])
    values, gradients = both(fn, predictions, targets)
    assert values[0] == 0
    for gradient in gradients:
        assert np.all(np.isfinite(gradient))
        np.testing.assert_array_equal(gradient[0], [0, 0])
    for where in ([[True, True], [False, True]], [[True, False], [True, True]]):
        assert np.isfinite(fn(predictions, targets, where=jnp.array(where)))


@pytest.mark.parametrize("fn", RELATIVE, ids=lambda fn: fn.__name__)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_target_of_zeros_hides_no_nan(fn, bad):
    assert not np.isfinite(fn(jnp.array([bad, 0.0]), jnp.zeros(2)))


def test_a_constant_history_is_absent():
    predictions, targets = jnp.array([[1.0, 2.0], [3.0, 5.0]]), jnp.array([[0.0, 0.0], [3.0, 4.0]])
    history = jnp.array([[0.1, 0.1, 0.1], [1.0, 2.0, 4.0]])
    assert jaxloss.mean_absolute_scaled_error(predictions, targets, history) == pytest.approx(0.5 / 1.5)
    values, gradients = both(jaxloss.mean_absolute_scaled_error, predictions, targets, history)
    assert values[0] == 0
    for gradient in gradients:
        assert np.all(np.isfinite(gradient))
        assert not np.any(gradient[0])
    spoiled = predictions.at[0, 0].set(jnp.nan)
    assert np.isnan(jaxloss.mean_absolute_scaled_error(spoiled, targets, history))
    unknown = history.at[1, 0].set(jnp.nan)
    assert np.isnan(jaxloss.mean_absolute_scaled_error(predictions, targets, unknown))


# ---- the scaled error ------------------------------------------------------------------------------------------


@pytest.fixture
def series(rng):
    shapes = {"predictions": (3, 2, 4), "targets": (3, 2, 4), "history": (3, 2, 9)}
    return [jnp.asarray(rng.normal(size=s), jnp.float32) for s in shapes.values()]


def test_scaled_error_vmap_and_scan_equal_a_loop(series):
    step = jax.value_and_grad(functools.partial(jaxloss.mean_absolute_scaled_error, seasonality=3), (0, 1, 2))
    loop = [step(*(x[i] for x in series)) for i in range(3)]
    with jax.checking_leaks():
        mapped = jax.vmap(step)(*series)
    _, scanned = jax.lax.scan(lambda carry, x: (carry, step(*x)), 0.0, tuple(series))
    for many in (mapped, scanned):
        jax.tree.map(lambda a, *b: np.testing.assert_allclose(a, b, rtol=4e-6, atol=1e-6), many, *loop)


def test_scaled_error_weighs_every_series_alike_and_needs_no_history_of_padding(series):
    predictions, targets, history = series
    where = np.ones((3, 2, 4), bool)
    where[1, 0] = False
    where[2, 1, 2:] = False
    history = history.at[1, 0].set(jnp.nan)
    value, gradients = jax.value_and_grad(lambda *x: jaxloss.mean_absolute_scaled_error(*x, where=where), (0, 1, 2))(
        predictions, targets, history
    )
    singles = [
        np.abs(predictions - targets)[i][where[i]].mean() / np.abs(np.diff(history[i])).mean()
        for i in np.ndindex(3, 2)
        if where[i].any()
    ]
    np.testing.assert_allclose(value, np.mean(singles), rtol=1e-5)
    assert all(np.all(np.isfinite(g)) for g in gradients)


@pytest.mark.parametrize("shape", [(9,), (3, 9), (3, 1, 9), (2, 3, 9), (3, 2, 1), (3, 2, 0), ()])
def test_scaled_error_refuses_a_history_that_does_not_fit(series, shape):
    with pytest.raises(ValueError, match="history"):
        jaxloss.mean_absolute_scaled_error(series[0], series[1], jnp.ones(shape))


def test_scaled_error_refuses_a_season_that_does_not_fit(series):
    for season in (0, -1, 9):
        with pytest.raises(ValueError, match="seasonality"):
            jaxloss.mean_absolute_scaled_error(*series, seasonality=season)
    for season in (1.0, jnp.ones(2, int), "week"):
        with pytest.raises(TypeError, match="seasonality"):
            jaxloss.mean_absolute_scaled_error(*series, seasonality=season)
    with pytest.raises(TypeError, match="seasonality"):
        jax.jit(lambda m: jaxloss.mean_absolute_scaled_error(*series, seasonality=m))(2)
    jaxloss.mean_absolute_scaled_error(*series, seasonality=np.int64(8))


def test_scaled_error_takes_a_history_of_integers_and_doubles(series):
    predictions, targets, _ = series
    counts = jnp.arange(54).reshape(3, 2, 9) ** 2
    value = jaxloss.mean_absolute_scaled_error(predictions, targets, counts)
    np.testing.assert_allclose(value, jaxloss.mean_absolute_scaled_error(predictions, targets, counts.astype(float)))
    with jax.enable_x64(True):
        wide = jaxloss.mean_absolute_scaled_error(predictions, targets, np.asarray(counts, np.float64))
        assert wide.dtype == jnp.float64


# ---- logarithms ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fn", [jaxloss.mean_squared_log_error, jaxloss.root_mean_squared_log_error])
@pytest.mark.parametrize("bad", [-1.0, -1.5, -np.inf, np.nan])
@pytest.mark.parametrize("which", [0, 1])
def test_log_errors_outside_the_domain_are_nan_in_value_and_gradient(fn, bad, which):
    """Keras clips a prediction of -3 to 1e-7: a plausible 0.48 without a gradient."""
    inputs = [jnp.array([1.0, 2.0]), jnp.array([1.0, 3.0])]
    inputs[which] = inputs[which].at[0].set(bad)
    value, gradient = jax.value_and_grad(fn)(*inputs)
    assert np.isnan(value)
    assert np.isnan(gradient[0])
    keep = jnp.array([False, True])
    value, gradient = jax.value_and_grad(fn)(*inputs, where=keep)
    assert np.isfinite(value)
    assert np.all(np.isfinite(gradient))
    with pytest.raises(ValueError, match="greater than -1"):
        jaxloss.checked(fn)(*inputs)
    jaxloss.checked(fn)(*inputs, where=keep)


def test_log_errors_follow_the_formula_between_minus_one_and_zero():
    value, gradient = jax.value_and_grad(jaxloss.mean_squared_log_error)(jnp.array([-0.5]), jnp.array([0.0]))
    np.testing.assert_allclose(value, np.log(0.5) ** 2, rtol=1e-6)
    np.testing.assert_allclose(gradient, [4 * np.log(0.5)], rtol=1e-6)


@pytest.mark.parametrize("base", [-0.75, 0.0, 1.0, 1e3, 1e6, 1e30])
@pytest.mark.parametrize("step", [1e-6, -1e-4, 1e-2, 3.0, 1e5])
def test_log_errors_keep_relative_accuracy(base, step):
    """log1p(p) - log1p(y) by subtraction has one digit left at 1e6 and 1e-6."""
    y = np.float32(base)
    p = np.float32(base + step * (1 + base))
    if p <= -1:
        pytest.skip("outside the domain")
    value, gradient = jax.value_and_grad(jaxloss.mean_squared_log_error)(jnp.array([p]), jnp.array([y]))
    gap = (np.longdouble(p) - np.longdouble(y)) / (1 + np.longdouble(y))
    exact = float(np.log1p(gap))
    np.testing.assert_allclose(value, exact**2, rtol=1e-6)
    np.testing.assert_allclose(gradient, [2 * exact / (1 + np.float64(p))], rtol=1e-6)


def test_root_mean_squared_log_error_has_no_slope_at_a_perfect_fit():
    x = jnp.array([0.0, 1.0, 5.0])
    value, gradient = jax.value_and_grad(jaxloss.root_mean_squared_log_error)(x, x)
    assert value == 0
    np.testing.assert_array_equal(gradient, np.zeros(3))


# ---- parity ----------------------------------------------------------------------------------------------------


def test_keras_parity(rng):
    keras = pytest.importorskip("keras")
    p = rng.gamma(2.0, size=(5, 7)).astype(np.float32)
    y = rng.gamma(2.0, size=(5, 7)).astype(np.float32) + 0.1
    mask = rng.uniform(size=(5, 7)) < 0.7
    for ours, theirs, factor in (
        (jaxloss.mean_absolute_percentage_error, keras.losses.mean_absolute_percentage_error, 100),
        (jaxloss.mean_squared_log_error, keras.losses.mean_squared_logarithmic_error, 1),
    ):
        for where in (None, mask):
            keep = np.ones_like(mask) if where is None else where
            value = ours(p, y, where=where, reduction=jaxloss.reductions.sequence_mean())
            np.testing.assert_allclose(
                factor * value, np.mean([theirs(a[k], b[k]) for a, b, k in zip(y, p, keep, strict=True)]), rtol=1e-5
            )


def test_sklearn_parity_of_pooled_losses(rng):
    import sklearn.metrics

    p, y = rng.gamma(2.0, size=(5, 7)), rng.gamma(2.0, size=(5, 7))
    weights = rng.uniform(0.5, 2, size=(5, 7))
    with jax.enable_x64(True):
        value = jaxloss.root_mean_squared_log_error(p, y, weights=weights, reduction="none")
    theirs = [
        sklearn.metrics.root_mean_squared_log_error(a, b, sample_weight=w)
        for a, b, w in zip(y, p, weights, strict=True)
    ]
    np.testing.assert_allclose(value, theirs, rtol=1e-12)


def test_torch_parity_of_relative_errors(rng):
    torch = pytest.importorskip("torch")
    p, y = rng.normal(size=(5, 7)), rng.normal(size=(5, 7))
    mask = rng.uniform(size=(5, 7)) < 0.7
    tp, ty, tm = torch.tensor(p, requires_grad=True), torch.tensor(y), torch.tensor(mask, dtype=torch.float64)
    theirs = {
        jaxloss.relative_l2_error: ((tp - ty) * tm).norm(dim=-1) / (ty * tm).norm(dim=-1),
        jaxloss.weighted_ape: ((tp - ty) * tm).abs().sum(-1) / (ty * tm).abs().sum(-1),
    }
    for fn, expected in theirs.items():
        (slope,) = torch.autograd.grad(expected.mean(), tp)
        with jax.enable_x64(True):
            value, gradient = jax.value_and_grad(lambda x, fn=fn: fn(x, y, where=mask))(jnp.asarray(p))
        np.testing.assert_allclose(value, expected.mean().detach(), rtol=1e-12)
        np.testing.assert_allclose(gradient, slope, atol=1e-13)
