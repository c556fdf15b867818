"""What the laws do not see of the self-supervised losses in `jaxloss.representation`."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special

import jaxloss


def test_equal_views_are_perfect_for_barlow_twins():
    """Deviations and correlations share one denominator, also for four examples: MONAI gives 0.375 here."""
    view = np.array([[3, 0.1], [3, -0.1], [-3, 0.1], [-3, -0.1]], np.float32) + 5
    assert float(jaxloss.barlow_twins_loss(view, view)) < 1e-12


def test_barlow_twins_ignores_shift_and_scale(rng):
    x, y = rng.normal(size=(2, 8, 3)).astype(np.float32)
    expected = jaxloss.barlow_twins_loss(x, y)
    np.testing.assert_allclose(jaxloss.barlow_twins_loss(1e20 * x, 0.5 * y + 3), expected, rtol=1e-5)


def test_constant_features_have_no_correlation():
    """A constant that is no binary fraction leaves no noise behind to be normalised to 1."""
    x = jnp.stack([jnp.full(7, 0.1), jnp.arange(7.0)], axis=-1)
    value, slope = jax.value_and_grad(jaxloss.barlow_twins_loss)(x, x)
    assert float(value) == 1
    assert np.all(np.isfinite(slope))


def test_vicreg_equals_pytorch_metric_learning(rng):
    torch = pytest.importorskip("torch")
    losses = pytest.importorskip("pytorch_metric_learning.losses")
    x, y = rng.normal(size=(2, 8, 5))
    theirs = losses.VICRegLoss()(torch.tensor(x), ref_emb=torch.tensor(y))
    with jax.enable_x64(True):
        np.testing.assert_allclose(jaxloss.vicreg_loss(x, y), float(theirs), rtol=1e-9)


def test_equal_weights_are_no_weights_in_vicreg(rng):
    """The unbiased covariance does not depend on the scale of the weights, and a weight of 0 is no example."""
    x, y = rng.normal(size=(2, 6, 3)).astype(np.float32)
    keep = np.array([1, 1, 0, 1, 1, 1])
    np.testing.assert_allclose(
        jaxloss.vicreg_loss(x, y, weights=jnp.full(6, 7.0)), jaxloss.vicreg_loss(x, y), rtol=1e-5
    )
    fewer = jaxloss.vicreg_loss(x[keep == 1], y[keep == 1])
    np.testing.assert_allclose(jaxloss.vicreg_loss(x, y, weights=3.0 * keep), fewer, rtol=1e-5)


@pytest.mark.parametrize("fn", [jaxloss.barlow_twins_loss, jaxloss.vicreg_loss])
@pytest.mark.parametrize("scale", [3e38, 1e-30])
def test_the_scale_of_the_weights_is_no_matter(fn, scale, rng):
    """Their sum may be beyond the largest float32."""
    x, y = rng.normal(size=(2, 6, 3)).astype(np.float32)
    weights = rng.uniform(0.5, 1.0, 6).astype(np.float32)
    np.testing.assert_allclose(fn(x, y, weights=np.float32(scale) * weights), fn(x, y, weights=weights), rtol=1e-5)


@pytest.mark.parametrize("factor", ["invariance_weight", "variance_weight", "covariance_weight"])
def test_terms_of_vicreg(factor, rng):
    x, y = rng.normal(size=(2, 6, 3)).astype(np.float32)
    terms = {"invariance_weight": 0.0, "variance_weight": 0.0, "covariance_weight": 0.0}
    one = lambda size: float(jaxloss.vicreg_loss(x, y, **{**terms, factor: size}))
    np.testing.assert_allclose(one(3.0), 3 * one(1.0), rtol=1e-6)
    assert one(1.0) > 0


def test_targets_of_predictors_are_constant(rng):
    p, q, y, z = rng.normal(size=(4, 5, 3)).astype(np.float32)
    assert not np.any(jax.grad(jaxloss.byol_loss, 1)(p, z))
    ours = jax.grad(jaxloss.simsiam_loss, (0, 1, 2, 3))(p, q, y, z)
    assert not np.any(ours[2])
    assert not np.any(ours[3])
    np.testing.assert_allclose(ours[0], jax.grad(jaxloss.negative_cosine_loss)(p, z) / 2, rtol=1e-5, atol=1e-8)
    assert np.any(jax.grad(jaxloss.negative_cosine_loss, 1)(p, z))


def dino(student, teacher, center, temperature, sharp):
    """The paper's loop over pairs of views; shapes ``[B, S, K]``, ``[B, T, K]``."""
    terms = [
        -np.sum(
            scipy.special.softmax((teacher[:, t] - center) / sharp, -1)
            * scipy.special.log_softmax(student[:, s] / temperature, -1),
            -1,
        )
        for t in range(teacher.shape[1])
        for s in range(student.shape[1])
        if s != t
    ]
    return np.mean(terms, 0)


class TestDino:
    @pytest.fixture
    def views(self, rng):
        """Four students' views, two of the teacher, of six images."""
        student, teacher = (rng.normal(size=(6, n, 5)).astype(np.float32) for n in (4, 2))
        return student, teacher, jaxloss.DinoState(jnp.asarray(rng.normal(size=5), jnp.float32))

    def test_equals_the_loop(self, views):
        student, teacher, state = views
        values, new = jaxloss.dino_loss(
            *views, temperature=0.3, teacher_temperature=0.2, momentum=0.7, reduction="none"
        )
        np.testing.assert_allclose(values, dino(student, teacher, np.asarray(state.center), 0.3, 0.2), rtol=1e-5)
        expected = 0.7 * np.asarray(state.center) + 0.3 * teacher.mean((0, 1))
        np.testing.assert_allclose(new.center, expected, rtol=1e-5)

    def test_masked_images_are_absent(self, views):
        student, teacher, state = views
        keep = np.array([True, False, True, True, False, True])
        spoiled = np.where(keep[:, None, None], teacher, np.nan)
        masked, moved = jaxloss.dino_loss(student, spoiled, state, where=keep)
        alone, expected = jaxloss.dino_loss(student[keep], teacher[keep], state)
        np.testing.assert_allclose(masked, alone, rtol=1e-6)
        np.testing.assert_allclose(moved.center, expected.center, rtol=1e-6)

    def test_nothing_left_keeps_the_centre(self, views):
        value, state = jaxloss.dino_loss(*views, where=np.zeros(6, bool))
        assert float(value) == 0
        np.testing.assert_array_equal(state.center, views[2].center)

    def test_only_the_student_learns(self, views):
        slopes = jax.grad(lambda s, t, c: jaxloss.dino_loss(s, t, c)[0], (0, 1, 2))(*views)
        assert np.any(slopes[0])
        assert not np.any(slopes[1])
        assert not np.any(slopes[2].center)

    def test_scans_and_starts_from_zeros(self, views):
        student, teacher, _ = views
        step = lambda state, _: jaxloss.dino_loss(student, teacher, state)[::-1]
        state, losses = jax.lax.scan(step, jaxloss.init_dino_loss(5), length=3)
        assert losses.shape == (3,)
        np.testing.assert_allclose(state.center, (1 - 0.9**3) * teacher.mean((0, 1)), rtol=1e-4)

    def test_the_centre_of_all_devices(self, views, rng):
        """The state is equal on all of them, also if one has no image; its own mean would be another centre."""
        student, teacher = rng.normal(size=(8, 4, 5)), rng.normal(size=(8, 2, 5))
        inputs = jnp.asarray(student, jnp.float32), jnp.asarray(teacher, jnp.float32)
        keep, state = jnp.array([1, 0, 0, 0, 1, 1, 1, 1], bool), views[2]
        mesh = jax.sharding.Mesh(np.array(jax.devices("cpu")[:4]), ("data",))
        images, every = jax.sharding.PartitionSpec("data"), jax.sharding.PartitionSpec()
        step = lambda s, t, m: jaxloss.dino_loss(s, t, state, where=m, axis_name="data")
        spread = jax.shard_map(step, mesh=mesh, in_specs=(images,) * 3, out_specs=every)
        expected = jaxloss.dino_loss(*inputs, state, where=keep)
        jax.tree.map(lambda a, e: np.testing.assert_allclose(a, e, rtol=1e-5), jax.jit(spread)(*inputs, keep), expected)

    def test_refuses(self, views):
        student, teacher, state = views
        with pytest.raises(ValueError, match="view"):
            jaxloss.dino_loss(student[:, :1], teacher[:, :1], state)
        with pytest.raises(ValueError, match="center"):
            jaxloss.dino_loss(student, teacher, jaxloss.init_dino_loss(4))
        with pytest.raises(ValueError, match="teacher_logits"):
            jaxloss.dino_loss(student, teacher[:3], state)
        with pytest.raises(ValueError, match="temperature"):
            jaxloss.dino_loss(*views, temperature=0.0)
        with pytest.raises(ValueError, match="momentum"):
            jaxloss.dino_loss(*views, momentum=1.5)
        with pytest.raises(TypeError, match="logits"):
            jaxloss.dino_loss(jnp.ones((6, 4, 5), jnp.int32), teacher, state)
