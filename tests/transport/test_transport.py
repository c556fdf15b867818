"""What the laws do not see of `jaxloss.transport`."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize
import scipy.spatial.distance
import scipy.stats
from jax.sharding import Mesh, PartitionSpec

import jaxloss

SORTED = [
    jax.jit(fn, static_argnames=("p", "reduction"))
    for fn in (jaxloss.wasserstein_1d_loss, jaxloss.sliced_wasserstein_loss)
]
WITH_POINTS = [
    jax.jit(fn, static_argnames="reduction")
    for fn in (jaxloss.energy_distance, jaxloss.mmd_loss, jaxloss.unbiased_mmd_loss)
]

ENTROPIC = [jaxloss.entropic_transport_loss, jaxloss.sinkhorn_divergence]

OVER_DEVICES = {
    "energy_distance": jaxloss.energy_distance,
    "mmd_loss": jaxloss.mmd_loss,
    "unbiased_mmd_loss": jaxloss.unbiased_mmd_loss,
    "chamfer_distance": jaxloss.chamfer_distance,
    "wasserstein_1d_loss": jaxloss.wasserstein_1d_loss,
    "sliced_wasserstein_loss": lambda x, y, **spread: jaxloss.sliced_wasserstein_loss(x, y, jnp.eye(2), **spread),
    "entropic_transport_loss": functools.partial(jaxloss.entropic_transport_loss, regularization=4.0),
    "sinkhorn_divergence": functools.partial(jaxloss.sinkhorn_divergence, regularization=4.0),
}


@pytest.fixture
def clouds(rng):
    return rng.normal(size=(6, 3)).astype(np.float32), (1 + rng.normal(size=(5, 3))).astype(np.float32)


@pytest.mark.parametrize("p", [1.0, 2.0, 3.0])
def test_equal_samples_in_any_order_are_at_distance_0(p, clouds):
    x, _ = clouds
    shuffled = x[::-1]
    masses = jnp.arange(1.0, 7.0)
    line, cloud = SORTED
    assert float(line(x[:, 0], shuffled[:, 0], p=p)) == 0
    assert float(cloud(x, shuffled, jnp.eye(3), p=p)) == 0
    value, slope = jax.value_and_grad(
        lambda v: line(v, shuffled[:, 0], p=p, prediction_weights=masses, target_weights=masses[::-1])
    )(x[:, 0])
    assert float(value) < 1e-6
    assert np.all(np.isfinite(slope))


def test_discrepancies_of_equal_samples(clouds):
    x, _ = clouds
    for fn, bound in zip(WITH_POINTS, (2e-3, 1e-6, np.inf), strict=True):
        program = jax.jit(jax.value_and_grad(fn))
        for points in (x, jnp.zeros_like(x)):
            value, slope = program(points, points)
            assert value < bound
            assert np.all(np.isfinite(slope))


@pytest.mark.parametrize("fn", [*SORTED, *WITH_POINTS])
def test_points_without_mass_are_absent(fn, clouds):
    x, y = clouds
    x, y = (x[:, 0], y[:, 0]) if fn is SORTED[0] else (x, y)
    shared = (jnp.eye(3),) if fn is SORTED[1] else ()
    masses = jnp.array([1.0, 1.0, 0.0, 1.0, 1.0, 1.0])
    spoiled = np.where(masses.reshape(-1, *[1] * (x.ndim - 1)) == 0, np.nan, x)
    masked, slope = jax.value_and_grad(lambda x: fn(x, y, *shared, prediction_weights=masses))(spoiled)
    np.testing.assert_allclose(masked, fn(x[masses > 0], y, *shared), rtol=1e-4)
    assert np.all(np.isfinite(slope))
    assert not np.any(slope[2])


@pytest.mark.parametrize("fn", [*SORTED, *WITH_POINTS])
def test_equal_masses_are_no_masses(fn, clouds):
    """Those of every pair of samples may differ, too."""
    x, y = clouds
    x, y = (x[:, 0], y[:, 0]) if fn is SORTED[0] else (x, y)
    x, y = np.stack([x, 2 * x]), np.stack([y, y])
    shared = (jnp.eye(3),) if fn is SORTED[1] else ()
    masses = jnp.broadcast_to(jnp.array([[2.0], [0.5]]), (2, 6))
    actual = fn(x, y, *shared, prediction_weights=masses, target_weights=jnp.ones((2, 5)), reduction="none")
    np.testing.assert_allclose(actual, fn(x, y, *shared, reduction="none"), rtol=2e-5, atol=1e-6)


def test_refuses_masses_of_another_shape(clouds):
    for masses in (jnp.ones(5), jnp.ones((6, 1)), jnp.ones((2, 6))):
        with pytest.raises(ValueError, match="prediction_weights"):
            jaxloss.mmd_loss(*clouds, prediction_weights=masses)


def test_sorted_transport_equals_pot(clouds):
    ot = pytest.importorskip("ot")
    x, y = (z.astype(np.float64) for z in clouds)
    directions = np.random.default_rng(3).normal(size=(7, 3))
    units = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    a, b = np.arange(1.0, 7.0) / 21, np.arange(1.0, 6.0) / 15
    masses = {"prediction_weights": a, "target_weights": b}
    with jax.enable_x64(True):
        for p in (1, 2):
            ours = jaxloss.wasserstein_1d_loss(x[:, 0], y[:, 0], p=float(p), **masses)
            np.testing.assert_allclose(ours, ot.wasserstein_1d(x[:, 0], y[:, 0], a, b, p=p), rtol=1e-10)
            theirs = ot.sliced_wasserstein_distance(x, y, a, b, projections=units.T, p=p) ** p
            ours = jaxloss.sliced_wasserstein_loss(x, y, directions, p=float(p), **masses)
            np.testing.assert_allclose(ours, theirs, rtol=1e-10)


def test_energy_distance_is_the_square_of_scipys(rng):
    x, y = rng.normal(size=7), 2 * rng.normal(size=5)
    with jax.enable_x64(True):
        ours = jaxloss.energy_distance(x[:, None], y[:, None])
    np.testing.assert_allclose(ours, scipy.stats.energy_distance(x, y) ** 2, rtol=1e-10)


def test_bandwidths(clouds):
    """Numbers, lists and arrays; none of them may be 0 or below."""
    mmd = WITH_POINTS[1]
    one = mmd(*clouds, bandwidths=(0.7, 2.0))
    parts = [mmd(*clouds, bandwidths=jnp.array([s])) for s in (0.7, 2.0)]
    np.testing.assert_allclose(one, np.mean(parts), rtol=1e-5)
    for bad in (0.0, -1.0):
        value, slope = jax.value_and_grad(mmd)(*clouds, bandwidths=(1.0, bad))
        assert np.isnan(value)
        assert np.all(np.isnan(slope))
    with pytest.raises(ValueError, match="bandwidths"):
        jaxloss.mmd_loss(*clouds, bandwidths=jnp.ones((2, 2)))


def test_unbiased_discrepancy_averages_to_0(rng):
    x, y = rng.normal(size=(2, 1000, 4, 2)).astype(np.float32)
    values = np.asarray(jax.jit(lambda x, y: jaxloss.unbiased_mmd_loss(x, y, reduction="none"))(x, y))
    assert abs(values.mean()) < 4 * values.std() / np.sqrt(1000)
    assert float(WITH_POINTS[1](x, y)) > 0.1
    with pytest.raises(ValueError, match="two points"):
        jaxloss.unbiased_mmd_loss(x[:, :1], y)


def test_random_directions_are_unit_vectors():
    directions = jaxloss.random_directions(jax.random.key(1), 64, 3)
    np.testing.assert_allclose(np.linalg.norm(directions, axis=-1), 1, rtol=1e-6)
    assert np.linalg.norm(np.mean(np.asarray(directions), axis=0)) < 0.5


class TestEntropic:
    def test_equals_pot(self, clouds):
        ot = pytest.importorskip("ot")
        x, y = (z.astype(np.float64) for z in clouds)
        a, b = np.arange(1.0, 7.0) / 21, np.full(5, 0.2)
        cost = scipy.spatial.distance.cdist(x, y, "sqeuclidean")
        plan = ot.sinkhorn(a, b, cost, reg=0.5, stopThr=1e-12, numItermax=100000)
        expected = np.sum(plan * cost) + 0.5 * np.sum(plan * np.log(plan / np.outer(a, b)))
        with jax.enable_x64(True):
            ours = jax.jit(lambda x: jaxloss.entropic_transport_loss(x, y, regularization=0.5, prediction_weights=a))(x)
        np.testing.assert_allclose(ours, expected, rtol=1e-9)

    @pytest.mark.parametrize("strength", [0.2, 2.0])
    def test_hessian_is_that_of_differences(self, strength, clouds):
        """The optimal potentials move with the points; a point without mass moves nothing."""
        x, y = (z.astype(np.float64) for z in clouds)
        masses = np.array([1.0, 2.0, 0.0, 1.0, 3.0, 1.0])
        with jax.enable_x64(True):
            loss = lambda x: jaxloss.entropic_transport_loss(x, y, regularization=strength, prediction_weights=masses)
            slope = jax.jit(jax.grad(loss))
            along = np.random.default_rng(0).normal(size=x.shape)
            numeric = (slope(x + 1e-4 * along) - slope(x - 1e-4 * along)) / 2e-4
            exact = jax.jit(lambda x: jax.jvp(jax.grad(loss), (x,), (along,))[1])(x)
        assert np.max(np.abs(exact)) > 0.1
        assert not np.any(exact[2])
        np.testing.assert_allclose(exact, numeric, rtol=1e-4, atol=1e-4)

    def test_divergence_of_equal_samples_is_0(self, clouds):
        x, y = clouds
        program = jax.jit(jax.value_and_grad(lambda x, y: jaxloss.sinkhorn_divergence(x, y, regularization=0.5)))
        value, slope = program(x, x)
        assert abs(float(value)) < 1e-3
        assert np.all(np.isfinite(slope))
        assert float(program(y + 1, y)[0]) > 0.1

    def test_divergence_is_the_costs_of_the_three(self, clouds):
        x, y = clouds
        cost = lambda x, y: float(jaxloss.entropic_transport_loss(x, y, regularization=0.5))
        expected = cost(x, y) - cost(x, x) / 2 - cost(y, y) / 2
        np.testing.assert_allclose(
            jaxloss.sinkhorn_divergence(x, y, regularization=0.5), expected, rtol=1e-2, atol=1e-3
        )

    @pytest.mark.parametrize("fn", ENTROPIC)
    def test_masks_batches_and_jit(self, fn, clouds):
        x, y = (np.stack([z, 0.5 * z, np.full_like(z, np.nan)]) for z in clouds)
        keep = jnp.array([True, True, False])
        loss = jax.jit(lambda x: fn(x, y, regularization=0.5, where=keep))
        value, slope = jax.value_and_grad(loss)(x)
        each = jax.jit(lambda x, y: fn(x, y, regularization=0.5, reduction="none"))(x[:2], y[:2])
        assert each.shape == (2,)
        np.testing.assert_allclose(value, np.mean(each), rtol=1e-3)
        assert np.all(np.isfinite(slope))
        assert not np.any(slope[2])
        assert float(fn(x[:0], y[:0], regularization=0.5)) == 0

    def test_gradient_is_that_of_differences(self, clouds):
        x, y = clouds
        fn = jax.jit(jax.value_and_grad(lambda t: jaxloss.entropic_transport_loss(x + t, y, regularization=0.5)))
        numeric = (float(fn(0.01)[0]) - float(fn(-0.01)[0])) / 0.02
        np.testing.assert_allclose(fn(0.0)[1], numeric, rtol=1e-2)

    def test_refuses(self, clouds):
        x, y = clouds
        for fn in (jaxloss.entropic_transport_loss, jaxloss.sinkhorn_divergence):
            with pytest.raises(ValueError, match="regularization"):
                fn(x, y, regularization=0.0)
            with pytest.raises(ValueError, match="targets"):
                fn(x, y[:, :2], regularization=0.5)

    @pytest.mark.parametrize("fn", ENTROPIC)
    def test_what_did_not_converge_is_nan(self, fn, clouds):
        """In the value and the gradient of that pair alone, and an error under `checked`; unless it is allowed."""
        x, y = (np.stack([z, z]) for z in clouds)
        x[1], y[1] = x[1, 0], y[1, 0]  # one point each: a single iteration finds the only plan
        loss = functools.partial(fn, regularization=0.01, max_iterations=3)
        value, slope = jax.vmap(jax.value_and_grad(loss))(x, y)
        np.testing.assert_array_equal(np.isnan(loss(x, y, reduction="none")), [True, False])
        np.testing.assert_array_equal(np.isnan(value), [True, False])
        np.testing.assert_array_equal(np.isnan(slope).all((1, 2)), [True, False])
        assert not np.isnan(slope[1]).any()
        with pytest.raises(ValueError, match="larger regularization"):
            jaxloss.checked(loss)(x, y)
        assert np.isfinite(jaxloss.checked(loss)(x, y, where=np.array([False, True])))
        allowed, slope = jax.value_and_grad(lambda x: loss(x, y, allow_unconverged=True))(x)
        assert np.isfinite(allowed)
        assert np.all(np.isfinite(slope))

    @pytest.mark.parametrize("fn", ENTROPIC)
    def test_a_nan_point_is_not_searched_for(self, fn, clouds):
        x, y = clouds
        x = np.concatenate([x[:-1], np.full_like(x[:1], np.nan)])
        value, slope = jax.value_and_grad(lambda x: fn(x, y, regularization=0.5, allow_unconverged=True))(x)
        assert np.isnan(value)
        assert np.isnan(slope).any()

    def test_small_regularization_nears_the_assignment(self, rng):
        x, y = rng.normal(size=(2, 6, 3)).astype(np.float32)
        cost = scipy.spatial.distance.cdist(x, y, "sqeuclidean")
        best = cost[scipy.optimize.linear_sum_assignment(cost)].mean()
        for strength in (1e-2, 1e-3, 2e-4):
            value = jax.jit(jaxloss.entropic_transport_loss)(x, y, regularization=strength)
            assert best - 1e-5 <= value <= best + strength * np.log(6) + 1e-5

    @pytest.mark.parametrize("fn", ENTROPIC)
    @pytest.mark.parametrize("move", [1e4, 1e6])
    def test_far_samples(self, fn, move, clouds):
        """The distances within the samples are lost in the rounding of those between them, unless they are centred."""
        x, y = (np.round(z * 16) / 16 for z in clouds)
        loss = jax.value_and_grad(lambda x, y: fn(x, y, regularization=1.0))
        value, slope = loss(x, y + np.float32(move))
        with jax.enable_x64(True):
            exact, pull = loss(x.astype(np.float64), y.astype(np.float64) + move)
        np.testing.assert_allclose(value, exact, rtol=1e-6)
        np.testing.assert_allclose(slope, pull, rtol=1e-6)


@pytest.mark.parametrize("fn", WITH_POINTS)
@pytest.mark.parametrize("move", [1e4, 1e6])
def test_discrepancies_of_far_samples(fn, move, clouds):
    """No digit of the distances within a sample is lost to that between the samples, absent points included."""
    x, y = (np.round(z * 16) / 16 for z in clouds)
    masses = np.array([1.0, 0.0, 1.0, 2.0, 1.0], np.float32)
    loss = jax.value_and_grad(lambda x, y: fn(x, y, target_weights=masses))
    value, slope = loss(x, y + np.float32(move))
    with jax.enable_x64(True):
        exact, pull = loss(x.astype(np.float64), y.astype(np.float64) + move)
    np.testing.assert_allclose(value, exact, rtol=1e-5)
    np.testing.assert_allclose(slope, pull, atol=1e-6 * np.max(np.abs(pull)))


@pytest.mark.parametrize("name", OVER_DEVICES)
def test_points_or_pairs_of_samples_over_devices(name, rng):
    """Points without masses over two mesh axes, as many in each sample; and whole pairs of samples over one of them."""
    fn = OVER_DEVICES[name]
    x, y = rng.normal(size=(2, 2, 8, 2)).astype(np.float32)
    x, y = (x[..., 0], y[..., 0]) if name == "wasserstein_1d_loss" else (x, y)
    mesh = Mesh(np.array(jax.devices("cpu")[:4]).reshape(2, 2), ("host", "chip"))
    points, pairs = PartitionSpec(None, ("host", "chip")), PartitionSpec("host")

    def losses(**spread):
        return jax.value_and_grad(lambda x, y: jnp.sum(fn(x, y, reduction="none", **spread)), argnums=(0, 1))

    def each(x, y):
        value, slopes = losses()(x, y)
        return value[None], slopes

    expected, slopes = jax.jit(losses())(x, y)
    for step, spec, out in (
        (losses(axis_name=("host", "chip")), points, PartitionSpec()),
        (each, pairs, pairs),
    ):
        spread = jax.shard_map(step, mesh=mesh, in_specs=spec, out_specs=(out, (spec, spec)))
        value, found = jax.jit(spread)(x, y)
        np.testing.assert_allclose(jnp.sum(value), expected, rtol=1e-5, atol=1e-6)
        for one, other in zip(found, slopes, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", list(OVER_DEVICES)[:4])
def test_no_device_holds_all_pairs_of_points(name):
    mesh, spec = Mesh(np.array(jax.devices("cpu")[:8]), ("data",)), PartitionSpec("data")
    points = jax.ShapeDtypeStruct((2048, 2), jnp.float32)
    step = jax.value_and_grad(lambda x, y: OVER_DEVICES[name](x, y, axis_name="data"), argnums=(0, 1))
    spread = jax.shard_map(step, mesh=mesh, in_specs=spec, out_specs=(PartitionSpec(), (spec, spec)))
    taken = jax.jit(spread).lower(points, points).compile().memory_analysis().temp_size_in_bytes
    pairs = 2048**2 if name == "chamfer_distance" else 4096**2
    assert taken < 4 * pairs


DISCREPANCIES = ("energy_distance", "mmd_loss", "unbiased_mmd_loss")


@pytest.mark.parametrize("chunk_size", [1, 3, 5, 7, 8])
@pytest.mark.parametrize("name", DISCREPANCIES)
def test_chunks_of_points_give_the_same_numbers(name, chunk_size, rng):
    """In both modes and for second derivatives; sizes that do not divide, masses of 0 and leading axes included."""
    with jax.enable_x64(True):
        x, y = jnp.asarray(rng.normal(size=(2, 7, 3))), jnp.asarray(rng.normal(size=(2, 5, 3)))
        masses = jnp.array([1.0, 2.0, 0.0, 1.0, 1.0, 3.0, 1.0])
        loss = lambda size: lambda x, y: getattr(jaxloss, name)(x, y, prediction_weights=masses, chunk_size=size)
        for derivative in (lambda f, _: f, jax.grad, jax.jacfwd, jax.hessian):
            found, wanted = (jax.jit(derivative(loss(size), (0, 1)))(x, y) for size in (chunk_size, None))
            for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(wanted), strict=True):
                np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", DISCREPANCIES)
def test_memory_grows_with_the_points_not_with_their_pairs(name):
    def temporaries(size):
        points = jax.ShapeDtypeStruct((size, 8), jnp.float32)
        step = jax.value_and_grad(lambda x, y: getattr(jaxloss, name)(x, y, chunk_size=64), argnums=(0, 1))
        return jax.jit(step).lower(points, points).compile().memory_analysis().temp_size_in_bytes

    assert temporaries(4096) < 2.2 * temporaries(2048)
    assert temporaries(4096) < 4096**2
