"""Balance of a mixture of experts by the variation of load between them, or by a bias without any loss."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.reduction import blank, hide, plain_mean, reduce
from jaxloss._floor.spread import require_whole
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction, Scalar
from jaxloss.experts._pools import checked_choices, expert_counts, token_sums

__all__ = ["expert_importance_loss", "expert_load_loss", "update_expert_bias"]


def expert_importance_loss(
    gates: ArrayLike,
    *,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Importance loss of sparsely gated mixtures (2017): squared coefficient of variation of the total gate values.

    .. math:: \ell = \frac{1}{E} \sum_e \left(\frac{I_e}{\bar I} - 1\right)^2, \qquad I_e = \sum_t g_{t e}

    The T tokens of the last batch axis are pooled, so ``where`` and ``weights`` belong to tokens. Each layer of
    ``[layers, T, E]`` is balanced separately.

    Args:
        gates: Gate values >= 0, for example the softmax of the router, shape ``[..., T, E]``, floating. A negative
            one gives NaN in value and gradient of its pool.
        axis_name: Mesh axes inside ``jax.shard_map`` over which the tokens are spread, for the loss over all of them;
            None if all are here, ``()`` to take those of each device on purpose.
        where, weights: Shape ``[..., T]``; False for padding. A pool without a token is absent. See `jaxloss.reduce`.
        reduction: Over the pools ``[...]``; see `jaxloss.reduce`.

    Returns:
        A scalar in [0, E - 1]; 0 with zero gradient at perfect balance.

    Raises:
        TypeError: If ``gates`` are not floating.
        ValueError: If ``gates`` has no token axis, or the expert axis is empty.

    Example:
        >>> jaxloss.expert_importance_loss(jnp.array([[1.0, 0.0], [0.5, 0.5]]))
        Array(0.25, dtype=float32)

    Reference:
        Shazeer et al. (2017), Outrageously Large Neural Networks: The Sparsely-Gated Mixture-of-Experts Layer.
        https://arxiv.org/abs/1701.06538
    """
    (gates,) = checks.floating(gates=gates)
    checks.with_axes("tokens experts", allow_empty=True, gates=gates)
    checks.with_axes("experts", gates=gates)
    (gates,) = blank(where, gates, event_ndim=1)
    valid = gates >= 0
    value_checks.ensure(lambda: valid, "gates must be >= 0")
    gates = numerics.poison(gates, valid)
    ((total, _),), present = token_sums(gates, where=where, weights=weights, axis_name=axis_name)
    return reduce(_squared_variation(total), where=present, reduction=reduction)


def _squared_variation(x: Array) -> Array:
    """The variance over the squared mean of the last axis; 0 if all entries are 0. It has no root, so a slope at 0.

    Differences are taken from the first entry, so that equal entries differ by exactly 0.
    """
    apart = x - x[..., :1]
    shift = plain_mean(apart, -1)[..., None]
    center = jnp.broadcast_to(x[..., :1] + shift, x.shape)
    return plain_mean(jnp.square(numerics.divide(apart - shift, center)), -1)


def expert_load_loss(
    logits: ArrayLike,
    noisy_logits: ArrayLike,
    *,
    noise_std: Scalar,
    top_k: int = 1,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Load loss of V-MoE, for a router with Gaussian noise: variation of the expected number of tokens per expert.

    .. math:: \ell = \frac{1}{E} \sum_e \left(\frac{L_e}{\bar L} - 1\right)^2, \qquad
              L_e = \sum_t \Phi\!\left(\frac{z_{t e} - \theta_t}{\sigma}\right)

    where :math:`\theta_t` is the k-th largest noisy score of the token. Each summand is the probability that the expert
    is among the top k if its noise is drawn again. Unlike the choice itself it has a gradient.

    Args:
        logits: Scores of the router without noise, shape ``[..., T, E]``, floating, finite.
        noisy_logits: The scores that were ranked, shape ``[..., T, E]``, floating.
        noise_std: Standard deviation of the noise, > 0; V-MoE takes 1 / E.
        top_k: Experts k per token, in [1, E], static.
        axis_name: Mesh axes inside ``jax.shard_map`` over which the tokens are spread, for the loss over all of them;
            None if all are here, ``()`` to take those of each device on purpose.
        where, weights: Shape ``[..., T]``; False for padding. A pool without a token is absent. See `jaxloss.reduce`.
        reduction: Over the pools ``[...]``; see `jaxloss.reduce`.

    Returns:
        A scalar >= 0; 0 with zero gradient at perfect balance.

    Raises:
        TypeError: If ``logits`` or ``noisy_logits`` are not floating.
        ValueError: If ``noisy_logits.shape != logits.shape``, the expert axis is empty, or a hyperparameter is out of
            range.

    Example:
        >>> logits = jnp.array([[1.0, 0.0], [0.0, 1.0]])
        >>> jaxloss.expert_load_loss(logits, logits, noise_std=0.5)
        Array(0., dtype=float32)

    Reference:
        Riquelme et al. (2021), Scaling Vision with Sparse Mixture of Experts. https://arxiv.org/abs/2106.05974
    """
    logits, noisy_logits = checks.floating(logits=logits, noisy_logits=noisy_logits)
    checks.same_shape(logits=logits, noisy_logits=noisy_logits)
    checks.with_axes("tokens experts", allow_empty=True, logits=logits)
    checks.with_axes("experts", logits=logits)
    if not 1 <= top_k <= logits.shape[-1]:
        raise ValueError(f"top_k must lie in [1, {logits.shape[-1]}], the number of experts; found {top_k}.")
    logits, noisy_logits = blank(where, logits, noisy_logits, event_ndim=1)
    noise_std = checks.scalar("noise_std", noise_std, logits.dtype, above=0)
    threshold = jax.lax.top_k(noisy_logits, top_k)[0][..., -1:]
    chances = jax.scipy.stats.norm.cdf((logits - threshold) / noise_std)
    chances = numerics.poison(chances, jnp.logical_not(jnp.any(jnp.isnan(noisy_logits), axis=-1, keepdims=True)))
    ((total, _),), present = token_sums(chances, where=where, weights=weights, axis_name=axis_name)
    return reduce(_squared_variation(total), where=present, reduction=reduction)


def update_expert_bias(
    bias: ArrayLike,
    experts: ArrayLike,
    *,
    step_size: Scalar = 1e-3,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
) -> Array:
    r"""Loss-free load balancing: raise the bias of experts with too few tokens, lower that of those with too many.

    .. math:: b_e \leftarrow b_e + u \operatorname{sign}(\bar c - c_e), \qquad
              c_e = \sum_t \sum_{j=1}^k \mathbb{1}[e = e_{t j}]

    Add the bias to the scores when experts are chosen, not when their outputs are weighted. The bias is state, not a
    parameter: nothing here is differentiated. Start with zeros and call this once per step.

    Args:
        bias: Shape ``[..., E]``, floating: one row per layer.
        experts: The experts that each token was sent to, shape ``[..., T, k]``, integer in ``[0, E)``. An unmasked
            one outside gives NaN.
        step_size: Step u >= 0.
        axis_name: Mesh axes inside ``jax.shard_map`` over which the tokens are spread, for the loss over all of them;
            None if all are here, ``()`` to take those of each device on purpose.
        where: Shape ``[..., T]``, boolean; False for padding.

    Returns:
        The new bias, in the shape and dtype of ``bias``.

    Raises:
        TypeError: If ``bias`` is not floating, ``experts`` not integer or ``where`` not boolean.
        ValueError: If the leading axes of ``bias`` and ``experts`` differ, ``bias`` has no expert axis or it is empty,
            or ``step_size`` is negative.

    Example:
        >>> jaxloss.update_expert_bias(jnp.zeros(3), jnp.array([[0], [0], [1]]), step_size=0.1)
        Array([-0.1,  0. ,  0.1], dtype=float32)

    Reference:
        Wang et al. (2024), Auxiliary-Loss-Free Load Balancing Strategy for Mixture-of-Experts.
        https://arxiv.org/abs/2408.15664
    """
    (bias,) = checks.floating(bias=bias)
    checks.with_axes("experts", bias=bias)
    experts = jnp.asarray(experts)
    experts = hide(where, checked_choices((*bias.shape[:-1], *experts.shape[-2:-1]), experts), event_ndim=1)
    step_size = checks.scalar("step_size", step_size, bias.dtype, at_least=0)
    require_whole(axis_name, experts.shape[-2:-1], experts)
    counts = hide(where, expert_counts(experts, bias.shape[-1], jnp.float32), event_ndim=1)
    load = jnp.sum(counts, axis=-2)
    if axis_name:
        load = jax.lax.psum(load, axis_name)
    short = jnp.sign(plain_mean(load, -1)[..., None] - load)
    return jax.lax.stop_gradient(bias + step_size * short.astype(bias.dtype))
