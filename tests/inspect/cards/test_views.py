"""How losses are read as functions of one number: by rules, which a loss that nobody wrote down must meet, too."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss
from jaxloss.inspect.cards import vector_view, view
from jaxloss.inspect.cards.reading.probing import jumps


def kinds(fn, **parameters) -> list[str]:
    found = view(fn, **parameters)
    return [subject.kind for subject in found.subjects] if found else []


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("squared_error", ["residual"]),
        ("mean_squared_log_error", ["prediction", "prediction"]),
        ("binary_cross_entropy", ["prediction", "prediction"]),
        ("multiclass_brier_score", ["prediction", "prediction"]),
        ("sigmoid_binary_cross_entropy", ["logit"]),
        ("asymmetric_multilabel_loss", ["logit", "logit"]),
        ("softmax_cross_entropy", ["logit"]),
        ("generalized_cross_entropy", ["logit"]),
        ("hinge_loss", ["margin"]),
        ("multi_margin_loss", ["margin"]),
        ("bpr_loss", ["margin"]),
        ("dpo_loss", ["margin"]),
        ("gan_hinge_generator_loss", ["margin"]),
        ("l2_penalty", ["penalty"]),
        ("log_barrier_penalty", ["penalty"]),
    ],
)
def test_names_and_behaviour_decide(name: str, expected: list[str]) -> None:
    assert kinds(getattr(jaxloss, name)) == expected


@pytest.mark.parametrize(
    "name",
    [
        "root_mean_squared_error",
        "ssim_loss",
        "infonce_loss",
        "sigmoid_dice_loss",
        "coral_ordinal_loss",
        "weight_orthogonality_penalty",
    ],
)
def test_losses_of_more_than_one_number_have_no_view(name: str) -> None:
    assert view(getattr(jaxloss, name)) is None


@jaxloss.elementwise
def new_loss(predictions, targets, *, width=1.0):
    return jnp.log1p(jnp.square((predictions - targets) / width))


@jaxloss.elementwise
def new_relative_loss(predictions, targets):
    return jnp.square(predictions / targets - 1)


@jaxloss.elementwise
def new_margin_loss(scores, targets):
    return jax.nn.softplus(1 - scores * targets)


@jaxloss.per_example(logits="classes", labels="")
def new_softmax_loss(logits, labels):
    return -jax.nn.log_softmax(logits)[labels]


@jaxloss.per_example(predictions="features", targets="features")
def new_vector_loss(predictions, targets):
    return jnp.max(jnp.abs(predictions - targets))


def test_a_new_loss_needs_no_entry() -> None:
    assert kinds(new_loss) == ["residual"]
    assert kinds(new_relative_loss) == ["prediction", "prediction"]
    assert kinds(new_margin_loss) == ["margin"]
    assert kinds(new_softmax_loss) == ["logit"]
    assert kinds(new_vector_loss) == []


def test_hyperparameters_reach_the_loss() -> None:
    (subject,) = view(new_loss, width=2.0).subjects
    assert subject.parameters == {"width": 2.0}
    assert float(subject.fn(jnp.float32(3))) == pytest.approx(math.log1p(2.25))


def test_numbers_without_a_default_are_one() -> None:
    (subject,) = view(jaxloss.elastic_net_penalty).subjects
    assert subject.parameters == {"l1_factor": 1.0, "l2_factor": 1.0}


def test_unknown_hyperparameters_are_refused() -> None:
    with pytest.raises(ValueError, match="huber_loss has no hyperparameter 'beta'; it has: delta"):
        view(jaxloss.huber_loss, beta=1.0)
    with pytest.raises(ValueError, match="delta must be > 0; found -1"):
        view(jaxloss.huber_loss, delta=-1.0)


def test_the_domain_is_where_the_loss_is_defined() -> None:
    assert view(jaxloss.squared_error).legal == (-math.inf, math.inf)
    assert view(jaxloss.mean_squared_log_error).legal == (0.0, math.inf)
    assert view(jaxloss.brier_score).legal == (0.0, 1.0)
    low, high = view(jaxloss.gamma_deviance).legal
    assert 0 < low < 1e-37
    assert high == math.inf
    assert view(jaxloss.brier_score).subjects[0].domain == (0.0, 1.0)
    assert view(jaxloss.binary_cross_entropy).subjects[0].domain == (1 / 64, 63 / 64)  # infinite slope at the ends


def test_both_classes_are_looked_at_unless_they_mirror_each_other() -> None:
    of_one, of_zero = view(jaxloss.varifocal_loss).subjects
    for subject, target in ((of_one, 1.0), (of_zero, 0.0)):
        z = jnp.float32(0.75 if target else -0.75)
        assert subject.fn(jnp.float32(0.75)) == jaxloss.varifocal_loss(z, jnp.float32(target))
        assert subject.falling
    assert of_one.partner(jnp.float32(0.75)) == of_zero.fn(jnp.float32(-0.75))
    assert view(jaxloss.sigmoid_binary_cross_entropy).subjects[0].partner is None


def test_two_classes_are_a_logit() -> None:
    (subject,) = view(jaxloss.softmax_cross_entropy_with_integer_labels).subjects
    assert float(subject.fn(jnp.float32(1.5))) == pytest.approx(math.log1p(math.exp(-1.5)), rel=1e-6)


@pytest.mark.parametrize(
    ("name", "parameters", "expected"),
    [
        ("huber_loss", {"delta": 1.345}, (-1.345, 1.345)),
        ("epsilon_insensitive_loss", {"half_width": 0.3}, (-0.3, 0.3)),
        ("smoothed_hinge_loss", {"gamma": 0.3}, (0.7,)),
        ("pseudo_huber_loss", {"delta": 1.345}, ()),
        ("welsch_loss", {"scale": 1.3}, ()),
        ("charbonnier_loss", {"epsilon": 1e-3}, ()),
    ],
)
def test_kinks_at_hyperparameters(name: str, parameters: dict, expected: tuple[float, ...]) -> None:
    found = view(getattr(jaxloss, name), **parameters).subjects[0].kinks
    np.testing.assert_allclose(sorted(set(found) - {1.0}), expected)  # 1 is a kink of hinges, and exact


def test_jumps_of_slope_and_of_curvature() -> None:
    fn = lambda x: jnp.abs(x - 0.5) + jnp.maximum(x, 0) ** 2 + jnp.cosh(x)
    assert jumps(fn, [-0.5, 0.0, 0.5, 1.0]) == [0.0, 0.5]


def test_vector_views() -> None:
    found = vector_view(jaxloss.softmax_cross_entropy_with_integer_labels)
    logits = jnp.array([0.0, 1.0, 2.0, -1.0, 0.5])
    assert float(found.fn(logits)) == pytest.approx(-float(jax.nn.log_softmax(logits)[1]))
    assert vector_view(jaxloss.sigmoid_dice_loss).parameters["pixel_ndim"] == 1
    assert vector_view(jaxloss.root_mean_squared_error) is not None
    assert vector_view(jaxloss.ssim_loss) is None


@pytest.mark.parametrize(
    ("loss", "parameters", "message"),
    [
        (jaxloss.huber_loss, {"delta": -1.0}, "delta must be > 0"),
        (jaxloss.softmax_cross_entropy, {"label_smoothing": 2.0}, "label_smoothing must be >= 0 and <= 1"),
        (jaxloss.softmax_cross_entropy_with_integer_labels, {"label_smoothing": 2.0}, "label_smoothing must be >= 0"),
        (jaxloss.supcon_loss, {"temperature": 0.0}, None),  # of pairs of examples, which has no view
    ],
)
@pytest.mark.parametrize("views", [view, vector_view])
def test_a_loss_says_itself_which_value_it_refuses(views, loss, parameters, message) -> None:
    if message is None or views(loss) is None:
        assert views(loss, **parameters) is None
    else:
        with pytest.raises(ValueError, match=message):
            views(loss, **parameters)
