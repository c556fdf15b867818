"""Virtual adversarial training: the perturbation of an input that changes the prediction most, without its label."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths import numerics
from jaxloss._floor.maths.masked_points import stand_in
from jaxloss._floor.reduction import hide, promote
from jaxloss._floor.typing import Array, ArrayLike, Reduction, Scalar
from jaxloss.divergences.kullback_leibler import kl_divergence_from_logits

__all__ = ["virtual_adversarial_loss"]


def _unit(x: Array) -> Array:
    """Each example ``[N, ...]`` over its norm; 0 where it is 0."""
    return jnp.reshape(numerics.normalize(jnp.reshape(x, (x.shape[0], math.prod(x.shape[1:])))), x.shape)


def _steepest(network: Callable[[Array], Array], inputs: Array, direction: Array, iterations: int) -> Array:
    """The unit direction in which the predictions change most, by power iteration from ``direction``.

    The curvature of the divergence is the Fisher information of the inputs, ``J^T (diag(p) - p p^T) J``.
    """
    logits, push = jax.linearize(network, inputs)
    pull = jax.linear_transpose(push, inputs)
    probs = jax.nn.softmax(promote(logits)[0], axis=-1)
    for _ in range(iterations):
        moved = push(direction.astype(inputs.dtype)).astype(probs.dtype)
        flow = probs * (moved - jnp.sum(probs * moved, axis=-1, keepdims=True))
        turned = pull(flow.astype(logits.dtype))[0].astype(direction.dtype)
        flat = jnp.max(jnp.abs(turned), axis=tuple(range(1, turned.ndim)), keepdims=True, initial=0) == 0
        # Where the curvature vanishes in the precision at hand, no direction is better than the last one.
        direction = jnp.where(flat, direction, _unit(turned))
    return direction


def virtual_adversarial_loss(
    network: Callable[[Any, Array], Array],
    params: Any,
    inputs: ArrayLike,
    directions: ArrayLike,
    *,
    radius: Scalar = 1.0,
    iterations: int = 1,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Virtual adversarial training (VAT): divergence of predictions at inputs from those at the worst nearby point.

    .. math:: \ell = \mathrm{KL}\left( p(x) \,\|\, p(x + r) \right), \qquad
              r = \epsilon \, \frac{u}{\lVert u \rVert_2}, \quad
              u = \left( J^\top \left( \mathrm{diag}(p) - p p^\top \right) J \right)^n d

    with :math:`p = \mathrm{softmax}(f(x))` and the Jacobian J of the logits. The power iteration turns the random
    direction d towards the largest curvature of the divergence. The paper approximates its products by the gradient at
    :math:`\xi d` with a small :math:`\xi`; here they are exact, from one forward-mode and one reverse-mode pass per
    iteration, and there is no :math:`\xi` to choose. No gradient flows through :math:`p(x)` or :math:`r`. Unlabelled
    examples are as good as labelled ones. Add the cross-entropy with the labels as a term of its own.

    Args:
        network: ``(params, inputs) -> logits`` for inputs ``[N, ...]`` and logits ``[N, K]``, each example by itself:
            no batch norm that takes statistics of the batch.
        params: The parameters of the network, any pytree; gradients flow to them through the perturbed prediction.
        inputs: Shape ``[N, ...]``, floating. A masked example is replaced by the first that is not masked.
        directions: Random directions :math:`d`, shape ``[N, ...]``, the same, of any length, such as
            ``jax.random.normal(key, inputs.shape)``; drawn anew in every step. No gradient flows to them.
        radius: Length :math:`\epsilon` >= 0 of the perturbation, over all axes of an example, in units of the inputs.
        iterations: Number n of power iterations, >= 0, static; 0 perturbs in random directions.
        where, weights: Shape ``[N]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in nats; 0 where the prediction does not change.

    Raises:
        TypeError: If an input or the logits are not floating.
        ValueError: If the shapes do not match, or a hyperparameter is out of range.

    Example:
        >>> network = lambda kernel, x: x @ kernel
        >>> kernel = jnp.array([[1.0, 0.0], [0.0, 0.0]])  # the second feature does not matter
        >>> inputs, directions = jnp.zeros((1, 2)), jnp.array([[0.1, 1.0]])
        >>> for iterations in (0, 1):
        ...     loss = jaxloss.virtual_adversarial_loss(network, kernel, inputs, directions, iterations=iterations)
        ...     print(f"{loss:.4f}")
        0.0012
        0.1201

    Reference:
        Miyato et al. (2018), Virtual Adversarial Training: A Regularization Method for Supervised and Semi-Supervised
        Learning. https://arxiv.org/abs/1704.03976
    """
    inputs, directions = checks.floating(inputs=inputs, directions=directions)
    if not inputs.ndim:
        raise ValueError("inputs must have shape [N, ...], examples first; found ().")
    checks.same_shape(inputs=inputs, directions=directions)
    iterations = checks.whole("iterations", iterations, at_least=0)
    inputs = stand_in(where, inputs, event_ndim=inputs.ndim - 1)
    (directions,) = promote(hide(where, directions, event_ndim=inputs.ndim - 1))

    def logits_at(x: Array) -> Array:
        (logits,) = checks.floating(logits=network(params, x))
        checks.has_shape((x.shape[0], *logits.shape[-1:]), "the logits of the examples", logits=logits)
        return logits

    radius = checks.scalar("radius", radius, directions.dtype, at_least=0)
    worst = jax.lax.stop_gradient(_steepest(logits_at, inputs, _unit(directions), iterations))
    perturbed = (promote(inputs)[0] + radius * worst).astype(inputs.dtype)
    target = jax.lax.stop_gradient(logits_at(inputs))
    return kl_divergence_from_logits(logits_at(perturbed), target, where=where, weights=weights, reduction=reduction)
