"""Functions of per-example losses before the mean, and other kinds of mean."""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss import reductions
from jaxloss._floor import checks, numerics
from jaxloss._floor.typing import Array, Reducer
from jaxloss.combine._observe import each, setting
from jaxloss.combine.transforms import Factor, LossTransform
from jaxloss.reductions import Term

__all__ = ["clip_values", "focal", "reduce_by", "soft_maximum"]


def clip_values(low: Factor | None = None, high: Factor | None = None) -> LossTransform:
    """Bound the loss of every example; beyond a bound an example passes no gradient.

    Args:
        low, high: Bounds in units of the loss, at least one of them; numbers or schedules ``step -> number``.

    Returns:
        A transformation without state. A NaN stays.

    Raises:
        ValueError: If there is no bound.

    Example:
        >>> from jaxloss import combine
        >>> term = jaxloss.reductions.Term(jnp.array([0.5, 9.0]), jnp.ones(2))
        >>> combine.clip_values(high=2.0).update({"ce": term}, (), step=0)[0]["ce"].values
        Array([0.5, 2. ], dtype=float32)

    Reference:
        Menon et al. (2020), Can Gradient Clipping Mitigate Label Noise? (compares clipped losses and gradients)
        https://openreview.net/forum?id=rklB76EKPr
    """
    if low is None and high is None:
        raise ValueError("clip_values needs a bound: clip_values(high=...) or clip_values(low=...).")

    def rule(term: Term, step: Array) -> Term:
        values = term.values
        if low is not None:
            values = jnp.maximum(values, setting("low", low, step, values.dtype))
        if high is not None:
            values = jnp.minimum(values, setting("high", high, step, values.dtype))
        return Term(values, term.weights)

    return each(rule)


def focal(gamma: Factor = 2.0) -> LossTransform:
    r"""Give examples that are fitted well less attention, for any negative log-likelihood.

    .. math:: \ell \mapsto (1 - e^{-\ell})^\gamma \, \ell

    On a cross-entropy this is the focal loss. The factor is differentiated too, as in the paper.

    Args:
        gamma: Exponent >= 0; 0 changes nothing. A number or a schedule ``step -> number``.

    Returns:
        A transformation without state. A loss below 0 is no negative log-likelihood of a class and gives NaN.

    Example:
        >>> from jaxloss import combine
        >>> ce = jaxloss.sigmoid_binary_cross_entropy(jnp.zeros(1), jnp.ones(1), reduction=jaxloss.reductions.term)
        >>> combine.focal(2.0).update({"ce": ce}, (), step=0)[0]["ce"].values
        Array([0.1732868], dtype=float32)

    Reference:
        Lin et al. (2017), Focal Loss for Dense Object Detection. https://arxiv.org/abs/1708.02002
    """

    def rule(term: Term, step: Array) -> Term:
        exponent = setting("gamma", gamma, step, term.values.dtype, at_least=0)
        values = numerics.poison(term.values, term.values >= 0)
        return Term(numerics.power(-jnp.expm1(-values), exponent) * values, term.weights)

    return each(rule)


def reduce_by(reduction: Reducer) -> LossTransform:
    """Replace the mean of every term by another reduction.

    Args:
        reduction: A function ``(values, weights) -> number``: one of `jaxloss.reductions`, such as ``sequence_mean()``,
            or your own. It sees every example of the batch, and losses of weight 0 as 0.

    Returns:
        A transformation without state. Its terms are 0-d: the result, with the total weight.

    Raises:
        TypeError: If the result is not floating.
        ValueError: If the result is not one number.

    Example:
        >>> from jaxloss import combine
        >>> term = jaxloss.reductions.Term(jnp.array([[1.0, 3.0], [5.0, 0.0]]), jnp.array([[1.0, 1.0], [1.0, 0.0]]))
        >>> tx = combine.reduce_by(jaxloss.reductions.sequence_mean())
        >>> tx.update({"ce": term}, (), step=0)[0]["ce"].values
        Array(3.5, dtype=float32)
    """

    return each(lambda term, _: _reduced(term, reduction))


def _reduced(term: Term, reduction: Reducer) -> Term:
    (result,) = checks.floating(**{"the result of the reduction": reduction(term.values, term.weights)})
    if result.ndim:
        raise ValueError(f"reduce_by needs a reduction to one number; found a result of shape {result.shape}.")
    return Term(result, jnp.sum(term.weights))


def soft_maximum(temperature: Factor) -> LossTransform:
    """Replace the mean by the tilted mean, between the mean and the largest loss; see `jaxloss.reductions`.

    Args:
        temperature: > 0, in units of the loss: near 0 only the largest loss counts, at infinity all do. A number or a
            schedule ``step -> number``.

    Returns:
        A transformation without state. Its terms are 0-d.

    Example:
        >>> from jaxloss import combine
        >>> term = jaxloss.reductions.Term(jnp.array([0.0, 1.0]), jnp.ones(2))
        >>> combine.soft_maximum(0.1).update({"ce": term}, (), step=0)[0]["ce"].values
        Array(0.9306898, dtype=float32)

    Reference:
        Li et al. (2021), Tilted Empirical Risk Minimization. https://arxiv.org/abs/2007.01162
    """

    def rule(term: Term, step: Array) -> Term:
        tau = setting("temperature", temperature, step, term.values.dtype, above=0)
        return _reduced(term, reductions.soft_maximum(tau))

    return each(rule)
