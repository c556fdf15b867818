"""Weights from the neural tangent kernel, for physics-informed networks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.maths.numerics import divide
from jaxloss._floor.reduction import divide_sums, plain_mean, weighted_sums
from jaxloss._floor.typing import Array, Scalar
from jaxloss.combine.structure._observe import (
    annotation,
    named,
    observe,
    running,
    stacked,
    start,
    weighted,
    working_dtype,
)
from jaxloss.combine.structure.terms import Terms
from jaxloss.combine.structure.transforms import LossTransform

__all__ = ["NTKNormalizeState", "ntk_normalize", "ntk_trace", "ntk_weights"]


def ntk_trace(residual: Callable[..., Array], params: Any, *points: Any, batch_size: int = 32) -> Array:
    r"""Mean squared gradient of a residual over N points: the trace of its neural tangent kernel over N.

    .. math:: \frac1N \sum_{n=1}^N \big\| \nabla_\theta r(\theta, x_n) \big\|^2

    Args:
        residual: ``residual(params, *point)``, one number.
        params: The parameters, any pytree of floating arrays.
        *points: Arrays or pytrees with a leading axis of N points.
        batch_size: Number of gradients that are in memory at the same time.

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
    r"""Weights for which all terms converge at one average rate: mean trace over own trace.

    .. math:: w_i = \frac{\frac1m \sum_j \operatorname{tr} K_j}{\operatorname{tr} K_i}

    The paper has the sum of the traces in the numerator, which makes the weights m times as large.

    Args:
        traces: Trace of the neural tangent kernel of each term over its number of points, shape ``[m]``, see
            `ntk_trace`.
        present: Boolean, shape ``[m]``; a term where it is False is deleted. None means that all are present.

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
    (traces,) = checks.floating(traces=traces)
    checks.has_shape((traces.size,), "one number per term", traces=traces)
    present = jnp.ones(traces.size, bool) if present is None else checks.mask(present, traces.shape)
    traces = jnp.where(present, traces, jnp.zeros_like(traces))
    mean = divide_sums(*weighted_sums(traces, present))
    return divide(jnp.broadcast_to(mean, traces.shape), traces)


class NTKNormalizeState(NamedTuple):
    """What `ntk_normalize` carries.

    Attributes:
        weights: Name to the running mean of the weight.
    """

    weights: dict[str, Array]


def ntk_normalize(*, traces: str = "traces", momentum: Scalar = 0.9) -> LossTransform:
    """Weight terms by a running mean of `ntk_weights`, updated at the steps that have traces.

    Traces are expensive to compute and change slowly. Use a ``jax.lax.cond`` in the losses that computes them, for
    example, on every hundredth step and returns 0 on the others: a trace of 0 keeps the weight.

    Args:
        traces: Name of the `Annotation` that holds a dict of every term's name to its `ntk_trace`.
        momentum: Share of the old weights in the running mean, in [0, 1).

    Returns:
        A transformation with an `NTKNormalizeState`, whose weights start at 1 and are updated before they are used.

    Raises:
        ValueError: If ``momentum`` is out of range, or the names of the traces are not those of the terms.
        KeyError: If the losses return no such annotation.

    Example:
        >>> from jaxloss import combine
        >>> tx = combine.ntk_normalize(momentum=0.0)
        >>> terms = {name: jaxloss.reductions.Term(jnp.ones(2), jnp.ones(2)) for name in ("a", "b")}
        >>> traces = {"a": jnp.float32(1.0), "b": jnp.float32(3.0)}
        >>> terms, _ = tx.update(terms, tx.init(terms), step=0, traces=traces)
        >>> [round(float(terms[name].values[0]), 4) for name in ("a", "b")]
        [2.0, 0.6667]

    Reference:
        Wang, Yu and Perdikaris (2022), When and Why PINNs Fail to Train: A Neural Tangent Kernel Perspective.
        https://arxiv.org/abs/2007.14527
    """
    momentum = checks.scalar("momentum", momentum, jnp.float32, at_least=0, below=1)

    def init(terms: Terms, /) -> NTKNormalizeState:
        return NTKNormalizeState(start(sorted(terms), 1, working_dtype(terms)))

    def update(
        terms: Terms, state: NTKNormalizeState, /, *, step: Array, **extra: Any
    ) -> tuple[Terms, NTKNormalizeState]:
        observed = observe(terms)
        given = annotation("ntk_normalize", traces, extra)
        if set(given) != set(terms):
            raise ValueError(f"{traces} must name the terms {sorted(terms)}; found {sorted(given)}.")
        given = stacked(observed.names, given).astype(observed.means.dtype)
        new = ntk_weights(given, present=observed.seen)
        weights = running(momentum, stacked(observed.names, state.weights), new, observed.seen & (new != 0))
        return weighted(terms, observed, weights), NTKNormalizeState(named(observed.names, weights))

    return LossTransform(init, update, per_example=False)
