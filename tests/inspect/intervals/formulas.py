"""Closed forms that another program, arb, evaluates with 160 bits: the checker of the engine."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

import jaxloss
from tests.inspect.intervals.losses import Loss, of_prediction, of_residual


@dataclasses.dataclass(frozen=True)
class Formula:
    """A function for JAX and the same for arb, as power series of a small step, on an interval without kinks."""

    name: str
    fn: Loss
    series: Callable[[Any], Any]
    low: float
    high: float


def _sigmoid(x: Any) -> Any:
    return 1 / (1 + (-x).exp())


def _softplus(x: Any) -> Any:
    return (1 + x.exp()).log()


def _log_cosh(x: Any) -> Any:
    return ((x.exp() + (-x).exp()) / 2).log()


def _barron(alpha: float) -> Callable[[Any], Any]:
    b = abs(alpha - 2)
    return lambda x: b * ((1 + x * x / b) ** _ratio(alpha / 2) - 1) / alpha


def _ratio(x: float) -> Any:
    from flint import arb

    return arb(x)


def _scores(x: Any) -> Any:
    return jnp.stack([x, 0.5 * x + 1, -x, jnp.full_like(x, 0.25)])


def _exponentials(x: Any) -> list[Any]:
    return [x.exp(), (x / 2 + 1).exp(), (-x).exp(), (x * 0 + _ratio(0.25)).exp()]


def _weights(x: Any) -> Any:
    return jnp.asarray([0.1, 0.2, 0.3, 0.4], x.dtype)


def _total(x: Any) -> Any:
    return sum(_exponentials(x), x * 0)


def _weighted_entropy(x: Any) -> Any:
    weights = [_ratio(w) for w in (0.1, 0.2, 0.3, 0.4)]
    return sum((w * (_total(x).log() - e.log()) for w, e in zip(weights, _exponentials(x), strict=True)), x * 0)


FORMULAS: list[Formula] = [
    Formula("exp", jnp.exp, lambda x: x.exp(), -30, 30),
    Formula("exp2", jnp.exp2, lambda x: (x * _ratio(2).log()).exp(), -30, 30),
    Formula("expm1", jnp.expm1, lambda x: x.exp() - 1, -30, 30),
    Formula("log", jnp.log, lambda x: x.log(), 1e-6, 50),
    Formula("log1p", jnp.log1p, lambda x: (1 + x).log(), -0.999, 50),
    Formula("tanh", jnp.tanh, lambda x: 2 * _sigmoid(2 * x) - 1, -20, 20),
    Formula("sigmoid", jax.nn.sigmoid, _sigmoid, -40, 40),
    Formula("sqrt", jnp.sqrt, lambda x: x.sqrt(), 1e-6, 50),
    Formula("rsqrt", jax.lax.rsqrt, lambda x: x.rsqrt(), 1e-6, 50),
    Formula("sinh", jnp.sinh, lambda x: (x.exp() - (-x).exp()) / 2, -20, 20),
    Formula("cosh", jnp.cosh, lambda x: (x.exp() + (-x).exp()) / 2, -20, 20),
    Formula("asinh", jnp.arcsinh, lambda x: (x + (1 + x * x).sqrt()).log(), -50, 50),
    Formula("atan", jnp.arctan, lambda x: x.atan(), -50, 50),
    Formula("erf", jax.lax.erf, lambda x: x.erf(), -6, 6),
    Formula("sin", jnp.sin, lambda x: x.sin(), -50, 50),
    Formula("cos", jnp.cos, lambda x: x.cos(), -50, 50),
    Formula("cube", lambda x: x**3, lambda x: x**3, -50, 50),
    Formula("inverse cube", lambda x: x**-3, lambda x: 1 / x**3, 0.01, 50),
    Formula("power 2.5", lambda x: x**2.5, lambda x: x * x * x.sqrt(), 1e-6, 50),
    Formula("power 0.3", lambda x: x**0.3, lambda x: (x.log() * _ratio(0.3)).exp(), 1e-6, 50),
    Formula("power of itself", lambda x: x**x, lambda x: (x.log() * x).exp(), 0.01, 10),
    Formula("rational", lambda x: (x - 3) / (1 + x * x), lambda x: (x - 3) / (1 + x * x), -50, 50),
    Formula("hyperbola", lambda x: jnp.sqrt(x * x + 1e-6), lambda x: (x * x + _ratio(1e-6)).sqrt(), -50, 50),
    Formula("softplus", jax.nn.softplus, _softplus, -40, 40),
    Formula("naive softplus", lambda x: jnp.log(1 + jnp.exp(x)), _softplus, -40, 40),
    Formula("naive log-cosh", lambda x: jnp.log(jnp.cosh(x)), _log_cosh, -40, 40),
    Formula("naive sigmoid", lambda x: 1 / (1 + jnp.exp(-x)), _sigmoid, -40, 40),
    Formula("gauss", lambda x: jnp.exp(-0.5 * x * x), lambda x: (-x * x / 2).exp(), -8, 8),
    Formula("our bce", of_prediction(jaxloss.sigmoid_binary_cross_entropy, 1.0), lambda x: _softplus(-x), -40, 40),
    Formula("our soft bce", of_prediction(jaxloss.sigmoid_binary_cross_entropy, 0.25), lambda x: _softplus(-x) + x * 3 / 4, -40, 40),
    Formula("our focal", of_prediction(jaxloss.sigmoid_focal_loss, 1.0), lambda x: _sigmoid(-x) ** 2 * _softplus(-x), -30, 30),
    Formula("our log-cosh", of_residual(jaxloss.log_cosh), _log_cosh, -40, 40),
    Formula("our pseudo-huber", of_residual(jaxloss.pseudo_huber_loss, delta=0.5), lambda x: ((1 + 4 * x * x).sqrt() - 1) / 4, -50, 50),
    Formula("our charbonnier", of_residual(jaxloss.charbonnier_loss, epsilon=0.125), lambda x: (x * x + _ratio(1) / 64).sqrt(), -50, 50),
    Formula("our welsch", of_residual(jaxloss.welsch_loss), lambda x: 1 - (-x * x / 2).exp(), -30, 30),
    Formula("our tukey", of_residual(jaxloss.tukey_biweight_loss, scale=4.0), lambda x: _ratio(16) / 6 * (1 - (1 - x * x / 16) ** 3), -3.9, 3.9),
    Formula("our geman-mcclure", of_residual(jaxloss.geman_mcclure_loss), lambda x: 2 * x * x / (x * x + 4), -50, 50),
    Formula("our cauchy", of_residual(jaxloss.cauchy_loss), lambda x: (1 + x * x / 2).log(), -50, 50),
    Formula("our barron 1.5", of_residual(jaxloss.barron_loss, alpha=1.5), _barron(1.5), -50, 50),
    Formula("our barron 0.3", of_residual(jaxloss.barron_loss, alpha=0.3), _barron(0.3), -50, 50),
    Formula("our barron -4", of_residual(jaxloss.barron_loss, alpha=-4.0), _barron(-4.0), -50, 50),
    Formula("our barron 4", of_residual(jaxloss.barron_loss, alpha=4.0), _barron(4.0), -50, 50),
    Formula("our barron inf", of_residual(jaxloss.barron_loss, alpha=math.inf), lambda x: (x * x / 2).exp() - 1, -20, 20),
    Formula("logsumexp", lambda x: jax.nn.logsumexp(_scores(x)), lambda x: _total(x).log(), -40, 40),
    Formula("naive logsumexp", lambda x: jnp.log(jnp.sum(jnp.exp(_scores(x)))), lambda x: _total(x).log(), -40, 40),
    Formula("log-softmax", lambda x: jax.nn.log_softmax(_scores(x))[1], lambda x: x / 2 + 1 - _total(x).log(), -40, 40),
    Formula("softmax", lambda x: jax.nn.softmax(_scores(x))[3], lambda x: _exponentials(x)[3] / _total(x), -40, 40),
    Formula("naive softmax", lambda x: jnp.exp(_scores(x)[1]) / jnp.sum(jnp.exp(_scores(x))), lambda x: _exponentials(x)[1] / _total(x), -40, 40),
    Formula("other classes", lambda x: 1 - jax.nn.softmax(_scores(x))[0], lambda x: (_total(x) - x.exp()) / _total(x), -40, 40),
    Formula("logaddexp", lambda x: jnp.logaddexp(0.5 * x, 1 - x), lambda x: ((x / 2).exp() + (1 - x).exp()).log(), -40, 40),
    Formula("norm", lambda x: jnp.sqrt(jnp.sum(jnp.square(_scores(x)))), lambda x: (x * x * 9 / 4 + x + 1 + _ratio(0.0625)).sqrt(), -40, 40),
    Formula("quadratic form", lambda x: _scores(x) @ jnp.outer(_weights(x), _weights(x)) @ _scores(x), lambda x: ((_ratio(0.1) + _ratio(0.2) / 2 - _ratio(0.3)) * x + _ratio(0.2) + _ratio(0.4) / 4) ** 2, -50, 50),
    Formula("product", lambda x: jnp.prod(_scores(x)), lambda x: x * (x / 2 + 1) * (-x) / 4, -50, 50),
    Formula("running sums", lambda x: jnp.sum(jnp.square(jnp.cumsum(_scores(x)))), lambda x: x**2 + (x * 3 / 2 + 1) ** 2 + (x / 2 + 1) ** 2 + (x / 2 + _ratio(1.25)) ** 2, -50, 50),
    Formula("our label", lambda x: jaxloss.softmax_cross_entropy_with_integer_labels(_scores(x), jnp.int32(1), reduction="none"), lambda x: _total(x).log() - x / 2 - 1, -40, 40),
    Formula("our soft targets", lambda x: jaxloss.softmax_cross_entropy(_scores(x), _weights(x), reduction="none"), _weighted_entropy, -40, 40),
    Formula("our softmax focal", lambda x: jaxloss.softmax_focal_loss(_scores(x), jnp.int32(3), reduction="none"), lambda x: (_total(x).log() - _ratio(0.25)) * ((_total(x) - _exponentials(x)[3]) / _total(x)) ** 2, -30, 30),
    Formula("our gce", lambda x: jaxloss.generalized_cross_entropy(_scores(x), jnp.int32(0), reduction="none"), lambda x: (1 - ((x - _total(x).log()) * _ratio(0.7)).exp()) / _ratio(0.7), -30, 30),
    Formula("our emd", lambda x: jaxloss.squared_emd_ordinal_loss(jnp.stack([0 * x, x]), jnp.int32(1), reduction="none"), lambda x: _sigmoid(-x) ** 2, -40, 40),
    Formula("our msle", of_prediction(jaxloss.mean_squared_log_error, 2.0), lambda x: ((1 + x).log() - _ratio(3).log()) ** 2, 0, 50),
    Formula("our gamma deviance", of_prediction(jaxloss.gamma_deviance, 2.0), lambda x: 2 * ((x / 2).log() - 1 + 2 / x), 0.1, 50),
]  # fmt: skip
