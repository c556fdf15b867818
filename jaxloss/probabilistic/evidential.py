"""Evidential regression: a prior over the mean and the variance, learned from single targets."""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths.numerics import magnitude
from jaxloss._floor.maths.separate import separate
from jaxloss._floor.reduction import blank, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar
from jaxloss.probabilistic._student import student_t

__all__ = ["evidential_regression_loss"]


@separate
def _evidential(error: Array, nu: Array, alpha: Array, beta: Array, evidence_weight: Array) -> Array:
    # Integrated over its prior, the Gaussian is a Student t with 2 alpha degrees of freedom.
    certainty = jnp.sqrt(alpha / beta) * jnp.sqrt(nu / (1 + nu))
    values = student_t(alpha, error * certainty) - jnp.log(certainty)
    return values + evidence_weight * magnitude(error) * (2 * nu + alpha)


def evidential_regression_loss(
    gamma: ArrayLike,
    nu: ArrayLike,
    alpha: ArrayLike,
    beta: ArrayLike,
    targets: ArrayLike,
    *,
    evidence_weight: Scalar = 0.01,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Evidential regression: likelihood under a normal-inverse-gamma prior, plus a penalty on wrong evidence.

    .. math:: \ell = \tfrac12 \log \tfrac{\pi}{\nu} - \alpha \log \Omega
              + (\alpha + \tfrac12) \log \left( (y - \gamma)^2 \nu + \Omega \right)
              + \log \frac{\Gamma(\alpha)}{\Gamma(\alpha + \frac12)}
              + \lambda \, |y - \gamma| \, (2 \nu + \alpha), \qquad \Omega = 2 \beta (1 + \nu)

    The arguments are the parameters themselves. A network gives them as ``softplus(x)``, the paper's
    :math:`\alpha` as ``softplus(x) + 1``, with which the variances exist: of the data
    :math:`\beta / (\alpha - 1)`, of the mean :math:`\beta / (\nu (\alpha - 1))`.

    Args:
        gamma: Shape ``[...]``, floating, the predicted means :math:`\gamma`.
        nu: Shape ``[...]``, the same; virtual observations of the mean; > 0, NaN otherwise.
        alpha: Shape ``[...]``, the same; half the virtual observations of the variance; > 0, NaN otherwise.
        beta: Shape ``[...]``, the same; > 0, NaN otherwise, in squared units of ``targets``.
        targets: Shape ``[...]``, the same; floating or integer; never broadcast.
        evidence_weight: Weight :math:`\lambda` of the penalty; >= 0.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar of either sign.

    Raises:
        TypeError: If ``gamma`` is not floating.
        ValueError: If the shapes differ, or ``evidence_weight`` is negative.

    Example:
        >>> one = jnp.ones(())
        >>> jaxloss.evidential_regression_loss(one, one, 2 * one, one, 2 * one).round(4)
        Array(1.5787, dtype=float32)

    Reference:
        Amini et al. (2020), Deep Evidential Regression. https://arxiv.org/abs/1910.02600
    """
    gamma, nu, alpha, beta, targets = checks.values(gamma=gamma, nu=nu, alpha=alpha, beta=beta, targets=targets)
    gamma, nu, alpha, beta, targets = blank(where, gamma, nu, alpha, beta, targets, fill=1)
    evidence_weight = checks.scalar("evidence_weight", evidence_weight, gamma.dtype, at_least=0)
    values = _evidential(targets - gamma, nu, alpha, beta, jnp.asarray(evidence_weight, gamma.dtype))
    valid = (nu > 0) & (alpha > 0) & (beta > 0)
    values = value_checks.within_domain(values, valid, "nu, alpha and beta must be > 0")
    return reduce(values, where=where, weights=weights, reduction=reduction)
