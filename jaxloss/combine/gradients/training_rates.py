"""GradNorm: weights that are trained so that all terms progress at the same rate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths.numerics import divide, power
from jaxloss._floor.typing import Array, Scalar
from jaxloss.combine.gradients._gram import cosines, mean_over_present, reveal, without
from jaxloss.combine.gradients.aggregator import Aggregator, from_gramian

__all__ = ["GradnormState", "gradnorm", "gradnorm_weights"]


class GradnormState(NamedTuple):
    """What `gradnorm` carries for each term.

    Attributes:
        weights: The weights of the next step, shape ``[m]``.
        first: The losses when the terms were first present: the unit of their progress.
        seen: Whether a term has been present.
    """

    weights: Array
    first: Array
    seen: Array


def gradnorm_weights(
    gram: Array,
    weights: Array,
    progress: Array,
    *,
    learning_rate: Scalar = 0.025,
    restoring_force: Scalar = 1.5,
    present: Array | None = None,
) -> Array:
    r"""One step of GradNorm: from the weights of this step to those of the next step.

    .. math:: N_i = w_i \|g_i\|, \quad r_i = \frac{\tilde L_i}{\operatorname{mean} \tilde L}, \quad
              w_i \leftarrow \Big[w_i - \eta \, \frac{\|g_i\|}{\operatorname{mean} \|g\|}
              \operatorname{sign}\!\big(N_i - r_i^\alpha \operatorname{mean} N\big)\Big]_+

    after which the weights are rescaled to their old sum. The step is in units of the mean length; in the paper it
    depends on the scale of the losses (and uses Adam).

    Args:
        gram: Inner products of the gradients, shape ``[m, m]``; only the diagonal counts.
        weights: The weights of this step, shape ``[m]``, >= 0.
        progress: The losses over their first values :math:`\tilde L`, shape ``[m]``, >= 0.
        learning_rate: The step :math:`\eta` > 0.
        restoring_force: The exponent :math:`\alpha` >= 0: how strongly slow terms are emphasised.
        present: Boolean, shape ``[m]``; a term where it is False keeps its weight. None means that all are present.

    Returns:
        Weights >= 0, shape ``[m]``, with the sum of the old ones; NaN for negative progress.

    Raises:
        ValueError: If the shapes do not match, or a number is out of range.

    Example:
        >>> from jaxloss import combine
        >>> combine.gradnorm_weights(jnp.diag(jnp.array([1.0, 9.0])), jnp.ones(2), jnp.ones(2), learning_rate=0.1)
        Array([1.1052631 , 0.89473677], dtype=float32)

    Reference:
        Chen, Badrinarayanan, Lee and Rabinovich (2018), GradNorm: Gradient Normalization for Adaptive Loss Balancing
        in Deep Multitask Networks. https://arxiv.org/abs/1711.02257
    """
    gram, present = without(gram, present)
    weights, progress = weights.astype(gram.dtype), progress.astype(gram.dtype)
    checks.has_shape(present.shape, "one number per term", weights=weights, progress=progress)
    learning_rate = checks.scalar("learning_rate", learning_rate, gram.dtype, above=0)
    restoring_force = checks.scalar("restoring_force", restoring_force, gram.dtype, at_least=0)
    progress = jnp.where(present, progress, jnp.zeros_like(progress))
    lengths = cosines(gram)[1]
    lengths = divide(lengths, mean_over_present(lengths, present))
    norms = weights * lengths
    goal = power(divide(progress, mean_over_present(progress, present)), restoring_force) * mean_over_present(
        norms, present
    )
    moved = jnp.maximum(weights - learning_rate * lengths * jnp.sign(norms - goal), 0)
    before, after = mean_over_present(weights, present), mean_over_present(moved, present)
    moved = jnp.where(after > 0, moved * divide(before, after), jnp.where(jnp.isnan(after), after, before))
    finite = jnp.all(jnp.isfinite(gram))
    return jnp.where(present, jnp.where(finite, moved, jnp.nan), weights)


def gradnorm(*, learning_rate: Scalar = 0.025, restoring_force: Scalar = 1.5) -> Aggregator:
    """GradNorm: the weights are trained during the run; see `gradnorm_weights`.

    Args:
        learning_rate: As for `gradnorm_weights`.
        restoring_force: As for `gradnorm_weights`.

    Returns:
        An `Aggregator` with a `GramianState`, whose ``inner`` is a `GradnormState`. The losses must be >= 0. All
        weights start at 1.

    Raises:
        ValueError: If a number is out of range.

    Example:
        >>> from jaxloss import combine
        >>> combine.gradnorm().init(jnp.zeros(3), ("ce", "kl")).inner.weights
        Array([1., 1.], dtype=float32)
    """
    learning_rate = checks.scalar("learning_rate", learning_rate, jnp.float32, above=0)
    restoring_force = checks.scalar("restoring_force", restoring_force, jnp.float32, at_least=0)

    def init(names: Sequence[str], dtype: Any) -> GradnormState:
        return GradnormState(jnp.ones(len(names), dtype), jnp.zeros(len(names), dtype), jnp.zeros(len(names), bool))

    def weights(
        gram: Array, state: GradnormState, *, present: Array, values: Array, **_: Any
    ) -> tuple[Array, GradnormState]:
        values = values.astype(gram.dtype)
        first = jnp.where(state.seen | ~present, state.first, values)
        after = gradnorm_weights(
            gram,
            state.weights,
            divide(values, first),
            learning_rate=learning_rate,
            restoring_force=restoring_force,
            present=present,
        )
        return reveal(state.weights, gram, present), GradnormState(after, first, state.seen | present)

    return from_gramian(weights, init)
