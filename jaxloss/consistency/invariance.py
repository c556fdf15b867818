"""Invariance of a classifier across environments: one last layer that is optimal in all of them."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxloss._floor import checks, value_checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.maths.softmax.labels import at_label
from jaxloss._floor.reduction import blank, hide, reduce
from jaxloss._floor.spread import mass_over, mean_over, require_whole
from jaxloss._floor.typing import Array, ArrayLike, AxisName, Reduction

__all__ = ["irm_penalty"]


def irm_penalty(
    logits: ArrayLike,
    labels: ArrayLike,
    *,
    axis_name: AxisName | None = None,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Invariant risk minimisation (IRMv1): squared slope of an environment's cross-entropy in the scale of its logits.

    .. math:: \ell_e = \left( \left. \nabla_w R_e(w z) \right|_{w = 1} \right)^2
              = \left( \frac{1}{N} \sum_i \sum_k p_{ik} (z_{ik} - z_{i y_i}) \right)^2, \qquad
              p_i = \mathrm{softmax}(z_i)

    The N examples of the last batch axis are those of one environment, so ``where`` and ``weights`` belong to them: pad
    environments of different sizes. Added to the mean of the cross-entropies, with a factor that is small in the first
    steps. For the risk of another loss write
    ``jnp.square(jax.grad(lambda w: jaxloss.squared_error(w * predictions, targets))(1.0))``.

    The square of a mean over a batch is biased upwards. DomainBed multiplies the slopes of two halves of the batch
    instead, which is unbiased and may be negative; with halves of one size that is
    ``2 * irm_penalty(logits, labels) - irm_penalty(half_logits, half_labels)``, where the latter have the shapes
    ``[2, N / 2, K]`` and ``[2, N / 2]``.

    Args:
        logits: Shape ``[..., N, K]``, floating, unnormalised. A class of logit -inf is absent.
        labels: Shape ``[..., N]``, integer class indices in ``[0, K)``. An unmasked label outside gives NaN in value
            and gradient of its environment.
        axis_name: Mesh axes inside ``jax.shard_map`` over which the examples of an environment are spread, for the loss
            over all of them; None if all are here, ``()`` to take those of each device on purpose.
        where, weights: Shape ``[..., N]``. An environment without an example is absent. See `jaxloss.reduce`.
        reduction: Over the environments ``[...]``; see `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in squared nats; 0 where no scale of the logits fits better than theirs.

    Raises:
        TypeError: If ``logits`` are not floating or ``labels`` not integer.
        ValueError: If the shapes do not match, an axis is missing, or the class axis is empty; or if every environment
            has one example, as in ``[N, 1, K]``.

    Example:
        >>> logits = jnp.array([[[2.0, 0.0], [2.0, 0.0]], [[0.0, 0.0], [0.0, 0.0]]])
        >>> labels = jnp.array([[0, 1], [0, 1]])
        >>> print(jaxloss.irm_penalty(logits, labels, reduction="none").round(4))
        [0.58   0.    ]

    Reference:
        Arjovsky et al. (2019), Invariant Risk Minimization. https://arxiv.org/abs/1907.02893
    """
    logits, labels = checks.scores_and_labels(logits=logits, labels=labels)
    checks.with_pool("examples classes", logits=logits)
    (logits,), labels = blank(where, logits, event_ndim=1), hide(where, labels)
    value_checks.ensure_labels(labels, logits.shape[-1])
    require_whole(axis_name, labels.shape, logits, labels)
    inside = jnp.clip(labels, 0, logits.shape[-1] - 1)
    probs = jax.nn.softmax(logits, axis=-1)
    lead = jnp.where(probs == 0, jnp.zeros((), logits.dtype), logits - at_label(logits, inside)[..., None])
    slopes = numerics.poison(jnp.sum(probs * lead, axis=-1), inside == labels)
    mass, present = mass_over(axis_name, where, weights, slopes)
    if not labels.shape[-1]:
        present = jnp.zeros(labels.shape[:-1], bool)
    values = jnp.square(mean_over(axis_name, slopes, mass))
    return reduce(values, where=present, reduction=reduction)
