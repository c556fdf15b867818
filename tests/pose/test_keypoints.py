"""Object keypoint similarity: what its constants mean, and joints that are not annotated."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss

COCO = np.array([26, 25, 25, 35, 35, 79, 79, 72, 72, 62, 62, 107, 107, 87, 87, 89, 89]) / 1000


def people(rng: np.random.Generator, count: int) -> tuple[np.ndarray, ...]:
    targets = 100 * rng.uniform(size=(count, 17, 2))
    visible = rng.uniform(size=(count, 17)) < 0.7
    visible[:, 0] = True
    return targets + 3 * rng.normal(size=targets.shape), targets, visible, rng.uniform(500, 5000, count)


def test_a_keypoint_off_by_one_deviation() -> None:
    """At a distance of k times the square root of the area the similarity is ``exp(-1 / 2)``."""
    away = 2 * COCO[:, None] * 50.0 * np.array([0.6, 0.8])
    found = jaxloss.oks_loss(away, np.zeros((17, 2)), np.ones(17, bool), 2500.0, sigmas=COCO)
    np.testing.assert_allclose(found, 1 - np.exp(-0.5), rtol=1e-6)


def test_joints_without_annotation_hold_anything(rng: np.random.Generator) -> None:
    predictions, targets, visible, areas = people(rng, 4)
    loss = jax.jit(jax.value_and_grad(lambda p, y: jaxloss.oks_loss(p, y, visible, areas, sigmas=COCO)))
    clean = loss(predictions.astype(np.float32), targets.astype(np.float32))
    hidden = np.where(visible[..., None], targets, np.nan).astype(np.float32)
    for a, b in zip(loss(predictions.astype(np.float32), hidden), clean, strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.any(clean[1][~visible])


def test_objects_without_keypoints_are_absent(rng: np.random.Generator) -> None:
    predictions, targets, visible, areas = people(rng, 4)
    visible[1] = False
    areas[1] = np.nan
    rest = [0, 2, 3]
    loss = lambda rows: jaxloss.oks_loss(predictions[rows], targets[rows], visible[rows], areas[rows], sigmas=COCO)
    np.testing.assert_allclose(loss(slice(None)), loss(rest), rtol=1e-6)
    slope = jax.grad(lambda a: jaxloss.oks_loss(predictions, targets, visible, a, sigmas=COCO))(jnp.asarray(areas))
    assert np.all(np.isfinite(slope))


def test_the_similarity_does_not_depend_on_the_size_of_the_image(rng: np.random.Generator) -> None:
    predictions, targets, visible, areas = people(rng, 4)
    loss = lambda s: jaxloss.oks_loss(s * predictions, s * targets, visible, s**2 * areas, sigmas=COCO)
    np.testing.assert_allclose(loss(3.0), loss(1.0), rtol=1e-5)


def test_refusals(rng: np.random.Generator) -> None:
    predictions, targets, visible, areas = people(rng, 4)
    with pytest.raises(ValueError, match="one number per keypoint"):
        jaxloss.oks_loss(predictions, targets, visible, areas, sigmas=COCO[:5])
    with pytest.raises(ValueError, match="sigmas must be > 0"):
        jaxloss.oks_loss(predictions, targets, visible, areas, sigmas=0 * COCO)
    with pytest.raises(TypeError, match="visible"):
        jaxloss.oks_loss(predictions, targets, visible + 0.0, areas, sigmas=COCO)
    with pytest.raises(ValueError, match="areas must be > 0"):
        jaxloss.checked(lambda a: jaxloss.oks_loss(predictions, targets, visible, a, sigmas=COCO))(0 * areas)
