"""Models of the world that are learned with the policy: the divergence between what is seen and what was expected."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.maths.entropies import rows_of_logits
from jaxloss._floor.reduction import hide, promote, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar

__all__ = ["balanced_categorical_kl"]


def balanced_categorical_kl(
    posterior_logits: ArrayLike,
    prior_logits: ArrayLike,
    *,
    dynamics_weight: Scalar = 1.0,
    representation_weight: Scalar = 0.1,
    free_nats: Scalar = 1.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""KL balancing of Dreamer: the prior learns to predict the posterior faster than the posterior yields to it.

    .. math:: \ell = \beta_{\mathrm{dyn}} \max\left( \lambda, \mathrm{KL}\left( \mathrm{sg}(q) \,\|\, p \right) \right)
              + \beta_{\mathrm{rep}} \max\left( \lambda, \mathrm{KL}\left( q \,\|\, \mathrm{sg}(p) \right) \right)

    of a posterior :math:`q`, which has seen the observation, and a prior :math:`p`, which predicts it, each of several
    independent categorical variables. The floor holds for their sum, as in DreamerV3; torchrl's
    ``categorical_kl_balanced`` floors each variable and averages. DreamerV2 has no floor and the weights 0.8 and 0.2.
    For other distributions, add `jaxloss.free_bits_loss` of two divergences with the gradients stopped so.

    Args:
        posterior_logits: Scores of :math:`q`, shape ``[..., G, K]``, floating: G variables of K classes.
        prior_logits: Scores of :math:`p`, shape ``[..., G, K]``, the same.
        dynamics_weight: Factor :math:`\beta_{\mathrm{dyn}}` of the term that trains the prior; >= 0.
        representation_weight: Factor :math:`\beta_{\mathrm{rep}}` of the term that trains the posterior; >= 0.
        free_nats: Floor :math:`\lambda` of the divergence summed over the variables; >= 0. Below it there is no
            gradient.
        where, weights: Shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar in nats, at least ``free_nats`` times the sum of the two weights.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ, an axis of variables or classes is missing or empty, or a hyperparameter is
            out of range.

    Example:
        >>> posterior, prior = jnp.array([[[4.0, 0.0], [0.0, 4.0]]]), jnp.zeros((1, 2, 2))
        >>> jaxloss.balanced_categorical_kl(posterior, prior)
        Array(1.3267152, dtype=float32)

    Reference:
        Hafner, Lillicrap, Norouzi and Ba (2021), Mastering Atari with Discrete World Models.
        https://arxiv.org/abs/2010.02193
        Hafner, Pasukonis, Ba and Lillicrap (2023), Mastering Diverse Domains through World Models.
        https://arxiv.org/abs/2301.04104
    """
    posterior, prior = checks.floating(posterior_logits=posterior_logits, prior_logits=prior_logits)
    checks.with_axes("variables classes", posterior_logits=posterior)
    checks.same_shape(posterior_logits=posterior, prior_logits=prior)
    posterior, prior = promote(*(hide(where, x, event_ndim=2) for x in (posterior, prior)))
    hypers = {"dynamics_weight": dynamics_weight, "representation_weight": representation_weight}
    dynamics, representation = (checks.scalar(n, x, prior.dtype, at_least=0) for n, x in hypers.items())
    floor = checks.scalar("free_nats", free_nats, prior.dtype, at_least=0)

    def floored(prior: Array, posterior: Array) -> Array:
        divergence = jnp.sum(rows_of_logits(prior, posterior), axis=-1)
        return jnp.maximum(divergence, floor) + numerics.trace_of_nan(divergence)

    values = dynamics * floored(prior, jax.lax.stop_gradient(posterior))
    values = values + representation * floored(jax.lax.stop_gradient(prior), posterior)
    return reduce(values, where=where, weights=weights, reduction=reduction)
