"""Bounds on the evidence of a latent-variable model, as losses: negative ELBO, its capacity form, and IWAE.

Any likelihood serves: the reconstruction enters as a negative log-likelihood that is already summed over the entries
of an example, like ``jnp.sum(jaxloss.sigmoid_binary_cross_entropy(logits, x, reduction="none"), -1)``.
"""

from __future__ import annotations

import math

from jaxloss._floor import checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.reduction import hide, promote, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar

__all__ = ["capacity_elbo_loss", "elbo_loss", "iwae_loss"]


def _terms(where: ArrayLike | None, reconstruction_nlls: ArrayLike, kl_divergences: ArrayLike) -> tuple[Array, Array]:
    """The two terms of the bound: floating, of one shape, 0 where masked."""
    nlls, divergences = checks.floating(reconstruction_nlls=reconstruction_nlls, kl_divergences=kl_divergences)
    checks.same_shape(reconstruction_nlls=nlls, kl_divergences=divergences)
    nlls, divergences = promote(hide(where, nlls), hide(where, divergences))
    return nlls, divergences


def elbo_loss(
    reconstruction_nlls: ArrayLike,
    kl_divergences: ArrayLike,
    *,
    beta: Scalar = 1.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Negative evidence lower bound (ELBO) of a variational autoencoder, for any likelihood; beta-VAE.

    .. math:: \ell = -\log p(x \mid z) + \beta \, \mathrm{KL}(q(z \mid x) \,\|\, p(z))

    Both terms are one number per example, from losses with ``reduction="none"``: the first summed over the entries of
    the example (`gaussian_nll`, `sigmoid_binary_cross_entropy`, `softmax_cross_entropy_with_integer_labels`, ...), the
    second over the latent axis (`gaussian_kl_standard_normal`). A mean over pixels in the place of the sum multiplies
    ``beta`` by their number. With the cross-entropy of a label, predicted from :math:`z`, in the place of the
    reconstruction it is the deep variational information bottleneck (VIB).

    Args:
        reconstruction_nlls: Negative log-likelihoods :math:`-\log p(x \mid z)` in nats, shape ``[...]``, floating.
        kl_divergences: Divergences of the posterior from the prior in nats, shape ``[...]``, the same; floating.
        beta: Weight of the divergence, >= 0. Only 1 gives a bound; more disentangles (the beta-VAE), and an anneal
            from 0 keeps the posterior from collapsing.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar in nats, to be minimised: an upper bound of :math:`-\log p(x)` in expectation if ``beta`` is 1.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ, or ``beta`` is negative.

    Example:
        >>> logits, x = jnp.zeros((2, 3)), jnp.ones((2, 3))
        >>> nlls = jnp.sum(jaxloss.sigmoid_binary_cross_entropy(logits, x, reduction="none"), -1)
        >>> kls = jaxloss.gaussian_kl_standard_normal(jnp.ones((2, 4)), jnp.zeros((2, 4)), reduction="none")
        >>> jaxloss.elbo_loss(nlls, kls, beta=0.5)
        Array(3.0794415, dtype=float32)

    Reference:
        Kingma and Welling (2014), Auto-Encoding Variational Bayes.
        https://arxiv.org/abs/1312.6114
    """
    nlls, divergences = _terms(where, reconstruction_nlls, kl_divergences)
    beta = checks.scalar("beta", beta, nlls.dtype, at_least=0)
    return reduce(nlls + beta * divergences, where=where, weights=weights, reduction=reduction)


def capacity_elbo_loss(
    reconstruction_nlls: ArrayLike,
    kl_divergences: ArrayLike,
    *,
    capacity: Scalar,
    gamma: Scalar = 1000.0,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Negative evidence lower bound (ELBO) whose divergence is held at a capacity, which grows in training.

    .. math:: \ell = -\log p(x \mid z) + \gamma \left| \mathrm{KL}(q(z \mid x) \,\|\, p(z)) - C \right|

    At the capacity itself the divergence has no gradient.

    Args:
        reconstruction_nlls, kl_divergences: As in `elbo_loss`.
        capacity: The divergence :math:`C` to hold, in nats per example; >= 0.
        gamma: Weight :math:`\gamma` of the distance from it, >= 0.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar in nats, to be minimised.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ, or a hyperparameter is negative.

    Example:
        >>> jaxloss.capacity_elbo_loss(jnp.array([3.0, 3.0]), jnp.array([5.0, 1.0]), capacity=4.0, gamma=2.0)
        Array(7., dtype=float32)

    Reference:
        Burgess et al. (2018), Understanding disentangling in beta-VAE.
        https://arxiv.org/abs/1804.03599
    """
    nlls, divergences = _terms(where, reconstruction_nlls, kl_divergences)
    capacity = checks.scalar("capacity", capacity, nlls.dtype, at_least=0)
    gamma = checks.scalar("gamma", gamma, nlls.dtype, at_least=0)
    values = nlls + gamma * numerics.magnitude(divergences - capacity)
    return reduce(values, where=where, weights=weights, reduction=reduction)


def iwae_loss(
    log_importance_weights: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Negative importance-weighted evidence bound (IWAE), tighter with every sample of the posterior.

    .. math:: \ell = -\log \frac1K \sum_{k=1}^K w_k, \qquad \log w_k = \log p(x, z_k) - \log q(z_k \mid x)

    The mean over samples is inside the logarithm. With one sample it is the ELBO of that sample.

    Args:
        log_importance_weights: :math:`\log w_k` in nats, the samples last, shape ``[..., K]``, floating; -inf is a
            sample of weight 0, which counts in K.
        where, weights: Shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar in nats, to be minimised: an upper bound of :math:`-\log p(x)` in expectation; +inf where all samples
        have weight 0.

    Raises:
        TypeError: If ``log_importance_weights`` are not floating.
        ValueError: If the sample axis is missing or empty.

    Example:
        >>> jaxloss.iwae_loss(jnp.array([[-1000.0, -1000.0], [-1000.0, -jnp.inf]]), reduction="none")
        Array([1000.    , 1000.6931], dtype=float32)

    Reference:
        Burda, Grosse and Salakhutdinov (2016), Importance Weighted Autoencoders.
        https://arxiv.org/abs/1509.00519
    """
    (log_weights,) = checks.floating(log_importance_weights=log_importance_weights)
    checks.with_axes("samples", log_importance_weights=log_weights)
    (log_weights,) = promote(hide(where, log_weights, event_ndim=1))
    values = math.log(log_weights.shape[-1]) - numerics.log_sum_exp(log_weights)
    return reduce(values, where=where, weights=weights, reduction=reduction)
