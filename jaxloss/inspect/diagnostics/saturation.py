"""Saturation: wrong examples that the loss no longer pushes.

A squared error behind a sigmoid has almost no slope where the sigmoid is confidently wrong. "Gradient starvation" is
also said of this; here that name is kept for features, see `groups`.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths.numerics import norm
from jaxloss._floor.typing import Array, ArrayLike, Scalar
from jaxloss.inspect.diagnostics._entries import add, counted, flat, ratio

__all__ = ["Saturation", "init", "read", "update"]


class Saturation(NamedTuple):
    """Counts of examples, scalars.

    Attributes:
        stuck: Wrong examples with almost no gradient.
        wrong: Wrong examples.
        counts: All examples.
    """

    stuck: Array
    wrong: Array
    counts: Array


def init() -> Saturation:
    """No examples yet.

    Returns:
        A `Saturation` of zeros.

    Example:
        >>> float(diagnostics.saturation.init().counts)
        0.0
    """
    return Saturation(jnp.zeros(()), jnp.zeros(()), jnp.zeros(()))


def update(
    state: Saturation,
    slopes: ArrayLike,
    wrong: ArrayLike,
    *,
    bound: Scalar,
    fraction: Scalar = 0.05,
    where: ArrayLike | None = None,
) -> Saturation:
    r"""Count the wrong examples, and those among them that are stuck.

    .. math:: \text{stuck}_i = \text{wrong}_i \wedge \|\partial \ell_i / \partial z_i\| < \mathrm{fraction} \cdot L

    Args:
        state: The counts so far.
        slopes: Gradient of the loss of every example with respect to its outputs, shape ``[..., outputs]``, floating;
            of the loss itself, ``reduction="sum"``, not divided by the size of the batch.
        wrong: Shape ``[...]``, boolean: which examples are predicted wrongly.
        bound: :math:`L`, the largest norm that the gradient of one example can have, > 0: 1 for the sigmoid
            cross-entropy, :math:`\sqrt 2` for the softmax cross-entropy, the Lipschitz constant of a property card.
        fraction: Share of ``bound`` under which an example is stuck; > 0.
        where: Boolean ``[...]``; False deletes an example.

    Returns:
        The counts with the examples added.

    Raises:
        TypeError: If ``slopes`` is not floating, or ``wrong`` is not boolean.
        ValueError: If ``wrong.shape != slopes.shape[:-1]``, or a number is not > 0.

    Example:
        >>> logits, targets = jnp.array([-10.0, -0.1, 3.0]), jnp.ones(3)
        >>> slopes = jax.grad(lambda z: jnp.sum((jax.nn.sigmoid(z) - targets) ** 2))(logits)
        >>> state = diagnostics.saturation.init()
        >>> state = diagnostics.saturation.update(state, slopes[:, None], logits < 0, bound=0.3)
        >>> diagnostics.saturation.read(state)["stuck"]  # one of the two wrong examples
        Array(0.5, dtype=float32)
    """
    (slopes,) = checks.floating(slopes=slopes)
    checks.with_axes("outputs", slopes=slopes)
    (wrong,) = checks.boolean("True for a wrong prediction", wrong=wrong)
    batch = slopes.shape[:-1]
    checks.has_shape(batch, "one flag per example", wrong=wrong)
    lengths = norm(flat(where, slopes, event_ndim=1))
    bound = checks.scalar("bound", bound, lengths.dtype, above=0)
    fraction = checks.scalar("fraction", fraction, lengths.dtype, above=0)
    keep = counted(where, batch)
    failed = keep & jnp.reshape(wrong, (-1,))
    stuck = jnp.where(failed, (lengths < fraction * bound).astype(lengths.dtype), 0)
    # A NaN gradient is neither stuck nor not.
    stuck = jnp.where(failed & jnp.isnan(lengths), jnp.nan, stuck)
    return add(state, jnp.sum(stuck), jnp.sum(failed), jnp.sum(keep))


def read(state: Saturation) -> dict[str, Array]:
    """The shares.

    Args:
        state: The counts.

    Returns:
        ``stuck``, the share of the wrong examples that are stuck, and ``error``, the share of all that are wrong; NaN
        without such examples.

    Example:
        >>> state = diagnostics.saturation.init()._replace(stuck=jnp.array(1.0), wrong=jnp.array(2.0))
        >>> float(diagnostics.saturation.read(state)["stuck"])
        0.5
    """
    return {"stuck": ratio(state.stuck, state.wrong), "error": ratio(state.wrong, state.counts)}
