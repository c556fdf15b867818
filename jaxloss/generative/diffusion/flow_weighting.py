r"""Weights of the times of straight flows, for the ``loss_weights`` of `jaxloss.flow_matching_loss`.

They are densities of the time: a loss with such weights at uniform times has the mean of a loss without them at times
of this density.
"""

from __future__ import annotations

import math

import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.reduction import promote
from jaxloss._floor.typing import Array, ArrayLike, Scalar

__all__ = ["cosmap_weights", "logit_normal_weights"]


def cosmap_weights(times: ArrayLike) -> Array:
    r"""CosMap weights (Stable Diffusion 3): those of a cosine schedule of the noise on a straight flow.

    .. math:: w = \frac{2}{\pi - 2 \pi t + 2 \pi t^2}

    Args:
        times: Time :math:`t` of each example in [0, 1], shape ``[...]``, floating. They are symmetric in it.

    Returns:
        Weights in :math:`[2 / \pi, 4 / \pi]`, shape ``[...]``, with a mean of 1 over all times; the largest half way.

    Raises:
        TypeError: If ``times`` are not floating.

    Example:
        >>> jaxloss.diffusion.cosmap_weights(jnp.array([0.0, 0.5]))
        Array([0.63661975, 1.2732395 ], dtype=float32)

    Reference:
        Esser et al. (2024), Scaling Rectified Flow Transformers for High-Resolution Image Synthesis, section 3.1.
        https://arxiv.org/abs/2403.03206
    """
    (times,) = promote(*checks.floating(times=times))
    return (2 / math.pi) / (jnp.square(times) + jnp.square(1 - times))


def logit_normal_weights(times: ArrayLike, *, mean: Scalar = 0.0, scale: Scalar = 1.0) -> Array:
    r"""Logit-normal weights (Stable Diffusion 3): the middle of a flow counts, its ends do not.

    .. math:: w = \frac{1}{s \sqrt{2 \pi}} \frac{1}{t (1 - t)}
              \exp\left( -\frac{(\log \frac{t}{1 - t} - m)^2}{2 s^2} \right)

    ``jax.nn.sigmoid(mean + scale * jax.random.normal(key, (N,)))`` are times of this density, which the paper draws
    instead; with them the ``loss_weights`` are 1.

    Args:
        times: Time :math:`t` of each example in [0, 1], shape ``[...]``, floating; 0 is noise and 1 is data.
        mean: Mean :math:`m` of the logit of the time. The paper has data at time 0, so its sign is the other one.
        scale: Standard deviation :math:`s` of the logit of the time; > 0.

    Returns:
        Weights >= 0, shape ``[...]``, with a mean of 1 over all times; 0 at both ends, NaN outside of them.

    Raises:
        TypeError: If ``times`` are not floating.
        ValueError: If ``scale`` is not positive.

    Example:
        >>> jaxloss.diffusion.logit_normal_weights(jnp.array([0.0, 0.25, 0.5, 1.0]))
        Array([0.       , 1.1636521, 1.5957692, 0.       ], dtype=float32)

    Reference:
        Esser et al. (2024), Scaling Rectified Flow Transformers for High-Resolution Image Synthesis, section 3.1.
        https://arxiv.org/abs/2403.03206
    """
    (times,) = promote(*checks.floating(times=times))
    mean, scale = checks.scalar("mean", mean, times.dtype), checks.scalar("scale", scale, times.dtype, above=0)
    ends = (times == 0) | (times == 1)
    inside = jnp.where(ends, jnp.asarray(0.5, times.dtype), times)
    up, down = jnp.log(inside), jnp.log1p(-inside)
    exponent = -0.5 * jnp.square((up - down - mean) / scale) - up - down
    return jnp.where(ends, jnp.zeros((), times.dtype), jnp.exp(exponent) / (scale * math.sqrt(2 * math.pi)))
