"""Projections onto the dual cone, the updates that conflict with no term: UPGrad and DualProj."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.typing import Array, Scalar
from jaxloss.combine.gradients._gram import dot, over_present, reveal, trace_scaled, without
from jaxloss.combine.gradients.aggregator import Aggregator, by_preference
from jaxloss.combine.gradients.conflicts._quadratic import nonneg_qp

__all__ = ["dualproj", "dualproj_weights", "upgrad", "upgrad_weights"]


def upgrad_weights(
    gram: Array, preference: Array | None = None, *, present: Array | None = None, ridge: Scalar = 1e-4
) -> Array:
    r"""Weights of UPGrad: the mean of the projections of all gradients onto the dual cone.

    .. math:: w = \sum_i p_i v_i, \qquad v_i = \arg\min_{v \ge e_i} v^\top \Big(\frac{G}{\operatorname{tr} G}
              + \epsilon I\Big) v

    To first order, no term gets worse. A term with a short gradient is neither ignored nor amplified: the update is
    linear in the scale of each gradient.

    Args:
        gram: Inner products of the gradients, shape ``[m, m]``.
        preference: Shape ``[m]``, >= 0; None is the mean, 1 over the number of present terms.
        present: Boolean, shape ``[m]``; a term where it is False is deleted. None means that all are present.
        ridge: Added to the diagonal in units of the trace, > 0. Conflicts with gradients shorter than
            ``sqrt(ridge * trace(G))`` are not resolved.

    Returns:
        Weights >= ``preference``, shape ``[m]``, with ``(G w)_i >= -ridge * trace(G) * w_i``; 0 where absent.

    Raises:
        ValueError: If the shapes do not match, or ``ridge`` is not > 0.

    Example:
        >>> from jaxloss import combine
        >>> jacobian = jnp.array([[-4.0, 1.0, 1.0], [6.0, 1.0, 1.0]])
        >>> combine.upgrad_weights(jacobian @ jacobian.T)
        Array([1.1109211, 0.7894311], dtype=float32)

    Reference:
        Quinton and Rey (2024), Jacobian Descent for Multi-Objective Optimization.
        https://arxiv.org/abs/2406.16232
    """
    gram, present = without(gram, present)
    wanted = jnp.diag(over_present(preference, present, gram.dtype))
    matrix = trace_scaled(gram, checks.scalar("ridge", ridge, gram.dtype, above=0))
    beyond = jax.vmap(lambda own: nonneg_qp(matrix, dot(matrix, own)))(wanted)
    return reveal(jnp.sum(wanted + beyond, axis=0), gram, present)


def dualproj_weights(
    gram: Array, preference: Array | None = None, *, present: Array | None = None, ridge: Scalar = 1e-4
) -> Array:
    r"""Weights of DualProj: the projection of the mean gradient onto the dual cone, as in gradient episodic memory.

    .. math:: w = \arg\min_{v \ge p} v^\top \Big(\frac{G}{\operatorname{tr} G} + \epsilon I\Big) v

    Args:
        gram, preference, present, ridge: As for `upgrad_weights`.

    Returns:
        Weights >= ``preference``, shape ``[m]``, with ``(G w)_i >= -ridge * trace(G) * w_i``; 0 where absent.

    Raises:
        ValueError: If the shapes do not match, or ``ridge`` is not > 0.

    Example:
        >>> from jaxloss import combine
        >>> jacobian = jnp.array([[-4.0, 1.0, 1.0], [6.0, 1.0, 1.0]])
        >>> combine.dualproj_weights(jacobian @ jacobian.T)
        Array([0.610921, 0.5     ], dtype=float32)

    Reference:
        Lopez-Paz and Ranzato (2017), Gradient Episodic Memory for Continual Learning.
        https://arxiv.org/abs/1706.08840
    """
    gram, present = without(gram, present)
    wanted = over_present(preference, present, gram.dtype)
    matrix = trace_scaled(gram, checks.scalar("ridge", ridge, gram.dtype, above=0))
    return reveal(wanted + nonneg_qp(matrix, dot(matrix, wanted)), gram, present)


def upgrad(*, preference: Mapping[str, Scalar] | None = None, ridge: Scalar = 1e-4) -> Aggregator:
    """UPGrad: the mean of the gradients, each projected so that it conflicts with no term; see `upgrad_weights`.

    Args:
        preference: Name of every term to its number >= 0. None is the mean.
        ridge: As for `upgrad_weights`.

    Returns:
        An `Aggregator` with a `GramianState`.

    Example:
        >>> from jaxloss import combine
        >>> aggregator = combine.upgrad(preference={"ce": 1.0, "kl": 0.1})
        >>> aggregator.init(jnp.zeros(3), ("ce", "kl")).inner
        Array([1. , 0.1], dtype=float32)
    """
    return _projecting("upgrad", upgrad_weights, preference, ridge)


def dualproj(*, preference: Mapping[str, Scalar] | None = None, ridge: Scalar = 1e-4) -> Aggregator:
    """DualProj: the mean gradient, projected so that it conflicts with no term; see `dualproj_weights`.

    Args:
        preference: Name of every term to its number >= 0. None is the mean.
        ridge: As for `dualproj_weights`.

    Returns:
        An `Aggregator` with a `GramianState`.

    Example:
        >>> from jaxloss import combine
        >>> combine.dualproj().init(jnp.zeros(3), ("ce", "kl")).weights
        Array([0., 0.], dtype=float32)
    """
    return _projecting("dualproj", dualproj_weights, preference, ridge)


def _projecting(who: str, weights: Any, preference: Mapping[str, Scalar] | None, ridge: Scalar) -> Aggregator:
    ridge = checks.scalar("ridge", ridge, jnp.float32, above=0)
    return by_preference(who, lambda gram, p, *, present: weights(gram, p, present=present, ridge=ridge), preference)
