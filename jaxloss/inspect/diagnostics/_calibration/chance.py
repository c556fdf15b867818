"""The calibration error that chance alone explains."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.typing import Array, Scalar
from jaxloss.inspect.diagnostics._calibration.errors import Calibration, ece, pooled
from jaxloss.inspect.diagnostics._entries import ratio

__all__ = ["null_ece"]


def null_ece(state: Calibration, key: Array, *, draws: int = 200, bins: int = 15, quantile: Scalar = 0.95) -> Array:
    """Quantile of the `ece` of a calibrated model with the same confidences: what chance alone explains.

    For every draw, predictions are right with the mean confidence of a quarter of their bin as their probability, which
    makes the quantile at most a few thousandths of itself larger than the confidence of each would.

    Args:
        state: The histogram.
        key: A random key; its noise is that of a quantile of ``draws`` numbers.
        draws: Number of calibrated models.
        bins: As for `ece`.
        quantile: Which quantile, in [0, 1].

    Returns:
        A scalar in [0, 1]; an `ece` above it is evidence of miscalibration. NaN without predictions.

    Raises:
        ValueError: If ``bins`` does not divide the number of cells, ``draws`` is not a whole number >= 1, or
            ``quantile`` is outside [0, 1].

    Example:
        >>> state = diagnostics.calibration.init()
        >>> state = diagnostics.calibration.update_with_confidences(state, jnp.full(200, 0.8), jnp.arange(200) < 160)
        >>> bool(diagnostics.calibration.ece(state) < diagnostics.calibration.null_ece(state, jax.random.key(0)))
        True

    Reference:
        Bröcker and Smith (2007), Increasing the Reliability of Reliability Diagrams.
        https://doi.org/10.1175/WAF993.1
    """
    draws = checks.whole("draws", draws)
    quantile = checks.scalar("quantile", quantile, state.counts.dtype, at_least=0, at_most=1)
    coarse = pooled(state, bins)
    # Few cells: a draw of a binomial number is expensive. None of them crosses the border of a bin.
    fine = pooled(state, bins * math.gcd(state.counts.shape[0] // bins, 4))
    counts = fine.counts
    chance = jnp.clip(jnp.nan_to_num(ratio(fine.confidences, counts)), 0, 1)
    shape = (draws, counts.shape[0])
    hits = jax.random.binomial(key, counts[None, :], chance[None, :], shape=shape, dtype=counts.dtype)
    errors = jax.vmap(lambda drawn: ece(Calibration(counts, counts * chance, drawn), bins))(hits)
    return jnp.quantile(errors, quantile) + 0 * jnp.sum(coarse.confidences + coarse.hits)
