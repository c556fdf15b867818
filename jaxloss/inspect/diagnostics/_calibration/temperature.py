"""The temperature that would calibrate a classifier."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.reduction import weighted_mean
from jaxloss._floor.typing import Array, ArrayLike, AxisName
from jaxloss.inspect.diagnostics._entries import counted, flat, shown

__all__ = ["fit_temperature"]

HALVINGS = 40


def fit_temperature(
    logits: ArrayLike,
    labels: ArrayLike,
    *,
    where: ArrayLike | None = None,
    axis_name: AxisName | None = None,
    lowest: float = 0.01,
    highest: float = 100.0,
) -> Array:
    r"""Temperature with the smallest negative log-likelihood: how far logits are too large.

    .. math:: T^* = \arg\min_T \frac{1}{N} \sum_i -\log \operatorname{softmax}(z_i / T)_{y_i}

    In :math:`1 / T` the likelihood is concave, so halving an interval by the sign of its slope finds the optimum. Use
    data that the model was not trained on, once per epoch: it costs 40 passes over the logits.

    Args:
        logits: Shape ``[..., classes]``, floating.
        labels: Shape ``[...]``, integer; one outside ``[0, classes)`` makes the result NaN.
        where: Boolean ``[...]``; False deletes a prediction.
        axis_name: Inside `jax.shard_map`, the mesh axes that the examples are spread over.
        lowest: Lower end of the search; it is returned if every prediction is right with a margin, or every
            temperature is equally likely, as with one class.
        highest: Upper end of the search.

    Returns:
        A scalar in ``[lowest, highest]``: above 1, the model is over-confident; below 1, under-confident. NaN
        without predictions, and if a logit is NaN or plus infinity or that of the label is minus infinity.

    Raises:
        TypeError: If ``logits`` is not floating, or ``labels`` is not integer.
        ValueError: If ``labels.shape != logits.shape[:-1]``, or the ends do not satisfy ``0 < lowest < highest``.

    Example:
        >>> logits = jnp.tile(jnp.array([4.0, 0.0]), (4, 1))  # 0.98 sure of class 0, which is right in 3 of 4
        >>> round(float(diagnostics.calibration.fit_temperature(logits, jnp.array([0, 0, 0, 1]))), 3)
        3.641

    Reference:
        Guo, Pleiss, Sun and Weinberger (2017), On Calibration of Modern Neural Networks.
        https://arxiv.org/abs/1706.04599
    """
    logits, labels = checks.scores_and_labels(logits=logits, labels=labels)
    if not 0 < lowest < highest:
        raise ValueError(f"the search needs 0 < lowest < highest; found lowest {lowest} and highest {highest}.")
    batch, classes = labels.shape, logits.shape[-1]
    scores, labels = flat(where, logits, event_ndim=1), shown(where, labels)
    keep = counted(where, batch)
    own = jnp.take_along_axis(scores, jnp.clip(labels, 0, classes - 1)[:, None], axis=-1)
    lead = scores - own
    legal = (labels >= 0) & (labels < classes) & jnp.all(lead < jnp.inf, axis=-1)

    def slope(inverse: Array) -> Array:
        """Derivative by ``1 / T`` of the mean negative log-likelihood: it rises with ``1 / T``."""
        weights = jax.nn.softmax(inverse * lead, axis=-1)
        # A class of score -inf has no probability, and 0 times -inf is not 0.
        pull = jnp.sum(jnp.where(weights > 0, weights * lead, 0), axis=-1)
        return weighted_mean(jnp.where(keep, pull, 0), keep, axis_name=axis_name)

    def halve(_: int, ends: tuple[Array, Array]) -> tuple[Array, Array]:
        low, high = ends
        middle = (low + high) / 2
        rising = slope(jnp.exp(-middle)) > 0
        return jnp.where(rising, middle, low), jnp.where(rising, high, middle)

    flaw = jnp.where(keep & ~legal, jnp.nan, 0.0).astype(scores.dtype)
    present = weighted_mean(jnp.ones_like(flaw), keep, axis_name=axis_name)  # 0 without predictions, on all devices
    unknown = jnp.where(present > 0, weighted_mean(flaw, keep, axis_name=axis_name), jnp.nan)
    ends = math.log(lowest) + unknown, math.log(highest) + unknown
    low, high = jax.lax.fori_loop(0, HALVINGS, halve, ends)
    # Added again: XLA (jax 0.10, CPU) loses a NaN that a loop starts with if it is known when compiling.
    return jnp.exp((low + high) / 2) + unknown
