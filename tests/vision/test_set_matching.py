"""Matching against SciPy and optax; the set loss of DETR against its parts."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize
from jax.sharding import PartitionSpec as P

import jaxloss
from tests.cases.vision._boxes import giou
from tests.cases.vision.matching import scenes


def tables(kind: str, predictions: int, targets: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    shape = (30, predictions, targets)
    drawn = {
        "normal": rng.normal(size=shape),
        "ties": rng.integers(0, 3, size=shape).astype(float),
        "wide range": rng.normal(size=shape) * np.exp(5 * rng.normal(size=shape)),
        "equal": np.ones(shape),
    }
    return drawn[kind].astype(np.float32)


def total(table: np.ndarray, match: np.ndarray) -> float:
    return float(np.sum(table.astype(float)[match, np.arange(len(match))]))


@pytest.mark.parametrize(("predictions", "targets"), [(1, 1), (4, 4), (9, 5)])
@pytest.mark.parametrize("kind", ["normal", "ties", "wide range", "equal"])
def test_matches_cost_as_little_as_those_of_scipy(kind: str, predictions: int, targets: int) -> None:
    costs = tables(kind, predictions, targets)
    for table, match in zip(costs, np.asarray(jax.jit(jaxloss.hungarian_matching)(costs)), strict=True):
        assert len(set(match.tolist())) == targets
        rows, columns = scipy.optimize.linear_sum_assignment(table.astype(float))
        assert abs(total(table, match) - table.astype(float)[rows, columns].sum()) <= 1e-6 * np.abs(table).max()


def test_matches_are_those_of_optax() -> None:
    assignment = pytest.importorskip("optax.assignment")
    costs = tables("normal", 6, 4)[0]
    rows, columns = assignment.hungarian_algorithm(jnp.asarray(costs))
    np.testing.assert_array_equal(jaxloss.hungarian_matching(costs)[columns], rows)


def test_absent_targets_do_not_take_part() -> None:
    costs = tables("normal", 5, 4)
    where = np.random.default_rng(1).uniform(size=(30, 4)) < 0.6
    matches = np.asarray(jax.jit(jaxloss.hungarian_matching)(np.where(where[:, None], costs, np.nan), where=where))
    for table, keep, match in zip(costs, where, matches, strict=True):
        assert len(set(match.tolist())) == 4
        rows, columns = scipy.optimize.linear_sum_assignment(table[:, keep])
        np.testing.assert_array_equal(match[keep][columns], rows)


def test_costs_that_are_no_numbers_come_last_and_the_search_ends() -> None:
    costs = jnp.array([[jnp.nan, 1.0], [jnp.inf, -jnp.inf], [2.0, 3.0]])
    match = jax.jit(jaxloss.hungarian_matching)
    np.testing.assert_array_equal(match(costs), [2, 1])
    assert len(set(np.asarray(match(jnp.full((3, 2), jnp.nan))).tolist())) == 2
    assert jaxloss.hungarian_matching(jnp.zeros((2, 3, 0))).shape == (2, 0)
    assert jaxloss.hungarian_matching(jnp.zeros((0, 3, 2))).shape == (0, 2)
    with pytest.raises(ValueError, match="costs"):
        jaxloss.hungarian_matching(jnp.zeros((2, 3)))
    with pytest.raises(TypeError, match="costs"):
        jaxloss.hungarian_matching(jnp.zeros((3, 2), int))
    with pytest.raises(TypeError, match="where"):
        jaxloss.hungarian_matching(jnp.zeros((3, 2)), where=jnp.ones(2))


def test_under_vmap_the_matches_are_those_of_the_single_tables() -> None:
    costs = jnp.asarray(tables("normal", 7, 4)[:12]).reshape(2, 3, 2, 7, 4)
    match = jaxloss.hungarian_matching
    expected = np.stack([jax.jit(match)(table) for table in costs.reshape(12, 7, 4)]).reshape(2, 3, 2, 4)
    for fn in (match, jax.vmap(match), jax.vmap(jax.vmap(match)), jax.vmap(jax.vmap(jax.vmap(match)))):
        np.testing.assert_array_equal(jax.jit(fn)(costs), expected)
    np.testing.assert_array_equal(
        jax.jit(jax.vmap(match, in_axes=2, out_axes=1))(jnp.moveaxis(costs, 0, 2)), np.moveaxis(expected, 0, 1)
    )
    keep = jnp.array([[True, True, False, True], [True, False, True, True]])
    np.testing.assert_array_equal(
        jax.jit(jax.vmap(lambda mask: match(costs[0, 0, 0], where=mask)))(keep),
        [jax.jit(match)(costs[0, 0, 0], where=mask) for mask in keep],
    )
    np.testing.assert_array_equal(jaxloss.checked(jax.jit(jax.vmap(match)))(costs), expected)


@pytest.mark.parametrize("fn", [jaxloss.hungarian_matching, jax.vmap(jaxloss.hungarian_matching)], ids=["axes", "vmap"])
def test_a_cpu_takes_one_table_after_the_other_and_an_accelerator_all_at_once(fn) -> None:
    """In lock step every table pays for the longest search: the loops of a CPU hold the columns of one."""
    costs = jax.ShapeDtypeStruct((16, 9, 5), jnp.float32)
    for platform, mine, other in (("cpu", 1, 16), ("cuda", 16, 1), ("tpu", 16, 1)):
        text = jax.export.export(jax.jit(fn), platforms=[platform])(costs).mlir_module()
        assert f"tensor<{mine}x10xi1>" in text, "the columns that a search has reached"
        assert f"tensor<{other}x10xi1>" not in text
    everywhere = jax.export.export(jax.jit(fn), platforms=["cpu", "cuda", "tpu"])(costs)
    drawn = tables("normal", 9, 5)[:16]
    np.testing.assert_array_equal(everywhere.call(drawn), jax.jit(fn)(drawn))


def test_the_match_is_a_constant_in_both_modes_under_vmap(scene: dict) -> None:
    """The gradient and its derivative of each image under ``vmap`` are those of the image alone."""
    loss = lambda boxes, rest: jaxloss.detr_set_loss(**rest, boxes=boxes)
    slope = jax.grad(loss)
    bend = lambda boxes, rest: jax.jvp(lambda x: slope(x, rest), (boxes,), (jnp.cos(boxes),))
    boxes, rest = scene["boxes"], {n: x for n, x in scene.items() if n != "boxes"}
    together = jax.jit(jax.vmap(bend))(boxes, rest)
    for i in range(boxes.shape[0]):
        alone = jax.jit(bend)(boxes[i], jax.tree.map(lambda x, i=i: x[i], rest))
        for a, b in zip(together, alone, strict=True):
            np.testing.assert_allclose(a[i], b, rtol=1e-5, atol=1e-6)


def test_matches_inside_of_a_mesh() -> None:
    costs = jnp.asarray(tables("normal", 6, 4)[:8])
    mesh = jax.make_mesh((len(jax.devices()),), ("data",), axis_types=(jax.sharding.AxisType.Auto,))
    spread = jax.shard_map(jax.vmap(jaxloss.hungarian_matching), mesh=mesh, in_specs=P("data"), out_specs=P("data"))
    np.testing.assert_array_equal(jax.jit(spread)(costs), jax.jit(jaxloss.hungarian_matching)(costs))


def test_wide_dtypes() -> None:
    costs = tables("normal", 4, 3)[0]
    expected = jax.jit(jaxloss.hungarian_matching)(costs)
    with jax.enable_x64(True):
        for dtype in (jnp.float32, jnp.float64):
            match = jax.jit(jaxloss.hungarian_matching)(jnp.asarray(costs, dtype))
            assert match.dtype == jnp.int32
            np.testing.assert_array_equal(match, expected)


@pytest.fixture
def scene() -> dict[str, jax.Array]:
    drawn = scenes(4, 3, 2)(np.random.default_rng(3), (3,))
    return {n: jnp.asarray(x, jnp.float32 if x.dtype == np.float64 else None) for n, x in drawn.items()}


def test_the_order_of_predictions_and_targets_does_not_matter(scene: dict) -> None:
    loss = jax.jit(lambda x: jaxloss.detr_set_loss(**x, reduction="none"))
    turned = {n: x[:, ::-1] for n, x in scene.items()}
    np.testing.assert_allclose(loss(turned), loss(scene), rtol=1e-6)


def test_absent_targets_hold_anything(scene: dict) -> None:
    fn = jax.jit(jax.value_and_grad(lambda z, x: jaxloss.detr_set_loss(z, **x)))
    rest = {n: x for n, x in scene.items() if n != "logits"}
    present = scene["present"].at[:, -1].set(False)
    clean = fn(scene["logits"], {**rest, "present": present})
    spoiled = {
        **rest,
        "present": present,
        "labels": scene["labels"].at[:, -1].set(99),
        "target_boxes": scene["target_boxes"].at[:, -1].set(jnp.nan),
    }
    for a, b in zip(fn(scene["logits"], spoiled), clean, strict=True):
        np.testing.assert_array_equal(a, b)
    fewer = {n: x[:, :-1] if n in ("labels", "target_boxes", "present") else x for n, x in scene.items()}
    np.testing.assert_allclose(jax.jit(lambda x: jaxloss.detr_set_loss(**x))(fewer), clean[0], rtol=1e-6)


def test_an_image_without_a_target_is_all_background(scene: dict) -> None:
    nothing = jnp.zeros_like(scene["present"])
    actual = jax.jit(lambda x: jaxloss.detr_set_loss(**x))({**scene, "present": nothing})
    background = jnp.full(scene["logits"].shape[:-1], scene["logits"].shape[-1] - 1)
    expected = jaxloss.softmax_cross_entropy_with_integer_labels(scene["logits"], background)
    np.testing.assert_allclose(actual, expected, rtol=1e-6)


def test_weights_of_the_match_do_not_weigh_the_loss(scene: dict) -> None:
    """Costs of 0 but for the class: the loss keeps its own weights, and the probabilities choose."""
    one = {n: x[:1] for n, x in scene.items()}
    one["present"] = jnp.array([[True, False, False]])
    free = {"l1_cost": 0.0, "giou_cost": 0.0, "class_weight": 0.0, "giou_weight": 0.0, "l1_weight": 1.0}
    actual = jax.jit(lambda x: jaxloss.detr_set_loss(**x, **free))(one)
    chosen = jnp.argmax(jax.nn.softmax(one["logits"][0], axis=-1)[:, one["labels"][0, 0]])
    near = jaxloss.boxes.xyxy_to_cxcywh(one["boxes"][0, chosen]) - jaxloss.boxes.xyxy_to_cxcywh(
        one["target_boxes"][0, 0]
    )
    np.testing.assert_allclose(actual, jnp.sum(jnp.abs(near)), rtol=1e-6)


def test_a_prediction_that_is_no_number_spoils_its_image_only(scene: dict) -> None:
    loss = jax.jit(lambda x: jaxloss.detr_set_loss(**x, reduction="none"))
    for name in ("logits", "boxes"):
        for place in range(4):
            values = loss({**scene, name: scene[name].at[1, place, 0].set(jnp.nan)})
            np.testing.assert_array_equal(np.isnan(values), [False, True, False], err_msg=name)


def test_more_targets_than_predictions_are_refused(scene: dict) -> None:
    few = {n: x[:, :2] if n in ("logits", "boxes") else x for n, x in scene.items()}
    with pytest.raises(ValueError, match="predictions"):
        jaxloss.detr_set_loss(**few)
    with pytest.raises(TypeError, match="present"):
        jaxloss.detr_set_loss(**{**scene, "present": scene["present"].astype(jnp.float32)})


# ---- its parts --------------------------------------------------------------------------------------------------


SETS = ("logits", "boxes", "labels", "target_boxes", "present")


def parts(scene: dict, mean: Any) -> jax.Array:
    """The loss with means over the batch, as its docstring has it."""
    logits, boxes, labels, target_boxes, present = (scene[name] for name in SETS)
    count, last = logits.shape[-2], logits.shape[-1] - 1
    match = jaxloss.hungarian_matching(jaxloss.detr_costs(logits, boxes, labels, target_boxes), where=present)
    classes = jaxloss.query_labels(match, labels, present, num_queries=count, no_object=last)
    matched = jnp.take_along_axis(boxes, match[..., None], axis=-2)
    share = jnp.where(classes == last, 0.1, 1.0)
    named = jaxloss.softmax_cross_entropy_with_integer_labels(logits, classes, weights=share, reduction=mean)
    centred = map(jaxloss.boxes.xyxy_to_cxcywh, (matched, target_boxes))
    near = 4 * jaxloss.absolute_error(*centred, where=present[..., None], reduction=mean)
    return named + 5 * near + 2 * jaxloss.giou_loss(matched, target_boxes, where=present, reduction=mean)


def original(scene: dict) -> float:
    """Sums over the batch over the number of boxes, and the weighted mean of `torch.nn.functional.cross_entropy`."""
    torch = pytest.importorskip("torch")
    logits, boxes, labels, target_boxes, present = (np.asarray(scene[name]) for name in SETS)
    classes, near, over = np.full(logits.shape[:2], logits.shape[-1] - 1), 0.0, 0.0
    for i, mask in enumerate(present):
        real = np.flatnonzero(mask)
        l1 = np.abs(centred(boxes[i])[:, None] - centred(target_boxes[i][real])[None]).sum(-1)
        lack = giou(boxes[i][:, None], target_boxes[i][real][None])
        chances = np.asarray(jax.nn.softmax(logits[i], -1))[:, labels[i][real]]
        for n, m in zip(*scipy.optimize.linear_sum_assignment(5 * l1 - chances + 2 * lack), strict=True):
            classes[i, n] = labels[i][real[m]]
            near, over = near + l1[n, m], over + lack[n, m]
    weight = torch.ones(logits.shape[-1])
    weight[-1] = 0.1
    named = torch.nn.functional.cross_entropy(torch.tensor(logits).transpose(1, 2), torch.tensor(classes), weight)
    return named.item() + (5 * near + 2 * over) / present.sum()


def centred(box: np.ndarray) -> np.ndarray:
    return np.concatenate([(box[..., :2] + box[..., 2:]) / 2, box[..., 2:] - box[..., :2]], axis=-1)


def test_the_loss_over_a_batch_is_a_sum_of_three_means() -> None:
    """One normaliser for the batch, and for the batches of all devices."""
    drawn = scenes(4, 3, 2)(np.random.default_rng(5), (8,))
    scene = {n: jnp.asarray(x, jnp.float32 if x.dtype == np.float64 else None) for n, x in drawn.items()}
    expected = original(scene)
    np.testing.assert_allclose(jax.jit(lambda x: parts(x, "mean"))(scene), expected, rtol=1e-5)
    mesh = jax.make_mesh((8,), ("data",), axis_types=(jax.sharding.AxisType.Auto,))
    mean = jaxloss.reductions.mean(axis_name="data")
    spread = jax.shard_map(lambda x: parts(x, mean), mesh=mesh, in_specs=P("data"), out_specs=P())
    np.testing.assert_allclose(jax.jit(spread)(scene), expected, rtol=1e-5)


def test_one_image_is_a_batch(scene: dict) -> None:
    one = {n: x[:1] for n, x in scene.items()}
    np.testing.assert_allclose(
        jax.jit(lambda x: parts(x, "mean"))(one), jax.jit(lambda x: jaxloss.detr_set_loss(**x))(one), rtol=1e-6
    )


def test_any_class_may_say_that_there_is_no_object(scene: dict) -> None:
    """The first class in its place, and the labels moved up by one."""
    first = {**scene, "logits": jnp.roll(scene["logits"], 1, axis=-1), "labels": scene["labels"] + 1}
    loss = jax.jit(lambda x, k: jaxloss.detr_set_loss(**x, no_object=k, reduction="none"), static_argnums=1)
    np.testing.assert_allclose(loss(first, 0), loss(scene, -1), rtol=1e-6)
    named = loss({**first, "labels": jnp.zeros_like(first["labels"])}, 0)
    assert np.all(np.isnan(named)), "an object of the class of none"
    with pytest.raises(ValueError, match="labels"):
        jaxloss.checked(lambda x: jaxloss.detr_set_loss(**x))({**scene, "labels": scene["labels"] * 0 + 2})
    one = {**scene, "logits": scene["logits"][..., :2], "labels": scene["labels"] * 0}
    assert np.all(np.isfinite(loss(one, -1))), "one class of objects"
    with pytest.raises(ValueError, match="no_object"):
        loss(scene, 3)


def test_the_cost_matrix_is_that_of_the_match(scene: dict) -> None:
    costs = jaxloss.detr_costs(*(scene[name] for name in SETS[:4]), class_cost=2.0, l1_cost=0.0, giou_cost=0.0)
    chances = jax.nn.softmax(scene["logits"], axis=-1)
    for i, n, m in np.ndindex(*costs.shape):
        np.testing.assert_allclose(costs[i, n, m], -2 * chances[i, n, scene["labels"][i, m]], rtol=1e-6)
    with pytest.raises(ValueError, match="giou_cost"):
        jaxloss.detr_costs(*(scene[name] for name in SETS[:4]), giou_cost=-1.0)
