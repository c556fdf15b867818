"""Weights from the neural tangent kernel, for physics-informed networks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from jaxloss import _checks
from jaxloss._numerics import divide
from jaxloss._reduce import plain_mean
from jaxloss._typing import Array, Scalar
from jaxloss.combine._gram import dot, over_present
from jaxloss.combine.aggregation import Aggregator, from_gramian
from jaxloss.combine.balance import running

__all__ = ["ntk_trace", "ntk_weighting", "ntk_weights"]


def ntk_trace(residual: Callable[..., Array], params: Any, *points: Any, batch_size: int = 32) -> Array:
    r"""Mean over the points of the squared gradient of a residual: the trace of its neural tangent kernel over N.

    .. math:: \frac1N \sum_{n=1}^N \big\| \nabla_\theta r(\theta, x_n) \big\|^2

    Args:
        residual: ``residual(params, *point)``, one number.
        params: The parameters, any pytree of floating arrays.
        *points: Arrays or pytrees with a leading axis of N points.
        batch_size: How many gradients are held at a time.

    Returns:
        A scalar >= 0.

    Raises:
        TypeError: If ``residual`` does not return a real scalar.

    Example:
        >>> from jaxloss import combine
        >>> combine.ntk_trace(lambda w, x: w @ x, jnp.ones(2), jnp.array([[3.0, 4.0], [0.0, 1.0]]))
        Array(13., dtype=float32)

    Reference:
        Wang, Yu and Perdikaris (2022), When and Why PINNs Fail to Train: A Neural Tangent Kernel Perspective.
        https://arxiv.org/abs/2007.14527
    """

    def square(point: tuple[Any, ...]) -> Array:
        leaves = jax.tree.leaves(jax.grad(residual)(params, *point))
        return jnp.sum(jnp.stack([jnp.sum(jnp.square(leaf)) for leaf in leaves]))

    return plain_mean(jax.lax.map(square, points, batch_size=batch_size))


def ntk_weights(traces: Array, *, present: Array | None = None) -> Array:
    r"""Weights that let all terms converge at one average rate.

    .. math:: w_i = \frac{\frac1m \sum_j \operatorname{tr} K_j}{\operatorname{tr} K_i}

    The paper has the sum in the numerator, which is m times as large.

    Args:
        traces: Trace of the neural tangent kernel of each term over its number of points, shape ``[m]``, see
            `ntk_trace`.
        present: Boolean, shape ``[m]``; a term where it is False is deleted. None is all.

    Returns:
        Weights, shape ``[m]``; 0 where absent or where the trace is 0.

    Raises:
        ValueError: If ``traces`` is not a vector.

    Example:
        >>> from jaxloss import combine
        >>> combine.ntk_weights(jnp.array([1.0, 3.0]))
        Array([2.       , 0.6666667], dtype=float32)

    Reference:
        Wang, Yu and Perdikaris (2022), When and Why PINNs Fail to Train: A Neural Tangent Kernel Perspective.
        https://arxiv.org/abs/2007.14527
    """
    (traces,) = _checks.floating(traces=traces)
    _checks.has_shape((traces.size,), "one number per term", traces=traces)
    present = jnp.ones(traces.size, bool) if present is None else _checks.mask(present, traces.shape)
    traces = jnp.where(present, traces, jnp.zeros_like(traces))
    mean = dot(over_present(None, present, traces.dtype), traces)
    return divide(jnp.broadcast_to(mean, traces.shape), traces)


def ntk_weighting(*, momentum: Scalar = 0.9) -> Aggregator:
    """Aggregate with a running mean of `ntk_weights`, renewed at the steps where traces are given.

    ``update`` takes a further keyword ``traces``: a dict of every term's name to its `ntk_trace`, or None, which
    keeps the weights. Traces are dear; every hundredth step is often enough.

    Args:
        momentum: Share of the old weights in the running mean, in [0, 1).

    Returns:
        An `Aggregator` with a `GramianState`, whose ``inner`` is the running mean, 1 at first.

    Raises:
        ValueError: If ``momentum`` is out of range.

    Example:
        >>> from jaxloss import combine
        >>> aggregator = combine.ntk_weighting(momentum=0.0)
        >>> state = aggregator.init(jnp.zeros(1), ("a", "b"))
        >>> more = {"values": jnp.ones(2), "present": jnp.array([True, True]), "step": jnp.int32(0)}
        >>> traces = {"a": jnp.float32(1.0), "b": jnp.float32(3.0)}
        >>> aggregator.update(jnp.ones((2, 1)), state, traces=traces, **more)[1].weights
        Array([2.       , 0.6666667], dtype=float32)
    """
    momentum = _checks.scalar("momentum", momentum, jnp.float32, at_least=0, below=1)

    def weights(
        gram: Array, state: Array, *, present: Array, traces: Mapping[str, Array] | None = None, **_: Any
    ) -> tuple[Array, Array]:
        if traces is None:
            return state, state
        if len(traces) != len(state):
            raise ValueError(f"traces must have one number for each of the {len(state)} terms; found {sorted(traces)}.")
        given = jnp.stack([jnp.asarray(traces[name], gram.dtype) for name in sorted(traces)])
        new = ntk_weights(given, present=present)
        state = running(momentum, state, new, present & (new != 0))
        return state, state

    return from_gramian(weights, lambda names, dtype: jnp.ones(len(names), dtype), degree=None)
