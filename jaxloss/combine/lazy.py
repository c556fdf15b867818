"""Terms that are computed on some steps only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxloss._floor.typing import Array
from jaxloss.combine.terms import lift
from jaxloss.reductions import Term

__all__ = ["every"]


def every(period: Array | int, step: Array | int, fn: Callable[..., Any], *args: Any) -> Term:
    """A term that is computed on every ``period``-th step, and absent on the others.

    For what is expensive and may be rare, such as a gradient penalty. On the steps between, ``fn`` does not run, in
    neither direction, and the term has weight 0: it is absent from the objective and from means over steps. To keep
    its strength per step, weigh it by the period: ``combine.weigh(r1=16 * 5.0)``.

    Args:
        period: Number of steps, >= 1; traced or not.
        step: The number of the current step, for example ``state.step`` passed on by the training step.
        fn: ``fn(*args)`` returns a term as a loss function may: a scalar, per-example losses, or a `Term`.
        *args: Its arguments. What ``fn`` closes over is differentiated as well.

    Returns:
        A `Term`. Under ``jax.vmap`` over ``step`` both branches run.

    Raises:
        TypeError: If ``fn`` does not return floating-point losses.

    Example:
        >>> from jaxloss import combine
        >>> [float(combine.every(2, step, jnp.square, 3.0).weights) for step in range(4)]
        [1.0, 0.0, 1.0, 0.0]

    Reference:
        Karras et al. (2020), Analyzing and Improving the Image Quality of StyleGAN. https://arxiv.org/abs/1912.04958
    """

    def term(*args: Any) -> Term:
        return lift({"every": fn(*args)})["every"]

    shape = jax.eval_shape(term, *args)
    nothing = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shape)
    return jax.lax.cond(jnp.asarray(step) % period == 0, term, lambda *_: nothing, *args)
