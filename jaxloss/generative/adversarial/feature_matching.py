"""Feature matching: the average features of generated examples against those of real ones."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.reduction import hide, promote, reduce
from jaxloss._floor.spread import mass_over, mean_over, require_whole
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction

__all__ = ["feature_matching_loss"]


def feature_matching_loss(
    real_features: ArrayLike,
    fake_features: ArrayLike,
    *,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Feature matching: squared distance between average features of generated and real examples.

    .. math:: \ell = \left\lVert \overline{\phi(x_f)} - \overline{\operatorname{sg}(\phi(x_r))} \right\rVert_2^2

    The averages run over the examples of a batch, the axis before the last; ``where`` and ``weights`` belong to the
    examples. Features are those of a hidden layer of the discriminator, flat; add one loss per layer. The real ones
    get no gradient. Image translation compares features pair by pair: that is `absolute_error` of them.

    Args:
        real_features: Features of real examples, shape ``[..., N, D]``, floating; they get no gradient.
        fake_features: Features of generated examples, shape ``[..., N, D]``, the same; never broadcast.
        axis_name: Mesh axes inside ``jax.shard_map`` over which the examples are spread, for the loss over all of them;
            None if all are here, ``()`` to take those of each device on purpose.
        where, weights: Shape ``[..., N]``; a batch without an example is absent. See `jaxloss.reduce`.
        reduction: Over the batches ``[...]``; see `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in squared units of the features; 0 exactly where they are equal.

    Raises:
        TypeError: If an input is not floating.
        ValueError: If the shapes differ, or the example or feature axis is missing; or if every pool has one entry, as
            in ``[N, 1, D]``.

    Example:
        >>> real, fake = jnp.zeros((2, 2)), jnp.array([[0.0, 0.0], [2.0, 4.0]])
        >>> jaxloss.feature_matching_loss(real, fake)
        Array(5., dtype=float32)

    Reference:
        Salimans et al. (2016), Improved Techniques for Training GANs, section 3.1.
        https://arxiv.org/abs/1606.03498
    """
    real, fake = checks.floating(real_features=real_features, fake_features=fake_features)
    checks.with_pool("examples features", real_features=real)
    checks.with_axes("features", real_features=real)
    checks.same_shape(real_features=real, fake_features=fake)
    real, fake = (hide(where, array, event_ndim=1) for array in promote(real, fake))
    require_whole(axis_name, fake.shape[-2:-1], real, fake)
    mass, present = mass_over(axis_name, where, weights, fake[..., 0])
    gaps = jnp.swapaxes(fake - jax.lax.stop_gradient(real), -1, -2)
    mass = None if mass is None else jnp.broadcast_to(mass[..., None, :], gaps.shape)
    values = jnp.sum(jnp.square(mean_over(axis_name, gaps, mass)), axis=-1)
    return reduce(values, where=present, reduction=reduction)
