"""The semantic loss: the negative log-probability that a logical formula is true."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from jaxloss._floor import checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.reduction import blank, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction
from jaxloss.logic.formulas import Formula, assignments_and_truth

__all__ = ["exactly_one_loss", "semantic_loss", "semantic_loss_of_assignments"]


def semantic_loss(
    logits: ArrayLike,
    *,
    formula: Formula,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Semantic loss: negative log-probability that independent variables satisfy a formula, by enumeration.

    .. math:: \ell = -\log \sum_{s \models \alpha} \prod_{i : s_i} p_i \prod_{i : \neg s_i} (1 - p_i), \qquad
              p_i = \frac{1}{1 + e^{-z_i}}

    It depends on the meaning of the formula, not on how it is written. Time and memory grow with the 2^V assignments.

    Args:
        logits: One per variable, shape ``[..., V]`` with V <= 16, floating, finite.
        formula: A function of V boolean arrays by the operators ``&``, ``|``, ``~`` and ``^``, static:
            ``lambda rain, wet: ~rain | wet``.
        where, weights: Shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in nats; 0 for a tautology. It keeps full relative accuracy as the formula becomes certain.

    Raises:
        TypeError: If ``logits`` are not floating or the formula does not give booleans.
        ValueError: If there are no variables or more than 16, or if the formula is never true.

    Example:
        >>> implies = lambda rain, wet: ~rain | wet
        >>> jaxloss.semantic_loss(jnp.zeros((1, 2)), formula=implies)
        Array(0.28768206, dtype=float32)

    Reference:
        Xu et al. (2018), A Semantic Loss Function for Deep Learning with Symbolic Knowledge.
        https://arxiv.org/abs/1711.11157
    """
    (logits,) = checks.floating(logits=logits)
    checks.with_axes("variables", logits=logits)
    _, holds = assignments_and_truth(formula, logits.shape[-1])
    if not np.any(holds):
        raise ValueError("formula is false under every assignment: no prediction can satisfy it.")
    (logits,) = blank(where, logits, event_ndim=1)
    # Probabilities for what is unlikely to be false, whose sum is small; logarithms for what is unlikely to be true.
    false = jnp.sum(_over_assignments(jax.nn.sigmoid, jnp.multiply, logits)[..., np.flatnonzero(~holds)], axis=-1)
    costs = _over_assignments(lambda z: numerics.softplus(-z), jnp.add, logits)[..., np.flatnonzero(holds)]
    likely = false < 0.5
    certain = -jnp.log1p(-jnp.where(likely, false, jnp.zeros((), false.dtype)))
    return reduce(
        jnp.where(likely, certain, -numerics.log_sum_exp(-costs)), where=where, weights=weights, reduction=reduction
    )


def _over_assignments(part: Callable, combine: Callable, logits: Array) -> Array:
    """``part`` of every signed logit, combined over the variables: ``[..., 2**V]``, in the order of the assignments."""
    pairs = part(jnp.stack([-logits, logits], axis=-1))
    table = pairs[..., 0, :]
    for i in range(1, logits.shape[-1]):
        table = combine(table[..., :, None], pairs[..., i, None, :])
        table = jnp.reshape(table, (*logits.shape[:-1], 2 ** (i + 1)))
    return table


def semantic_loss_of_assignments(
    logits: ArrayLike,
    assignments: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Semantic loss of a formula given by its satisfying assignments: for many variables and few models.

    .. math:: \ell = -\log \sum_{s} \prod_{i : s_i} p_i \prod_{i : \neg s_i} (1 - p_i), \qquad
              p_i = \frac{1}{1 + e^{-z_i}}

    over the rows s of ``assignments``. Time grows with models times variables.

    Args:
        logits: One per variable, shape ``[..., V]``, floating, finite.
        assignments: The models, shape ``[models, V]``, boolean, each once: a repeated row counts twice. See
            `jaxloss.logic.satisfying_assignments`.
        where, weights: Shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in nats. Its absolute error near 0 is the rounding of 1; with a single model it keeps full
        relative accuracy.

    Raises:
        TypeError: If ``logits`` are not floating or ``assignments`` not boolean.
        ValueError: If the shapes do not match, or if there are no models.

    Example:
        >>> jaxloss.semantic_loss_of_assignments(jnp.zeros((1, 2)), jnp.array([[True, False], [False, True]]))
        Array(0.6931472, dtype=float32)

    Reference:
        Xu et al. (2018), A Semantic Loss Function for Deep Learning with Symbolic Knowledge.
        https://arxiv.org/abs/1711.11157
    """
    (logits,) = checks.floating(logits=logits)
    (assignments,) = checks.boolean("True where a variable is true", assignments=assignments)
    checks.with_axes("variables", logits=logits)
    checks.with_axes("models variables", assignments=assignments)
    checks.has_shape((assignments.shape[-2], logits.shape[-1]), "models, variables", assignments=assignments)
    (logits,) = blank(where, logits, event_ndim=1)
    signs = jnp.expand_dims(jnp.where(assignments, -1.0, 1.0).astype(logits.dtype), tuple(range(logits.ndim - 1)))
    costs = jnp.sum(numerics.softplus(signs * logits[..., None, :]), axis=-1)
    values = numerics.positive_part(-numerics.log_sum_exp(-costs))
    return reduce(values, where=where, weights=weights, reduction=reduction)


def exactly_one_loss(
    logits: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Semantic loss of "exactly one variable is true", in time linear in the number of variables.

    .. math:: \ell = -\log \sum_k p_k \prod_{j \ne k} (1 - p_j) = \sum_k \log(1 + e^{z_k}) - \log \sum_k e^{z_k}

    On unlabelled examples of a classifier with independent sigmoids it asks for one clear answer, no matter which.

    Args:
        logits: One per variable, shape ``[..., K]``, floating, finite.
        where, weights: Shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in nats; it keeps full relative accuracy as one variable becomes certain.

    Raises:
        TypeError: If ``logits`` are not floating.
        ValueError: If the variable axis is missing or empty.

    Example:
        >>> jaxloss.exactly_one_loss(jnp.array([[2.0, -1.0, -1.0], [0.0, 0.0, 0.0]]), reduction="none")
        Array([0.65852845, 0.98082924], dtype=float32)

    Reference:
        Xu et al. (2018), A Semantic Loss Function for Deep Learning with Symbolic Knowledge.
        https://arxiv.org/abs/1711.11157
    """
    (logits,) = checks.floating(logits=logits)
    checks.with_axes("variables", logits=logits)
    (logits,) = blank(where, logits, event_ndim=1)
    # log(1 + e^z) - log(sum) with the largest taken apart: only small terms are left where it is certain.
    top = jax.nn.one_hot(jnp.argmax(logits, axis=-1), logits.shape[-1], dtype=jnp.bool_)
    zero = jnp.zeros((), logits.dtype)
    peak = jnp.sum(jnp.where(top, logits, zero), axis=-1)
    others = jnp.sum(jnp.where(top, zero, numerics.softplus(logits)), axis=-1)
    rest = jnp.sum(jnp.where(top, zero, jnp.exp(logits - peak[..., None])), axis=-1)
    values = numerics.softplus(-peak) + (others - jnp.log1p(rest))
    return reduce(values, where=where, weights=weights, reduction=reduction)
