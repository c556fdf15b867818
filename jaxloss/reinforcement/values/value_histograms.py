"""Regression by classification: cross-entropy against a target spread over a few bins."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.maths.softmax.soft_targets import target_terms
from jaxloss._floor.reduction import hide, promote, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar
from jaxloss.reinforcement._transitions import per_step
from jaxloss.reinforcement.values.categorical_values import categorical_l2_project

__all__ = ["hl_gauss_loss", "two_hot_cross_entropy"]


def _inputs(where: ArrayLike | None, logits: ArrayLike, targets: ArrayLike) -> tuple[Array, Array]:
    (logits,) = checks.floating(logits=logits)
    checks.with_axes("bins", logits=logits)
    value_checks.ensure_logits("logits", logits)
    (targets,) = per_step(where, logits.shape[:-1], targets=targets)
    return hide(where, logits, event_ndim=1), targets


def two_hot_cross_entropy(
    logits: ArrayLike,
    targets: ArrayLike,
    atoms: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Two-hot cross-entropy (MuZero, Dreamer): against a number split between the two atoms around it.

    .. math:: \ell = -(1 - c) \log p_k - c \log p_{k+1}, \qquad c = \frac{y - z_k}{z_{k+1} - z_k}, \quad
              z_k \le y \le z_{k+1}

    with :math:`p` the softmax of the logits, whose mean :math:`\sum_i p_i z_i` is the prediction. A target beyond the
    atoms counts as the outermost one. If targets differ by orders of magnitude, squash them first, as Dreamer does by
    `jaxloss.returns.symlog` and MuZero by `jaxloss.returns.signed_hyperbolic`. MuZero unrolls its model K steps, and
    multiplies the gradient of each by 1/K: ``x / K + jax.lax.stop_gradient(x - x / K)``.

    Args:
        logits: Shape ``[..., K]``, floating.
        targets: The numbers :math:`y`, shape ``[...]``. No gradient flows through them.
        atoms: The number :math:`z` that each logit stands for, shape ``[K]``, strictly increasing; otherwise the loss
            is NaN.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in nats; its minimum is the entropy of the split, 0 for a target on an atom.

    Raises:
        TypeError: If ``logits`` are not floating.
        ValueError: If the shapes do not match, or the class axis is empty.

    Example:
        >>> logits, atoms = jnp.array([[0.0, 0.0, -30.0]]), jnp.array([0.0, 1.0, 2.0])
        >>> jaxloss.two_hot_cross_entropy(logits, jnp.array([0.25]), atoms)
        Array(0.6931472, dtype=float32)

    Reference:
        Schrittwieser et al. (2020), Mastering Atari, Go, Chess and Shogi by Planning with a Learned Model.
        https://arxiv.org/abs/1911.08265
    """
    logits, targets = _inputs(where, logits, targets)
    (atoms,) = checks.numeric(atoms=atoms)
    checks.has_shape(logits.shape[-1:], "one atom per logit, shared by all", atoms=atoms)
    logits, targets, atoms = promote(logits, targets, atoms)
    points = jax.lax.stop_gradient(targets)[..., None]
    halves = categorical_l2_project(points, jnp.ones_like(points), jax.lax.stop_gradient(atoms))
    return reduce(target_terms(logits, halves)[0], where=where, weights=weights, reduction=reduction)


def hl_gauss_loss(
    logits: ArrayLike,
    targets: ArrayLike,
    edges: ArrayLike,
    *,
    sigma_ratio: Scalar = 0.75,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""HL-Gauss: cross-entropy against a number spread over bins by a Gaussian.

    .. math:: \ell = -\sum_i q_i \log p_i, \qquad q_i \propto \Phi\left( \frac{e_{i+1} - y}{\sigma} \right)
              - \Phi\left( \frac{e_i - y}{\sigma} \right)

    with :math:`p` the softmax of the logits, :math:`\Phi` the normal distribution function, and :math:`q` scaled to
    sum to 1. A target beyond the edges counts as the edge.

    Args:
        logits: Shape ``[..., K]``, floating; one per bin.
        targets: The numbers :math:`y`, shape ``[...]``. No gradient flows through them.
        edges: The edges of the bins, shape ``[K + 1]``, strictly increasing; otherwise the loss is NaN.
        sigma_ratio: Standard deviation :math:`\sigma` > 0 in units of the mean width of a bin.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in nats; its minimum is the entropy of the histogram.

    Raises:
        TypeError: If ``logits`` are not floating.
        ValueError: If the shapes do not match, the class axis is empty, or ``sigma_ratio`` is not positive.

    Example:
        >>> logits, edges = jnp.array([[0.0, 1.0, 0.0]]), jnp.array([0.0, 1.0, 2.0, 3.0])
        >>> jaxloss.hl_gauss_loss(logits, jnp.array([1.5]), edges)
        Array(1.0328329, dtype=float32)

    Reference:
        Imani and White (2018), Improving Regression Performance with Distributional Losses.
        https://arxiv.org/abs/1806.04613
        Farebrother et al. (2024), Stop Regressing: Training Value Functions via Classification for Scalable Deep RL.
        https://arxiv.org/abs/2403.03950
    """
    logits, targets = _inputs(where, logits, targets)
    (edges,) = checks.numeric(edges=edges)
    checks.has_shape((logits.shape[-1] + 1,), "one edge more than logits, shared by all", edges=edges)
    logits, targets, edges = promote(logits, targets, edges)
    ratio = checks.scalar("sigma_ratio", sigma_ratio, logits.dtype, above=0)
    masses = jax.lax.stop_gradient(_gaussian_masses(targets, edges, ratio))
    return reduce(target_terms(logits, masses)[0], where=where, weights=weights, reduction=reduction)


def _gaussian_masses(targets: Array, edges: Array, ratio: Scalar) -> Array:
    """The share of every bin of Gaussians around the targets, cut off at the outermost edges."""
    widths = edges[1:] - edges[:-1]
    rising = jnp.all(widths > 0)
    value_checks.ensure(lambda: rising, "edges must rise strictly")
    sigma = ratio * (edges[-1] - edges[0]) / widths.size
    inside = jnp.clip(targets, edges[0], edges[-1])[..., None]
    standard = (jnp.expand_dims(edges, tuple(range(targets.ndim))) - inside) / sigma
    below = 0.5 * jax.lax.erf(standard * math.sqrt(0.5))
    total = below[..., -1:] - below[..., :1]
    return numerics.poison((below[..., 1:] - below[..., :-1]) / total, rising)
