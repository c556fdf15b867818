"""Gradient penalties: closed forms on quadratic critics, flat critics, masks, transformations, parity."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss

R_PENALTIES = [jaxloss.r1_penalty, jaxloss.r2_penalty]


def quadratic(params, x):
    """``x' A x / 2 + b' x``, whose slope at x is ``(A + A') x / 2 + b``."""
    return 0.5 * jnp.einsum("ni,ij,nj->n", x, params["a"], x) + x @ params["b"]


def problem(rng, n=4, d=3, dtype=np.float64):
    a = rng.normal(size=(d, d))
    params = {"a": ((a + a.T) / 2).astype(dtype), "b": rng.normal(size=d).astype(dtype)}
    real, fake = rng.normal(size=(2, n, d)).astype(dtype)
    return params, real, fake, rng.uniform(size=n).astype(dtype)


def closed_gradient_penalty(params, real, fake, u, target=1.0):
    """Value per example and its gradient in A and b, one example at a time."""
    values, grads = [], {"a": [], "b": []}
    for r, f, share in zip(real, fake, u, strict=True):
        x = share * r + (1 - share) * f
        slope = params["a"] @ x + params["b"]
        length = np.sqrt(slope @ slope)
        values.append((length - target) ** 2)
        pull = 2 * (length - target) * slope / length
        grads["a"].append((np.outer(pull, x) + np.outer(x, pull)) / 2)
        grads["b"].append(pull)
    return np.array(values), {n: np.array(g) for n, g in grads.items()}


def closed_half_square(params, x):
    slopes = x @ params["a"] + params["b"]
    outer = slopes[:, :, None] * x[:, None, :]
    return 0.5 * (slopes**2).sum(-1), {"a": (outer + outer.swapaxes(1, 2)) / 2, "b": slopes}


# ---- closed forms ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("jit", [False, True], ids=["eager", "jit"])
def test_gradient_penalty_of_a_quadratic_critic(rng, jit):
    params, real, fake, u = problem(rng)
    keep, mass = np.array([True, False, True, True]), rng.uniform(0.5, 2, size=4)
    wrap = jax.jit if jit else lambda f: f
    for hypers in ({}, {"target_norm": 0.5}):
        each, slopes = closed_gradient_penalty(params, real, fake, u, *hypers.values())
        for where, weights in ((None, None), (keep, None), (None, mass), (keep, mass)):
            share = (np.ones(4) if where is None else where) * (1 if weights is None else weights)
            share = share / share.sum()
            with jax.enable_x64(True):
                value, grads = wrap(
                    jax.value_and_grad(
                        lambda p, where=where, weights=weights, hypers=hypers: jaxloss.gradient_penalty(
                            quadratic, p, real, fake, u, where=where, weights=weights, **hypers
                        )
                    )
                )(params)
            assert value.dtype == np.float64
            np.testing.assert_allclose(value, share @ each, rtol=1e-12)
            for name, slope in slopes.items():
                np.testing.assert_allclose(grads[name], np.tensordot(share, slope, 1), rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("penalty", R_PENALTIES)
def test_half_squared_slope_of_a_quadratic_critic(rng, penalty):
    params, real, _, _ = problem(rng)
    each, slopes = closed_half_square(params, real)
    keep = np.array([True, True, False, True])
    with jax.enable_x64(True):
        values = penalty(quadratic, params, real, reduction="none")
        total, grads = jax.value_and_grad(lambda p: penalty(quadratic, p, real, where=keep, reduction="sum"))(params)
    np.testing.assert_allclose(values, each, rtol=1e-12)
    np.testing.assert_allclose(total, each[keep].sum(), rtol=1e-12)
    for name, slope in slopes.items():
        np.testing.assert_allclose(grads[name], slope[keep].sum(0), rtol=1e-12)


def test_second_derivatives_equal_differences(rng):
    params, real, fake, u = problem(rng)
    along = jax.tree.map(lambda x: rng.normal(size=x.shape), params)
    with jax.enable_x64(True):
        for fn in (
            lambda p: jaxloss.gradient_penalty(quadratic, p, real, fake, u),
            lambda p: jaxloss.r1_penalty(quadratic, p, real),
        ):
            bend = jax.jit(lambda p, fn=fn: jax.jvp(jax.grad(fn), (p,), (along,))[1])(params)
            ahead, behind = (
                jax.jit(jax.grad(fn))(jax.tree.map(lambda x, v, s=s: x + s * v, params, along)) for s in (1e-6, -1e-6)
            )
            for name in bend:
                np.testing.assert_allclose(bend[name], (ahead[name] - behind[name]) / 2e-6, rtol=1e-6, atol=1e-8)


def test_gradients_reach_the_examples(rng):
    """The generator may be trained through the penalty; the shares are differentiable too."""
    params, real, fake, u = problem(rng)
    with jax.enable_x64(True):
        fn = lambda f: jaxloss.gradient_penalty(quadratic, params, real, f, u, reduction="sum")
        gradient = jax.jit(jax.grad(fn))(jnp.asarray(fake))
        _, slopes = closed_gradient_penalty(params, real, fake, u)
    np.testing.assert_allclose(gradient, (1 - u)[:, None] * (slopes["b"] @ params["a"]), rtol=1e-11)


# ---- flat critics ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("jit", [False, True], ids=["eager", "jit"])
def test_a_flat_critic_is_finite_to_second_order(jit):
    """The norm of a zero gradient: NaN in a plain implementation; TF-GAN adds 1e-10 under the root instead."""
    params, x = {"a": jnp.zeros((3, 3)), "b": jnp.zeros(3)}, jnp.ones((2, 3))
    along = jax.tree.map(jnp.ones_like, params)
    fn = lambda p: jaxloss.gradient_penalty(quadratic, p, x, 2 * x, jnp.full(2, 0.5))
    wrap = jax.jit if jit else lambda f: f
    value, (grads, bend) = wrap(lambda p: (fn(p), jax.jvp(jax.grad(fn), (p,), (along,))))(params)
    assert value == 1
    for leaf in jax.tree.leaves(grads):
        assert not np.any(leaf)
    assert all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(bend))


@pytest.mark.parametrize("penalty", R_PENALTIES)
def test_a_flat_discriminator_has_no_penalty(penalty):
    params, x = {"a": jnp.zeros((3, 3)), "b": jnp.zeros(3)}, jnp.ones((2, 3))
    value, grads = jax.value_and_grad(lambda p: penalty(quadratic, p, x))(params)
    assert value == 0
    assert not any(np.any(leaf) for leaf in jax.tree.leaves(grads))
    bend = jax.hessian(lambda b: penalty(quadratic, {**params, "b": b}, x))(params["b"])
    np.testing.assert_array_equal(bend, np.eye(3))


def test_one_flat_example_spoils_no_other(rng):
    """relu networks are flat on half of space."""
    relu = lambda p, x: jax.nn.relu(x @ p)
    real = jnp.array([[1.0, 1.0], [-1.0, -1.0]])
    values, pullback = jax.vjp(
        lambda p: jaxloss.gradient_penalty(relu, p, real, real, jnp.zeros(2), reduction="none"), jnp.array([3.0, 4.0])
    )
    np.testing.assert_allclose(values, [16, 1], rtol=1e-6)
    np.testing.assert_allclose(pullback(jnp.ones(2))[0], 8 * np.array([0.6, 0.8]), rtol=1e-6)


# ---- examples, masks, shapes -----------------------------------------------------------------------------------


def test_the_norm_is_over_the_whole_example(rng):
    """BasicSR takes it over the channels of each pixel."""
    kernel = jnp.asarray(rng.normal(size=(2, 2, 3)), jnp.float32)
    critic = lambda p, x: jnp.einsum("nhwc,hwc->n", x, p)
    images = jnp.asarray(rng.normal(size=(5, 2, 2, 3)), jnp.float32)
    values = jaxloss.gradient_penalty(critic, kernel, images, images, jnp.zeros(5), reduction="none")
    np.testing.assert_allclose(values, np.full(5, (np.linalg.norm(kernel) - 1) ** 2), rtol=1e-5)


def test_scores_of_patches_are_summed():
    critic = lambda p, x: x[:, :, None] * p[None, None]
    x = jnp.ones((3, 2))
    value = jaxloss.r1_penalty(critic, jnp.array([1.0, 2.0]), x, reduction="none")
    np.testing.assert_allclose(value, np.full(3, 0.5 * (9 + 9)))


def test_a_column_of_scores_is_one_score(rng):
    params, real, _, _ = problem(rng, dtype=np.float32)
    column = jaxloss.r1_penalty(lambda p, x: quadratic(p, x)[:, None], params, real)
    np.testing.assert_allclose(column, jaxloss.r1_penalty(quadratic, params, real), rtol=1e-6)


@pytest.mark.parametrize("garbage", [np.nan, np.inf])
def test_garbage_behind_the_mask_stays_out_of_the_parameters(rng, garbage):
    """The laws differentiate in the examples."""
    params, real, fake, u = problem(rng, dtype=np.float32)
    keep = np.array([True, True, False, True])

    few = real[keep], fake[keep], u[keep]

    def both(real, fake, u, where):
        first = lambda p: jaxloss.gradient_penalty(quadratic, p, real, fake, u, where=where)
        second = lambda p: jaxloss.r1_penalty(quadratic, p, real, where=where)
        return [jax.value_and_grad(fn)(params) for fn in (first, second)]

    expected = jax.jit(lambda: both(*few, None))()
    for x in (real, fake, u):
        x[~keep] = garbage
    actual = jax.jit(lambda: both(real, fake, u, keep))()
    for a, e in zip(jax.tree.leaves(actual), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, e, rtol=1e-5, atol=1e-6)


def test_nothing_left_is_zero(rng):
    params, real, fake, u = problem(rng, dtype=np.float32)
    for rows, where in ((slice(None), np.zeros(4, bool)), (slice(0), None)):
        fn = lambda p, rows=rows, where=where: jaxloss.gradient_penalty(
            quadratic, p, real[rows], fake[rows], u[rows], where=where
        )
        value, grads = jax.value_and_grad(fn)(params)
        assert value == 0
        assert not any(np.any(leaf) for leaf in jax.tree.leaves(grads))


def test_wrong_inputs_are_refused(rng):
    params, real, fake, u = problem(rng, dtype=np.float32)
    with pytest.raises(ValueError, match="fake"):
        jaxloss.gradient_penalty(quadratic, params, real, fake[:2], u)
    with pytest.raises(ValueError, match="interpolation"):
        jaxloss.gradient_penalty(quadratic, params, real, fake, u[:, None])
    with pytest.raises(ValueError, match="target_norm"):
        jaxloss.gradient_penalty(quadratic, params, real, fake, u, target_norm=-1.0)
    with pytest.raises(ValueError, match="where"):
        jaxloss.gradient_penalty(quadratic, params, real, fake, u, where=np.ones((4, 3), bool))
    with pytest.raises(TypeError, match="real"):
        jaxloss.r1_penalty(quadratic, params, np.ones((4, 3), np.int32))
    with pytest.raises(ValueError, match="examples first"):
        jaxloss.r1_penalty(quadratic, params, np.float32(1.0))
    with pytest.raises(ValueError, match="scores"):
        jaxloss.r1_penalty(lambda p, x: jnp.sum(x), params, real)
    with pytest.raises(TypeError, match="scores"):
        jaxloss.r2_penalty(lambda p, x: jnp.ones(4, jnp.int32), params, fake)


# ---- transformations and precision -----------------------------------------------------------------------------


def test_vmap_over_models_and_traced_targets(rng):
    params, real, fake, u = problem(rng, dtype=np.float32)
    stacked = jax.tree.map(lambda x: jnp.stack([x, 2 * x]), params)
    fn = lambda p, t: jaxloss.gradient_penalty(quadratic, p, real, fake, u, target_norm=t)
    targets = jnp.array([1.0, 0.5])
    mapped = jax.jit(jax.vmap(fn))(stacked, targets)
    loop = [fn(jax.tree.map(lambda x, i=i: x[i], stacked), targets[i]) for i in range(2)]
    np.testing.assert_allclose(mapped, loop, rtol=1e-5)


def test_sixteen_bit_examples_stay_sixteen_bit_for_the_critic():
    seen = []

    def critic(p, x):
        seen.append(x.dtype)
        return x @ p

    x, p = jnp.ones((2, 3), jnp.bfloat16), jnp.full(3, 200.0, jnp.bfloat16)
    value, gradient = jax.value_and_grad(
        lambda q: jaxloss.gradient_penalty(critic, q, x, x, jnp.zeros(2)), allow_int=True
    )(p)
    assert set(seen) == {jnp.dtype(jnp.bfloat16)}
    assert value.dtype == jnp.float32
    assert gradient.dtype == jnp.bfloat16
    np.testing.assert_allclose(value, (200 * np.sqrt(3) - 1) ** 2, rtol=1e-6)


def test_r1_sees_no_overflow_of_the_norm():
    p = jnp.full(4, 1e25)
    value = jaxloss.gradient_penalty(lambda p, x: x @ p, p * 1e-10, jnp.ones((1, 4)), jnp.ones((1, 4)), jnp.zeros(1))
    np.testing.assert_allclose(value, 4e30, rtol=1e-5)


def test_torch_parity(rng):
    torch = pytest.importorskip("torch")
    real, fake = rng.normal(size=(2, 5, 4))
    u, w1, w2 = rng.uniform(size=5), rng.normal(size=(4, 6)), rng.normal(size=6)
    tensors = [torch.tensor(w, requires_grad=True) for w in (w1, w2)]
    points = torch.tensor(u[:, None] * real + (1 - u[:, None]) * fake, requires_grad=True)
    scores = torch.tanh(points @ tensors[0]) @ tensors[1]
    (slopes,) = torch.autograd.grad(scores.sum(), points, create_graph=True)
    expected = ((slopes.norm(dim=1) - 1) ** 2).mean()
    pulls = torch.autograd.grad(expected, tensors)
    with jax.enable_x64(True):
        value, grads = jax.jit(
            jax.value_and_grad(
                lambda p: jaxloss.gradient_penalty(lambda p, x: jnp.tanh(x @ p[0]) @ p[1], p, real, fake, u)
            )
        )([jnp.asarray(w1), jnp.asarray(w2)])
    np.testing.assert_allclose(value, expected.detach(), rtol=1e-12)
    for ours, theirs in zip(grads, pulls, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-13)


def test_the_lipschitz_penalty_is_the_gradient_penalty_of_steep_critics_only(rng):
    """One-sided: what is flatter than 1 is free, and the slope of the rest is that of both sides."""
    params, real, fake, u = problem(rng, n=12)
    points = u[:, None] * real + (1 - u[:, None]) * fake
    lengths = np.linalg.norm(points @ params["a"] + params["b"], axis=-1)
    limit = np.median(lengths)
    each, _ = closed_gradient_penalty(params, real, fake, u, limit)
    steep = lengths > limit
    sloped = lambda fn, **options: jax.jit(
        jax.value_and_grad(lambda p: fn(quadratic, p, real, fake, u, reduction="sum", **options))
    )(params)
    with jax.enable_x64(True):
        ours = sloped(jaxloss.lipschitz_penalty, max_norm=limit)
        kept = sloped(jaxloss.gradient_penalty, target_norm=limit, where=steep)
    np.testing.assert_allclose(ours[0], each[steep].sum(), rtol=1e-12)
    for actual, expected in zip(jax.tree.leaves(ours), jax.tree.leaves(kept), strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-12)


def test_torch_parity_of_dragan(rng):
    """The penalty around real examples: those with noise are in the place of the generated ones."""
    torch = pytest.importorskip("torch")
    real, noise, alpha, w = rng.normal(size=(6, 4)), rng.uniform(size=(6, 4)), rng.uniform(size=6), rng.normal(size=4)
    x, share = torch.tensor(real), torch.tensor(alpha)[:, None]
    noisy = x + 0.5 * x.std(correction=0) * torch.tensor(noise)
    between = (x + share * (noisy - x)).requires_grad_(True)
    (slopes,) = torch.autograd.grad(torch.tanh(between @ torch.tensor(w)).sum(), between)
    expected = ((slopes.norm(2, dim=1) - 1) ** 2).mean()
    with jax.enable_x64(True):
        critic = lambda p, x: jnp.tanh(x @ p)
        value = jaxloss.gradient_penalty(critic, w, real, real + 0.5 * jnp.std(real) * noise, 1 - alpha)
    np.testing.assert_allclose(value, expected, rtol=1e-12)


# ---- feature matching and path lengths -------------------------------------------------------------------------


def test_feature_matching_compares_averages_and_trains_the_generator_alone(rng):
    fake = jnp.asarray(rng.normal(size=(4, 3)), jnp.float32)
    assert jaxloss.feature_matching_loss(fake, fake[::-1]) < 1e-12
    in_real, in_fake = jax.grad(jaxloss.feature_matching_loss, (0, 1))(fake + 1, fake)
    np.testing.assert_allclose(in_fake, np.full((4, 3), -0.5), rtol=1e-5)
    assert not np.any(in_real)


def linear_generator(params, w):
    return w @ params


def path_problem(rng):
    return rng.normal(size=(2, 5)), rng.normal(size=(4, 2)), rng.normal(size=(4, 5))


@pytest.mark.parametrize("jit", [False, True], ids=["eager", "jit"])
def test_path_length_of_a_linear_generator(rng, jit):
    """J' y = A y: length, value, gradient in A and the running average in closed form, with a mask and weights."""
    params, latents, y = path_problem(rng)
    keep, weights = np.array([True, False, True, True]), np.array([1.0, 1.0, 2.0, 0.5])
    share = keep * weights / (keep * weights).sum()
    pulls = y @ params.T
    lengths = np.sqrt((pulls**2).sum(-1))
    mean = 0.5 + 0.25 * (share @ lengths - 0.5)
    slope = np.einsum("n,nd,nk->dk", share * 2 * (lengths - mean) / lengths, pulls, y)
    latents[1] = np.nan
    with jax.enable_x64(True):
        state = jaxloss.PathLengthState(jnp.asarray(0.5))
        fn = lambda p: jaxloss.path_length_penalty(
            linear_generator, p, latents, y, state, rate=0.25, where=keep, weights=weights
        )
        (value, new), gradient = (jax.jit if jit else lambda f: f)(jax.value_and_grad(fn, has_aux=True))(
            jnp.asarray(params)
        )
    np.testing.assert_allclose(value, share @ (lengths - mean) ** 2, rtol=1e-12)
    np.testing.assert_allclose(new.mean_length, mean, rtol=1e-12)
    np.testing.assert_allclose(gradient, slope, rtol=1e-11, atol=1e-13)


def test_path_length_state_is_a_fixpoint_and_flat_generators_are_finite():
    latents, y, state = jnp.ones((3, 2)), jnp.ones((3, 5)), jaxloss.init_path_length_penalty()
    fn = lambda p, s: jaxloss.path_length_penalty(linear_generator, p, latents, y, s)
    (value, new), gradient = jax.value_and_grad(fn, has_aux=True)(jnp.zeros((2, 5)), state)
    assert value == 0
    assert not np.any(gradient)
    assert jax.tree.map(lambda x: (x.shape, x.dtype), new) == jax.tree.map(lambda x: (x.shape, x.dtype), state)
    _, values = jax.lax.scan(lambda s, _: fn(jnp.ones((2, 5)), s)[::-1], state, None, length=3)
    assert np.all(np.diff(values) < 0)


def test_an_empty_batch_leaves_the_path_length_alone():
    state = jaxloss.PathLengthState(jnp.float32(2.0))
    for n, where in ((3, np.zeros(3, bool)), (0, None)):
        value, new = jaxloss.path_length_penalty(
            linear_generator, jnp.ones((2, 5)), jnp.ones((n, 2)), jnp.ones((n, 5)), state, where=where
        )
        assert value == 0
        assert new.mean_length == 2


def test_path_length_of_all_devices(rng):
    """Penalty, gradient in the parameters and running average, with a device that has no example."""
    params, state = jnp.asarray(rng.normal(size=(2, 5)), jnp.float32), jaxloss.PathLengthState(jnp.float32(0.5))
    data = [jnp.asarray(rng.normal(size=(8, n)), jnp.float32) for n in (2, 5)]
    tail = jnp.array([1, 0, 0, 0, 1, 1, 1, 1], bool), jnp.asarray(rng.uniform(0.5, 2, 8), jnp.float32)

    def step(p, latents, y, where, weights, **spread):
        fn = lambda p: jaxloss.path_length_penalty(
            linear_generator, p, latents, y, state, rate=0.25, where=where, weights=weights, **spread
        )
        return jax.value_and_grad(fn, has_aux=True)(p)

    mesh = jax.sharding.Mesh(np.array(jax.devices("cpu")[:4]), ("data",))
    examples, every = jax.sharding.PartitionSpec("data"), jax.sharding.PartitionSpec()
    spread = jax.shard_map(
        functools.partial(step, axis_name="data"), mesh=mesh, in_specs=(every, *[examples] * 4), out_specs=every
    )
    actual, expected = (jax.jit(fn)(params, *data, *tail) for fn in (spread, step))
    jax.tree.map(lambda a, e: np.testing.assert_allclose(a, e, rtol=1e-5), actual, expected)


def test_path_length_refuses():
    state, p, w, y = jaxloss.init_path_length_penalty(), jnp.ones((2, 5)), jnp.ones((3, 2)), jnp.ones((3, 5))
    with pytest.raises(ValueError, match="directions"):
        jaxloss.path_length_penalty(linear_generator, p, w, y[:, :2], state)
    with pytest.raises(ValueError, match="rate"):
        jaxloss.path_length_penalty(linear_generator, p, w, y, state, rate=2.0)
    with pytest.raises(TypeError, match="latents"):
        jaxloss.path_length_penalty(linear_generator, p, jnp.ones((3, 2), jnp.int32), y, state)
