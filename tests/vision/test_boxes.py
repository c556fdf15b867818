"""Box losses on degenerate boxes, against printed numbers, and the helpers of boxes."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss
from tests.cases.vision._boxes import boxes, giou
from tests.cases.vision.overlap import ciou, iou

LOSSES = ("iou_loss", "giou_loss", "diou_loss", "ciou_loss")
PULLING = LOSSES[1:]


def at(name: str, prediction: list, target: list) -> tuple[float, np.ndarray]:
    loss = getattr(jaxloss, name)
    value, slope = jax.jit(jax.value_and_grad(loss))(jnp.array(prediction, jnp.float32), jnp.array(target, jnp.float32))
    return float(value), np.asarray(slope)


def test_numbers_of_torchvision() -> None:
    """The boxes and the losses of its own tests."""
    one, two, three, four = [-1, -1, 1, 1], [0, 0, 1, 1], [0, 1, 1, 2], [1, 1, 2, 2]
    for expected, a, b in ((0.0, one, one), (0.75, one, two), (1.0, two, three), (1.5, two, four)):
        np.testing.assert_allclose(at("giou_loss", a, b)[0], expected, rtol=1e-6)
    wide, narrow, far = [-1, -1, 1, 1], [-1, 0, 1, 1], [-1, -2, 1, -1]
    np.testing.assert_allclose(at("diou_loss", wide, narrow)[0], 0.5 + 0.25 / 8, rtol=1e-6)
    assert at("ciou_loss", wide, narrow)[0] > at("diou_loss", wide, narrow)[0]
    assert at("iou_loss", narrow, far)[0] == 1


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize(
    "prediction",
    [[2, 0, 1, 3], [2, 2, 1, 1], [3, 3, 0, 0], [9, 0, 8, 3], [1, 1, 1, 1], [0, 1, 3, 1]],
    ids=["in x", "in both", "mirrored", "outside", "a point", "a line"],
)
def test_boxes_that_cover_nothing_are_not_rewarded(name: str, prediction: list) -> None:
    value, slope = at(name, prediction, [0, 0, 3, 3])
    assert value >= 1
    assert np.all(np.isfinite(slope))


def test_the_generalised_loss_turns_an_inverted_box_round() -> None:
    box, target = jnp.array([2.0, 2.0, 1.0, 1.5]), jnp.array([0.0, 0.0, 3.0, 3.0])
    step = jax.jit(lambda b: b - 0.1 * jax.grad(jaxloss.giou_loss)(b, target))
    for _ in range(100):
        box = step(box)
    assert box[0] < box[2]
    assert box[1] < box[3]
    # The pull of the others is on the middle of an inverted side, never towards more of it.
    for name in ("diou_loss", "ciou_loss"):
        _, slope = at(name, [9, 0, 8, 3], [0, 0, 3, 3])
        np.testing.assert_allclose(slope[0], slope[2], rtol=1e-6)
        assert slope[0] > 0


def test_boxes_without_area() -> None:
    for name in LOSSES:
        assert at(name, [1, 1, 1, 1], [1, 1, 1, 1])[0] == 0
        assert at(name, [1, 0, 1, 2], [1, 1, 1, 3])[0] >= 1
        assert at(name, [2, 2, 1, 1], [2, 2, 1, 1])[0] >= 1, "inverted, though equal"
    assert at("giou_loss", [0, 0, 0, 0], [1, 1, 1, 1])[0] == 2


@pytest.mark.parametrize("name", PULLING)
def test_disjoint_boxes_are_pulled_together(name: str) -> None:
    _, slope = at(name, [5, 0, 6, 1], [0, 0, 1, 1])
    assert slope[0] + slope[2] > 1e-3
    np.testing.assert_array_equal(at("iou_loss", [5, 0, 6, 1], [0, 0, 1, 1])[1], 0)


def test_alpha_is_a_constant_of_differentiation() -> None:
    rng = np.random.default_rng(0)
    p, t = boxes(rng, (20,)), boxes(rng, (20,))
    p = np.concatenate([(p + t)[..., :2] / 2, (p + t)[..., 2:] / 2], axis=-1)
    angle = lambda b: np.arctan((b[..., 2] - b[..., 0]) / (b[..., 3] - b[..., 1]))
    v = lambda p: 4 / np.pi**2 * (angle(t) - angle(p)) ** 2
    alpha = v(p) / (iou(p, t) + v(p))
    frozen = lambda q: np.sum(ciou(q, t) - v(q) ** 2 / (iou(q, t) + v(q)) + alpha * v(q))
    with jax.enable_x64(True):
        slope = jax.jit(jax.grad(lambda q: jaxloss.ciou_loss(q, jnp.asarray(t), reduction="sum")))(jnp.asarray(p))
    for _ in range(5):
        along = rng.normal(size=p.shape)
        expected = (frozen(p + 1e-6 * along) - frozen(p - 1e-6 * along)) / 2e-6
        np.testing.assert_allclose(np.sum(np.asarray(slope) * along), expected, rtol=1e-6)


@pytest.mark.parametrize("name", LOSSES[:3])
def test_slopes_at_equal_ends_are_means_of_both_sides(name: str) -> None:
    """Boxes of whole numbers share ends and touch: there the loss has a kink. (CIoU adds a smooth term to DIoU.)"""
    rng = np.random.default_rng(0)
    low = rng.integers(0, 5, (2, 500, 2)).astype(float)
    p, t = np.concatenate([low, low + rng.integers(1, 5, (2, 500, 2))], axis=-1)
    with jax.enable_x64(True):
        loss = jax.jit(lambda x: getattr(jaxloss, name)(x, jnp.asarray(t), reduction="none"))
        slope = jax.jit(jax.grad(lambda x: jnp.sum(loss(x))))(jnp.asarray(p))
        for place, step in enumerate(1e-6 * np.eye(4)):
            expected = (loss(jnp.asarray(p + step)) - loss(jnp.asarray(p - step))) / 2e-6
            np.testing.assert_allclose(slope[:, place], expected, atol=1e-5)


def test_nearly_equal_boxes_keep_their_relative_accuracy() -> None:
    target = np.array([0.1, 0.2, 1.3, 1.9], np.float32)
    moved = target + np.array([1e-6, -2e-6, 3e-6, 1e-6], np.float32)
    for name, oracle in (("iou_loss", iou), ("giou_loss", giou)):
        expected = oracle(moved.astype(float), target.astype(float))
        np.testing.assert_allclose(at(name, moved, target)[0], expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("table", "loss"),
    [(jaxloss.boxes.box_iou, jaxloss.iou_loss), (jaxloss.boxes.generalized_box_iou, jaxloss.giou_loss)],
    ids=["iou", "giou"],
)
def test_tables_are_the_losses_of_pairs(table, loss) -> None:
    rng = np.random.default_rng(1)
    a, b = (jnp.asarray(boxes(rng, (2, n)), jnp.float32) for n in (3, 4))
    found = jax.jit(table)(a, b)
    assert found.shape == (2, 3, 4)
    spread = lambda x, axis: jnp.broadcast_to(jnp.expand_dims(x, axis), (2, 3, 4, 4))
    np.testing.assert_allclose(found, 1 - loss(spread(a, 2), spread(b, 1), reduction="none"), rtol=1e-6, atol=1e-6)
    assert table(a[0, :0], b[0]).shape == (0, 4)
    np.testing.assert_array_equal(jnp.diagonal(table(a[0], a[0])), 1)
    assert table(a.astype(jnp.bfloat16), b).dtype == jnp.float32
    with pytest.raises(ValueError, match="others"):
        table(a, b[0])
    with pytest.raises(ValueError, match="boxes"):
        table(a[..., :3], b)
    with pytest.raises(TypeError, match="others"):
        table(a, b.astype(jnp.int32))


@pytest.mark.parametrize("form", ["cxcywh", "xywh", "yxyx"])
def test_formats(form: str) -> None:
    there, back = (getattr(jaxloss.boxes, name) for name in (f"xyxy_to_{form}", f"{form}_to_xyxy"))
    corners = jnp.array([[1.0, 2.0, 4.0, 4.0]])
    expected = {"cxcywh": [2.5, 3, 3, 2], "xywh": [1, 2, 3, 2], "yxyx": [2, 1, 4, 4]}[form]
    np.testing.assert_array_equal(there(corners), [expected])
    np.testing.assert_array_equal(back(there(corners)), corners)
    assert there(corners.astype(jnp.bfloat16)).dtype == jnp.bfloat16
    for convert in (there, back):
        with pytest.raises(ValueError, match="boxes"):
            convert(corners[..., :3])
        with pytest.raises(TypeError, match="boxes"):
            convert(corners.astype(jnp.int32))


def test_the_angle_of_the_centres_weights_their_distance() -> None:
    """Equal boxes a step apart: on an axis the exponent is twice that on the diagonal, by the numbers of the paper."""
    side = at("siou_loss", [0, 0, 2, 2], [1, 0, 3, 2])[0]
    np.testing.assert_allclose(side, 2 / 3 + 0.5 * (1 - np.exp(-2 / 9)), rtol=1e-6)
    diagonal = at("siou_loss", [0, 0, 2, 2], [1, 1, 3, 3])[0]
    np.testing.assert_allclose(diagonal, 6 / 7 + (1 - np.exp(-1 / 9)), rtol=1e-6)


def test_the_shape_of_boxes_with_one_centre() -> None:
    """Without a distance the angle does not matter, and theta says how much a difference of the sides does."""
    for theta in (2.0, 6.0):
        found = jaxloss.siou_loss(jnp.array([-1.0, -1.0, 1.0, 1.0]), jnp.array([-2.0, -1.0, 2.0, 1.0]), theta=theta)
        np.testing.assert_allclose(found, 0.5 + 0.5 * (1 - np.exp(-0.5)) ** theta, rtol=1e-6)


def test_boxes_apart_are_pulled_together() -> None:
    box, target = jnp.array([0.0, 0.0, 1.0, 1.0]), jnp.array([2.0, 1.0, 4.0, 2.0])
    step = jax.jit(lambda b: b - 0.3 * jax.grad(jaxloss.siou_loss)(b, target))
    assert jaxloss.iou_loss(box, target) == 1
    for _ in range(100):
        box = step(box)
    assert jaxloss.iou_loss(box, target) < 0.2
