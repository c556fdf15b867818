"""Rays through a volume that is rendered (NeRF): where along a ray the mass lies that makes its colour."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.reduction import blank, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction

__all__ = ["ray_distortion_loss"]


def ray_distortion_loss(
    ray_weights: ArrayLike,
    edges: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Distortion loss (Mip-NeRF 360): mean distance between all pairs of points of a ray, by its rendering weights.

    .. math:: \ell = \sum_{i, j} w_i w_j |m_i - m_j| + \frac13 \sum_i w_i^2 \delta_i, \qquad
              m_i = \tfrac12 (s_i + s_{i+1}), \quad \delta_i = s_{i+1} - s_i

    It is the integral of the distance of all pairs of points under the step function with these weights, and makes each
    ray end at one surface: it removes floaters and background that has moved in front of the camera. Intervals are in
    order, so the double sum is one sum over the N - 1 gaps between midpoints, each times the mass before it and the
    mass behind it, in time linear in N. Multiply it by 0.01 or so.

    Args:
        ray_weights: Rendering weights :math:`w` of the intervals, shape ``[..., N]``, floating; >= 0. They are
            :math:`T_i (1 - e^{-\sigma_i \delta_i})`, and need not sum to 1.
        edges: Ends :math:`s` of the intervals in order, shape ``[..., N + 1]``, floating; normalised to [0, 1] in the
            paper.
        where, weights: One per ray, shape ``[...]``; see `jaxloss.reduce`. Padded intervals have a weight of 0, and
            their edges repeat the last one.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in units of the edges; 0 exactly for an empty ray. A ray with a negative weight, or edges that
        are not in order, gives NaN.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the number of edges is not that of the weights plus one, or the interval axis is empty.

    Example:
        >>> edges = jnp.array([0.0, 0.25, 0.5, 0.75, 1.0])
        >>> spread, thin = jnp.array([0.5, 0.0, 0.0, 0.5]), jnp.array([0.0, 0.0, 1.0, 0.0])
        >>> print(f"{jaxloss.ray_distortion_loss(spread, edges):.4f} {jaxloss.ray_distortion_loss(thin, edges):.4f}")
        0.4167 0.0833

    Reference:
        Barron et al. (2022), Mip-NeRF 360: Unbounded Anti-Aliased Neural Radiance Fields.
        https://arxiv.org/abs/2111.12077
    """
    ray_weights, edges = checks.floating(ray_weights=ray_weights, edges=edges)
    checks.with_axes("intervals", ray_weights=ray_weights)
    batch, intervals = ray_weights.shape[:-1], ray_weights.shape[-1]
    checks.has_shape((*batch, intervals + 1), "one edge more than there are weights", edges=edges)
    ray_weights, edges = blank(where, ray_weights, edges, event_ndim=1)
    widths = edges[..., 1:] - edges[..., :-1]
    before = jnp.cumsum(ray_weights, axis=-1)[..., :-1]
    behind = jax.lax.cumsum(ray_weights, axis=ray_weights.ndim - 1, reverse=True)[..., 1:]
    gaps = 0.5 * (widths[..., :-1] + widths[..., 1:])
    between = jnp.sum(2 * gaps * before * behind, axis=-1)
    values = between + jnp.sum(jnp.square(ray_weights) * widths, axis=-1) / 3
    legal = jnp.all(ray_weights >= 0, axis=-1) & jnp.all(widths >= 0, axis=-1)
    message = "ray_weights must be >= 0, and edges must be in increasing order"
    values = value_checks.within_domain(values, legal, message)
    return reduce(values, where=where, weights=weights, reduction=reduction)
