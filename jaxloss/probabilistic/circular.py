"""Likelihood of angles: directions, phases and times of day, which come round to where they began."""

from __future__ import annotations

import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths.separate import separate
from jaxloss._floor.maths.special.bessel import log_scaled_bessel
from jaxloss._floor.maths.special.normal_tails import LOG_2PI
from jaxloss._floor.reduction import blank, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction

__all__ = ["von_mises_nll"]


def von_mises_nll(
    locations: ArrayLike,
    concentrations: ArrayLike,
    targets: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Negative log-likelihood of angles under a von Mises distribution with predicted direction and concentration.

    .. math:: \ell = \log \big( 2 \pi I_0(\kappa) \big) - \kappa \cos(y - \mu)

    with the modified Bessel function :math:`I_0`. For large :math:`\kappa` the distribution is normal with variance
    :math:`1 / \kappa`, and :math:`\log I_0(\kappa)` nearly cancels :math:`\kappa \cos(y - \mu)`; value and gradient
    are taken without that cancellation, for any concentration. With a fixed concentration the loss is
    :math:`\kappa (1 - \cos(y - \mu))` plus a constant, the circular error of angles. An angle of period T is
    ``2 * jnp.pi / T`` times the number.

    Args:
        locations: Shape ``[...]``, floating, the mean directions :math:`\mu` in radians; any turn of them.
        concentrations: Shape ``[...]``, the same; :math:`\kappa \ge 0`, NaN otherwise; 0 is the uniform distribution.
        targets: Shape ``[...]``, the same; angles in radians, floating or integer; never broadcast.
        where, weights, reduction: See `jaxloss.reduce`.

    Returns:
        A scalar in nats, of either sign; the slope in ``locations`` is 0 where they hit the target.

    Raises:
        TypeError: If ``locations`` are not floating.
        ValueError: If the shapes differ.

    Example:
        >>> angles = jnp.array([0.0, 2 * jnp.pi, jnp.pi])
        >>> values = jaxloss.von_mises_nll(jnp.zeros(3), jnp.ones(3), angles, reduction="none")
        >>> print([f"{x:.4f}" for x in values])
        ['1.0738', '1.0738', '3.0738']

    Reference:
        Mardia and Jupp (2000), Directional Statistics, section 3.5.4. https://doi.org/10.1002/9780470316979
    """
    locations, concentrations, targets = checks.values(
        locations=locations, concentrations=concentrations, targets=targets
    )
    locations, concentrations, targets = blank(where, locations, concentrations, targets)
    values = value_checks.within_domain(
        _von_mises(concentrations, targets - locations), concentrations >= 0, "concentrations must be >= 0"
    )
    return reduce(values, where=where, weights=weights, reduction=reduction)


@separate
def _von_mises(concentration: Array, error: Array) -> Array:
    return 2 * (concentration * jnp.square(jnp.sin(0.5 * error))) + (LOG_2PI + log_scaled_bessel(concentration))
