"""Curricula: the weight of every example follows from its loss, compared with a threshold."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxloss._floor.typing import Array
from jaxloss.combine.structure._observe import (
    Factor,
    Running,
    each,
    hold,
    keep,
    named,
    observe,
    setting,
    start,
    track,
    working_dtype,
)
from jaxloss.combine.structure.terms import Terms
from jaxloss.combine.structure.transforms import LossTransform
from jaxloss.reductions import Term

__all__ = ["SuperlossState", "self_paced", "superloss"]


def self_paced(threshold: Factor) -> LossTransform:
    """Self-paced learning: average over the examples whose loss is below a growing threshold, the easy ones first.

    Args:
        threshold: In units of the loss; a number or a schedule ``step -> number``.

    Returns:
        A transformation without state. A term without an example below the threshold becomes absent; a NaN is kept.

    Example:
        >>> from jaxloss import combine
        >>> tx = combine.self_paced(lambda step: 1.0 + step)
        >>> term = jaxloss.reductions.Term(jnp.array([0.5, 1.5, 2.5]), jnp.ones(3))
        >>> tx.update({"ce": term}, (), step=1)[0]["ce"].weights
        Array([1., 1., 0.], dtype=float32)

    Reference:
        Kumar, Packer and Koller (2010), Self-Paced Learning for Latent Variable Models.
        https://papers.nips.cc/paper/3923-self-paced-learning-for-latent-variable-models
    """

    def rule(term: Term, step: Array) -> Term:
        limit = setting("threshold", threshold, step, term.values.dtype)
        return keep(term, jnp.where(term.values >= limit, jnp.zeros((), term.weights.dtype), term.weights))

    return each(rule)


class SuperlossState(NamedTuple):
    """What `superloss` carries.

    Attributes:
        average: The moving averages of the mean losses.
    """

    average: Running


def superloss(regularization: Factor = 1.0, *, threshold: Factor | None = None, decay: Factor = 0.9) -> LossTransform:
    r"""SuperLoss: down-weight examples with a loss above a threshold, each by its optimal confidence.

    .. math:: \ell \mapsto \min_\sigma \; (\ell - \tau) \, \sigma + \lambda \log^2 \sigma, \qquad
              \sigma = \exp\left(-W\left(\max\left(-\tfrac1e, \tfrac{\ell - \tau}{2 \lambda}\right)\right)\right)

    with Lambert's function :math:`W`. The slope is the confidence :math:`\sigma`, between 0 and :math:`e`.

    Args:
        regularization: :math:`\lambda` > 0 in units of the loss; larger values bring all confidences closer to 1.
        threshold: :math:`\tau` in units of the loss, such as the log of the number of classes. None is a moving average
            of the mean loss that includes the current step.
        decay: Decay per step of that average, in [0, 1). All three are numbers or schedules ``step -> number``.

    Returns:
        A transformation with a `SuperlossState`. Its losses may be negative.

    Example:
        >>> from jaxloss import combine
        >>> terms = {"ce": jaxloss.reductions.Term(jnp.array([0.0, 1.0, 5.0]), jnp.ones(3))}
        >>> tx = combine.superloss(threshold=1.0)
        >>> confidence = lambda v: tx.update({"ce": jaxloss.reductions.Term(v, jnp.ones(3))}, tx.init(terms), step=0)
        >>> jax.grad(lambda v: confidence(v)[0]["ce"].values.sum())(terms["ce"].values)
        Array([2.7182817 , 1.        , 0.42630276], dtype=float32)

    Reference:
        Castells, Weinzaepfel and Revaud (2020), SuperLoss: A Generic Loss for Robust Curriculum Learning.
        https://papers.nips.cc/paper/2020/hash/2cfa8f9e50e0f510ede9d12338a5f564-Abstract.html
    """

    def init(terms: Terms, /) -> SuperlossState:
        dtype = working_dtype(terms)
        return SuperlossState(Running(start(terms, 0, dtype), start(terms, 0, dtype)))

    def update(terms: Terms, state: Any, /, *, step: Array, **extra: Any) -> tuple[Terms, Any]:
        observed = observe(terms)
        rate = setting("decay", decay, step, observed.means.dtype, at_least=0, below=1)
        average, taus = track(state.average, observed.names, observed.means, rate)
        changed = {}
        for i, name in enumerate(observed.names):
            term = keep(terms[name], terms[name].weights)
            dtype = term.values.dtype
            tau = taus[i].astype(dtype) if threshold is None else setting("threshold", threshold, step, dtype)
            strength = setting("regularization", regularization, step, dtype, above=0)
            changed[name] = Term(strength * _excess((term.values - tau) / strength), term.weights)
        return changed, hold(named(observed.names, observed.seen), SuperlossState(average), state)

    return LossTransform(init, update)


def _lambert_w(y: Array) -> Array:
    """The principal branch of the inverse of ``w exp(w)``, from -1/e on; Halley's method."""
    root = jnp.sqrt(jnp.maximum(2 * (math.e * y + 1), 0))
    near = root * (1 - root * (1 / 3 - 11 / 72 * root)) - 1  # the series at the branch point
    log = jnp.log1p(jnp.maximum(y, -0.3))
    w = jnp.where(y < -0.2, near, log * (1 - jnp.log1p(jnp.maximum(log, -0.5)) / (2 + log)))
    for _ in range(6):
        power = jnp.exp(w)
        error = w * power - y
        above = jnp.maximum(w + 1, 1e-6)
        w = w - error / (power * above - (w + 2) * error / (2 * above))
    return w


def _half_clipped(x: Array) -> Array:
    return jnp.maximum(0.5 * x, -1 / math.e)


@jax.custom_jvp
def _confidence(x: Array) -> Array:
    """The minimiser of ``x s + log(s)**2``, at most e."""
    return jnp.exp(-_lambert_w(_half_clipped(x)))


@_confidence.defjvp
def _confidence_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    (x,), (tangent,) = primals, tangents
    s = _confidence(x)
    inner = 2 * (1 - jnp.log(s))
    slope = jnp.where((0.5 * x > -1 / math.e) & (inner > 0), -jnp.square(s) / jnp.where(inner > 0, inner, 1), 0)
    return s, slope * tangent


@jax.custom_jvp
def _excess(x: Array) -> Array:
    """The minimum of ``x s + log(s)**2`` over ``s <= e``; its slope is the minimiser."""
    w = _lambert_w(_half_clipped(x))
    return jnp.where(0.5 * x > -1 / math.e, w * (2 + w), math.e * x + 1)


_excess.defjvps(lambda tangent, _, x: _confidence(x) * tangent)
