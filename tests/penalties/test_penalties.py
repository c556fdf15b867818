"""Penalties beside a loss: on parameters, representations and Jacobians; centres; mixtures."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh, PartitionSpec

import jaxloss

PARAMS = {"dense": {"kernel": jnp.array([[1.0, -2.0], [0.0, 3.0]]), "bias": jnp.array([3.0, 0.0])}}
KERNELS = {"dense": {"kernel": True, "bias": False}}
PENALTIES = {
    "l1": jaxloss.l1_penalty,
    "l2": jaxloss.l2_penalty,
    "elastic": lambda params, **more: jaxloss.elastic_net_penalty(params, l1_factor=0.5, l2_factor=2.0, **more),
    "start": lambda params, **more: jaxloss.l2_sp_penalty(params, jax.tree.map(jnp.ones_like, params), **more),
    "group": jaxloss.group_lasso_penalty,
    "orthogonal": jaxloss.weight_orthogonality_penalty,
}


# ---- parameters ------------------------------------------------------------------------------------------------


def test_values_on_parameters():
    assert jaxloss.l1_penalty(PARAMS) == 9
    assert PENALTIES["elastic"](PARAMS) == 0.5 * 9 + 2 * 23
    assert PENALTIES["start"](PARAMS) == 0 + 9 + 1 + 4 + 4 + 1
    np.testing.assert_allclose(jaxloss.group_lasso_penalty(PARAMS), np.sqrt(2) * (1 + np.sqrt(13)) + 3, rtol=1e-6)
    gram = np.array([[1.0, -2.0], [-2.0, 13.0]])
    np.testing.assert_allclose(jaxloss.weight_orthogonality_penalty(PARAMS), np.sum((gram - np.eye(2)) ** 2))


@pytest.mark.parametrize("name", PENALTIES)
def test_trees_masks_and_dtypes(name):
    fn = PENALTIES[name]
    value, gradient = jax.jit(jax.value_and_grad(lambda p: fn(p, mask=KERNELS)))(PARAMS)
    np.testing.assert_allclose(value, fn({"kernel": PARAMS["dense"]["kernel"]}), rtol=1e-6)
    assert not np.any(gradient["dense"]["bias"])
    assert fn({}) == 0
    assert fn({"step": jnp.array(3), "key": None}) == 0
    low = jax.tree.map(lambda x: x.astype(jnp.bfloat16), PARAMS)
    half, slopes = jax.value_and_grad(fn)(low)
    assert half.dtype == jnp.float32
    assert slopes["dense"]["kernel"].dtype == jnp.bfloat16
    np.testing.assert_allclose(half, fn(PARAMS), rtol=1e-6)
    with jax.enable_x64(True):
        assert fn({"w": jnp.ones((2, 2), jnp.float64), "v": jnp.ones(2, jnp.float32)}).dtype == jnp.float64
    with pytest.raises(TypeError, match="real"):
        fn({"w": jnp.ones((2, 2), jnp.complex64)})
    with pytest.raises(ValueError, match="mask"):
        fn(PARAMS, mask={"other": True})
    zero = jax.grad(fn)({"w": jnp.zeros((3, 2)), "e": jnp.zeros((0, 2)), "s": jnp.zeros(())})
    assert all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(zero))
    assert name == "start" or not any(np.any(leaf) for leaf in jax.tree.leaves(zero))


@pytest.mark.parametrize("name", PENALTIES)
def test_derivatives_on_parameters(name):
    with jax.enable_x64(True):
        rng = np.random.default_rng(0)
        params = {"w": jnp.asarray(rng.normal(size=(2, 3, 4))), "b": jnp.asarray(rng.normal(size=4))}
        fn = jax.jit(PENALTIES[name])
        along = jax.tree.map(lambda x: jnp.asarray(rng.normal(size=x.shape)), params)
        moved = lambda h: fn(jax.tree.map(lambda x, v: x + h * v, params, along))
        _, slope = jax.jvp(PENALTIES[name], (params,), (along,))
        np.testing.assert_allclose(slope, (moved(1e-6) - moved(-1e-6)) / 2e-6, rtol=1e-6)


def test_keras_regularizers():
    keras = pytest.importorskip("keras")
    weights = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
    np.testing.assert_allclose(keras.regularizers.L1(0.2)(weights), 0.2 * jaxloss.l1_penalty(weights), rtol=1e-5)
    np.testing.assert_allclose(keras.regularizers.L2(0.2)(weights), 0.2 * jaxloss.l2_penalty(weights), rtol=1e-5)
    both = jaxloss.elastic_net_penalty(weights, l1_factor=0.2, l2_factor=0.3)
    np.testing.assert_allclose(keras.regularizers.L1L2(0.2, 0.3)(weights), both, rtol=1e-5)


def test_the_elastic_net_of_scikit_learn_is_a_minimum():
    linear_model = pytest.importorskip("sklearn.linear_model")
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 3)), rng.normal(size=40)
    fitted = linear_model.ElasticNet(alpha=0.1, l1_ratio=0.3, fit_intercept=False, tol=1e-10).fit(x, y)

    def objective(w):
        loss = jaxloss.half_squared_error(x @ w, y)
        return loss + jaxloss.elastic_net_penalty(w, l1_factor=0.1 * 0.3, l2_factor=0.1 * 0.7 / 2)

    with jax.enable_x64(True):
        slope = jax.grad(objective)(jnp.asarray(fitted.coef_))
        active = fitted.coef_ != 0
        np.testing.assert_allclose(slope[active], 0, atol=1e-6)
        assert np.all(np.abs(slope[~active]) <= 0.03 + 1e-6)


def test_orthonormal_columns_or_rows_cost_nothing():
    q = np.linalg.qr(np.random.default_rng(0).normal(size=(5, 3)))[0].astype(np.float32)
    for kernel in (q, q.T, q.reshape(5, 1, 3)):
        assert jaxloss.weight_orthogonality_penalty({"kernel": kernel}) < 1e-11
    wide = np.random.default_rng(1).normal(size=(3, 5))
    rest = np.sum((wide.T @ wide - np.eye(5)) ** 2) - 2
    np.testing.assert_allclose(jaxloss.weight_orthogonality_penalty(wide.astype(np.float32)), rest, rtol=1e-5)


def test_the_start_is_checked_and_not_trained():
    start = {"w": jnp.zeros((2, 2)), "n": jnp.array(3)}
    now = {"w": jnp.ones((2, 2)), "n": jnp.array(4)}
    assert jaxloss.l2_sp_penalty(now, start) == 4
    slope = jax.grad(lambda w: jaxloss.l2_sp_penalty(now, {**start, "w": w}))(start["w"])
    assert not np.any(slope)
    with pytest.raises(ValueError, match="structure"):
        jaxloss.l2_sp_penalty(now, {"w": start["w"]})
    with pytest.raises(ValueError, match="shapes"):
        jaxloss.l2_sp_penalty(now, {**start, "w": jnp.zeros((2, 1))})
    with pytest.raises(ValueError, match="l1_factor"):
        jaxloss.elastic_net_penalty(now, l1_factor=-1.0, l2_factor=1.0)


# ---- representations -------------------------------------------------------------------------------------------


def test_dead_and_saturated_units_have_finite_slopes_that_revive_them():
    fn = jax.value_and_grad(lambda a: jaxloss.kl_sparsity_penalty(a, sparsity=0.05))
    value, gradient = fn(jnp.array([[0.0, 1.0], [0.0, 1.0]]))
    assert np.isfinite(value)
    assert np.all(gradient[:, 0] < 0)
    assert np.all(gradient[:, 1] > 0)
    assert np.max(np.abs(gradient)) < 1e6
    value, gradient = fn(jnp.full((4, 3), 0.05))
    assert value == 0
    assert not np.any(gradient)
    near = jaxloss.kl_sparsity_penalty(jnp.full((4, 1), 0.05 * (1 + 1e-3)), sparsity=0.05)
    rate, rho = np.float64(np.float32(0.05 * (1 + 1e-3))), np.float64(np.float32(0.05))
    exact = rho * np.log(rho / rate) + (1 - rho) * np.log((1 - rho) / (1 - rate))
    np.testing.assert_allclose(near, exact, rtol=1e-4)
    assert np.isnan(jaxloss.kl_sparsity_penalty(jnp.array([[1.5], [-0.5]])))


def test_weights_of_vectors_weigh_pairs():
    h = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
    units = h / np.linalg.norm(h, axis=1, keepdims=True)
    squares = (units @ units.T) ** 2
    weights = np.array([1.0, 2.0, 0.5], np.float32)
    pairs = np.outer(weights, weights) * (1 - np.eye(3))
    expected = np.sum(pairs * squares) / np.sum(pairs)
    np.testing.assert_allclose(jaxloss.representation_orthogonality_penalty(h, weights=weights), expected, rtol=1e-5)
    assert jaxloss.representation_orthogonality_penalty(h[:1]) == 0
    assert jaxloss.representation_orthogonality_penalty(h, where=np.array([False, True, False])) == 0


def test_entropy_keeps_its_relative_accuracy():
    logits = jnp.array([[20.0, 0.0, -1.0], [40.0, 1.0, 0.0]])
    rest = np.exp(np.float64(logits[:, 1:]) - np.float64(logits[:, :1]))
    p = rest / (1 + rest.sum(-1, keepdims=True))
    exact = -np.sum(p * np.log(p), -1) - (1 - p.sum(-1)) * np.log1p(-p.sum(-1))
    np.testing.assert_allclose(jaxloss.entropy(logits, reduction="none"), exact, rtol=1e-5)
    uniform = jax.grad(lambda z: jaxloss.entropy_loss(z))(jnp.zeros((2, 4)))
    np.testing.assert_allclose(uniform, 0, atol=1e-8)
    masked = jnp.array([[0.0, 0.0, -jnp.inf]])
    value, gradient = jax.value_and_grad(lambda z: jaxloss.entropy_loss(z))(masked)
    np.testing.assert_allclose(value, -np.log(2), rtol=1e-6)
    np.testing.assert_allclose(gradient, 0, atol=1e-8)


# ---- Jacobians -------------------------------------------------------------------------------------------------


def network(params, x):
    return jnp.tanh(jnp.einsum("n...i,ij->n...j", x, params, precision="highest"))


def test_unit_probes_give_the_exact_norm_and_random_ones_its_mean():
    with jax.enable_x64(True):
        rng = np.random.default_rng(0)
        params, inputs = jnp.asarray(rng.normal(size=(3, 4))), jnp.asarray(rng.normal(size=(5, 3)))
        jacobians = jax.vmap(jax.jacrev(lambda x: network(params, x[None])[0]))(inputs)
        exact = np.sum(np.square(jacobians), (1, 2))
        units = np.sqrt(3.0) * jnp.broadcast_to(jnp.eye(3)[:, None, :], (3, 5, 3))
        fn = jax.jit(lambda v: jaxloss.jacobian_penalty(network, params, inputs, v, reduction="none"))
        np.testing.assert_allclose(fn(units), exact, rtol=1e-12)
        signs = jax.random.rademacher(jax.random.key(0), (4000, 5, 3), jnp.float64)
        np.testing.assert_allclose(fn(signs), exact, rtol=0.1)
        loss = jax.jit(lambda p: jaxloss.jacobian_penalty(network, p, inputs, units))
        along = jnp.asarray(rng.normal(size=params.shape))
        difference = (loss(params + 1e-6 * along) - loss(params - 1e-6 * along)) / 2e-6
        np.testing.assert_allclose(jnp.sum(jax.grad(loss)(params) * along), difference, rtol=1e-7)


def test_the_tail_of_the_jacobian_penalty():
    rng = np.random.default_rng(1)
    params, inputs = jnp.ones((2, 2)), jnp.asarray(rng.uniform(0.5, 1, size=(4, 2)), jnp.float32)
    probes = jnp.asarray(rng.normal(size=(3, 4, 2)), jnp.float32)
    keep = jnp.array([True, False, True, True])
    spoiled = jnp.where(keep[:, None], inputs, jnp.nan)
    logs = lambda params, x: network(params, jnp.log(x))  # singular at 0
    fn = jax.value_and_grad(lambda p, x, v, **tail: jaxloss.jacobian_penalty(logs, p, x, v, **tail))
    value, slope = fn(params, spoiled, probes, where=keep)
    expected, its_slope = fn(params, inputs[keep], probes[:, keep])
    np.testing.assert_allclose(value, expected, rtol=1e-5)
    np.testing.assert_allclose(slope, its_slope, rtol=1e-4)
    each = jaxloss.jacobian_penalty(logs, params, inputs, probes, reduction="none")
    weighed = jaxloss.jacobian_penalty(logs, params, inputs, probes, weights=jnp.arange(4.0))
    np.testing.assert_allclose(weighed, np.average(each, weights=np.arange(4)), rtol=1e-5)
    with pytest.raises(ValueError, match="probes"):
        jaxloss.jacobian_penalty(logs, params, inputs, probes[:, :2])
    with pytest.raises(ValueError, match="probes"):
        jaxloss.jacobian_penalty(logs, params, inputs, probes[:0])
    with pytest.raises(TypeError, match="inputs"):
        jaxloss.jacobian_penalty(logs, params, jnp.ones((4, 2), jnp.int32), probes)


# ---- centres ---------------------------------------------------------------------------------------------------


def test_centres_by_the_paper():
    rng = np.random.default_rng(0)
    embeddings, labels = rng.normal(size=(6, 3)).astype(np.float32), np.array([0, 2, 2, 0, 2, 2])
    centers = rng.normal(size=(4, 3)).astype(np.float32)
    loss, after = jaxloss.center_loss(embeddings, labels, jaxloss.CenterState(jnp.asarray(centers)), rate=0.3)
    expected = 0.5 * np.mean(np.sum((embeddings - centers[labels]) ** 2, -1))
    np.testing.assert_allclose(loss, expected, rtol=1e-6)
    for j in range(4):
        mine = [i for i in range(6) if labels[i] == j]
        delta = sum((centers[j] - embeddings[i] for i in mine), np.zeros(3)) / (1 + len(mine))
        np.testing.assert_allclose(after.centers[j], centers[j] - 0.3 * delta, rtol=1e-5)


def test_centres_masks_labels_and_gradients():
    embeddings = jnp.array([[1.0, 2.0], [jnp.nan, 0.0], [3.0, 1.0]])
    state = jaxloss.init_center_loss(2, 2)
    keep = jnp.array([True, False, True])
    labels = jnp.array([0, -7, 1])
    fn = lambda x, state: jaxloss.center_loss(x, labels, state, where=keep)
    (loss, after), pull = jax.jit(jax.value_and_grad(fn, has_aux=True))(embeddings, state)
    few, its = jaxloss.center_loss(embeddings[keep], labels[keep], state)
    np.testing.assert_allclose(loss, few)
    np.testing.assert_allclose(after.centers, its.centers)
    np.testing.assert_allclose(pull, [[0.5, 1.0], [0, 0], [1.5, 0.5]])
    slope = jax.grad(lambda s: fn(embeddings, s)[0])(state)
    assert not np.any(slope.centers)
    through = jax.grad(lambda x: jnp.sum(fn(x, state)[1].centers))(embeddings)
    assert not np.any(through)
    loss, after = jaxloss.center_loss(jnp.ones((2, 2)), jnp.array([-1, 2]), state)
    assert np.isnan(loss)
    assert not np.any(after.centers)
    twice, weighed = (
        jaxloss.center_loss(embeddings[::2][index], jnp.array([0, 1])[index], state, weights=w)[1]
        for index, w in ((np.array([0, 0, 1]), None), (np.array([0, 1]), jnp.array([2.0, 1.0])))
    )
    np.testing.assert_allclose(twice.centers, weighed.centers)
    assert jaxloss.center_loss(jnp.ones((0, 2)), jnp.ones(0, jnp.int32), state)[0] == 0
    with pytest.raises(ValueError, match="centers"):
        jaxloss.center_loss(jnp.ones((2, 3)), jnp.array([0, 1]), state)
    with pytest.raises(ValueError, match="rate"):
        jaxloss.center_loss(jnp.ones((2, 2)), jnp.array([0, 1]), state, rate=2.0)


def test_centres_move_with_the_examples_of_all_devices():
    rng = np.random.default_rng(0)
    embeddings, labels = rng.normal(size=(8, 2)).astype(np.float32), np.array([0, 1, 0, 0, 1, 0, 1, 1])
    keep, weights = np.array([1, 1, 1, 0, 1, 1, 0, 0], bool), rng.uniform(0.5, 2, 8).astype(np.float32)
    state = jaxloss.CenterState(jnp.asarray(rng.normal(size=(2, 2)), jnp.float32))
    step = lambda state, x, y, m, w, **spread: jaxloss.center_loss(x, y, state, where=m, weights=w, **spread)
    mesh = Mesh(np.array(jax.devices("cpu")[:4]), ("data",))
    here = functools.partial(step, axis_name="data")
    specs = (PartitionSpec(), *[PartitionSpec("data")] * 4)
    spread = jax.jit(jax.shard_map(here, mesh=mesh, in_specs=specs, out_specs=PartitionSpec()))
    loss, after = spread(state, embeddings, labels, keep, weights)
    whole, expected = step(state, embeddings, labels, keep, weights)
    np.testing.assert_allclose(loss, whole, rtol=1e-6)
    np.testing.assert_allclose(after.centers, expected.centers, rtol=1e-5)
    columns = lambda x: jaxloss.center_loss(x, jnp.zeros(x.shape[:-1], int), state)[0][None]
    local = jax.shard_map(columns, mesh=mesh, in_specs=PartitionSpec("data"), out_specs=PartitionSpec("data"))
    with pytest.raises(ValueError, match="axis_name='data'"):
        jax.eval_shape(local, embeddings.reshape(4, 2, 2))


def test_centres_come_to_rest_at_the_means():
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(3), 20)
    embeddings = (np.eye(3)[labels] + 0.1 * rng.normal(size=(60, 3))).astype(np.float32)
    step = lambda state, _: jaxloss.center_loss(embeddings, labels, state)[::-1]
    last, losses = jax.lax.scan(step, jaxloss.init_center_loss(3, 3), length=30)
    means = np.stack([embeddings[labels == j].mean(0) for j in range(3)])
    np.testing.assert_allclose(last.centers, means, atol=1e-5)
    assert losses[-1] < losses[0]


# ---- mixtures --------------------------------------------------------------------------------------------------


def test_mixed_labels_are_soft_targets():
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(6, 4)).astype(np.float32), rng.integers(0, 4, size=6)
    partners, lam = labels[::-1].copy(), rng.uniform(size=6).astype(np.float32)
    targets = lam[:, None] * np.eye(4)[labels] + (1 - lam)[:, None] * np.eye(4)[partners]
    np.testing.assert_allclose(
        jaxloss.mixup_cross_entropy(logits, labels, partners, lam=lam, reduction="none"),
        jaxloss.softmax_cross_entropy(logits, targets.astype(np.float32), reduction="none"),
        rtol=2e-6,
    )
    whole = jaxloss.mixup_cross_entropy(logits, labels, partners, lam=1.0)
    np.testing.assert_allclose(whole, jaxloss.softmax_cross_entropy_with_integer_labels(logits, labels), rtol=1e-6)
    listed = jaxloss.mixup_cross_entropy(logits, labels, partners, lam=lam.tolist())
    np.testing.assert_allclose(
        listed, jax.jit(jaxloss.mixup_cross_entropy)(logits, labels, partners, lam=lam), rtol=1e-5
    )
    for wrong in (np.ones((6, 1)), np.ones(5)):
        with pytest.raises(ValueError, match="lam"):
            jaxloss.mixup_cross_entropy(logits, labels, partners, lam=wrong)


def test_mixup_mixes():
    rng = np.random.default_rng(0)
    images, order = rng.normal(size=(4, 3, 3, 2)).astype(np.float32), np.array([2, 0, 3, 1])
    np.testing.assert_allclose(jaxloss.mixup(images, order, 0.3), 0.3 * images + 0.7 * images[order], rtol=1e-5)
    lam = np.array([0.0, 1.0, 0.5, 0.25], np.float32)
    each = jax.jit(jaxloss.mixup)(images, order, lam)
    np.testing.assert_allclose(each[1], images[1])
    np.testing.assert_allclose(each[0], images[2])
    assert jaxloss.mixup(images.astype(jnp.bfloat16), order, 0.5).dtype == jnp.float32
    with pytest.raises(ValueError, match="permutation"):
        jaxloss.mixup(images, order[:3], 0.5)
    with pytest.raises(ValueError, match="lam"):
        jaxloss.mixup(images, order, 1.5)


def test_cutmix_pastes_a_box_and_says_how_much_is_left():
    images = np.stack([np.zeros((8, 10, 2)), np.ones((8, 10, 2)), 2 * np.ones((8, 10, 2))]).astype(np.float32)
    order = np.array([1, 2, 0])
    centers = np.array([[0.5, 0.5], [0.01, 0.99], [0.5, 0.5]], np.float32)
    lam = np.array([0.75, 0.75, 1.0], np.float32)
    mixed, share = jax.jit(jaxloss.cutmix)(images, order, lam, centers)
    np.testing.assert_allclose(share, [0.75, np.mean(mixed[1] == 1), 1.0], atol=0.051)
    for i in range(3):
        own = np.all(np.asarray(mixed[i]) == images[i], -1)
        np.testing.assert_allclose(np.mean(own), share[i], rtol=1e-6)
        assert np.all(np.asarray(mixed[i])[~own] == images[order[i]][~own])
    assert share[1] > 0.9  # the box is cut at the corner
    np.testing.assert_array_equal(
        jaxloss.cutmix(images, order, 0.0, np.full((3, 2), 0.5, np.float32))[0], images[order]
    )
    with pytest.raises(ValueError, match="images"):
        jaxloss.cutmix(images[0], order, 0.5, centers)
    with pytest.raises(ValueError, match="centers"):
        jaxloss.cutmix(images, order, 0.5, centers[:2])
