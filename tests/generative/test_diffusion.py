"""Diffusion, score matching and flows: identities between parametrisations, weights at the ends, shapes, dtypes."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
import scipy.stats

import jaxloss
from jaxloss import diffusion

SCHEDULES = {
    "variance preserving": lambda t: (np.cos(0.5 * np.pi * t), np.sin(0.5 * np.pi * t)),
    "variance exploding": lambda t: (np.ones_like(t), 80 * t),
    "straight": lambda t: (1 - t, t),
}
TIMES = np.array([0.02, 0.3, 0.6, 0.98])


@pytest.fixture(params=SCHEDULES, ids=lambda name: name.replace(" ", "_"))
def example(request, rng):
    alphas, sigmas = SCHEDULES[request.param](TIMES)
    samples, noise, other = rng.normal(size=(3, 4, 2, 3))
    return samples, noise, other, alphas, sigmas


def each(fn, *args, **kwargs):
    return np.asarray(fn(*args, **kwargs, reduction="none"))


# ---- parametrisations ------------------------------------------------------------------------------------------


def test_every_quantity_determines_the_others(example):
    samples, noise, _, alphas, sigmas = example
    with jax.enable_x64(True):
        noisy = diffusion.diffuse(samples, noise, alphas, sigmas)
        velocity = diffusion.v_target(samples, noise, alphas, sigmas)
        a, s = alphas[:, None, None], sigmas[:, None, None]
        quantities = {"epsilon": noise, "x0": samples, "v": velocity, "score": -noise / s}
        for source, value in quantities.items():
            for target, expected in quantities.items():
                actual = diffusion.convert(noisy, value, alphas, sigmas, source=source, target=target)
                np.testing.assert_allclose(actual, expected, rtol=1e-9, atol=1e-9, err_msg=f"{target} from {source}")
    np.testing.assert_allclose(noisy, a * samples + s * noise, rtol=1e-14)
    np.testing.assert_allclose(velocity, a * noise - s * samples, rtol=1e-13, atol=1e-13)


def test_the_losses_are_one_loss_in_other_weights(example):
    """epsilon = SNR x0, v = (alpha^2 + sigma^2)^2 / sigma^2 x0, which is SNR + 1 on a circle; DSM is epsilon."""
    samples, noise, guess, alphas, sigmas = example
    ones, snr = np.ones(4), (alphas / sigmas) ** 2
    with jax.enable_x64(True):
        noisy = diffusion.diffuse(samples, noise, alphas, sigmas)
        x0 = diffusion.convert(noisy, guess, alphas, sigmas, source="epsilon", target="x0")
        velocity = diffusion.convert(noisy, guess, alphas, sigmas, source="epsilon", target="v")
        score = diffusion.convert(noisy, guess, alphas, sigmas, source="epsilon", target="score")
        of_epsilon = each(jaxloss.epsilon_prediction_loss, guess, noise, ones)
        of_x0 = each(jaxloss.x0_prediction_loss, x0, samples, ones)
        of_v = each(jaxloss.v_prediction_loss, velocity, samples, noise, alphas, sigmas, ones)
        of_score = each(jaxloss.denoising_score_matching_loss, score, noise, sigmas, ones)
    np.testing.assert_allclose(of_epsilon, snr * of_x0, rtol=1e-10)
    np.testing.assert_allclose(of_v, (alphas**2 + sigmas**2) ** 2 / sigmas**2 * of_x0, rtol=1e-10)
    circle = np.isclose(alphas**2 + sigmas**2, 1)
    np.testing.assert_allclose(of_v[circle], ((snr + 1) * of_x0)[circle], rtol=1e-10)
    np.testing.assert_allclose(of_score, of_epsilon, rtol=1e-10)


@pytest.mark.parametrize("gamma", [5.0, 0.5])
def test_min_snr_is_one_objective_in_three_parametrisations(rng, gamma):
    alphas, sigmas = SCHEDULES["variance preserving"](TIMES)
    samples, noise, guess = rng.normal(size=(3, 4, 2))
    with jax.enable_x64(True):
        noisy = diffusion.diffuse(samples, noise, alphas, sigmas)
        x0 = diffusion.convert(noisy, guess, alphas, sigmas, source="epsilon", target="x0")
        velocity = diffusion.convert(noisy, guess, alphas, sigmas, source="epsilon", target="v")
        weights = [
            fn(alphas, sigmas, gamma=gamma)
            for fn in (
                diffusion.min_snr_weights_for_epsilon,
                diffusion.min_snr_weights_for_x0,
                diffusion.min_snr_weights_for_v,
            )
        ]
        values = [
            each(jaxloss.epsilon_prediction_loss, guess, noise, weights[0]),
            each(jaxloss.x0_prediction_loss, x0, samples, weights[1]),
            each(jaxloss.v_prediction_loss, velocity, samples, noise, alphas, sigmas, weights[2]),
        ]
    snr = (alphas / sigmas) ** 2
    capped = np.minimum(snr, gamma)
    for actual, expected in zip(weights, (capped / snr, capped, capped / (snr + 1)), strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-12)
    np.testing.assert_allclose(values[1], values[0], rtol=1e-10)
    np.testing.assert_allclose(values[2], values[0], rtol=1e-10)


def test_weights_are_finite_at_both_ends():
    """SNR = 0 at the terminal step: min(SNR, 5) / SNR is 0 / 0 as it is written."""
    alphas, sigmas = jnp.array([0.0, 1.0, 1e-30, 1e30]), jnp.array([1.0, 0.0, 1e30, 1e-30])
    ends = {
        diffusion.min_snr_weights_for_epsilon: [1, 0, 1, 0],
        diffusion.min_snr_weights_for_x0: [0, 5, 0, 5],
        diffusion.min_snr_weights_for_v: [0, 0, 0, 0],
    }
    for fn, expected in ends.items():
        np.testing.assert_array_equal(fn(alphas, sigmas), expected)
        slopes = jax.grad(lambda a, s, fn=fn: jnp.sum(fn(a, s)), (0, 1))(alphas, sigmas)
        assert np.all(np.isfinite(slopes)), fn.__name__


def test_weights_refuse_and_promote():
    for fn in (
        diffusion.min_snr_weights_for_epsilon,
        diffusion.min_snr_weights_for_x0,
        diffusion.min_snr_weights_for_v,
    ):
        with pytest.raises(ValueError, match="gamma"):
            fn(jnp.ones(2), jnp.ones(2), gamma=0.0)
        with pytest.raises(ValueError, match="shape"):
            fn(jnp.ones(2), jnp.ones(3))
        assert fn(jnp.ones(2, jnp.bfloat16), jnp.ones(2, jnp.bfloat16)).dtype == jnp.float32
        program = jax.jit(lambda g, fn=fn: fn(jnp.array([2.0]), jnp.array([1.0]), gamma=g))
        np.testing.assert_allclose(program(2.0), fn(jnp.array([2.0]), jnp.array([1.0]), gamma=2.0))
    with pytest.raises(ValueError, match="sigma_data"):
        diffusion.edm_weights(jnp.ones(2), sigma_data=0.0)


def test_edm_preconditioning(rng):
    """The weight undoes the output scale: the loss of D is that of the raw network F against its own target."""
    sigmas, data = np.array([0.1, 1.0, 10.0]), 0.5
    samples, noise, raw = rng.normal(size=(3, 3, 4))
    s = sigmas[:, None]
    skip, out = data**2 / (s**2 + data**2), s * data / np.sqrt(s**2 + data**2)
    noisy = samples + s * noise
    with jax.enable_x64(True):
        values = each(jaxloss.x0_prediction_loss, skip * noisy + out * raw, samples, diffusion.edm_weights(sigmas))
    np.testing.assert_allclose(values, np.mean((raw - (samples - skip * noisy) / out) ** 2, -1), rtol=1e-10)


def test_p2_and_sigmoid_weights(rng):
    """The formulas of the papers, on logarithms of the ratio; and what they are at both ends."""
    alphas, sigmas = SCHEDULES["variance preserving"](TIMES)
    ratio = (alphas / sigmas) ** 2
    with jax.enable_x64(True):
        p2 = diffusion.p2_weights_for_epsilon(alphas, sigmas, gamma=0.5, offset=2.0)
        sigmoid = [diffusion.sigmoid_weights_for_epsilon(alphas, sigmas, bias=b) for b in (-2.0, 0.0, 3.0)]
        epsilon = [diffusion.p2_weights_for_epsilon(alphas, sigmas, gamma=g) for g in (0.0, 1.0)]
    np.testing.assert_allclose(p2, (2 + ratio) ** -0.5, rtol=1e-12)
    for b, weights in zip((-2.0, 0.0, 3.0), sigmoid, strict=True):
        np.testing.assert_allclose(weights, scipy.special.expit(b - np.log(ratio)), rtol=1e-12)
    np.testing.assert_array_equal(epsilon[0], np.ones_like(ratio))
    np.testing.assert_allclose(epsilon[1], sigmoid[1], rtol=1e-12)
    ends = jnp.array([0.0, 1.0, 1e-30, 1e30]), jnp.array([1.0, 0.0, 1e30, 1e-30])
    biased = [functools.partial(diffusion.sigmoid_weights_for_epsilon, bias=b) for b in (-500.0, 2.0, 500.0)]
    for fn in (diffusion.p2_weights_for_epsilon, *biased):
        weights, slopes = fn(*ends), jax.grad(lambda a, s, fn=fn: jnp.sum(fn(a, s)), (0, 1))(*ends)
        np.testing.assert_array_equal(weights, [1, 0, 1, 0])
        assert np.all(np.isfinite(slopes))
    with pytest.raises(ValueError, match="offset"):
        diffusion.p2_weights_for_epsilon(alphas, sigmas, offset=0.0)


def test_weights_of_times_are_densities(rng):
    """Their integral is 1, and the second is the density of the times that the paper draws."""
    times = np.linspace(0, 1, 20001)
    with jax.enable_x64(True):
        cosmap = diffusion.cosmap_weights(times)
        normal = diffusion.logit_normal_weights(times, mean=-0.5, scale=0.7)
        slopes = jax.grad(lambda t: jnp.sum(diffusion.logit_normal_weights(t)))(times)
    inside = times[1:-1]
    logits = scipy.special.logit(inside)
    np.testing.assert_allclose(cosmap, 2 / (np.pi * (1 - 2 * times + 2 * times**2)), rtol=1e-12)
    density = scipy.stats.norm.pdf(logits, -0.5, 0.7) / (inside * (1 - inside))
    np.testing.assert_allclose(np.asarray(normal)[1:-1], density, rtol=1e-11)
    np.testing.assert_array_equal(np.asarray(normal)[[0, -1]], 0)
    assert np.all(np.isfinite(np.asarray(slopes)))
    for weights in (cosmap, normal):
        np.testing.assert_allclose(np.trapezoid(weights, times), 1, rtol=1e-7)
    with pytest.raises(ValueError, match="scale"):
        diffusion.logit_normal_weights(times, scale=0.0)
    with pytest.raises(TypeError, match="times"):
        diffusion.cosmap_weights(np.array([0, 1]))


def test_shortcut_models_are_a_squared_error():
    """Two steps of one size are a step of the double size: on the exact flow of ``x' = -x`` the loss is 0."""
    network = lambda x, t, d: x * jnp.expm1(-d) / d + 0 * t
    x, t, d = jnp.array([[1.0], [-2.0]]), jnp.array(0.25), jnp.array(0.125)
    first = network(x, t, d)
    target = jax.lax.stop_gradient((first + network(x + d * first, t + d, d)) / 2)
    assert jaxloss.squared_error(network(x, t, 2 * d), target) < 1e-12
    assert jaxloss.squared_error(-x, target) > 1e-3


# ---- flows -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sigma_min", [0.0, 0.01])
def test_flow_path_and_ends(rng, sigma_min):
    noise, samples = rng.normal(size=(2, 4, 3))
    times = np.array([0.0, 0.25, 0.5, 1.0])
    with jax.enable_x64(True):
        points = diffusion.linear_flow_path(samples, noise, times, sigma_min=sigma_min)
        velocity = jax.jvp(
            lambda t: diffusion.linear_flow_path(samples, noise, t, sigma_min=sigma_min), (times,), (np.ones(4),)
        )[1]
        ends = diffusion.flow_endpoints(points, velocity, times, sigma_min=sigma_min)
        perfect = jaxloss.flow_matching_loss(velocity, samples, noise, np.ones(4), sigma_min=sigma_min)
    np.testing.assert_array_equal(np.asarray(points)[0], noise[0])
    np.testing.assert_allclose(np.asarray(points)[3], samples[3] + sigma_min * noise[3], rtol=1e-14)
    np.testing.assert_allclose(ends[1], noise, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(ends[0], samples, rtol=1e-10, atol=1e-12)
    assert float(perfect) < 1e-30


def test_time_runs_from_noise_to_data(rng):
    """Other code bases have data at 0: then the velocity has the other sign."""
    noise, samples = jnp.zeros((1, 2)), jnp.ones((1, 2))
    ahead = jaxloss.flow_matching_loss(samples - noise, samples, noise, jnp.ones(1))
    back = jaxloss.flow_matching_loss(noise - samples, samples, noise, jnp.ones(1))
    assert (ahead, back) == (0, 4)


def test_a_flow_is_a_diffusion_with_straight_factors(rng):
    """alpha = t, sigma = 1 - t: the velocity determines the noise, and the loss is that of the noise over t^2."""
    samples, noise, guess = rng.normal(size=(3, 4, 3))
    with jax.enable_x64(True):
        points = diffusion.linear_flow_path(samples, noise, TIMES)
        np.testing.assert_allclose(points, diffusion.diffuse(samples, noise, TIMES, 1 - TIMES), rtol=1e-13)
        x0, epsilon = diffusion.flow_endpoints(points, guess, TIMES)
        np.testing.assert_allclose(
            x0, diffusion.convert(points, epsilon, TIMES, 1 - TIMES, source="epsilon", target="x0"), rtol=1e-10
        )
        of_flow = each(jaxloss.flow_matching_loss, guess, samples, noise, np.ones(4))
        of_epsilon = each(jaxloss.epsilon_prediction_loss, epsilon, noise, TIMES**-2)
        of_x0 = each(jaxloss.x0_prediction_loss, x0, samples, (1 - TIMES) ** -2)
    np.testing.assert_allclose(of_epsilon, of_flow, rtol=1e-10)
    np.testing.assert_allclose(of_x0, of_flow, rtol=1e-10)


# ---- weights, shapes, dtypes -----------------------------------------------------------------------------------


def test_loss_weights_multiply_and_weights_average():
    predictions, noise, w = jnp.ones((2, 3)), jnp.zeros((2, 3)), jnp.array([1.0, 3.0])
    assert jaxloss.epsilon_prediction_loss(predictions, noise, w) == 2
    assert jaxloss.epsilon_prediction_loss(predictions, noise, jnp.ones(2), weights=w) == 1


def test_one_number_weighs_the_whole_array():
    predictions = jnp.arange(6.0).reshape(2, 3)
    value = jaxloss.epsilon_prediction_loss(predictions, jnp.zeros((2, 3)), 2.0)
    np.testing.assert_allclose(value, 2 * np.mean(np.arange(6.0) ** 2))


def test_several_batch_axes_are_those_of_the_numbers(rng):
    predictions, noise = rng.normal(size=(2, 2, 3, 4)).astype(np.float32)
    values = jaxloss.epsilon_prediction_loss(predictions, noise, np.ones((2, 3), np.float32), reduction="none")
    np.testing.assert_allclose(values, np.mean((predictions - noise) ** 2, -1), rtol=1e-6)


def test_a_schedule_in_double_precision_leaves_data_in_single():
    data, level = np.ones((2, 3), np.float32), np.full(2, 0.5)
    with jax.enable_x64(True):
        assert jaxloss.v_prediction_loss(data, data, data, level, level, level).dtype == np.float32
        assert diffusion.diffuse(data, data, level, level).dtype == np.float32
        assert jaxloss.flow_matching_loss(data, data, data, 1.0).dtype == np.float32
        assert jaxloss.denoising_score_matching_loss(data, data, level, level).dtype == np.float32


def test_large_errors_overflow_only_with_their_mean():
    predictions = jnp.zeros((1, 100)).at[0, 0].set(3e19)
    np.testing.assert_allclose(
        jaxloss.epsilon_prediction_loss(predictions, jnp.zeros((1, 100)), jnp.ones(1)), 9e36, rtol=1e-6
    )


CONVERTERS = {
    "diffuse": diffusion.diffuse,
    "v_target": diffusion.v_target,
    "convert": functools.partial(diffusion.convert, source="x0", target="v"),
    "convert to itself": functools.partial(diffusion.convert, source="x0", target="x0"),
}


@pytest.mark.parametrize("name", CONVERTERS)
def test_converters_refuse_shapes_and_raise_precision(name):
    fn, data, level = CONVERTERS[name], jnp.ones((2, 3)), jnp.full(2, 0.5)
    for wrong in (
        (data, data[:1], level, level),
        (data, data, level[:1], level[:1]),
        (data, data, level[:, None], level[:, None]),
        (data, data, level, level[:1]),
    ):
        with pytest.raises(ValueError, match="shape"):
            fn(*wrong)
    with pytest.raises(TypeError, match="floating"):
        fn(jnp.ones((2, 3), jnp.int32), data, level, level)
    assert fn(data.astype(jnp.bfloat16), data.astype(jnp.bfloat16), level, level).dtype == jnp.float32


def test_converters_know_four_quantities():
    data, level = jnp.ones((2, 3)), jnp.full(2, 0.5)
    for wrong in ({"source": "noise", "target": "x0"}, {"source": "epsilon", "target": "sample"}):
        with pytest.raises(ValueError, match="must be one of 'epsilon', 'x0', 'v', 'score'; found"):
            diffusion.convert(data, data, level, level, **wrong)


def test_velocity_determines_noise_and_data_at_both_ends():
    """At pure noise and at clean data, where the other conversions divide by 0."""
    noisy, velocity = jnp.array([[3.0], [3.0]]), jnp.array([[2.0], [2.0]])
    ends = jnp.array([0.0, 1.0]), jnp.array([1.0, 0.0])
    np.testing.assert_array_equal(diffusion.convert(noisy, velocity, *ends, source="v", target="x0"), [[-2], [3]])
    np.testing.assert_array_equal(diffusion.convert(noisy, velocity, *ends, source="v", target="epsilon"), [[3], [2]])


# ---- score matching --------------------------------------------------------------------------------------------


def gaussian_score(params, x):
    """Of the normal distribution with mean m and precision matrix P."""
    return -(x - params["m"][None]) @ params["p"]


def gaussian_problem(rng, n=5, d=3):
    root = rng.normal(size=(d, d))
    return {"m": rng.normal(size=d), "p": root @ root.T}, rng.normal(size=(n, d))


@pytest.mark.parametrize("jit", [False, True], ids=["eager", "jit"])
def test_implicit_score_matching_of_a_gaussian(rng, jit):
    params, x = gaussian_problem(rng)
    keep = np.array([True, False, True, True, True])
    wrap = jax.jit if jit else lambda f: f
    shifted = x - params["m"]
    expected = -np.trace(params["p"]) + 0.5 * ((shifted @ params["p"]) ** 2).sum(-1)
    in_m = -(shifted @ params["p"] @ params["p"])
    with jax.enable_x64(True):
        value, gradient = wrap(
            jax.value_and_grad(lambda p: jaxloss.implicit_score_matching_loss(gaussian_score, p, x, where=keep))
        )(jax.tree.map(jnp.asarray, params))
    np.testing.assert_allclose(value, expected[keep].mean(), rtol=1e-12)
    np.testing.assert_allclose(gradient["m"], in_m[keep].mean(0), rtol=1e-11, atol=1e-13)


def test_slices_along_a_basis_add_up_to_the_exact_loss(rng):
    params, x = gaussian_problem(rng)
    keep = np.array([True, False, True, True, True])
    with jax.enable_x64(True):
        exact = jaxloss.implicit_score_matching_loss(gaussian_score, params, x, where=keep)
        slices = [
            float(jaxloss.sliced_score_matching_loss(gaussian_score, params, x, np.tile(v, (5, 1)), where=keep))
            for v in np.eye(3)
        ]
    np.testing.assert_allclose(sum(slices), exact, rtol=1e-12)


def test_the_true_model_is_the_minimum(rng):
    x = np.array([[-1.0], [1.0], [0.5], [-0.5]])
    variance = np.mean(x**2)
    with jax.enable_x64(True):
        fn = lambda precision: jaxloss.implicit_score_matching_loss(lambda p, x: -p * x, precision, x)
        np.testing.assert_allclose(jax.grad(fn)(1 / variance), 0, atol=1e-14)


def test_images_nan_and_masks_of_score_matching(rng):
    images = rng.normal(size=(3, 2, 2, 1)).astype(np.float32)
    images[1] = np.nan
    model = lambda p, x: -p * x
    keep = np.array([True, False, True])
    directions = np.ones_like(images)
    for fn in (
        lambda p, w: jaxloss.implicit_score_matching_loss(model, p, images, where=w, reduction="none"),
        lambda p, w: jaxloss.sliced_score_matching_loss(model, p, images, directions, where=w, reduction="none"),
    ):
        np.testing.assert_array_equal(np.isnan(fn(2.0, None)), [False, True, False])
        assert np.all(np.isfinite(fn(2.0, keep)))
        assert np.isfinite(jax.grad(lambda p, fn=fn: jnp.sum(fn(p, keep)))(2.0))


def test_score_models_must_keep_the_shape():
    x = jnp.ones((3, 2))
    with pytest.raises(ValueError, match="scores"):
        jaxloss.implicit_score_matching_loss(lambda p, x: x[:, :1], None, x)
    with pytest.raises(ValueError, match="directions"):
        jaxloss.sliced_score_matching_loss(lambda p, x: x, None, x, x[:1])
    with pytest.raises(TypeError, match="samples"):
        jaxloss.implicit_score_matching_loss(lambda p, x: x, None, jnp.ones((3, 2), jnp.int32))
    with pytest.raises(ValueError, match="examples"):
        jaxloss.implicit_score_matching_loss(lambda p, x: x, None, jnp.float32(1.0))


def test_denoising_equals_implicit_in_expectation(rng):
    """Vincent: for noisy data the two objectives differ by a constant, so their gradients agree (1-d quadrature)."""
    nodes, quadrature = np.polynomial.hermite_e.hermegauss(40)
    mass = quadrature / quadrature.sum()
    data, sigma = np.array([-1.0, 0.5, 2.0]), 0.7
    noise = np.tile(nodes, 3)[:, None]
    noisy = np.repeat(data, 40)[:, None] + sigma * noise
    weights = np.tile(mass, 3)
    model = lambda p, x: -p[0] * x + p[1] * jnp.tanh(x)
    level, lam = np.full(120, sigma), np.full(120, 0.5 / sigma**2)
    with jax.enable_x64(True):
        p = jnp.array([0.8, 0.3])
        implicit = jax.grad(lambda p: jaxloss.implicit_score_matching_loss(model, p, noisy, weights=weights))(p)
        denoising = jax.grad(
            lambda p: jaxloss.denoising_score_matching_loss(model(p, noisy), noise, level, lam, weights=weights)
        )(p)
    np.testing.assert_allclose(implicit, denoising, rtol=1e-8)


# ---- targets from the network itself ---------------------------------------------------------------------------


def test_a_consistency_target_is_not_trained(rng):
    f, target = rng.normal(size=(2, 3, 4)).astype(np.float32)
    in_f, in_target = jax.grad(jaxloss.consistency_loss, (0, 1))(f, target, jnp.ones(3))
    assert np.any(in_f)
    assert not np.any(in_target)


def test_consistency_loss_between_square_and_norm():
    """Far below c sqrt(D) it is |d|^2 / (2 c sqrt(D)), with its digits; far above it is |d|."""
    zero, ones = jnp.zeros((1, 4)), jnp.ones(1)
    near = jaxloss.consistency_loss(jnp.full((1, 4), 1e-6), zero, ones, c=1.0)
    np.testing.assert_allclose(near, 4e-12 / 4, rtol=1e-5)
    far = jaxloss.consistency_loss(jnp.full((1, 4), 1e25), zero, ones)
    np.testing.assert_allclose(far, 2e25, rtol=1e-6)
    value, gradient = jax.value_and_grad(lambda x: jaxloss.consistency_loss(x, zero, ones, c=0.0))(zero)
    assert value == 0
    assert not np.any(gradient)


def test_score_distillation_moves_samples_alone(rng):
    """The gradient is w (predicted - added), however the model depends on the samples."""
    x, noise = rng.normal(size=(2, 3, 4))
    w = np.array([0.5, 1.0, 2.0])
    keep = np.array([True, False, True])
    with jax.enable_x64(True):
        loss = lambda x: jaxloss.score_distillation_loss(x, jnp.tanh(3 * x), noise, w, where=keep, reduction="sum")
        gradient = jax.grad(loss)(jnp.asarray(x))
    np.testing.assert_allclose(gradient, (w * keep)[:, None] * (np.tanh(3 * x) - noise), rtol=1e-12)
    slopes = jax.grad(jaxloss.score_distillation_loss, (1, 2))(*(jnp.asarray(v, jnp.float32) for v in (x, x, noise, w)))
    assert not np.any(slopes)


def test_the_average_velocity_is_a_fixed_point_of_mean_flow(rng):
    """For v = a x the flow is x e^{a (t - s)} and its average velocity over [r, t] is x (1 - e^{-a (t - r)}) / (t - r)."""
    a, points = 0.7, rng.normal(size=(4, 2))
    starts, times = np.array([0.0, 0.1, 0.5, 0.2]), np.array([1.0, 0.4, 0.6, 0.9])

    def average(a, x, r, t):
        return x * (-jnp.expm1(-a * (t - r)) / (t - r))[:, None]

    with jax.enable_x64(True):
        predictions, targets = diffusion.mean_flow_target(average, a, points, a * points, starts, times)
    np.testing.assert_allclose(predictions, targets, rtol=1e-12)


def test_mean_flow_at_one_time_is_flow_matching(rng):
    points, velocities = rng.normal(size=(2, 3, 2)).astype(np.float32)
    times = jnp.array([0.1, 0.5, 0.9])
    model = lambda p, x, r, t: jnp.tanh(p * x + (t - r)[:, None])
    loss = lambda p: jaxloss.squared_error(*diffusion.mean_flow_target(model, p, points, velocities, times, times))
    plain = lambda p: jaxloss.squared_error(model(p, points, times, times), velocities)
    for ours, theirs in zip(
        jax.value_and_grad(loss)(jnp.float32(0.5)), jax.value_and_grad(plain)(jnp.float32(0.5)), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)
    with pytest.raises(ValueError, match="predictions"):
        diffusion.mean_flow_target(lambda p, x, r, t: x[:1], None, points, velocities, times, times)


def test_the_target_of_mean_flow_is_a_constant(rng):
    points, velocities = rng.normal(size=(2, 3, 2)).astype(np.float32)
    starts, times = jnp.zeros(3), jnp.array([0.1, 0.5, 0.9])
    model = lambda p, x, r, t: jnp.tanh(p * x + (t - r)[:, None])
    both = lambda p: diffusion.mean_flow_target(model, p, points, velocities, starts, times)
    (_, targets), (in_predictions, in_targets) = jax.jvp(both, (jnp.float32(0.5),), (jnp.float32(1.0),))
    assert np.abs(targets - velocities).min() > 0
    assert np.abs(in_predictions).min() > 0
    np.testing.assert_array_equal(in_targets, 0)
