"""Dead units: units of a layer that are dormant, dead, constant or saturated.

Four definitions, because each misses what another sees: a saturated tanh is never dormant, and a unit can have a large
activation and no gradient. None of them excludes a loss of plasticity: see `ranks` and `plasticity`.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.reduction import plain_mean
from jaxloss._floor.typing import Array, ArrayLike, Scalar
from jaxloss.inspect.diagnostics._entries import add, counted, flat, ratio

__all__ = ["Units", "dormant_units", "init", "read", "update"]


class Units(NamedTuple):
    """Sums over activations of a layer, by unit.

    Attributes:
        counts: Number of activations of a unit, a scalar.
        magnitudes: Sum of ``|h|``, shape ``[units]``.
        sums: Sum of ``h``, shape ``[units]``.
        squares: Sum of ``h ** 2``, shape ``[units]``.
        active: How often ``h`` was not 0, shape ``[units]``.
        saturated: How often ``h`` was near an end of its range, shape ``[units]``.
        bounded: Number of activations for which a range was given, a scalar.
        slopes: Sum of the magnitudes of the gradients, shape ``[units]``.
        graded: Number of activations for which gradients were given, a scalar.
    """

    counts: Array
    magnitudes: Array
    sums: Array
    squares: Array
    active: Array
    saturated: Array
    bounded: Array
    slopes: Array
    graded: Array


def init(units: int) -> Units:
    """No activations yet.

    Args:
        units: Number of units of the layer: features, or channels.

    Returns:
        A `Units` of zeros.

    Raises:
        ValueError: If ``units`` is not a whole number >= 1.

    Example:
        >>> diagnostics.units.init(64).magnitudes.shape
        (64,)
    """
    units = checks.whole("units", units)
    scalar, vector = (lambda: jnp.zeros(())), (lambda: jnp.zeros(units))
    return Units(scalar(), vector(), vector(), vector(), vector(), vector(), scalar(), vector(), scalar())


def update(
    state: Units,
    activations: ArrayLike,
    slopes: ArrayLike | None = None,
    *,
    bounds: tuple[float, float] | None = None,
    where: ArrayLike | None = None,
) -> Units:
    """Add the activations of a batch.

    Read a state after one batch, or after few: over many steps, the units change while they are summed. Gradients need
    no hooks: add zeros to the preactivations and differentiate with respect to them.

    Args:
        state: The sums so far.
        activations: Shape ``[..., units]``, floating; all leading axes are examples.
        slopes: Gradients of the loss with respect to the preactivations, shape ``[..., units]``.
        bounds: The ends of the range of the activation function, ``(-1, 1)`` for tanh; values within a twentieth of the
            range from an end count as saturated.
        where: Boolean ``[...]``; False deletes an example.

    Returns:
        The sums with the batch added.

    Raises:
        TypeError: If ``activations`` or ``slopes`` is not floating.
        ValueError: If the last axis is not that of `init`, the shapes differ, or ``bounds`` do not increase.

    Example:
        >>> state = diagnostics.units.init(2)
        >>> state = diagnostics.units.update(state, jax.nn.relu(jnp.array([[1.0, -1.0], [2.0, -3.0]])))
        >>> float(diagnostics.units.read(state)["dead"])  # the second unit
        0.5
    """
    (activations,) = checks.floating(activations=activations)
    checks.with_axes("units", activations=activations)
    batch, units = activations.shape[:-1], state.magnitudes.shape[0]
    checks.has_shape((*batch, units), "the units that init was told", activations=activations)
    keep = counted(where, batch)
    values = flat(where, activations, event_ndim=1)
    count = jnp.sum(keep)
    saturated, bounded = jnp.zeros(units), jnp.zeros(())
    if bounds is not None:
        low, high = bounds
        if not low < high:
            raise ValueError(f"bounds must be two numbers in rising order; found {bounds!r}.")
        margin = (high - low) / 20
        near = (values < low + margin) | (values > high - margin)
        saturated, bounded = jnp.sum(near & keep[:, None], axis=0), count
    gradients, graded = jnp.zeros(units), jnp.zeros(())
    if slopes is not None:
        (slopes,) = checks.floating(slopes=slopes)
        checks.same_shape(activations=activations, slopes=slopes)
        gradients, graded = jnp.sum(jnp.abs(flat(where, slopes, event_ndim=1)), axis=0), count
    return add(
        state,
        count,
        jnp.sum(jnp.abs(values), axis=0),
        jnp.sum(values, axis=0),
        jnp.sum(jnp.square(values), axis=0),
        jnp.sum(values != 0, axis=0),
        saturated,
        bounded,
        gradients,
        graded,
    )


def _low(sums: Array, threshold: Scalar) -> Array:
    """Which units have at most ``threshold`` times the mean over the layer."""
    return sums <= threshold * plain_mean(sums)


def dormant_units(state: Units, threshold: Scalar = 0.025) -> Array:
    r"""Which units are dormant: their mean activation is small beside that of the layer.

    .. math:: \frac{\mathbb{E} |h_u|}{\frac{1}{U} \sum_v \mathbb{E} |h_v|} \le \tau

    Args:
        state: The sums.
        threshold: :math:`\tau`; >= 0.

    Returns:
        Boolean, shape ``[units]``; all of them if every activation is 0.

    Raises:
        ValueError: If ``threshold`` is negative.

    Example:
        >>> state = diagnostics.units.update(diagnostics.units.init(2), jnp.array([[1.0, 0.01]]))
        >>> diagnostics.units.dormant_units(state)
        Array([False,  True], dtype=bool)

    Reference:
        Sokar, Agarwal, Castro and Evci (2023), The Dormant Neuron Phenomenon in Deep Reinforcement Learning.
        https://arxiv.org/abs/2302.12902
    """
    threshold = checks.scalar("threshold", threshold, state.magnitudes.dtype, at_least=0)
    return _low(state.magnitudes, threshold)


def read(state: Units) -> dict[str, Array]:
    """Shares of the units of a layer.

    Args:
        state: The sums.

    Returns:
        Scalars in [0, 1], NaN for what was not given to `update`: ``dormant``, see `dormant_units`;
        ``gradient_dormant``, with gradients in place of activations and the threshold 0.01; ``dead``, other than 0 on
        less than 1 % of the examples; ``constant``, whose standard deviation is at most 1 % of the mean magnitude of
        the layer; ``saturated``, the share of the activations near an end of their range.

    Example:
        >>> state = diagnostics.units.update(diagnostics.units.init(2), jnp.array([[0.5, 1.0], [0.9, 1.0]]))
        >>> float(diagnostics.units.read(state)["constant"])
        0.5

    Reference:
        Sokar, Agarwal, Castro and Evci (2023), The Dormant Neuron Phenomenon in Deep Reinforcement Learning.
        https://arxiv.org/abs/2302.12902
        Liu, Wu, Obando-Ceron, Castro, Courville and Pan (2025), Measure Gradients, Not Activations! Enhancing Neuronal
        Activity in Deep Reinforcement Learning. https://arxiv.org/abs/2505.24061
        Dohare, Hernandez-Garcia, Lan, Rahman, Mahmood and Sutton (2024), Loss of Plasticity in Deep Continual Learning.
        https://doi.org/10.1038/s41586-024-07711-7
    """
    count, units = state.counts, state.magnitudes.shape[0]
    variance = ratio(state.squares, count) - jnp.square(ratio(state.sums, count))
    layer = plain_mean(ratio(state.magnitudes, count))
    # A comparison hides a NaN, and a share of nothing is not known: both are carried over.
    known = 0 * jnp.sum(state.squares) + 0 * ratio(count, count)
    graded = 0 * jnp.sum(state.slopes) + 0 * ratio(state.graded, state.graded)
    share = lambda flags: plain_mean(flags.astype(state.magnitudes.dtype))
    return {
        "dormant": share(dormant_units(state)) + known,
        "gradient_dormant": share(_low(state.slopes, 0.01)) + graded,
        "dead": share(state.active < 0.01 * count) + known,
        "constant": share(variance <= jnp.square(0.01 * layer)) + known,
        "saturated": ratio(jnp.sum(state.saturated), state.bounded * units) + known,
    }
