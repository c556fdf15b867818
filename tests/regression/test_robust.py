"""Absolute and robust losses: digits kept at both ends, limits, identities, and other packages' results."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special

import jaxloss

EPS32 = np.finfo(np.float32).eps

# Residuals from the smallest whose square is normal to the largest of float32.
MAGNITUDES = np.logspace(-18, 38, 1200)
SQUARABLE = MAGNITUDES[MAGNITUDES < 1e18]


def values(fn: Any, residual: Any, **hypers: Any) -> np.ndarray:
    residual = jnp.asarray(residual)
    return np.asarray(fn(residual, jnp.zeros_like(residual), reduction="none", **hypers))


def slopes(fn: Any, residual: Any, **hypers: Any) -> np.ndarray:
    residual = jnp.asarray(residual)
    zeros = jnp.zeros_like(residual)
    return np.asarray(jax.grad(lambda x: jnp.sum(fn(x, zeros, reduction="none", **hypers)))(residual))


def curvatures(fn: Any, residual: Any, **hypers: Any) -> np.ndarray:
    residual = jnp.asarray(residual)
    return np.asarray(jax.vmap(jax.grad(jax.grad(lambda r: fn(r, jnp.zeros_like(r), **hypers))))(residual))


def ulps(actual: np.ndarray, expected: np.ndarray) -> float:
    return float(np.max(np.abs(actual.astype(np.float64) / expected - 1))) / EPS32


# ---- every digit, everywhere -----------------------------------------------------------------------------------

# value, slope and curvature by formulas that hold in float64 at every magnitude
EXACT = {
    "absolute_error": (jaxloss.absolute_error, {}, np.abs, np.sign),
    "huber_loss": (
        jaxloss.huber_loss,
        {"delta": 1.5},
        lambda r: scipy.special.huber(1.5, r),
        lambda r: np.clip(r, -1.5, 1.5),
    ),
    "smooth_l1_loss": (
        jaxloss.smooth_l1_loss,
        {"beta": 0.5},
        lambda r: scipy.special.huber(0.5, r) / 0.5,
        lambda r: np.clip(r / 0.5, -1, 1),
    ),
    "smooth_l1_loss at 0": (jaxloss.smooth_l1_loss, {"beta": 0.0}, np.abs, np.sign),
    "pseudo_huber_loss": (
        jaxloss.pseudo_huber_loss,
        {"delta": 1.5},
        lambda r: r * (1.5 * r / (1.5 + np.hypot(1.5, r))),
        lambda r: 1.5 * r / np.hypot(1.5, r),
    ),
    "charbonnier_loss": (
        jaxloss.charbonnier_loss,
        {"epsilon": 0.25},
        lambda r: np.hypot(r, 0.25),
        lambda r: r / np.hypot(r, 0.25),
    ),
    "log_cosh": (
        jaxloss.log_cosh,
        {},
        lambda r: np.where(
            np.abs(r) < 1, np.log1p(2 * np.sinh(np.minimum(np.abs(r), 1) / 2) ** 2), np.logaddexp(r, -r) - np.log(2)
        ),
        np.tanh,
    ),
    "cauchy_loss": (
        jaxloss.cauchy_loss,
        {"scale": 1.5},
        lambda r: np.log1p((r / 1.5) ** 2 / 2),
        lambda r: r / (1.5**2 + r**2 / 2),
    ),
    "geman_mcclure_loss": (
        jaxloss.geman_mcclure_loss,
        {"scale": 1.5},
        lambda r: 2 / (1 + 4 * (1.5 / r) ** 2),
        lambda r: r / 1.5**2 / (1 + (r / 3) ** 2) ** 2,
    ),
    "welsch_loss": (
        jaxloss.welsch_loss,
        {"scale": 1.5},
        lambda r: -np.expm1(-((r / 1.5) ** 2) / 2),
        lambda r: r / 1.5**2 * np.exp(-((r / 1.5) ** 2) / 2),
    ),
}


@pytest.mark.parametrize("name", EXACT)
def test_values_keep_their_digits_at_every_magnitude(name: str) -> None:
    fn, hypers, value, _ = EXACT[name]
    residual = MAGNITUDES.astype(np.float32)
    for sign in (1, -1):
        assert ulps(values(fn, sign * residual, **hypers), value(sign * residual.astype(np.float64))) <= 4


@pytest.mark.parametrize("name", EXACT)
def test_slopes_keep_their_digits_at_every_magnitude(name: str) -> None:
    fn, hypers, _, slope = EXACT[name]
    residual = MAGNITUDES.astype(np.float32)
    expected = slope(residual.astype(np.float64))
    # A slope near exp(-x) or r**-3 is only as good as x: compare while it is not negligible.
    matters = np.abs(expected) > 1e-12 * np.minimum(residual, 1)
    assert ulps(slopes(fn, residual, **hypers)[matters], expected[matters]) <= 16
    assert np.max(np.abs(slopes(fn, residual, **hypers) - expected)) <= 16 * EPS32
    np.testing.assert_array_equal(slopes(fn, -residual, **hypers), -slopes(fn, residual, **hypers))


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16, jnp.float16])
@pytest.mark.parametrize(
    "fn", [jaxloss.huber_loss, jaxloss.smooth_l1_loss, jaxloss.pseudo_huber_loss, jaxloss.log_cosh]
)
def test_tiny_residuals_keep_their_gradient(fn: Any, dtype: Any) -> None:
    """A slope of (r - delta) + delta, as reverse mode makes of a sum of two parts, has lost a residual of 1e-8."""
    tiny = jnp.asarray([1e-4, -1e-5, 6e-8, 2e-7], dtype)
    np.testing.assert_allclose(slopes(fn, tiny).astype(np.float32), tiny.astype(jnp.float32), rtol=1e-6)
    if dtype == jnp.float32:
        np.testing.assert_allclose(slopes(fn, tiny * 1e-20), tiny * 1e-20, rtol=1e-6)


def test_log_cosh_keeps_small_values_and_is_never_negative() -> None:
    np.testing.assert_allclose(values(jaxloss.log_cosh, [1e-4, 1e-10]), [5e-9, 5e-21], rtol=4 * EPS32)
    assert float(jaxloss.log_cosh(jnp.array([1e4]), jnp.zeros(1))) == pytest.approx(9999.307)
    bits = np.linspace(0, np.float32(3e38).view(np.int32), 400_001).astype(np.int32)
    assert np.min(values(jaxloss.log_cosh, bits.view(np.float32))) >= 0


@pytest.mark.parametrize("name", ["huber_loss", "pseudo_huber_loss", "log_cosh", "smooth_l1_loss"])
def test_curvature_at_a_perfect_fit(name: str) -> None:
    assert curvatures(getattr(jaxloss, name), [0.0]) == [1.0]


@pytest.mark.parametrize(
    "name", ["cauchy_loss", "geman_mcclure_loss", "welsch_loss", "tukey_biweight_loss", "barron_loss"]
)
def test_curvature_of_robust_losses_at_a_perfect_fit(name: str) -> None:
    scale = 2.0
    expected = 1.0 if name == "tukey_biweight_loss" else 0.25
    np.testing.assert_allclose(curvatures(getattr(jaxloss, name), [0.0], scale=scale), [expected], rtol=1e-6)


@pytest.mark.parametrize("delta", [1e-20, 1e-6, 1e6, 1e15])
def test_hyperbolas_of_any_scale(delta: float) -> None:
    residual = (delta * np.logspace(-12, 18, 61)).astype(np.float32)
    wide = residual.astype(np.float64)
    for fn, hypers, value, slope in (
        (jaxloss.charbonnier_loss, {"epsilon": delta}, np.hypot(wide, delta), wide / np.hypot(wide, delta)),
        (jaxloss.pseudo_huber_loss, {"delta": delta}, None, delta * wide / np.hypot(wide, delta)),
        (jaxloss.cauchy_loss, {"scale": delta}, np.log1p((wide / delta) ** 2 / 2), None),
    ):
        if value is not None:
            assert ulps(values(fn, residual, **hypers), value) <= 4
        if slope is not None:
            assert ulps(slopes(fn, residual, **hypers), slope) <= 16


def test_pseudo_huber_in_its_delta() -> None:
    """The derivative in delta is that of ``delta * (hypot(delta, r) - delta)``, for residuals of any size."""
    residual, delta = np.logspace(-3, 20, 24), 2.0
    total = lambda d: jaxloss.pseudo_huber_loss(
        jnp.asarray(residual, jnp.float32), jnp.zeros(24), delta=d, reduction="none"
    )
    length = np.hypot(residual, delta)
    expected = (length - delta) ** 2 / length
    small = residual < 1
    expected[small] = (residual[small] ** 2 / (length[small] + delta)) ** 2 / length[small]
    np.testing.assert_allclose(jax.jacfwd(total)(delta), expected, rtol=2e-6)


def test_charbonnier_is_epsilon_at_a_perfect_fit() -> None:
    for epsilon in (1e-3, 0.5, 1e-20):
        assert values(jaxloss.charbonnier_loss, [0.0], epsilon=epsilon) == np.float32(epsilon)
        assert slopes(jaxloss.charbonnier_loss, [0.0], epsilon=epsilon) == 0


def test_cauchy_of_a_ratio_beyond_the_dtype() -> None:
    np.testing.assert_allclose(values(jaxloss.cauchy_loss, [1e38], scale=1e-6), 2 * np.log(1e44) - np.log(2), rtol=1e-6)
    for fn in (jaxloss.geman_mcclure_loss, jaxloss.welsch_loss, jaxloss.tukey_biweight_loss):
        assert slopes(fn, [1e38], scale=1e-6) == 0
        assert np.isfinite(values(fn, [1e38], scale=1e-6))


# ---- kinks -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["absolute_error", "epsilon_insensitive_loss", "berhu_loss"])
def test_slope_is_0_at_a_perfect_fit(name: str) -> None:
    assert slopes(getattr(jaxloss, name), [0.0]) == 0


def test_edge_of_the_tube() -> None:
    np.testing.assert_array_equal(slopes(jaxloss.epsilon_insensitive_loss, [0.5, -0.5, 0.25], half_width=0.5), 0)
    np.testing.assert_array_equal(slopes(jaxloss.epsilon_insensitive_loss, [0.75, -0.75], half_width=0.5), [1, -1])
    residual = jnp.array([-1.0, 0.0, 2.0])
    np.testing.assert_array_equal(values(jaxloss.epsilon_insensitive_loss, residual, half_width=0.0), np.abs(residual))


def test_thresholds_join_value_and_slope() -> None:
    around = jnp.array([2 - 1e-6, 2.0, 2 + 1e-6])
    for fn, hypers, value, slope in (
        (jaxloss.huber_loss, {"delta": 2.0}, 2.0, 2.0),
        (jaxloss.smooth_l1_loss, {"beta": 2.0}, 1.0, 1.0),
        (jaxloss.berhu_loss, {"threshold": 2.0}, 2.0, 1.0),
    ):
        np.testing.assert_allclose(values(fn, around, **hypers), value, rtol=3e-6)
        np.testing.assert_allclose(slopes(fn, around, **hypers), slope, rtol=3e-6)


# ---- identities ------------------------------------------------------------------------------------------------


def test_huber_and_smooth_l1_differ_by_the_threshold() -> None:
    assert values(jaxloss.huber_loss, [3.0], delta=2.0) == 4
    assert values(jaxloss.smooth_l1_loss, [3.0], beta=2.0) == 2


def test_smooth_l1_of_a_vanishing_threshold(rng: np.random.Generator) -> None:
    residual = jnp.asarray(rng.normal(size=9), jnp.float32).at[0].set(0)
    np.testing.assert_array_equal(values(jaxloss.smooth_l1_loss, residual, beta=0.0), np.abs(residual))
    np.testing.assert_allclose(values(jaxloss.smooth_l1_loss, residual, beta=1e-8), np.abs(residual), atol=1e-8)
    value, slope = jax.value_and_grad(lambda b: jaxloss.smooth_l1_loss(residual, 0 * residual, beta=b))(jnp.float32(0))
    assert np.isfinite(value)
    assert np.isfinite(slope)


def test_values_at_one_scale() -> None:
    """The values that Kornia's functions of these names give at a residual of 1."""
    np.testing.assert_allclose(values(jaxloss.cauchy_loss, [1.0]), 0.4055, atol=5e-5)
    np.testing.assert_allclose(values(jaxloss.geman_mcclure_loss, [1.0]), 0.4, atol=1e-7)
    np.testing.assert_allclose(values(jaxloss.welsch_loss, [1.0]), 0.3935, atol=5e-5)
    np.testing.assert_allclose(values(jaxloss.pseudo_huber_loss, [1.0]), 0.4142, atol=5e-5)


def test_tukey_ignores_outliers() -> None:
    np.testing.assert_allclose(values(jaxloss.tukey_biweight_loss, [4.685, 1e30]), 4.685**2 / 6, rtol=2 * EPS32)
    np.testing.assert_array_equal(slopes(jaxloss.tukey_biweight_loss, [4.685, 5.0, -1e30]), 0)


@pytest.mark.parametrize(
    ("alpha", "same"),
    [
        (2.0, lambda p, t, c: jaxloss.half_squared_error(p, t, reduction="none") / c**2),
        (1.0, lambda p, t, c: jaxloss.pseudo_huber_loss(p, t, delta=c, reduction="none") / c**2),
        (0.0, lambda p, t, c: jaxloss.cauchy_loss(p, t, scale=c, reduction="none")),
        (-2.0, lambda p, t, c: jaxloss.geman_mcclure_loss(p, t, scale=c, reduction="none")),
        (-np.inf, lambda p, t, c: jaxloss.welsch_loss(p, t, scale=c, reduction="none")),
        (np.inf, lambda p, t, c: jnp.expm1(jnp.square((p - t) / c) / 2)),
    ],
    ids=["squared", "pseudo_huber", "cauchy", "geman_mcclure", "welsch", "exponential"],
)
@pytest.mark.parametrize("traced", [False, True], ids=["concrete", "traced"])
def test_members_of_the_barron_family(alpha: float, same: Any, traced: bool, rng: np.random.Generator) -> None:
    predictions, targets = jnp.asarray(2 * rng.normal(size=(2, 50)), jnp.float32)
    predictions = predictions.at[0].set(targets[0])
    call = lambda a: jax.vmap(
        jax.value_and_grad(lambda p, t: jaxloss.barron_loss(p, t, alpha=a, scale=1.5)), in_axes=(0, 0)
    )(predictions, targets)
    value, slope = jax.jit(call)(jnp.float32(alpha)) if traced else call(alpha)
    expected = jax.vmap(jax.value_and_grad(lambda p, t: same(p, t, 1.5)))(predictions, targets)
    np.testing.assert_allclose(value, expected[0], rtol=4e-6)
    np.testing.assert_allclose(slope, expected[1], rtol=4e-6)


# ---- the general loss: derivatives in everything, near the singular shapes too ---------------------------------


def _general(residual: Any, alpha: Any, scale: Any) -> Any:
    """The formula in extended precision (64 bits of mantissa), for alpha not 0, 2 or infinite."""
    residual, alpha, scale = (np.asarray(x, np.longdouble) for x in (residual, alpha, scale))
    gap = np.abs(alpha - 2)
    return gap / alpha * np.expm1(alpha / 2 * np.log1p((residual / scale) ** 2 / gap))


def _general_slopes(residual: Any, alpha: Any, scale: Any) -> Any:
    """Its derivative in alpha by central differences of fourth order."""
    h = np.longdouble(1e-4) * min(1, abs(float(alpha) - 2))
    at = lambda k: _general(residual, np.longdouble(alpha) + k * h, scale)
    return (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * h)


def _barron_all(dtype: Any, residual: np.ndarray, alpha: float, scale: float) -> tuple[np.ndarray, ...]:
    fn = lambda r, a, c: jaxloss.barron_loss(r, jnp.zeros_like(r), alpha=a, scale=c)
    both = jax.jit(jax.vmap(jax.value_and_grad(fn, (0, 1, 2)), in_axes=(0, None, None)))
    value, gradients = both(jnp.asarray(residual, dtype), jnp.asarray(alpha, dtype), jnp.asarray(scale, dtype))
    return tuple(np.asarray(x, np.float64) for x in (value, *gradients))


ALPHAS = (-1e6, -30.0, -2.0, -0.5, -1e-3, 1e-3, 0.3, 0.999, 1.0, 1.001, 1.5, 1.9, 2.1, 3.0, 5.0)
RESIDUALS = np.array([0.0, 1e-3, 0.1, 0.7, -1.3, 2.5, -4.0, 6.0])


@pytest.mark.parametrize("alpha", ALPHAS)
def test_barron_derivatives(alpha: float) -> None:
    scale = 1.25
    expected = _general(RESIDUALS, alpha, scale).astype(np.float64)
    u = RESIDUALS / scale
    pull = u / scale * (u**2 / abs(alpha - 2) + 1) ** (alpha / 2 - 1)
    tilt = _general_slopes(RESIDUALS, alpha, scale).astype(np.float64)
    for dtype, rtol in ((np.float32, 3e-6), (np.float64, 1e-10)):
        with jax.enable_x64(dtype == np.float64):
            # alpha as the dtype has it
            value, in_residual, in_alpha, in_scale = _barron_all(dtype, RESIDUALS, alpha, scale)
        near = rtol * (1 if dtype == np.float64 else 4)
        np.testing.assert_allclose(value, expected, rtol=near)
        np.testing.assert_allclose(in_residual, pull, rtol=near, atol=1e-30)
        np.testing.assert_allclose(in_scale, -u * pull, rtol=near, atol=1e-30)
        # The derivative in alpha starts with the sixth power of the residual: it cancels, to the digits of the value.
        assert np.all(np.abs(in_alpha - tilt) <= 1e-8 * np.abs(tilt) + 20 * near * (np.abs(tilt) + expected))


@pytest.mark.parametrize("alpha", [-2.0, 0.0, 0.5, 1.0, 1.5, 3.0, -np.inf])
def test_barron_mixed_second_derivatives_at_a_residual_of_0(alpha: float) -> None:
    """The loss is even in the residual, so its slope there is 0 for every shape and scale."""
    loss = lambda r, a, c: jaxloss.barron_loss(r, jnp.zeros_like(r), alpha=a, scale=c)
    at = jnp.float32(0), jnp.float32(alpha), jnp.float32(1.25)
    np.testing.assert_array_equal(jax.grad(jax.grad(loss), (1, 2))(*at), 0)
    np.testing.assert_array_equal(jax.grad(lambda *at: sum(jax.grad(loss, (1, 2))(*at)))(*at), 0)


@pytest.mark.parametrize("alpha", [0.0, 1e-12, -1e-12, 1e-8, -1e-8, 1e-5, -1e-5, 1e-30])
def test_barron_near_alpha_0(alpha: float) -> None:
    """Against the Taylor series in alpha about 0; the naive formula divides a difference of equals by alpha here."""
    z = np.square(RESIDUALS).astype(np.longdouble) / 2
    spread = np.log1p(z)
    first = spread**2 / 4 - spread / 2 + z / (1 + z) / 2
    for dtype, rtol in ((np.float32, 3e-6), (np.float64, 1e-9)):
        with jax.enable_x64(dtype == np.float64):
            value, in_residual, in_alpha, _ = _barron_all(dtype, RESIDUALS, alpha, 1.0)
        np.testing.assert_allclose(value, (spread + alpha * first).astype(np.float64), rtol=rtol)
        np.testing.assert_allclose(in_residual, RESIDUALS / (1 + RESIDUALS**2 / 2), rtol=rtol + 10 * abs(alpha))
        np.testing.assert_allclose(in_alpha, first.astype(np.float64), rtol=1e-4, atol=rtol * 0.1)


@pytest.mark.parametrize("offset", [0.0, 2.0**-22, -(2.0**-23), 1e-6, -1e-6, 1e-4, -1e-4])
def test_barron_near_alpha_2(offset: float) -> None:
    """Half the squared error; the slope in alpha is logarithmic in the distance, and at 2 that of its neighbour."""
    alpha = float(np.float32(2 + offset))
    value, in_residual, in_alpha, in_scale = _barron_all(np.float32, RESIDUALS, alpha, 1.0)
    square = RESIDUALS**2
    gap = max(abs(alpha - 2), 2.0**-23)
    rtol = 8 * gap * np.log(100 / gap) + 2e-6
    np.testing.assert_allclose(value, square / 2, rtol=rtol)
    np.testing.assert_allclose(in_residual, RESIDUALS, rtol=rtol)
    np.testing.assert_allclose(in_scale, -square, rtol=rtol)
    if offset == 0:
        np.testing.assert_array_equal(value, np.float32(0.5) * np.square(RESIDUALS.astype(np.float32)))
    tilt = _general_slopes(RESIDUALS, alpha if offset else 2 - 2.0**-23, 1.0).astype(np.float64)
    # At 2 the two terms of the value are not told apart by alpha: small residuals are off by the distance.
    np.testing.assert_allclose(in_alpha, tilt, rtol=1e-5, atol=1e-6 if offset == 0 else 1e-12)


@pytest.mark.parametrize("alpha", [-np.inf, -3e38, -1e20, -1e9, 1e9, 1e20, 3e38, np.inf])
def test_barron_of_infinite_and_immense_alpha(alpha: float) -> None:
    residual = RESIDUALS.astype(np.float32).astype(np.float64)
    sign = np.sign(alpha)
    value, in_residual, in_alpha, in_scale = _barron_all(np.float32, RESIDUALS, alpha, 1.0)
    np.testing.assert_allclose(value, sign * np.expm1(sign * residual**2 / 2), rtol=1e-5)
    pull = residual * np.exp(sign * residual**2 / 2)
    np.testing.assert_allclose(in_residual, pull, rtol=1e-5)
    np.testing.assert_allclose(in_scale, -residual * pull, rtol=1e-5)
    np.testing.assert_allclose(in_alpha, 0, atol=1e-6)
    if np.isinf(alpha):
        np.testing.assert_array_equal(in_alpha, 0)


@pytest.mark.parametrize("alpha", [-np.inf, -1e20, -2.0, 0.0, 0.5, 1.0])
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_barron_of_huge_residuals(alpha: float, scale: float) -> None:
    """Beyond the squares of float32: an exact limit, or the growth r**alpha."""
    residual = np.array([1e19, 1e25, 1e30, 3e31])
    value, in_residual, in_alpha, in_scale = _barron_all(np.float32, residual, alpha, scale)
    wide = np.float64(residual) / np.float64(np.float32(scale))
    if np.isinf(alpha) or alpha < -1e9:
        expected = np.ones(4)
    elif alpha == 0:
        expected = np.log1p(wide**2 / 2)
    else:
        expected = _general(wide, alpha, 1.0).astype(np.float64)
    np.testing.assert_allclose(value, expected, rtol=1e-4)
    if alpha == 1:
        np.testing.assert_allclose(in_residual, 1 / scale, rtol=1e-4)
    # With alpha of 1 these grow like r log(r) / scale and r / scale**2, which has to fit.
    fits = slice(None) if alpha < 1 else wide < 1e31
    assert all(np.all(np.isfinite(x[fits])) for x in (in_residual, in_alpha, in_scale))


def test_barron_hessian_is_finite_at_singular_shapes() -> None:
    fn = lambda r, a, c: jaxloss.barron_loss(r, jnp.zeros_like(r), alpha=a, scale=c)
    hessian = jax.jit(jax.hessian(fn, (0, 1, 2)))
    for alpha in (-np.inf, -2.0, 0.0, 1.0, 2.0, 3.0):
        for residual in (0.0, 0.5, -3.0):
            leaves = jax.tree.leaves(hessian(jnp.float32(residual), jnp.float32(alpha), jnp.float32(1.5)))
            assert np.all(np.isfinite(leaves)), (alpha, residual, leaves)


def test_barron_sweeps_alpha_in_one_trace(rng: np.random.Generator) -> None:
    predictions, targets = jnp.asarray(rng.normal(size=(2, 5)), jnp.float32)
    alphas = jnp.array([-jnp.inf, -2.0, 0.0, 1.0, 2.0, jnp.inf])
    swept = jax.vmap(lambda a: jaxloss.barron_loss(predictions, targets, alpha=a))(alphas)
    np.testing.assert_allclose(
        swept, [jaxloss.barron_loss(predictions, targets, alpha=float(a)) for a in alphas], rtol=4e-6
    )
    assert np.all(np.diff(swept) > 0), "the loss rises with alpha"


# ---- other packages --------------------------------------------------------------------------------------------


def test_optax() -> None:
    optax = pytest.importorskip("optax")
    rng = np.random.default_rng(1)
    with jax.enable_x64(True):
        predictions, targets = jnp.asarray(3 * rng.normal(size=(2, 6, 7)))
        none = {"reduction": "none"}
        np.testing.assert_allclose(
            jaxloss.huber_loss(predictions, targets, delta=0.7, **none),
            optax.huber_loss(predictions, targets, delta=0.7),
            rtol=1e-12,
        )
        np.testing.assert_allclose(
            jaxloss.log_cosh(predictions, targets, **none), optax.log_cosh(predictions, targets), rtol=1e-9
        )


@pytest.mark.parametrize("masked", [False, True])
def test_torch(masked: bool, rng: np.random.Generator) -> None:
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional
    predictions, targets = 3 * rng.normal(size=(2, 6, 7))
    keep = rng.uniform(size=(6, 7)) < 0.6 if masked else np.ones((6, 7), bool)
    pairs = [
        (jaxloss.absolute_error, functional.l1_loss, {}),
        (jaxloss.huber_loss, functional.huber_loss, {"delta": 0.7}),
        (jaxloss.huber_loss, functional.huber_loss, {}),
        (jaxloss.smooth_l1_loss, functional.smooth_l1_loss, {"beta": 0.0}),
        (jaxloss.smooth_l1_loss, functional.smooth_l1_loss, {"beta": 2.5}),
        (jaxloss.smooth_l1_loss, functional.smooth_l1_loss, {}),
    ]
    for ours, theirs, hypers in pairs:
        x = torch.tensor(predictions, requires_grad=True)
        expected = theirs(x[keep], torch.tensor(targets)[keep], **hypers)
        expected.backward()
        with jax.enable_x64(True):
            where = jnp.asarray(keep) if masked else None
            fn = lambda p, ours=ours, hypers=hypers, where=where: ours(p, jnp.asarray(targets), **hypers, where=where)
            value, gradient = jax.value_and_grad(fn)(jnp.asarray(predictions))
        np.testing.assert_allclose(value, expected.item(), rtol=1e-12)
        np.testing.assert_allclose(gradient, x.grad.numpy(), rtol=1e-12, atol=1e-15)


def test_keras(rng: np.random.Generator) -> None:
    keras = pytest.importorskip("keras")
    predictions, targets = np.asarray(3 * rng.normal(size=(2, 6, 7)), np.float32)
    for ours, theirs, hypers in (
        (jaxloss.absolute_error, keras.losses.mean_absolute_error, {}),
        (jaxloss.huber_loss, keras.losses.huber, {"delta": 0.75}),
        (jaxloss.log_cosh, keras.losses.log_cosh, {}),
    ):
        value = ours(predictions, targets, **hypers)
        np.testing.assert_allclose(value, np.mean(np.asarray(theirs(targets, predictions, **hypers))), rtol=2e-6)
