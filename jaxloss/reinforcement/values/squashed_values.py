"""Regression on a squashed target, so that numbers of very different sizes share one loss."""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.reduction import blank, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction
from jaxloss.reinforcement._transforms import symlog

__all__ = ["symlog_squared_error"]


def symlog_squared_error(
    predictions: ArrayLike,
    targets: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Symlog squared error of DreamerV3: squared error of a prediction against the symmetric logarithm of a target.

    .. math:: \ell = \left( \hat y - \operatorname{sign}(y) \log(1 + |y|) \right)^2

    The network predicts the logarithm: `jaxloss.returns.symexp` of its output is the prediction of the target. The
    paper writes a half in front; its code has none, and sums over the entries of an observation.

    Args:
        predictions: Predicted symmetric logarithms, shape ``[...]``, floating.
        targets: Numbers of any size and sign, not their logarithms, shape ``[...]``, the same; floating or integer.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0; exactly 0 if the predictions are the symmetric logarithms of the targets.

    Raises:
        TypeError: If ``predictions`` are not floating.
        ValueError: If the shapes differ.

    Example:
        >>> jaxloss.symlog_squared_error(jnp.array([0.0, 3.0]), jnp.array([0.0, 1e6]), reduction="none")
        Array([  0.      , 116.975296], dtype=float32)

    Reference:
        Hafner, Pasukonis, Ba and Lillicrap (2023), Mastering Diverse Domains through World Models.
        https://arxiv.org/abs/2301.04104
    """
    predictions, targets = blank(where, *checks.values(predictions=predictions, targets=targets))
    values = jnp.square(predictions - symlog(targets))
    return reduce(values, where=where, weights=weights, reduction=reduction)
