"""What errors of transitions share: values of actions, targets without gradient, recursions backwards in time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.maths.rows.recursions import linear_recursion
from jaxloss._floor.reduction import hide, pool_mass, pool_mean, promote, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar

__all__ = [
    "action_error",
    "action_values",
    "backwards",
    "chosen",
    "each_discount",
    "expected",
    "known",
    "last_kept",
    "mixing",
    "over_steps",
    "per_step",
    "target",
    "time_first",
]


def per_step(where: ArrayLike | None, shape: tuple[int, ...], **arrays: ArrayLike) -> tuple[Array, ...]:
    """One number per transition, shape ``shape``, 0 where masked; in their own dtypes."""
    checked = checks.numeric(**arrays)
    checks.has_shape(shape, "one number per transition", **dict(zip(arrays, checked, strict=True)))
    return tuple(hide(where, array) for array in checked)


def action_values(where: ArrayLike | None, **arrays: ArrayLike) -> tuple[Array, ...]:
    """Numbers per transition and action, ``[..., actions]``, of one shape, 0 where masked; in their own dtypes."""
    checked = checks.floating(**arrays)
    named = dict(zip(arrays, checked, strict=True))
    checks.with_axes("actions", allow_empty=False, **named)
    checks.same_shape(**named)
    return tuple(hide(where, array, event_ndim=1) for array in checked)


def chosen(values: Array, **actions: Array) -> Array:
    """The values ``[..., actions]`` of the actions ``[...]``; NaN, in value and gradient, out of range.

    NaN too if the value of another action is: a NaN of the network is never hidden.
    """
    ((name, index),) = actions.items()
    num_actions = values.shape[-1]
    value_checks.ensure_labels(index, num_actions, name)
    inside = jnp.clip(index, 0, num_actions - 1)
    picked = jnp.take_along_axis(values, inside[..., None], axis=-1, mode="promise_in_bounds")[..., 0]
    return numerics.poison(picked, (inside == index) & known(values))


def known(values: Array) -> Array:
    """Whether no entry of the last axis is NaN."""
    return jnp.logical_not(jnp.any(jnp.isnan(values), axis=-1))


def expected(values: Array, probs: Array) -> Array:
    """The mean of ``values`` over the last axis; an action of probability 0 is absent, also one of infinite value."""
    return jnp.sum(probs * jnp.where(probs == 0, jnp.zeros((), values.dtype), values), axis=-1)


def target(r_t: Array, discount_t: Array, values: Array) -> Array:
    """The one-step target, through which no gradient flows."""
    return jax.lax.stop_gradient(r_t + discount_t * values)


def action_error(
    where: ArrayLike | None,
    q_tm1: Array,
    a_tm1: ArrayLike,
    r_t: ArrayLike,
    discount_t: ArrayLike,
    next_values: Array,
) -> Array:
    """The temporal-difference error of the actions taken: the one-step target minus their values."""
    q_tm1, a_tm1 = checks.scores_and_labels(q_tm1=q_tm1, a_tm1=a_tm1)
    r_t, discount_t = per_step(where, a_tm1.shape, r_t=r_t, discount_t=discount_t)
    q_tm1, r_t, discount_t, next_values = promote(q_tm1, r_t, discount_t, next_values)
    return target(r_t, discount_t, next_values) - chosen(q_tm1, a_tm1=hide(where, a_tm1))


def mixing(lambda_: Scalar | ArrayLike, where: ArrayLike | None, steps: Array) -> Scalar | Array:
    """The mixing parameter: one number in [0, 1], or one of any size per step."""
    if np.ndim(lambda_) == 0:
        return checks.scalar("lambda_", lambda_, steps.dtype, at_least=0, at_most=1)
    (each,) = checks.numeric(lambda_=lambda_)
    checks.has_shape(steps.shape, "one number, or one per step", lambda_=each)
    return hide(where, each).astype(steps.dtype)


def last_kept(where: ArrayLike | None, shape: tuple[int, ...]) -> Array:
    """The last step of each trajectory that is not masked."""
    steps = jax.lax.broadcasted_iota(jnp.int32, shape, len(shape) - 1)
    if where is None:
        return steps == shape[-1] - 1
    kept = jnp.where(checks.mask(where, shape), steps, -1)
    return steps == jnp.max(kept, axis=-1, keepdims=True, initial=-1)


def backwards(decay: Array, increment: Array, where: ArrayLike | None) -> Array:
    """``x_t = increment_t + decay_t * x_{t+1}`` over the last axis, 0 beyond its end.

    Masked steps are skipped, as if they were not there, and hold 0.
    """
    return hide(where, linear_recursion(hide(where, decay, fill=1), hide(where, increment), True))


def each_discount(discount_t: Scalar | ArrayLike, r_t: ArrayLike) -> ArrayLike:
    """One discount per step; one number serves all of them."""
    if np.ndim(discount_t):
        return discount_t
    (r_t,) = promote(*checks.floating(r_t=r_t))
    number = checks.scalar("discount_t", discount_t, r_t.dtype)
    return jnp.broadcast_to(jnp.asarray(number, r_t.dtype), r_t.shape)


def time_first(fn: Callable[..., Array], *arrays: ArrayLike, **options: Any) -> Array:
    """``fn``, whose time axis is the last, of arrays that have it first; what has no axes is passed on."""
    time_last = lambda x: jnp.moveaxis(jnp.asarray(x), 0, -1) if np.ndim(x) else x
    moved = {name: time_last(option) for name, option in options.items()}
    return jnp.moveaxis(fn(*map(time_last, arrays), **moved), -1, 0)


def over_steps(errors: Array, where: ArrayLike | None, weights: ArrayLike | None, reduction: Reduction) -> Array:
    """Half the squared error, averaged over the steps of each trajectory, then reduced over trajectories."""
    (errors,) = promote(errors)
    mass, present = pool_mass(where, weights, errors)
    values = pool_mean(0.5 * jnp.square(errors), mass)
    return reduce(values, where=present, reduction=reduction)
