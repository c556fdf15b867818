"""Functions of per-example losses before the mean, and other kinds of mean."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.typing import Array, Reducer
from jaxloss.combine.structure._observe import Factor, annotation, each, keep, setting
from jaxloss.combine.structure.terms import Terms
from jaxloss.combine.structure.transforms import LossTransform
from jaxloss.reductions import Term

__all__ = ["clip_values", "focal", "reduce_by"]


def clip_values(low: Factor | None = None, high: Factor | None = None) -> LossTransform:
    """Clip the loss of every example; beyond a bound, an example passes no gradient.

    Args:
        low, high: Bounds in units of the loss, at least one of them; numbers or schedules ``step -> number``.

    Returns:
        A transformation without state. A NaN is kept.

    Raises:
        ValueError: If no bound is given.

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
    r"""Focal reweighting of any negative log-likelihood: examples that are fitted well count less.

    .. math:: \ell \mapsto (1 - e^{-\ell})^\gamma \, \ell

    Applied to a cross-entropy, this is the focal loss. The factor is differentiated too, as in the paper.

    Args:
        gamma: Exponent >= 0; 0 changes nothing. A number or a schedule ``step -> number``.

    Returns:
        A transformation without state. A loss below 0 is not a negative log-likelihood of a class and gives NaN.

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


def reduce_by(reduction: Callable[..., Any], **settings: Any) -> LossTransform:
    """Replace the mean of every term by another reduction, such as the worst group or a soft maximum.

    Args:
        reduction: A function ``(values, weights) -> number``: one of `jaxloss.reductions`, such as ``mean_over(n)``,
            or your own. It sees every example of the batch, and losses of weight 0 as 0. With ``settings``, a function
            that returns such a reduction, such as ``jaxloss.reductions.soft_maximum``.
        **settings: Arguments of ``reduction``, which is called with them at every step. A function is taken as a
            schedule ``step -> number``, a string as the name of an `Annotation`, and all else as it is.

    Returns:
        A transformation without state. Its terms are 0-d: the result, with the total weight.

    Raises:
        KeyError: If a setting names an annotation that the losses do not return.
        TypeError: If the result is not floating.
        ValueError: If the result is not one number.

    Example:
        The sum over a fixed number, for example of the tokens of a whole batch:

        >>> from jaxloss import combine, reductions
        >>> term = reductions.Term(jnp.array([1.0, 3.0]), jnp.ones(2))
        >>> combine.reduce_by(reductions.mean_over(8)).update({"ce": term}, (), step=0)[0]["ce"].values
        Array(0.5, dtype=float32)

        A tilted mean (TERM) whose temperature follows a schedule, from the mean towards the largest loss:

        >>> tx = combine.reduce_by(reductions.soft_maximum, temperature=lambda step: 1.0 / (1 + step))
        >>> term = reductions.Term(jnp.array([0.0, 1.0]), jnp.ones(2))
        >>> [float(tx.update({"ce": term}, (), step=step)[0]["ce"].values.round(2)) for step in (0, 9)]
        [0.62, 0.93]

        The largest mean loss of the groups (group DRO), whose indices the losses return as an `Annotation`:

        >>> tx = combine.reduce_by(reductions.worst_group, groups="groups", num_groups=2)
        >>> term = reductions.Term(jnp.array([1.0, 3.0, 2.5]), jnp.ones(3))
        >>> tx.update({"ce": term}, (), step=0, groups=jnp.array([0, 0, 1]))[0]["ce"].values
        Array(2.5, dtype=float32)

    Reference:
        Li et al. (2021), Tilted Empirical Risk Minimization. https://arxiv.org/abs/2007.01162
        Sagawa et al. (2020), Distributionally Robust Neural Networks for Group Shifts.
        https://arxiv.org/abs/1911.08731
    """

    def now(value: Any, step: Array, extra: dict[str, Any]) -> Any:
        if isinstance(value, str):
            return annotation("reduce_by", value, extra)
        return value(step) if callable(value) else value

    def update(terms: Terms, state: Any, /, *, step: Array, **extra: Any) -> tuple[Terms, Any]:
        arguments = {name: now(value, step, extra) for name, value in settings.items()}
        reducer = reduction(**arguments) if arguments else reduction
        return {name: _reduced(keep(term, term.weights), reducer) for name, term in terms.items()}, state

    return LossTransform(lambda terms, /: (), update)


def _reduced(term: Term, reducer: Reducer) -> Term:
    (result,) = checks.floating(**{"the result of the reduction": reducer(term.values, term.weights)})
    if result.ndim:
        raise ValueError(f"reduce_by needs a reduction to one number; found a result of shape {result.shape}.")
    return Term(result, jnp.sum(term.weights))
