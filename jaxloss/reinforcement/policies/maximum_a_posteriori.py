"""Maximum a posteriori policy optimisation (MPO, V-MPO): imitate reweighted actions within bounds on the divergence.

The expectation step reweights sampled actions by their values, at a temperature that is the dual variable of a bound.
The maximisation step imitates them, within a bound on the divergence from the old policy whose multiplier is dual, too.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.reduction import blank, hide, promote, reduce, relative_mass
from jaxloss._floor.spread import whole_pool
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction, Scalar

__all__ = ["mpo_kl_loss", "mpo_policy_loss", "mpo_temperature_loss"]

_NOTHING = -1000.0
"""An exponent whose exponential is 0 in every dtype."""


def _best(advantages: Array, mass: Array | None, fraction: Scalar) -> Array:
    """The mass of each entry of a pool that belongs to its best ``fraction``: the last of these counts in part."""
    mass = jnp.ones(advantages.shape, advantages.dtype) if mass is None else mass.astype(advantages.dtype)
    if isinstance(fraction, float) and fraction == 1:
        return mass
    order = jnp.argsort(-jnp.where(mass > 0, advantages, -jnp.inf), axis=-1)
    ordered = jnp.take_along_axis(mass, order, axis=-1)
    before = jnp.cumsum(ordered, axis=-1) - ordered
    kept = jnp.clip(fraction * jnp.sum(ordered, axis=-1, keepdims=True) - before, 0, ordered)
    return jnp.take_along_axis(kept, jnp.argsort(order, axis=-1), axis=-1)


def _below_best(advantages: Array, mass: Array) -> tuple[Array, Array]:
    """Advantages less the largest that counts, 0 where they do not, and that one."""
    counts = mass > 0
    peak = jnp.max(jnp.where(counts, advantages, -jnp.inf), axis=-1, keepdims=True, initial=-jnp.inf)
    peak = jnp.where(jnp.isneginf(peak), jnp.zeros((), peak.dtype), peak)
    return hide(counts, advantages - peak), peak[..., 0]


def mpo_policy_loss(
    log_probs_t: ArrayLike,
    adv_t: ArrayLike,
    *,
    temperature: Scalar,
    top_fraction: Scalar = 1.0,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Policy loss of MPO and V-MPO: imitation of actions, weighted by the softmax of their advantages or values.

    .. math:: \ell = -\sum_i \psi_i \log \pi(a_i), \qquad
              \psi_i = \mathrm{sg}\left( \frac{w_i e^{A_i / \eta}}{\sum_j w_j e^{A_j / \eta}} \right)

    In MPO a pool are the actions sampled in one state, ``[states, N]``, and :math:`A` their values, which a constant
    may be added to. In V-MPO the whole batch is one pool: flatten it to ``[N]`` and take its best half,
    ``top_fraction=0.5``. `jaxloss.mpo_temperature_loss` learns the temperature, and `jaxloss.mpo_kl_loss` bounds the
    step.

    Args:
        log_probs_t: Log-probabilities or log-densities of the actions under the policy that learns, shape ``[..., N]``,
            floating; finite.
        adv_t: Advantages or values of the actions, shape ``[..., N]``, the same. No gradient flows through them.
        temperature: Temperature :math:`\eta` > 0, in units of the advantages. No gradient flows through it.
        top_fraction: Share of the weight of a pool that counts, that of its largest advantages; in (0, 1]. The example
            on the boundary counts in part.
        axis_name: Mesh axes inside ``jax.shard_map``, or an axis of ``jax.pmap``, over which the last axis is spread;
            None if all of it is here.
        where, weights: Shape ``[..., N]``; see `jaxloss.reduce`. Weights are importance weights; only their ratios
            within a pool matter.
        reduction: Over the pools ``[...]``; see `jaxloss.reduce`.

    Returns:
        A scalar, in nats; >= 0 for log-probabilities, of either sign for log-densities.

    Raises:
        TypeError: If ``log_probs_t`` are not floating.
        ValueError: If the shapes differ, a pool has one entry only, or a hyperparameter is out of range.

    Example:
        >>> log_probs_t, adv_t = jnp.array([-1.0, -2.0, -3.0]), jnp.array([0.0, 1.0, 1.0])
        >>> jaxloss.mpo_policy_loss(log_probs_t, adv_t, temperature=0.5, top_fraction=2 / 3)
        Array(2.5, dtype=float32)

    Reference:
        Abdolmaleki et al. (2018), Maximum a Posteriori Policy Optimisation. https://arxiv.org/abs/1806.06920
        Song et al. (2020), V-MPO: On-Policy Maximum a Posteriori Policy Optimization for Discrete and Continuous
        Control. https://arxiv.org/abs/1909.12238
    """
    log_probs_t, adv_t = checks.values(log_probs_t=log_probs_t, adv_t=adv_t)
    checks.with_pool("samples", log_probs_t=log_probs_t)
    where, weights, log_probs_t, adv_t = whole_pool(axis_name, where, weights, log_probs_t, adv_t)
    log_probs, advantages = blank(where, log_probs_t, jax.lax.stop_gradient(adv_t))
    eta = jax.lax.stop_gradient(checks.scalar("temperature", temperature, advantages.dtype, above=0))
    share = checks.scalar("top_fraction", top_fraction, advantages.dtype, above=0, at_most=1)
    mass, present = relative_mass(where, weights, advantages)
    mass = jax.lax.stop_gradient(_best(advantages, mass, share))
    below, _ = _below_best(advantages, mass)
    shares = mass * jnp.exp(below / eta)
    total = jnp.sum(shares + numerics.trace_of_nan(advantages), axis=-1, keepdims=True)
    shares = numerics.divide(shares, jnp.broadcast_to(total, shares.shape))
    values = -jnp.sum(jax.lax.stop_gradient(shares) * log_probs, axis=-1)
    return reduce(values, where=_any(present, advantages), reduction=reduction)


def mpo_temperature_loss(
    temperature: ArrayLike,
    adv_t: ArrayLike,
    *,
    kl_bound: Scalar = 0.1,
    top_fraction: Scalar = 1.0,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Temperature loss of MPO and V-MPO: the dual of a bound on the divergence of the reweighted actions.

    .. math:: \ell = \eta \epsilon + \eta \log \frac{\sum_i w_i e^{A_i / \eta}}{\sum_i w_i}

    It is convex in :math:`\eta`, and at its minimum the weights of `jaxloss.mpo_policy_loss` diverge from the sampled
    actions by :math:`\epsilon` nats. Keep the temperature positive by training its logarithm or the inverse of a
    softplus; rlax clips it at 1e-10.

    Args:
        temperature: Temperature :math:`\eta`, shape ``[]``, floating; > 0, otherwise the loss is NaN.
        adv_t: Advantages or values of the actions, shape ``[..., N]``. No gradient flows through them.
        kl_bound: The bound :math:`\epsilon` of the divergence, in nats; > 0.
        top_fraction, axis_name, where, weights, reduction: See `jaxloss.mpo_policy_loss`.

    Returns:
        A scalar of either sign, in units of the advantages.

    Raises:
        TypeError: If ``temperature`` is not floating.
        ValueError: If ``temperature.shape != ()``, a pool has one entry only, or a hyperparameter is out of range.

    Example:
        >>> jaxloss.mpo_temperature_loss(jnp.array(2.0), jnp.array([0.0, 2.0]), kl_bound=0.5)
        Array(2.240229, dtype=float32)

    Reference:
        Abdolmaleki et al. (2018), Maximum a Posteriori Policy Optimisation. https://arxiv.org/abs/1806.06920
        Song et al. (2020), V-MPO: On-Policy Maximum a Posteriori Policy Optimization for Discrete and Continuous
        Control. https://arxiv.org/abs/1909.12238
    """
    (temperature,), (adv_t,) = checks.floating(temperature=temperature), checks.numeric(adv_t=adv_t)
    checks.has_shape((), "one number for all", temperature=temperature)
    checks.with_pool("samples", adv_t=adv_t)
    where, weights, adv_t = whole_pool(axis_name, where, weights, adv_t)
    eta, advantages = promote(temperature, *blank(where, jax.lax.stop_gradient(adv_t)))
    eta = value_checks.within_domain(eta, eta > 0, "temperature must be > 0")
    bound = checks.scalar("kl_bound", kl_bound, advantages.dtype, above=0)
    share = checks.scalar("top_fraction", top_fraction, advantages.dtype, above=0, at_most=1)
    mass, present = relative_mass(where, weights, advantages)
    mass = jax.lax.stop_gradient(_best(advantages, mass, share))
    below, peak = _below_best(advantages, mass)
    # What is so far below is nothing, and stays finite in the slope.
    below = jnp.maximum(below, _NOTHING * jax.lax.stop_gradient(eta))
    exponents = numerics.quotient(below, jnp.broadcast_to(eta, below.shape))
    total = jnp.sum(mass * jnp.exp(exponents) + numerics.trace_of_nan(advantages), axis=-1)
    mean = numerics.divide(total, jnp.sum(mass, axis=-1))
    some = mean != 0
    values = eta * bound + hide(some, peak + eta * jnp.log(hide(some, mean, fill=1)))
    return reduce(values, where=_any(present, advantages), reduction=reduction)


def _any(present: Array | None, entries: Array) -> Array | None:
    """``present``, or False for every pool of an empty last axis."""
    return present if entries.shape[-1] else jnp.zeros(entries.shape[:-1], bool)


def mpo_kl_loss(
    kl_divergences: ArrayLike,
    multiplier: ArrayLike,
    *,
    kl_bound: Scalar,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Bound on the divergence of MPO and V-MPO: a penalty for the policy, and the dual loss of its multiplier.

    .. math:: \ell = \sum_d \mathrm{sg}(\alpha_d) \, \mathrm{KL}_d
              + \alpha_d \left( \epsilon - \mathrm{sg}(\mathrm{KL}_d) \right)

    The policy descends its divergence, times the multiplier; the multiplier grows while the divergence exceeds the
    bound, and shrinks below it. Call it once for the divergence of the means of a Gaussian policy and once for that of
    its spreads, which have bounds of their own. Over whole terms of an objective `jaxloss.combine.constrain` does the
    same, with multipliers that it carries.

    Args:
        kl_divergences: Divergences of the policy from the old one, KL(old || new), in nats: shape ``[...]``, or
            ``[..., D]`` if every dimension has a bound; floating.
        multiplier: Multiplier :math:`\alpha`, shape ``[]``, or ``[D]``; floating, >= 0; a negative one gives NaN. Train
            its logarithm or the inverse of a softplus.
        kl_bound: The bound :math:`\epsilon`, in nats; > 0.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar of either sign. Only its gradient is meaningful; the value is the bound times the multiplier.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If ``kl_divergences.shape`` does not end with ``multiplier.shape``, or ``kl_bound`` is not positive.

    Example:
        >>> loss = lambda kl, alpha: jaxloss.mpo_kl_loss(kl, alpha, kl_bound=0.5)
        >>> jax.grad(loss, argnums=(0, 1))(jnp.array([[2.0]]), jnp.array([3.0]))
        (Array([[3.]], dtype=float32), Array([-1.5], dtype=float32))

    Reference:
        Abdolmaleki et al. (2018), Relative Entropy Regularized Policy Iteration. https://arxiv.org/abs/1812.02256
    """
    divergences, alpha = checks.floating(kl_divergences=kl_divergences, multiplier=multiplier)
    batch = divergences.shape[: max(divergences.ndim - alpha.ndim, 0)]
    checks.has_shape((*batch, *alpha.shape), "the shape of the multiplier is last", kl_divergences=divergences)
    divergences, alpha = promote(hide(where, divergences, event_ndim=alpha.ndim), alpha)
    alpha = value_checks.within_domain(alpha, alpha >= 0, "multiplier must be >= 0")
    bound = checks.scalar("kl_bound", kl_bound, alpha.dtype, above=0)
    alpha = jnp.broadcast_to(alpha, divergences.shape)
    fixed_kl, fixed_alpha = jax.lax.stop_gradient((divergences, alpha))
    each = fixed_alpha * (divergences - fixed_kl) + (alpha - fixed_alpha) * (bound - fixed_kl) + fixed_alpha * bound
    values = jnp.sum(each, axis=tuple(range(len(batch), divergences.ndim)))
    return reduce(values, where=where, weights=weights, reduction=reduction)
