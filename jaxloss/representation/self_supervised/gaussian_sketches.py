"""Embeddings whose projections to random lines are normally distributed (SIGReg, the regulariser of LeJEPA)."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.maths.rows.moments import shares
from jaxloss._floor.maths.rows.products import precision
from jaxloss._floor.reduction import plain_mean, promote, reduce
from jaxloss._floor.spread import pools_of_rows, summed
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction, Scalar

__all__ = ["sigreg_loss"]


@jax.jit
def _characteristic_function(projections: Array, share: Array, times: Array) -> tuple[Array, Array]:
    """Real and imaginary part ``[T, ..., K]`` at ``times`` [T], for points ``[..., K, N]`` with shares ``[..., N]``.

    One time after the other, and anew for the derivatives: the waves of all points and times are never stored.
    """

    @jax.checkpoint
    def at(time: Array) -> tuple[Array, Array]:
        waves, weighed = time * projections, share[..., None, :]
        return jnp.sum(weighed * jnp.cos(waves), axis=-1), jnp.sum(weighed * jnp.sin(waves), axis=-1)

    return jax.lax.map(at, times)


def sigreg_loss(
    embeddings: ArrayLike,
    directions: ArrayLike,
    *,
    max_time: Scalar = 3.0,
    num_knots: int = 17,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""SIGReg (LeJEPA): distance of the embeddings from a standard normal distribution, along random directions.

    .. math:: \ell = \frac1K \sum_k \int_{-T}^{T} \left| \hat\varphi_k(t) - e^{-t^2 / 2} \right|^2 e^{-t^2 / 2} dt,
              \qquad \hat\varphi_k(t) = \frac1N \sum_n e^{i t \langle \theta_k, z_n \rangle}, \quad \| \theta_k \| = 1

    This is the statistic of Epps and Pulley, which compares characteristic functions, of every projection; the integral
    is the trapezoidal rule. It keeps embeddings from collapsing without negatives, teachers or stop-gradients, and its
    time and memory are linear in N, K and D. The authors multiply the statistic by the number N of examples, as a test
    does; here its size does not depend on N.

    LeJEPA adds the squared distance of every view from the mean of the views. For ``views`` of shape ``[V, N, D]`` and
    their mean over V, repeated along V, that is ``0.05 * N * sigreg_loss(views, directions) + 0.95 *
    squared_error(views, means)``.

    Args:
        embeddings: Embeddings :math:`z`, shape ``[..., N, D]``, floating; not normalised.
        directions: Directions :math:`\theta`, shape ``[K, D]``, floating; need not be normalised. Draw new ones in
            every step with `jaxloss.random_directions`, from the same key on all devices.
        max_time: End :math:`T` of the integral; > 0.
        num_knots: Number of knots of the trapezoidal rule between 0 and ``max_time``, both included; >= 2.
        axis_name: See `jaxloss.vicreg_loss`.
        where, weights: Shape ``[..., N]``; a set without examples is absent. See `jaxloss.reduce`.
        reduction: Over the sets ``[...]``; see `jaxloss.reduce`.

    Returns:
        A scalar >= 0 and bounded, about 0.4 for collapsed embeddings; 0 only in the limit of many examples.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If directions and embeddings differ in size, the feature or the direction axis is empty, or a
            hyperparameter is out of range; or if every pool has one entry, as in ``[N, 1, D]``.

    Example:
        >>> directions = jaxloss.random_directions(jax.random.key(0), 64, 8)
        >>> spread = jax.random.normal(jax.random.key(1), (512, 8))
        >>> print(f"{jaxloss.sigreg_loss(spread, directions):.4f}, {jaxloss.sigreg_loss(0 * spread, directions):.4f}")
        0.0016, 0.4020

    Reference:
        Balestriero and LeCun (2025), LeJEPA: Provable and Scalable Self-Supervised Learning Without the Heuristics.
        https://arxiv.org/abs/2511.08544
    """
    (directions,) = checks.floating(directions=directions)
    checks.with_axes("directions features", directions=directions)
    embeddings, mass, present = pools_of_rows(axis_name, where, weights, "examples features", embeddings=embeddings)
    meaning = "directions, features"
    checks.has_shape((directions.shape[0], embeddings.shape[-1]), meaning, directions=directions)
    knots = checks.whole("num_knots", num_knots, at_least=2)
    dtype = embeddings.dtype
    end = checks.scalar("max_time", max_time, dtype, above=0)
    times = end * jnp.arange(knots, dtype=dtype) / (knots - 1)
    units = numerics.normalize(promote(directions)[0].astype(dtype))
    projections = jnp.einsum("kd,...nd->...kn", units, embeddings, precision=precision())
    parts = _characteristic_function(projections, shares(axis_name, mass, embeddings[..., 0]), times)
    real, imaginary = summed(axis_name, parts)
    normal = jnp.exp(-0.5 * jnp.square(times))
    ends = (jnp.arange(knots) == 0) | (jnp.arange(knots) == knots - 1)
    weight = normal * (end / (knots - 1) * jnp.where(ends, 1, 2).astype(dtype))
    normal, weight = (jnp.expand_dims(x, tuple(range(1, real.ndim))) for x in (normal, weight))
    gaps = jnp.square(real - normal) + jnp.square(imaginary)
    values = plain_mean(jnp.sum(weight * gaps, axis=0), -1)
    return reduce(values, where=present, reduction=reduction)
