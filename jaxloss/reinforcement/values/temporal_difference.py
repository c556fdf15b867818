"""Temporal-difference learning of state values: regress a value on the reward plus the discounted next value."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.reduction import blank, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar
from jaxloss.reinforcement._returns import lambda_returns
from jaxloss.reinforcement._transitions import over_steps, target

__all__ = ["td_error", "td_lambda_error", "td_lambda_loss", "td_loss"]


def td_error(
    v_tm1: ArrayLike, r_t: ArrayLike, discount_t: ArrayLike, v_t: ArrayLike, *, where: ArrayLike | None = None
) -> Array:
    r"""One-step temporal-difference error; rlax's ``td_learning``, for any batch.

    .. math:: \delta = \mathrm{sg}(r_t + \gamma_t v_t) - v_{t-1}

    No gradient flows through the target (:math:`\mathrm{sg}`): the derivative in ``v_tm1`` is -1, all others are 0.

    Args:
        v_tm1, r_t, discount_t, v_t: See `jaxloss.td_loss`, which is half the square of this error.
        where: Boolean, shape ``[...]``. The error is 0 where it is False.

    Returns:
        Errors, shape ``[...]``; positive where the target exceeds the prediction.

    Raises:
        TypeError: If ``v_tm1`` are not floating.
        ValueError: If the shapes differ.

    Example:
        >>> jaxloss.td_error(jnp.array([1.0]), jnp.array([2.0]), jnp.array([0.5]), jnp.array([4.0]))
        Array([3.], dtype=float32)

    Reference:
        Sutton (1988), Learning to Predict by the Methods of Temporal Differences.
        https://doi.org/10.1007/BF00115009
    """
    v_tm1, r_t, discount_t, v_t = blank(where, *checks.values(v_tm1=v_tm1, r_t=r_t, discount_t=discount_t, v_t=v_t))
    return target(r_t, discount_t, v_t) - v_tm1


def td_loss(
    v_tm1: ArrayLike,
    r_t: ArrayLike,
    discount_t: ArrayLike,
    v_t: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""TD(0): half the squared one-step temporal-difference error of state values.

    .. math:: \ell = \tfrac12 \delta^2, \qquad \delta = \mathrm{sg}(r_t + \gamma_t v_t) - v_{t-1}

    No gradient flows through the target: the gradient in ``v_tm1`` is :math:`-\delta` (a semi-gradient), all others
    are 0. The value may be that of a team of agents: of QMIX the output of the mixing network, of VDN the sum of the
    values of their actions, each time against that of their best next actions.

    Args:
        v_tm1: Values of the states at time t - 1, shape ``[...]``, floating.
        r_t: Rewards at time t, shape ``[...]``, the same; floating or integer.
        discount_t: Discounts at time t, shape ``[...]``, the same; 0 where the episode ends.
        v_t: Values of the states at time t, shape ``[...]``, the same.
        where, weights, reduction: See `jaxloss.reduce`. The mean divides by the sum of the weights. Importance weights,
            of prioritised replay or of another policy, must not be normalised so: pass them with
            ``reduction=jaxloss.reductions.mean_over(batch_size)``.

    Returns:
        A scalar >= 0, in squared units of reward; exactly 0 if the value equals its target.

    Raises:
        TypeError: If ``v_tm1`` are not floating.
        ValueError: If the shapes differ.

    Example:
        >>> jaxloss.td_loss(jnp.array([1.0]), jnp.array([2.0]), jnp.array([0.5]), jnp.array([4.0]))
        Array(4.5, dtype=float32)

    Reference:
        Sutton (1988), Learning to Predict by the Methods of Temporal Differences.
        https://doi.org/10.1007/BF00115009
    """
    errors = td_error(v_tm1, r_t, discount_t, v_t, where=where)
    return reduce(0.5 * jnp.square(errors), where=where, weights=weights, reduction=reduction)


def td_lambda_error(
    v_tm1: ArrayLike,
    r_t: ArrayLike,
    discount_t: ArrayLike,
    v_t: ArrayLike,
    *,
    lambda_: Scalar | ArrayLike = 0.95,
    where: ArrayLike | None = None,
) -> Array:
    r"""TD(lambda) errors of the values of a trajectory against its lambda-returns; rlax's ``td_lambda``.

    .. math:: \delta_{t-1} = \mathrm{sg}(G_{t-1}) - v_{t-1}, \qquad
              G_{t-1} = r_t + \gamma_t \left( (1 - \lambda_t) v_t + \lambda_t G_t \right)

    Args:
        v_tm1, r_t, discount_t, v_t, lambda_: See `jaxloss.td_lambda_loss`.
        where: Boolean, shape ``[..., T]``. A step where it is False is skipped, as if it had been deleted.

    Returns:
        Errors, shape ``[..., T]``; 0 where masked.

    Raises:
        TypeError: If ``v_tm1`` are not floating.
        ValueError: If the shapes differ, the inputs have no time axis, or ``lambda_`` is out of range.

    Example:
        >>> r_t, discount_t, v_t = jnp.array([1.0, 1.0]), jnp.array([0.5, 0.5]), jnp.array([4.0, 8.0])
        >>> jaxloss.td_lambda_error(jnp.array([3.0, 4.0]), r_t, discount_t, v_t, lambda_=1.0)
        Array([0.5, 1. ], dtype=float32)

    Reference:
        Sutton and Barto (2018), Reinforcement Learning: An Introduction, chapter 12.
        https://mitpress.mit.edu/9780262039246/
    """
    v_tm1, r_t, discount_t, v_t = blank(where, *checks.values(v_tm1=v_tm1, r_t=r_t, discount_t=discount_t, v_t=v_t))
    returns = lambda_returns(r_t, discount_t, v_t, lambda_=lambda_, where=where)
    return jax.lax.stop_gradient(returns) - v_tm1


def td_lambda_loss(
    v_tm1: ArrayLike,
    r_t: ArrayLike,
    discount_t: ArrayLike,
    v_t: ArrayLike,
    *,
    lambda_: Scalar | ArrayLike = 0.95,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""TD(lambda): half the squared error of values against lambda-returns, averaged over each trajectory.

    .. math:: \ell = \frac{\sum_t w_t \, \tfrac12 \delta_t^2}{\sum_t w_t}, \qquad
              \delta_{t-1} = \mathrm{sg}(G_{t-1}) - v_{t-1}

    with the returns :math:`G` of `jaxloss.returns.lambda_returns`, through which no gradient flows. Each trajectory is
    averaged separately; for a mean over all steps of all trajectories, pass `jaxloss.td_lambda_error` to
    `jaxloss.half_squared_error`. With the values of the actions taken as ``v_tm1`` and the largest values of the next
    actions as ``v_t``, it is Peng's Q(lambda); with ``lambda_=1``, in every cell of an image whose reward is the change
    of its pixels, that is the pixel control of UNREAL.

    Args:
        v_tm1: Values of the states at times t - 1, shape ``[..., T]``, floating; time is the last axis.
        r_t: Rewards, shape ``[..., T]``, the same; floating or integer.
        discount_t: Discounts, shape ``[..., T]``, the same; 0 where an episode ends.
        v_t: Values of the states at times t, shape ``[..., T]``, the same.
        lambda_: Mixing parameter in [0, 1]; or one per step, ``[..., T]``, of any size.
        where, weights: Shape ``[..., T]``. A masked step is skipped, as if it had been deleted. A weight multiplies the
            error of its own step and leaves the returns of other steps unchanged. See `jaxloss.reduce`.
        reduction: Over the trajectories ``[...]``; see `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in squared units of reward; exactly 0 if the values equal their targets.

    Raises:
        TypeError: If ``v_tm1`` are not floating.
        ValueError: If the shapes differ, the inputs have no time axis, or ``lambda_`` is out of range.

    Example:
        >>> r_t, discount_t, v_t = jnp.array([1.0, 1.0]), jnp.array([0.5, 0.5]), jnp.array([4.0, 8.0])
        >>> jaxloss.td_lambda_loss(jnp.array([3.0, 4.0]), r_t, discount_t, v_t, lambda_=1.0)
        Array(0.3125, dtype=float32)

    Reference:
        Sutton and Barto (2018), Reinforcement Learning: An Introduction, chapter 12.
        https://mitpress.mit.edu/9780262039246/
    """
    errors = td_lambda_error(v_tm1, r_t, discount_t, v_t, lambda_=lambda_, where=where)
    return over_steps(errors, where, weights, reduction)
