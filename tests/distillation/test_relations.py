"""What the laws do not see of `jaxloss.distillation.relations` and `similarities`."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss

RELATIONS = [jaxloss.relational_distance_loss, jaxloss.relational_angle_loss, jaxloss.similarity_preserving_loss]


@pytest.fixture
def sets(rng):
    return rng.normal(size=(6, 3)), rng.normal(size=(6, 4))


def test_distances_equal_the_code_of_the_authors_but_for_the_number_of_pairs(sets):
    """They average over all pairs of indices, an example with itself included."""
    torch = pytest.importorskip("torch")
    relative = []
    for x in sets:
        pairs = torch.cdist(torch.tensor(x), torch.tensor(x), compute_mode="donot_use_mm_for_euclid_dist")
        relative.append(pairs / pairs[pairs > 0].mean())
    theirs = torch.nn.functional.smooth_l1_loss(*relative)
    with jax.enable_x64(True):
        np.testing.assert_allclose(jaxloss.relational_distance_loss(*sets) * 5 / 6, theirs, rtol=1e-12)


def test_angles_equal_the_code_of_the_authors_but_for_the_number_of_triples(sets):
    torch = pytest.importorskip("torch")
    f = torch.nn.functional
    angles = []
    for x in map(torch.tensor, sets):
        sides = f.normalize(x[None] - x[:, None], p=2, dim=2)
        angles.append(torch.bmm(sides, sides.transpose(1, 2)).view(-1))
    theirs = f.smooth_l1_loss(*angles)
    with jax.enable_x64(True):
        np.testing.assert_allclose(jaxloss.relational_angle_loss(*sets) * 5 * 4 / 36, theirs, rtol=1e-12)


def test_similarities_equal_the_code_of_the_authors(sets):
    torch = pytest.importorskip("torch")
    f = torch.nn.functional
    rows = [f.normalize(x @ x.T) for x in map(torch.tensor, sets)]
    theirs = ((rows[0] - rows[1]) ** 2).sum() / 36
    with jax.enable_x64(True):
        np.testing.assert_allclose(jaxloss.similarity_preserving_loss(*sets), theirs, rtol=1e-12)


@pytest.mark.parametrize("fn", RELATIONS[:2])
def test_the_student_may_rotate_move_and_scale_its_space(fn, rng, sets):
    """And use more dimensions for it."""
    rotation = np.linalg.qr(rng.normal(size=(5, 5)))[0][:3]
    with jax.enable_x64(True):
        assert float(fn(7 * sets[0] @ rotation + 2, sets[0])) < 1e-28
        assert float(fn(sets[0] * np.array([1.0, 1.0, 3.0]), sets[0])) > 1e-3


@pytest.mark.parametrize("fn", RELATIONS)
def test_slopes_of_equal_examples_are_finite(fn, sets):
    """The root of a squared distance has none at 0, where an example meets itself."""
    x, y = (jnp.asarray(np.concatenate([z, z[:2]]), jnp.float32) for z in sets)
    for derivative in (jax.grad(fn, (0, 1)), jax.jacfwd(fn, (0, 1)), jax.hessian(fn)):
        assert all(np.all(np.isfinite(slope)) for slope in jax.tree.leaves(derivative(x, y)))


@pytest.mark.parametrize("fn", RELATIONS)
def test_equal_examples_stay_equal_behind_a_product(fn, rng, sets):
    """Fused into a difference, the product would put a rounding error between them, and a direction on it.

    To the teacher they are apart.
    """
    x = jnp.asarray(np.concatenate([sets[0], sets[0][:2]]), jnp.float32)
    y = jnp.asarray(rng.normal(size=(8, 4)), jnp.float32)
    slope = jax.grad(lambda x, w: fn(w * x, y))
    w = jnp.asarray(np.linspace(0.7, 1.3, 3), jnp.float32)[None]
    np.testing.assert_allclose(jax.jit(slope)(x, w), jax.grad(fn)(w * x, y) * w, rtol=1e-4, atol=1e-6)


def test_the_unit_of_distances_is_that_of_the_examples_that_count(sets):
    """A masked outlier would change the mean distance, and with it every relation."""
    x, y = (np.concatenate([z, [[100.0] * z.shape[1]]]).astype(np.float32) for z in sets)
    masked = jaxloss.relational_distance_loss(x, y, where=np.arange(7) < 6)
    np.testing.assert_allclose(masked, jaxloss.relational_distance_loss(*(z[:6] for z in (x, y))), rtol=1e-5)


@pytest.mark.parametrize(("fn", "others"), [*zip(RELATIONS, (1, 2, 0), strict=True)])
def test_examples_without_partners_are_left_out(fn, others):
    """Of too few examples nothing is learned, and a set of them does not thin out the mean of the other sets."""
    x = np.random.default_rng(3).normal(size=(2, 4, 2)).astype(np.float32)
    keep = np.array([[True] * 4, [True] * others + [False] * (4 - others)])
    mean = fn(x, x[..., ::-1] ** 2, where=keep)
    np.testing.assert_allclose(mean, fn(x[:1], x[:1, :, ::-1] ** 2), rtol=1e-6)


def test_shapes_are_told_apart(sets):
    with pytest.raises(ValueError, match=r"teacher_embeddings must have shape \(6, 4\)"):
        jaxloss.relational_distance_loss(sets[0], sets[1][:5])
    with pytest.raises(ValueError, match="embeddings must end with the axes"):
        jaxloss.similarity_preserving_loss(sets[0][0], sets[1][0])


@pytest.mark.parametrize("fn", RELATIONS)
def test_a_student_learns_the_relations_of_its_teacher(fn, rng):
    """Two features for the relations of points on a circle that the teacher has in five."""
    angle = 2 * np.pi * np.arange(6) / 6
    circle = np.stack([np.cos(angle), np.sin(angle)], -1)
    teacher = jnp.asarray(circle @ np.linalg.qr(rng.normal(size=(5, 5)))[0][:2], jnp.float32)
    student = jnp.asarray(circle + 0.3 * rng.normal(size=(6, 2)), jnp.float32)

    def step(x, _):
        value, slope = jax.value_and_grad(fn)(x, teacher)
        return x - 0.5 * slope, value

    _, values = jax.jit(lambda x: jax.lax.scan(step, x, length=300))(student)
    assert float(values[-1]) < 0.05 * float(values[0])
