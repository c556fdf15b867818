"""The size of the Jacobian of a function: how much its outputs move when its inputs do."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths.masked_points import stand_in
from jaxloss._floor.reduction import hide, plain_mean, promote, reduce
from jaxloss._floor.typing import Array, ArrayLike, Reduction

__all__ = ["jacobian_penalty"]


def jacobian_penalty(
    function: Callable[[Any, Array], Array],
    params: Any,
    inputs: ArrayLike,
    probes: ArrayLike,
    *,
    where: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    reduction: Reduction = "mean",
) -> Array:
    r"""Jacobian penalty: squared Frobenius norm of a network's input Jacobian, estimated with random probes.

    .. math:: \ell = \frac1P \sum_p \lVert J(x) \, v_p \rVert_2^2, \qquad
              \mathbb E \, \ell = \lVert J(x) \rVert_F^2 \text{ if } \mathbb E \, v v^\top = I

    Hutchinson's estimator takes one forward-mode pass per probe and keeps no Jacobian in memory. The paper projects on
    directions of the output instead, in reverse mode; both estimate the same norm, and the gradient of a forward pass
    is cheaper. Probes that are the D unit vectors times the root of D give the norm exactly. Of a scalar, such as the
    loss of an example in its input (double backpropagation), one reverse-mode pass gives it exactly: twice
    `jaxloss.r1_penalty` of ``lambda params, x: loss(network(params, x), labels, reduction="none")``.

    Args:
        function: ``(params, inputs) -> outputs`` for inputs ``[N, ...]`` and outputs ``[N, ...]``, each example by
            itself: no batch norm.
        params: The parameters of the function, any pytree; gradients flow to them.
        inputs: Shape ``[N, ...]``, floating. A masked example is replaced by the first that is
            not masked.
        probes: Directions :math:`v_p`, shape ``[P, N, ...]``, floating, such as
            ``jax.random.rademacher(key, (P, *inputs.shape), inputs.dtype)``; drawn anew in every step.
        where, weights: Shape ``[N]``; see `jaxloss.reduce`.
        reduction: See `jaxloss.reduce`.

    Returns:
        A scalar >= 0, in squared units of the outputs per unit of the inputs.

    Raises:
        TypeError: If an input or the outputs are not floating.
        ValueError: If the shapes do not match, or there are no probes.

    Example:
        >>> inputs = jnp.ones((4, 2))
        >>> probes = jax.random.rademacher(jax.random.key(0), (1, 4, 2), jnp.float32)
        >>> jaxloss.jacobian_penalty(lambda params, x: params * x, 3.0, inputs, probes)
        Array(18., dtype=float32)

    Reference:
        Hoffman, Roberts and Yaida (2019), Robust Learning with Jacobian Regularization.
        https://arxiv.org/abs/1908.02729
    """
    inputs, probes = checks.floating(inputs=inputs, probes=probes)
    if not inputs.ndim or not probes.ndim or not probes.shape[0]:
        raise ValueError(
            f"inputs [N, ...] and probes [P, N, ...] need an example axis; found {inputs.shape}, {probes.shape}."
        )
    checks.has_shape((probes.shape[0], *inputs.shape), "probes, then the shape of inputs", probes=probes)
    inputs = stand_in(where, inputs, event_ndim=inputs.ndim - 1)
    fn = lambda x: function(params, x)

    def size(probe: Array) -> Array:
        # Hidden, too: the first example stands at the masked places, and is not to meet what their probes hold.
        probe = hide(where, probe.astype(inputs.dtype), event_ndim=inputs.ndim - 1)
        _, moved = jax.jvp(fn, (inputs,), (probe,))
        (moved,) = promote(*checks.floating(outputs=moved))
        checks.has_shape((*inputs.shape[:1], *moved.shape[1:]), "the outputs of the examples", outputs=moved)
        return jnp.sum(jnp.square(jnp.reshape(moved, (inputs.shape[0], math.prod(moved.shape[1:])))), axis=-1)

    values = plain_mean(jax.vmap(size)(probes), 0)
    return reduce(values, where=where, weights=weights, reduction=reduction)
