"""Penalties on representations: sparse, orthogonal, of moderate size."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.maths.log_ratios import gap
from jaxloss._floor.maths.rows.products import precision
from jaxloss._floor.reduction import blank, divide_sums, pool_mass, reduce
from jaxloss._floor.spread import anywhere, columns, mean_over, own_diagonal, require_whole, summed
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction, Scalar

__all__ = [
    "activity_l1_penalty",
    "kl_sparsity_penalty",
    "representation_orthogonality_penalty",
    "spectral_decoupling_penalty",
]


def activity_l1_penalty(
    activations: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""L1 penalty on activations, which drives many of them to 0, as in sparse autoencoders.

    .. math:: \ell = |h|

    One value per unit, and the mean is over units and examples. Keras's ``ActivityRegularization`` sums over units and
    divides by the batch: ``reduction=jaxloss.reductions.mean_over(batch_size)``. It shrinks large activations as much
    as small ones; `jaxloss.hoyer_penalty` does not depend on their scale, and `jaxloss.flops_penalty` presses most on
    units that many examples use.

    Args:
        activations: Shape ``[...]``, floating.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in units of the activations; 0 exactly, with zero gradient, where they are 0.

    Raises:
        TypeError: If ``activations`` are not floating.

    Example:
        >>> jaxloss.activity_l1_penalty(jnp.array([[1.0, 0.0], [-2.0, 0.0]]))
        Array(0.75, dtype=float32)

    Reference:
        Ng (2011), Sparse Autoencoder. https://web.stanford.edu/class/cs294a/sparseAutoencoder.pdf
    """
    (activations,) = blank(where, *checks.floating(activations=activations))
    return reduce(numerics.magnitude(activations), where=where, weights=weights, reduction=reduction)


def kl_sparsity_penalty(
    activations: ArrayLike,
    *,
    sparsity: Scalar = 0.05,
    epsilon: Scalar = 1e-6,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Sparsity penalty: divergence of each unit's mean activation from a small target rate.

    .. math:: \ell = \sum_j \left( \rho \log \frac{\rho}{\hat\rho_j} + (1 - \rho) \log \frac{1 - \rho}{1 - \hat\rho_j}
              \right), \qquad \hat\rho_j = \frac{\sum_i w_i a_{i j}}{\sum_i w_i}

    Each unit is active for a few examples only. The N examples of the last batch axis are pooled, so ``where`` and
    ``weights`` belong to them.

    Args:
        activations: Outputs of a sigmoid in [0, 1], shape ``[..., N, units]``, floating; outside gives NaN.
        sparsity: The rate :math:`\rho`, in (0, 1).
        epsilon: Where :math:`\hat\rho` is within it of 0 or 1 the divergence goes on along its tangent, so a dead unit
            has a slope of about :math:`-\rho / \epsilon` instead of an infinite one; in (0, 0.5).
        axis_name: Mesh axes inside ``jax.shard_map`` over which the examples are spread, for the loss over all of them;
            None if all are here, ``()`` to take those of each device on purpose.
        where, weights: Shape ``[..., N]``. A pool without an example is absent. See `jaxloss.reduce`.
        reduction: Over the pools ``[...]``; see `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in nats, summed over units; 0 with zero gradient where all mean activations are the rate.

    Raises:
        TypeError: If ``activations`` are not floating.
        ValueError: If an axis is missing, or a hyperparameter is out of range; or if every pool has one entry, as in
            ``[N, 1, D]``.

    Example:
        >>> jaxloss.kl_sparsity_penalty(jnp.array([[0.5, 0.0], [0.5, 1.0]]), sparsity=0.5)
        Array(0., dtype=float32)

    Reference:
        Ng (2011), Sparse Autoencoder. https://web.stanford.edu/class/cs294a/sparseAutoencoder.pdf
    """
    (activations,) = checks.floating(activations=activations)
    checks.with_pool("examples units", activations=activations)
    checks.with_axes("units", activations=activations)
    (activations,) = blank(where, activations, event_ndim=1)
    value_checks.ensure_probabilities(activations=activations)
    rho = checks.scalar("sparsity", sparsity, activations.dtype, above=0, below=1)
    edge = checks.scalar("epsilon", epsilon, activations.dtype, above=0, below=0.5)
    require_whole(axis_name, activations.shape[:-1], activations)
    mass, present = pool_mass(where, weights, activations[..., 0])
    divergence = _divergence_of_rates(_unit_means(activations, mass, axis_name), rho, edge)
    illegal = jnp.logical_not(jnp.all((activations >= 0) & (activations <= 1), axis=-2))
    values = jnp.sum(numerics.poison(divergence, jnp.logical_not(anywhere(axis_name, illegal))), axis=-1)
    if not activations.shape[-2]:
        values = jnp.zeros_like(values)
    present = None if present is None else anywhere(axis_name, present)
    return reduce(values, where=present, reduction=reduction)


def _unit_means(activations: Array, mass: Array | None, axis_name: AxisName | None) -> Array:
    """Weighted means over the examples of ``[..., N, units]``, those of all devices."""
    by_unit = jnp.swapaxes(activations, -1, -2)
    return mean_over(axis_name, by_unit, None if mass is None else jnp.broadcast_to(mass[..., None, :], by_unit.shape))


def _divergence_of_rates(rate: Array, rho: Scalar, edge: Scalar) -> Array:
    """The divergence of coins with heads at ``rho`` and ``rate``, along its tangents within ``edge`` of 0 and 1."""
    rho = jnp.broadcast_to(jnp.asarray(rho, rate.dtype), rate.shape)
    low, high = jnp.asarray(edge, rate.dtype), 1 - jnp.asarray(edge, rate.dtype)
    inner = jnp.where(rate < low, low, jnp.where(rate > high, high, rate))
    heads, tails = gap(inner, rho, inner - rho), gap(1 - inner, 1 - rho, rho - inner)
    fixed = jax.lax.stop_gradient(inner)
    slope = (1 - rho) / (1 - fixed) - rho / fixed
    return rho * heads + (1 - rho) * tails + jnp.where(inner == rate, jnp.zeros((), rate.dtype), slope * (rate - fixed))


def representation_orthogonality_penalty(
    representations: ArrayLike,
    *,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Orthogonality penalty: mean squared cosine between all pairs of vectors, such as heads or prototypes.

    .. math:: \ell = \frac{\sum_{i \ne j} w_i w_j \cos^2(h_i, h_j)}{\sum_{i \ne j} w_i w_j}

    The N vectors of the last batch axis are compared, so ``where`` and ``weights`` belong to them; memory grows with
    :math:`N^2`.

    Args:
        representations: Shape ``[..., N, D]``, floating; need not be normalised. A zero vector is orthogonal to all.
        axis_name: Mesh axes inside ``jax.shard_map`` over which the vectors are spread, for the loss over all of them;
            None if all are here, ``()`` to take those of each device on purpose.
        where, weights: Shape ``[..., N]``. A pool without a vector is absent. See `jaxloss.reduce`.
        reduction: Over the pools ``[...]``; see `jaxloss.reduce`.

    Returns:
        A scalar in [0, 1]; 0 with zero gradient where all are orthogonal, and for a single vector.

    Raises:
        TypeError: If ``representations`` are not floating.
        ValueError: If an axis is missing; or if every pool has one entry, as in ``[N, 1, D]``.

    Example:
        >>> jaxloss.representation_orthogonality_penalty(jnp.array([[1.0, 0.0], [0.0, 1.0], [3.0, 3.0]]))
        Array(0.3333333, dtype=float32)

    Reference:
        Lin et al. (2017), A Structured Self-Attentive Sentence Embedding. https://arxiv.org/abs/1703.03130
    """
    (representations,) = checks.floating(representations=representations)
    checks.with_pool("vectors features", representations=representations)
    checks.with_axes("features", representations=representations)
    (representations,) = blank(where, representations, event_ndim=1)
    require_whole(axis_name, representations.shape[:-1], representations)
    units = numerics.normalize(representations)
    mass, present = pool_mass(where, weights, units[..., 0])
    # Rows of this device against the columns of all.
    everybody = columns(axis_name, units, -2)
    cosines = jnp.matmul(units, jnp.swapaxes(everybody, -1, -2), precision=precision())
    mass = jnp.ones(units.shape[:-1], units.dtype) if mass is None else mass.astype(units.dtype)
    mass = mass / numerics.scale_of(columns(axis_name, mass, -1))
    apart = jnp.logical_not(own_diagonal(axis_name, everybody.shape[-2]))
    pairs = (
        mass[..., :, None]
        * columns(axis_name, mass, -1)[..., None, :]
        * apart.astype(units.dtype).reshape((1,) * (units.ndim - 2) + apart.shape)
    )
    sums = jnp.sum(pairs * jnp.square(cosines), axis=(-2, -1)), jnp.sum(pairs, axis=(-2, -1))
    present = None if present is None else anywhere(axis_name, present)
    return reduce(divide_sums(*summed(axis_name, sums)), where=present, reduction=reduction)


def spectral_decoupling_penalty(
    logits: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Spectral decoupling: half the squared norm of the logits, against gradient starvation of later features.

    .. math:: \ell = \tfrac12 \lVert z \rVert_2^2

    Summed over the classes of an example; DomainBed's SD takes the mean over classes without the 1/2.

    Args:
        logits: Shape ``[..., K]``, floating.
        where, weights: Shape ``[...]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0; 0 exactly, with zero gradient, at zero.

    Raises:
        TypeError: If ``logits`` are not floating.
        ValueError: If the class axis is missing or empty.

    Example:
        >>> jaxloss.spectral_decoupling_penalty(jnp.array([[3.0, 4.0]]))
        Array(12.5, dtype=float32)

    Reference:
        Pezeshki et al. (2021), Gradient Starvation: A Learning Proclivity in Neural Networks.
        https://arxiv.org/abs/2011.09468
    """
    (logits,) = checks.floating(logits=logits)
    checks.with_axes("classes", logits=logits)
    (logits,) = blank(where, logits, event_ndim=1)
    values = 0.5 * jnp.sum(jnp.square(logits), axis=-1)
    return reduce(values, where=where, weights=weights, reduction=reduction)
