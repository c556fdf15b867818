"""The path length penalty of a generator, with its running average as state."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.reduction import hide, pool_mass, promote, reduce
from jaxloss._floor.spread import mean_over, over, require_whole, summed
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction, Scalar

__all__ = ["PathLengthState", "init_path_length_penalty", "path_length_penalty"]


class PathLengthState(NamedTuple):
    """The running average of path lengths that `path_length_penalty` compares with."""

    mean_length: Array


def init_path_length_penalty(mean_length: Scalar = 0.0) -> PathLengthState:
    r"""Initial state of `path_length_penalty`.

    .. math:: a_0

    Args:
        mean_length: The average to start from, one number; 0 in StyleGAN.

    Returns:
        A `PathLengthState`, in float32.

    Raises:
        TypeError: If ``mean_length`` is not a number.

    Example:
        >>> jaxloss.init_path_length_penalty()
        PathLengthState(mean_length=Array(0., dtype=float32))

    Reference:
        Karras et al. (2020), Analyzing and Improving the Image Quality of StyleGAN, section 3.2.
        https://arxiv.org/abs/1912.04958
    """
    return PathLengthState(jnp.asarray(checks.scalar("mean_length", mean_length, jnp.float32), jnp.float32))


def path_length_penalty(
    generator: Callable[[Any, Array], Array],
    params: Any,
    latents: ArrayLike,
    directions: ArrayLike,
    state: PathLengthState,
    *,
    rate: Scalar = 0.01,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> tuple[Array, PathLengthState]:
    r"""Path length penalty (StyleGAN2): squared deviation of a generator's step lengths from their running average.

    .. math:: \ell = \left( \lVert J_w^\top y \rVert_2 - a \right)^2, \qquad
              a \leftarrow a + \beta \left( \overline{\lVert J_w^\top y \rVert_2} - a \right)

    The average is updated first and gets no gradient, as in the authors' code. It takes two vector-Jacobian products,
    and is finite where the generator is flat.

    Args:
        generator: ``(params, latents [N, ...]) -> images [N, ...]``, each example by itself.
        params: The parameters of the generator, any pytree; gradients flow to them.
        latents: Latents :math:`w`, shape ``[N, ...]``, floating. Masked ones reach the generator as 0.
        directions: Random images :math:`y`, the shape of the images; normal, divided by the root of the number of
            pixels H W in StyleGAN.
        state: From `init_path_length_penalty`, or the step before.
        rate: Share :math:`\beta` of this batch in the running average, in [0, 1] (``pl_decay`` of StyleGAN2).
        axis_name: Mesh axes inside ``jax.shard_map`` over which the examples are spread, for the loss over all of them;
            None if all are here, ``()`` to take those of each device on purpose. The new average is that of all; any
            reduction but ``"mean"`` and ``"sum"`` is given the examples of this device.
        where, weights: Shape ``[N]``; see `jaxloss.reduce`. Both count in the average, too.
        reduction: See `jaxloss.reduce`.

    Returns:
        ``(penalty, new_state)``: a scalar >= 0 and the updated average, which an empty batch leaves unchanged.

    Raises:
        TypeError: If ``latents`` or ``directions`` are not floating.
        ValueError: If the directions do not have the shape of the images, or ``rate`` is out of range.

    Example:
        >>> generator = lambda params, w: w * params
        >>> latents, directions = jnp.ones((2, 1)), jnp.ones((2, 1))
        >>> penalty, state = jaxloss.path_length_penalty(
        ...     generator, 3.0, latents, directions, jaxloss.init_path_length_penalty(), rate=0.5
        ... )
        >>> penalty, state.mean_length
        (Array(2.25, dtype=float32), Array(1.5, dtype=float32))

    Reference:
        Karras et al. (2020), Analyzing and Improving the Image Quality of StyleGAN, section 3.2.
        https://arxiv.org/abs/1912.04958
    """
    latents, directions = checks.floating(latents=latents, directions=directions)
    checks.with_axes("examples", allow_empty=True, latents=latents, directions=directions)
    require_whole(axis_name, latents.shape[:1], latents, directions)
    latents = hide(where, latents, event_ndim=latents.ndim - 1)
    directions = hide(where, directions, event_ndim=directions.ndim - 1)
    images, pullback = jax.vjp(lambda w: generator(params, w), latents)
    checks.same_shape(images=images, directions=directions)
    (slopes,) = promote(*pullback(directions.astype(images.dtype)))
    count = latents.shape[0]
    lengths = numerics.norm(jnp.reshape(slopes, (count, math.prod(latents.shape[1:]))))
    rate = checks.scalar("rate", rate, lengths.dtype, at_least=0, at_most=1)
    mass, _ = pool_mass(where, weights, lengths)
    share = jnp.ones(lengths.shape, lengths.dtype) if mass is None else mass.astype(lengths.dtype)
    mean = state.mean_length.astype(lengths.dtype)
    step = jax.lax.stop_gradient(mean_over(axis_name, lengths, mass)) - mean
    mean = mean + rate * jnp.where(summed(axis_name, jnp.sum(share)) > 0, step, jnp.zeros((), lengths.dtype))
    penalty = reduce(jnp.square(lengths - mean), where=where, weights=weights, reduction=over(axis_name, reduction))
    return penalty, PathLengthState(mean.astype(state.mean_length.dtype))
