"""Fenchel-Young losses: each belongs to an entropy, and its gradient is prediction less target."""

from __future__ import annotations

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths.numerics import poison
from jaxloss._floor.reduction import blank, hide, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar
from jaxloss.margin._entmax import tsallis_loss
from jaxloss.margin._steep_entmax import steep_loss

__all__ = ["entmax15_loss", "entmax_loss", "fenchel_young_loss", "sparsemax_loss"]

_WHOLE = {2.0: 1, 1.5: 2}


def _of_labels(where: ArrayLike | None, logits: ArrayLike, labels: ArrayLike, alpha: Scalar) -> Array:
    """The unreduced loss of Tsallis' entropy of order ``alpha``."""
    logits, labels = checks.scores_and_labels(logits=logits, labels=labels)
    (logits,), labels = blank(where, logits, event_ndim=1), hide(where, labels)
    alpha = checks.scalar("alpha", alpha, logits.dtype, above=1)
    num_classes = logits.shape[-1]
    value_checks.ensure_labels(labels, num_classes)
    others = ~jax.nn.one_hot(labels, num_classes, dtype=jnp.bool_)
    values = _tsallis(logits, others, alpha)
    return poison(values, (labels >= 0) & (labels < num_classes))


def _tsallis(logits: Array, others: Array, alpha: Scalar) -> Array:
    """By the method for its order; one that is traced has both in its program, and runs one."""
    order = jnp.asarray(alpha, logits.dtype)
    if not isinstance(alpha, float):
        return _tsallis_of_any(logits, others, order)
    return steep_loss(logits, others, order) if alpha > 2 else tsallis_loss(logits, others, order, _WHOLE.get(alpha))


@jax.jit
def _tsallis_of_any(logits: Array, others: Array, order: Array) -> Array:
    return jax.lax.cond(order > 2, steep_loss, functools.partial(tsallis_loss, whole=None), logits, others, order)


def sparsemax_loss(
    logits: ArrayLike,
    labels: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Sparsemax loss: the classification loss whose gradient is sparsemax minus the one-hot label.

    .. math:: \ell = \max_{p \in \triangle} \bigl(\langle z, p \rangle - \tfrac12 \|p\|^2\bigr) + \tfrac12 - z_y

    With :math:`p` the sparsemax of the logits and :math:`\lambda` its threshold, it is evaluated as
    :math:`\tfrac12 \|p - e_y\|^2 + \max(0, \lambda - z_y)`, a sum of positive terms. Its gradient is :math:`p - e_y`.
    In optax this is ``multiclass_sparsemax_loss``; ``optax.losses.sparsemax_loss`` is the binary one.

    Args:
        logits: Shape ``[..., classes]``, floating; -inf for a class that is absent.
        labels: Index of the true class, shape ``[...]``, integer; NaN out of range.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0; 0 exactly where the true class leads all others by 1 at least.

    Raises:
        TypeError: If ``logits`` are not floating or ``labels`` not integer.
        ValueError: If the shapes do not match.

    Example:
        >>> logits = jnp.array([[2.0, 0.5, 1.0], [1.0, 1.0, 1.0]])
        >>> jaxloss.sparsemax_loss(logits, jnp.array([0, 2]), reduction="none")
        Array([0.        , 0.33333334], dtype=float32)

    Reference:
        Martins and Astudillo (2016), From Softmax to Sparsemax: A Sparse Model of Attention and Multi-Label
        Classification. https://arxiv.org/abs/1602.02068
    """
    values = _of_labels(where, logits, labels, 2.0)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def entmax15_loss(
    logits: ArrayLike,
    labels: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""1.5-entmax loss: `entmax_loss` with ``alpha`` 1.5; sparse like sparsemax and smooth like softmax.

    .. math:: \ell = \max_{p \in \triangle} \Bigl(\langle z, p \rangle + \tfrac43 \sum_k (p_k - p_k^{3/2})\Bigr) - z_y

    Its gradient is :math:`p - e_y` with :math:`p` the 1.5-entmax of the logits.

    Args:
        logits: Shape ``[..., classes]``, floating; -inf for a class that is absent.
        labels: Index of the true class, shape ``[...]``, integer; NaN out of range.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0; 0 exactly where the true class leads all others by 2 at least.

    Raises:
        TypeError: If ``logits`` are not floating or ``labels`` not integer.
        ValueError: If the shapes do not match.

    Example:
        >>> logits = jnp.array([[2.0, 0.0, -1.0], [1.0, 1.0, 1.0]])
        >>> print(jaxloss.entmax15_loss(logits, jnp.array([0, 2]), reduction="none").round(4))
        [0.     0.5635]

    Reference:
        Peters, Niculae and Martins (2019), Sparse Sequence-to-Sequence Models. https://arxiv.org/abs/1905.05702
    """
    values = _of_labels(where, logits, labels, 1.5)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def entmax_loss(
    logits: ArrayLike,
    labels: ArrayLike,
    *,
    alpha: Scalar = 1.5,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Entmax loss of order ``alpha``: softmax cross-entropy towards 1, the sparsemax loss at 2.

    .. math:: \ell = \max_{p \in \triangle} \Bigl(\langle z, p \rangle + \frac{\sum_k (p_k - p_k^\alpha)}
              {\alpha (\alpha - 1)}\Bigr) - z_y

    Its gradient is :math:`p - e_y` with :math:`p` the entmax of the logits, and its Hessian the Jacobian of
    entmax, which solves an equation by Newton's method; both are exact, and so is the slope in ``alpha``.

    Args:
        logits: Shape ``[..., classes]``, floating; -inf for a class that is absent.
        labels: Index of the true class, shape ``[...]``, integer; NaN out of range.
        alpha: Order of the entropy, > 1; towards 1 the loss is softmax cross-entropy, at 2 that of sparsemax.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0; 0 exactly where the true class leads all others by ``1 / (alpha - 1)`` at least.

    Raises:
        TypeError: If ``logits`` are not floating or ``labels`` not integer.
        ValueError: If the shapes do not match, or ``alpha`` is not above 1.

    Example:
        >>> logits = jnp.array([[2.0, 0.0, -1.0], [1.0, 1.0, 1.0]])
        >>> jaxloss.entmax_loss(logits, jnp.array([0, 2]), alpha=2.0, reduction="none")
        Array([0.        , 0.33333334], dtype=float32)

    Reference:
        Peters, Niculae and Martins (2019), Sparse Sequence-to-Sequence Models. https://arxiv.org/abs/1905.05702
    """
    values = _of_labels(where, logits, labels, alpha)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def fenchel_young_loss(
    scores: ArrayLike,
    targets: ArrayLike,
    *,
    max_fun: Callable[[Array], Array],
    regularizer: Callable[[Array], Array] | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Fenchel-Young loss of a convex regularizer :math:`\Omega`, from its conjugate.

    .. math:: \ell = \Omega^*(\theta) + \Omega(y) - \langle \theta, y \rangle, \qquad
              \Omega^*(\theta) = \max_p \bigl(\langle \theta, p \rangle - \Omega(p)\bigr)

    The gradient in the scores is the maximizer less ``targets``. Without ``regularizer`` the term
    :math:`\Omega(y)` is left out, as optax always does: gradients are the same, but the minimum is
    :math:`-\Omega(y)`, which is 0 only for targets like a one-hot vector and an entropy.

    Args:
        scores: :math:`\theta`, shape ``[..., K]``, floating; -inf where the target is 0 counts as absent.
        targets: :math:`y`, shape ``[..., K]``, the same; integer or floating.
        max_fun: :math:`\Omega^*`, a differentiable function of one vector ``[K]`` to a number, for example
            ``jax.scipy.special.logsumexp`` or ``jnp.max``.
        regularizer: :math:`\Omega`, of which ``max_fun`` is the conjugate, the same kind of function.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar; with ``regularizer`` >= 0 up to rounding, 0 where ``targets`` are the maximizer.

    Raises:
        TypeError: If ``scores`` are not floating.
        ValueError: If the shapes differ, the last axis is missing, or a function does not give one number.

    Example:
        >>> scores, targets = jnp.array([1.0, 2.0, 3.0]), jnp.array([0.0, 0.0, 1.0])
        >>> loss = jaxloss.fenchel_young_loss(scores, targets, max_fun=jax.scipy.special.logsumexp)
        >>> print(f"{loss:.4f}")
        0.4076

    Reference:
        Blondel, Martins and Niculae (2020), Learning with Fenchel-Young Losses. https://arxiv.org/abs/1901.02324
    """
    scores, targets = checks.scores_and_targets(scores=scores, targets=targets)
    (scores,) = blank(where, scores, event_ndim=1)
    (targets,) = blank(where, targets, event_ndim=1, fill=1 / targets.shape[-1])
    present = jnp.where(jnp.isneginf(scores) & (targets == 0), 0, scores)
    values = jnp.vectorize(max_fun, signature="(n)->()")(scores) - jnp.sum(present * targets, axis=-1)
    if regularizer is not None:
        values += jnp.vectorize(regularizer, signature="(n)->()")(targets)
    return reduce(values, where=where, weights=weights, reduction=reduction)
