"""Values as distributions over fixed atoms (C51): cross-entropy against the shifted and projected target."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.maths.softmax.soft_targets import target_terms
from jaxloss._floor.reduction import hide, promote, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction
from jaxloss.reinforcement._transitions import expected, known, per_step

__all__ = [
    "categorical_double_q_learning_loss",
    "categorical_l2_project",
    "categorical_q_learning_loss",
    "categorical_td_loss",
]


def categorical_l2_project(z_p: ArrayLike, probs: ArrayLike, z_q: ArrayLike) -> Array:
    r"""Projection of a distribution on points onto fixed atoms (C51): each mass is split between the nearest two.

    .. math:: q_i = \sum_j p_j \, \max\left( 0, 1 - \frac{|\operatorname{clip}(z_j) - y_i|}{\Delta} \right)

    with :math:`y` the atoms and :math:`\Delta` the distance to the next atom on that side. Points beyond the atoms
    are moved to the outermost one. The mean is preserved if no point lies beyond.

    Args:
        z_p: Points, shape ``[..., P]``, floating.
        probs: Their probabilities, shape ``[..., P]``, the same.
        z_q: Atoms, shape ``[Q]``, strictly increasing, shared by all. If they do not increase, the result is NaN.

    Returns:
        Probabilities of the atoms, shape ``[..., Q]``.

    Raises:
        TypeError: If ``z_p`` are not floating.
        ValueError: If ``probs.shape != z_p.shape``, ``z_q`` is not a vector, or an axis is empty.

    Example:
        >>> atoms = jnp.array([0.0, 1.0, 2.0])
        >>> jaxloss.categorical_l2_project(jnp.array([0.25, 5.0]), jnp.array([0.5, 0.5]), atoms)
        Array([0.375, 0.125, 0.5  ], dtype=float32)

    Reference:
        Bellemare, Dabney and Munos (2017), A Distributional Perspective on Reinforcement Learning.
        https://arxiv.org/abs/1707.06887
    """
    z_p, probs = checks.values(z_p=z_p, probs=probs)
    checks.with_axes("points", z_p=z_p)
    (z_q,) = checks.numeric(z_q=z_q)
    checks.with_axes("atoms", z_q=z_q)
    checks.has_shape(z_q.shape[-1:], "the atoms are shared", z_q=z_q)
    z_p, probs, atoms = promote(z_p, probs, z_q)
    gaps = atoms[1:] - atoms[:-1]
    rising = jnp.all(gaps > 0)
    value_checks.ensure(lambda: rising, "atoms must rise strictly")
    one = jnp.ones(1, atoms.dtype)
    column = lambda x: jnp.expand_dims(x, (*range(z_p.ndim - 1), z_p.ndim))
    points = jnp.clip(z_p, atoms[0], atoms[-1])
    offset = points[..., None, :] - column(atoms)
    away = jnp.maximum(offset / column(jnp.concatenate([gaps, one])), -offset / column(jnp.concatenate([one, gaps])))
    moved = jnp.sum(jnp.maximum(1 - away, 0) * probs[..., None, :], axis=-1)
    return numerics.poison(moved + jnp.sum(numerics.trace_of_nan(z_p), axis=-1, keepdims=True), rising)


def _cross_entropy(logits: Array, r_t: Array, discount_t: Array, next_logits: Array, atoms: Array) -> Array:
    """Of ``logits``, ``[..., K]``, against the projected distribution of ``r_t + discount_t * atoms``."""
    logits, r_t, discount_t, next_logits, atoms = promote(logits, r_t, discount_t, next_logits, atoms)
    support = jnp.broadcast_to(jnp.expand_dims(atoms, tuple(range(logits.ndim - 1))), logits.shape)
    points = r_t[..., None] + discount_t[..., None] * support
    projected = categorical_l2_project(points, jax.nn.softmax(next_logits, axis=-1), atoms)
    return target_terms(logits, jax.lax.stop_gradient(projected))[0]


def _atoms(atoms: ArrayLike, logits: Array) -> Array:
    (atoms,) = checks.numeric(atoms=atoms)
    checks.has_shape(logits.shape[-1:], "one atom per logit, shared by all", atoms=atoms)
    return atoms


def categorical_td_loss(
    v_logits_tm1: ArrayLike,
    r_t: ArrayLike,
    discount_t: ArrayLike,
    v_logits_t: ArrayLike,
    atoms: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Categorical TD loss (C51 for state values): cross-entropy against the projected one-step target distribution.

    .. math:: \ell = -\sum_i q_i \log p_i, \qquad q = \mathrm{sg}\, \Pi\left( r_t + \gamma_t z \right)

    with :math:`p` the softmax of ``v_logits_tm1``, :math:`z` a return distributed like the softmax of ``v_logits_t``
    over the atoms, and :math:`\Pi` the projection `jaxloss.categorical_l2_project`. The minimum is the entropy of the
    target.

    Args:
        v_logits_tm1: Logits of the atoms at time t - 1, shape ``[..., K]``, floating.
        r_t, discount_t: See `jaxloss.td_loss`.
        v_logits_t: Logits of the atoms at time t, shape ``[..., K]``. No gradient flows through them.
        atoms: The return that each logit stands for, shape ``[K]``, strictly increasing; otherwise the loss is NaN.
        where, weights, reduction: See `jaxloss.reduce`. The mean divides by the sum of the weights. Importance weights,
            of prioritised replay or of another policy, must not be normalised so: pass them with
            ``reduction=jaxloss.reductions.mean_over(batch_size)``.

    Returns:
        A scalar >= 0, in nats.

    Raises:
        TypeError: If logits are not floating.
        ValueError: If the shapes do not match, or the axis of atoms is empty.

    Example:
        >>> logits, atoms = jnp.zeros((1, 3)), jnp.array([0.0, 1.0, 2.0])
        >>> jaxloss.categorical_td_loss(logits, jnp.array([0.5]), jnp.array([0.0]), logits, atoms)
        Array(1.0986123, dtype=float32)

    Reference:
        Bellemare, Dabney and Munos (2017), A Distributional Perspective on Reinforcement Learning.
        https://arxiv.org/abs/1707.06887
    """
    logits, following = checks.floating(v_logits_tm1=v_logits_tm1, v_logits_t=v_logits_t)
    checks.with_axes("atoms", v_logits_tm1=logits)
    checks.same_shape(v_logits_tm1=logits, v_logits_t=following)
    r_t, discount_t = per_step(where, logits.shape[:-1], r_t=r_t, discount_t=discount_t)
    logits, following = (hide(where, x, event_ndim=1) for x in (logits, following))
    values = _cross_entropy(logits, r_t, discount_t, following, _atoms(atoms, logits))
    return reduce(values, where=where, weights=weights, reduction=reduction)


def _learn(
    logits: ArrayLike,
    a_tm1: ArrayLike,
    r_t: ArrayLike,
    discount_t: ArrayLike,
    following: ArrayLike,
    selector: Array | None,
    atoms: ArrayLike,
    where: ArrayLike | None,
) -> Array:
    """The cross-entropy for the action taken, against the next action that ``selector``, or the mean, values most."""
    (logits, following) = checks.floating(q_logits_tm1=logits, q_logits_t=following)
    checks.with_axes("actions atoms", q_logits_tm1=logits)
    checks.same_shape(q_logits_tm1=logits, q_logits_t=following)
    (a_tm1,) = checks.integer(a_tm1=a_tm1)
    checks.has_shape(logits.shape[:-2], "one action per transition", a_tm1=a_tm1)
    r_t, discount_t = per_step(where, logits.shape[:-2], r_t=r_t, discount_t=discount_t)
    logits, following = promote(*(hide(where, x, event_ndim=2) for x in (logits, following)))
    atoms = _atoms(atoms, logits)
    if selector is None:
        probs = jax.nn.softmax(following, axis=-1)
        support = jnp.expand_dims(promote(atoms, probs)[0], tuple(range(logits.ndim - 1)))
        selector = expected(jnp.broadcast_to(support, probs.shape), probs)
    best = jnp.argmax(selector, axis=-1)
    action = hide(where, checks.as_int32(a_tm1))
    num_actions = logits.shape[-2]
    value_checks.ensure_labels(action, num_actions, "a_tm1")
    inside = jnp.clip(action, 0, num_actions - 1)
    of = lambda x, index: jnp.take_along_axis(x, index[..., None, None], axis=-2)[..., 0, :]
    values = _cross_entropy(of(logits, inside), r_t, discount_t, of(following, best), atoms)
    whole = known(numerics.largest(logits)) & known(numerics.largest(following)) & known(selector)
    return numerics.poison(values, (inside == action) & whole)


def categorical_q_learning_loss(
    q_logits_tm1: ArrayLike,
    a_tm1: ArrayLike,
    r_t: ArrayLike,
    discount_t: ArrayLike,
    q_logits_t: ArrayLike,
    atoms: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""C51: categorical Q-learning, cross-entropy against the projected distribution of the best next action.

    .. math:: \ell = -\sum_i q_i \log p_i(a_{t-1}), \qquad
              q = \mathrm{sg}\, \Pi\left( r_t + \gamma_t z(a^*) \right), \qquad a^* = \arg\max_a \mathbb E z(a)

    with the projection `jaxloss.categorical_l2_project`. Both networks share the atoms. The minimum is the entropy of
    the target.

    Args:
        q_logits_tm1: Logits of the atoms per action at time t - 1, shape ``[..., A, K]``, floating.
        a_tm1, r_t, discount_t: See `jaxloss.q_learning_loss`.
        q_logits_t: Logits at time t, shape ``[..., A, K]``. No gradient flows through them.
        atoms: The return that each logit stands for, shape ``[K]``, strictly increasing; otherwise the loss is NaN.
        where, weights, reduction: See `jaxloss.reduce`. The mean divides by the sum of the weights. Importance weights,
            of prioritised replay or of another policy, must not be normalised so: pass them with
            ``reduction=jaxloss.reductions.mean_over(batch_size)``.

    Returns:
        A scalar >= 0, in nats.

    Raises:
        TypeError: If logits are not floating or ``a_tm1`` not integer.
        ValueError: If the shapes do not match, or the axis of actions or of atoms is empty.

    Example:
        >>> logits, atoms, a = jnp.zeros((1, 2, 3)), jnp.array([0.0, 1.0, 2.0]), jnp.array([1])
        >>> jaxloss.categorical_q_learning_loss(logits, a, jnp.array([0.5]), jnp.array([0.0]), logits, atoms)
        Array(1.0986123, dtype=float32)

    Reference:
        Bellemare, Dabney and Munos (2017), A Distributional Perspective on Reinforcement Learning.
        https://arxiv.org/abs/1707.06887
    """
    values = _learn(q_logits_tm1, a_tm1, r_t, discount_t, q_logits_t, None, atoms, where)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def categorical_double_q_learning_loss(
    q_logits_tm1: ArrayLike,
    a_tm1: ArrayLike,
    r_t: ArrayLike,
    discount_t: ArrayLike,
    q_logits_t: ArrayLike,
    q_t_selector: ArrayLike,
    atoms: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Categorical double Q-learning, as in Rainbow: C51 with the next action chosen by another network.

    .. math:: \ell = -\sum_i q_i \log p_i(a_{t-1}), \qquad
              q = \mathrm{sg}\, \Pi\left( r_t + \gamma_t z(a^*) \right), \qquad a^* = \arg\max_a s_t(a)

    Args:
        q_logits_tm1, a_tm1, r_t, discount_t, q_logits_t, atoms: See `jaxloss.categorical_q_learning_loss`.
        q_t_selector: Action values :math:`s_t` that choose the next action, shape ``[..., A]``. No gradient flows
            through them.
        where, weights, reduction: See `jaxloss.reduce`. The mean divides by the sum of the weights. Importance weights,
            of prioritised replay or of another policy, must not be normalised so: pass them with
            ``reduction=jaxloss.reductions.mean_over(batch_size)``.

    Returns:
        A scalar >= 0, in nats.

    Raises:
        TypeError: If logits or selector are not floating or ``a_tm1`` not integer.
        ValueError: If the shapes do not match, or the axis of actions or of atoms is empty.

    Example:
        >>> logits, atoms, a = jnp.zeros((1, 2, 3)), jnp.array([0.0, 1.0, 2.0]), jnp.array([1])
        >>> selector, r, discount = jnp.array([[1.0, 0.0]]), jnp.array([0.5]), jnp.array([0.0])
        >>> jaxloss.categorical_double_q_learning_loss(logits, a, r, discount, logits, selector, atoms)
        Array(1.0986123, dtype=float32)

    Reference:
        Hessel et al. (2018), Rainbow: Combining Improvements in Deep Reinforcement Learning.
        https://arxiv.org/abs/1710.02298
    """
    logits, selector = checks.floating(q_logits_tm1=q_logits_tm1, q_t_selector=q_t_selector)
    checks.with_axes("actions atoms", q_logits_tm1=logits)
    checks.has_shape(logits.shape[:-1], "one value per action", q_t_selector=selector)
    selector = hide(where, selector, event_ndim=1)
    values = _learn(logits, a_tm1, r_t, discount_t, q_logits_t, selector, atoms, where)
    return reduce(values, where=where, weights=weights, reduction=reduction)
