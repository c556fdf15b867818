"""Real losses of one number, ours and as people write them, with what textbooks say of them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy import special

import jaxloss
from jaxloss.inspect.subject import Kind, Subject

Loss = Callable[[jax.Array], jax.Array]


@dataclasses.dataclass(frozen=True)
class Known:
    """A loss and its textbook properties.

    Attributes:
        convex: Whether it is convex.
        slope: The largest slope on the domain.
        minimum: Whether it is never negative, with 0 at (or towards) the best point.
        pseudo: Whether it never rises towards the best point.
        curvature: The largest second derivative in size; None if the slope jumps.
        tier_a: Whether it is one that every user expects.
    """

    subject: Subject
    convex: bool
    slope: float
    minimum: bool = True
    pseudo: bool = True
    curvature: float | None = None
    tier_a: bool = False


def of_residual(loss: Callable[..., jax.Array], **hypers: Any) -> Loss:
    return lambda r: loss(r, jnp.zeros_like(r), reduction="none", **hypers)


def of_prediction(loss: Callable[..., jax.Array], target: float, **hypers: Any) -> Loss:
    return lambda x: loss(x, jnp.full_like(x, target), reduction="none", **hypers)


def _known(
    name: str,
    fn: Loss,
    kind: Kind,
    convex: bool,
    slope: float,
    *,
    best: float | None = None,
    domain: Any = None,
    **truth: Any,
) -> Known:
    best = best if best is not None else 0.0 if kind in ("residual", "penalty") else math.inf
    return Known(Subject(name, fn, kind, domain=domain or (-50.0, 50.0), best=best), convex, slope, **truth)


_E25, _S = math.exp(-0.5), 0.25 * math.sqrt(3.0)
_OURS = jaxloss

RESIDUALS: list[Known] = [
    _known("squared", of_residual(_OURS.squared_error), "residual", True, 100.0, curvature=2.0, tier_a=True),
    _known("half squared", of_residual(_OURS.half_squared_error), "residual", True, 50.0, curvature=1.0, tier_a=True),
    _known("absolute", of_residual(_OURS.absolute_error), "residual", True, 1.0, tier_a=True),
    _known("huber", of_residual(_OURS.huber_loss), "residual", True, 1.0, curvature=1.0, tier_a=True),
    _known("huber 1.345", of_residual(_OURS.huber_loss, delta=1.345), "residual", True, 1.345, curvature=1.0, tier_a=True),
    _known("smooth l1", of_residual(_OURS.smooth_l1_loss, beta=0.3), "residual", True, 1.0, curvature=1 / 0.3, tier_a=True),
    _known("log-cosh", of_residual(_OURS.log_cosh), "residual", True, 1.0, curvature=1.0, tier_a=True),
    _known("quantile", of_residual(_OURS.quantile_loss, quantile=0.9), "residual", True, 0.9, tier_a=True),
    _known("berhu", of_residual(_OURS.berhu_loss, threshold=0.7), "residual", True, 50 / 0.7),
    _known("epsilon-insensitive", of_residual(_OURS.epsilon_insensitive_loss, half_width=0.1), "residual", True, 1.0),
    _known("expectile", of_residual(_OURS.expectile_loss, expectile=0.9), "residual", True, 90.0, curvature=1.8),
    _known("quantile huber", of_residual(_OURS.huber_quantile_loss, quantile=0.9, delta=0.4), "residual", True, 0.9, curvature=0.9 / 0.4),
    _known("charbonnier", of_residual(_OURS.charbonnier_loss), "residual", True, 1.0, curvature=1e3, minimum=False),
    _known("pseudo-huber", of_residual(_OURS.pseudo_huber_loss, delta=0.3), "residual", True, 50 / math.hypot(1, 50 / 0.3), curvature=1.0),
    _known("cauchy", of_residual(_OURS.cauchy_loss), "residual", False, math.sqrt(0.5), curvature=1.0),
    _known("welsch", of_residual(_OURS.welsch_loss), "residual", False, _E25, curvature=1.0),
    _known("tukey", of_residual(_OURS.tukey_biweight_loss, scale=4.6851), "residual", False, 4.6851 * 16 / 25 / math.sqrt(5), curvature=1.0),
    _known("geman-mcclure", of_residual(_OURS.geman_mcclure_loss), "residual", False, 3 * math.sqrt(3) / 8, curvature=1.0),
    _known("barron 2", of_residual(_OURS.barron_loss, alpha=2.0), "residual", True, 50.0, curvature=1.0),
    _known("barron 1", of_residual(_OURS.barron_loss, alpha=1.0), "residual", True, 50 / math.sqrt(2501), curvature=1.0),
    _known("barron 1.5", of_residual(_OURS.barron_loss, alpha=1.5), "residual", True, 50 * 5001**-0.25, curvature=1.0),
    _known("barron 0", of_residual(_OURS.barron_loss, alpha=0.0), "residual", False, math.sqrt(0.5), curvature=1.0),
    _known("barron -2", of_residual(_OURS.barron_loss, alpha=-2.0), "residual", False, 3 * math.sqrt(3) / 8, curvature=1.0),
    _known("barron -inf", of_residual(_OURS.barron_loss, alpha=-math.inf), "residual", False, _E25, curvature=1.0),
    _known("l1 penalty", lambda r: _OURS.activity_l1_penalty(r, reduction="none"), "penalty", True, 1.0, tier_a=True),
]  # fmt: skip

_Z = np.linspace(-50.0, 50.0, 200_001)


def _focal_slope(gamma: float) -> float:
    """The largest slope of the focal loss, from a scan of its derivative."""
    wrong = special.expit(-_Z)
    return float(np.max(gamma * wrong**gamma * (1 - wrong) * np.logaddexp(0, -_Z) + wrong ** (gamma + 1)))


def _savage_curvature() -> float:
    q = special.expit(-2 * _Z)
    return float(np.max(np.abs(8 * q**2 * (1 - q) * (2 - 3 * q))))


_FOCAL_SLOPE = _focal_slope(2.0)

MARGINS: list[Known] = [
    _known("hinge", of_prediction(_OURS.hinge_loss, 1.0), "margin", True, 1.0, tier_a=True),
    _known("squared hinge", of_prediction(_OURS.squared_hinge_loss, 1.0), "margin", True, 102.0, curvature=2.0, tier_a=True),
    _known("soft margin", of_prediction(_OURS.soft_margin_loss, 1.0), "margin", True, 1.0, curvature=0.25, tier_a=True),
    _known("perceptron", of_prediction(_OURS.perceptron_loss, 1.0), "margin", True, 1.0),
    _known("smoothed hinge", of_prediction(_OURS.smoothed_hinge_loss, 1.0), "margin", True, 1.0, curvature=1.0),
    _known("modified huber", of_prediction(_OURS.modified_huber_loss, 1.0), "margin", True, 4.0, curvature=2.0),
    _known("bce", of_prediction(_OURS.sigmoid_binary_cross_entropy, 1.0), "logit", True, 1.0, curvature=0.25, tier_a=True),
    _known("focal", of_prediction(_OURS.sigmoid_focal_loss, 1.0), "logit", False, _FOCAL_SLOPE, tier_a=True),
    _known("focal 0.3", of_prediction(_OURS.sigmoid_focal_loss, 1.0, gamma=0.3), "logit", False, _focal_slope(0.3)),
]  # fmt: skip


def of_difference(loss: Callable[..., jax.Array], target: Any, **hypers: Any) -> Loss:
    """A loss of two classes, of which the second is the right one, of the lead of its score."""
    return lambda z: loss(jnp.stack([jnp.zeros_like(z), z]), jnp.asarray(target), reduction="none", **hypers)


_ONE_HOT = np.asarray([0.0, 1.0])
_GCE_SLOPE = float(np.max(special.expit(_Z) ** 0.7 * special.expit(-_Z)))

SEVERAL_SCORES: list[Known] = [
    _known("softmax ce", of_difference(_OURS.softmax_cross_entropy, _ONE_HOT), "logit", True, 1.0, curvature=0.25, tier_a=True),
    _known("softmax ce of a label", of_difference(_OURS.softmax_cross_entropy_with_integer_labels, 1), "logit", True, 1.0, curvature=0.25, tier_a=True),
    _known("softmax focal", of_difference(_OURS.softmax_focal_loss, 1), "logit", False, _FOCAL_SLOPE, tier_a=True),
    _known("multiclass hinge", of_difference(_OURS.multiclass_hinge_loss, 1), "margin", True, 1.0, tier_a=True),
    _known("multi-margin", of_difference(_OURS.multi_margin_loss, 1), "margin", True, 0.5),
    _known("gce", of_difference(_OURS.generalized_cross_entropy, 1), "logit", False, _GCE_SLOPE),
    _known("dpo", lambda z: _OURS.dpo_loss(z, 0 * z, 0 * z, 0 * z, reduction="none"), "margin", True, 0.1 * special.expit(20), domain=(-200.0, 200.0), curvature=0.0025, tier_a=True),
    _known("elastic net", lambda r: _OURS.elastic_net_penalty({"a": r}, l1_factor=2.0, l2_factor=0.5), "penalty", True, 52.0),
]  # fmt: skip

PREDICTIONS: list[Known] = [
    _known("mape", of_prediction(_OURS.mean_absolute_percentage_error, 2.0), "prediction", True, 0.5, best=2.0, domain=(-20.0, 20.0), tier_a=True),
    _known("msle", of_prediction(_OURS.mean_squared_log_error, 2.0), "prediction", False, 2 * math.log(3), best=2.0, domain=(0.0, 20.0), tier_a=True),
    _known("gamma deviance", of_prediction(_OURS.gamma_deviance, 2.0), "prediction", False, 2 * 1.9 / 0.01, best=2.0, domain=(0.1, 20.0)),
    _known("itakura-saito", of_prediction(_OURS.itakura_saito_divergence, 2.0), "prediction", False, 1.9 / 0.01, best=2.0, domain=(0.1, 20.0)),
]  # fmt: skip


PLAIN: list[Known] = [
    _known("plain huber", lambda r: jnp.where(jnp.abs(r) <= 1.345, 0.5 * r * r, 1.345 * (jnp.abs(r) - 0.6725)), "residual", True, 1.345, curvature=1.0),
    _known("plain squared", lambda r: r**2, "residual", True, 100.0, curvature=2.0),
    _known("plain absolute", jnp.abs, "residual", True, 1.0),
    _known("plain fair", lambda r: jnp.abs(r) - jnp.log1p(jnp.abs(r)), "residual", True, 50 / 51, curvature=1.0),
    _known("plain linex", lambda r: jnp.exp(0.5 * r) - 0.5 * r - 1, "residual", True, 0.5 * math.expm1(25), curvature=0.25 * math.exp(25)),
    _known("plain quantile", lambda r: jnp.maximum(0.9 * r, -0.1 * r), "residual", True, 0.9),
    _known("plain expectile", lambda r: jnp.where(r >= 0, 0.9, 0.1) * r * r, "residual", True, 90.0, curvature=1.8),
    _known("plain cauchy", lambda r: jnp.log1p(0.5 * r * r), "residual", False, math.sqrt(0.5), curvature=1.0),
    _known("plain welsch", lambda r: 1 - jnp.exp(-0.5 * r * r), "residual", False, _E25, curvature=1.0),
    _known("plain tukey", lambda r: jnp.where(jnp.abs(r) <= 1, (1 - (1 - r * r) ** 3) / 6, 1 / 6), "residual", False, 16 / 25 / math.sqrt(5), curvature=1.0),
    _known("plain geman", lambda r: r * r / (r * r + 4), "residual", False, 3 * math.sqrt(3) / 16, curvature=0.5),
    _known("plain charbonnier", lambda r: jnp.sqrt(r * r + 1e-6) - 1e-3, "residual", True, 1.0, curvature=1e3),
    _known("plain pseudo-huber", lambda r: jnp.sqrt(1 + r**2) - 1, "residual", True, 50 / math.sqrt(2501), curvature=1.0),
    _known("plain log-cosh", lambda r: jnp.log(jnp.cosh(r)), "residual", True, 1.0, curvature=1.0),
    _known("stable log-cosh", lambda r: jnp.logaddexp(r, -r) - jnp.log(2.0), "residual", True, 1.0, curvature=1.0),
    _known("plain insensitive", lambda r: jnp.maximum(jnp.abs(r) - 0.1, 0.0), "residual", True, 1.0),
    _known("plain bce", lambda z: jax.nn.softplus(-z), "logit", True, 1.0, curvature=0.25),
    _known("plain log-sigmoid", lambda z: -jax.nn.log_sigmoid(z), "logit", True, 1.0, curvature=0.25),
    _known("naive bce", lambda z: jnp.log1p(jnp.exp(-z)), "logit", True, 1.0, curvature=0.25),
    _known("plain focal", lambda z: jax.nn.sigmoid(-z) ** 2 * jax.nn.softplus(-z), "logit", False, _FOCAL_SLOPE),
    _known("plain hinge", lambda z: jax.nn.relu(1 - z), "margin", True, 1.0),
    _known("plain squared hinge", lambda z: jnp.square(jnp.maximum(0.0, 1 - z)), "margin", True, 102.0, curvature=2.0),
    _known("exponential", lambda z: jnp.exp(-z), "margin", True, math.exp(50), curvature=math.exp(50)),
    _known("savage", lambda z: jax.nn.sigmoid(-2 * z) ** 2, "margin", False, 16 / 27, curvature=_savage_curvature()),
    _known("ramp", lambda z: jnp.clip(1 - z, 0.0, 2.0), "margin", False, 1.0),
    _known("sigmoid squared error", lambda z: jnp.square(1 - jax.nn.sigmoid(z)), "logit", False, 8 / 27),
    _known("dpo", lambda z: -jax.nn.log_sigmoid(0.1 * z), "margin", True, 0.1 * special.expit(20), domain=(-200.0, 200.0), curvature=0.0025),
    _known("ipo", lambda z: jnp.square(z - 5.0), "margin", True, 110.0, best=5.0, curvature=2.0),
    _known("poisson log rate", lambda z: jnp.exp(z) - z - 1, "prediction", True, math.expm1(20), domain=(-20.0, 20.0), best=0.0, curvature=math.exp(20)),
    _known("gaussian mean", lambda r: 0.5 * (jnp.log(jnp.asarray(1.0, r.dtype)) + r * r), "residual", True, 50.0, curvature=1.0),
]  # fmt: skip

ALL = [*RESIDUALS, *MARGINS, *SEVERAL_SCORES, *PREDICTIONS, *PLAIN]
