"""Loss of plasticity, measured directly: can the network still learn something new?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxloss._floor import checks
from jaxloss._floor.typing import Array

__all__ = ["probe"]


def probe(
    step: Callable[[Any, Any, Array], tuple[Any, Array]],
    state: Any,
    inputs: Any,
    key: Array,
    *,
    classes: int,
    steps: int = 20,
) -> Array:
    """Plasticity probe: losses of a few training steps on random labels, from a copy of the state of training.

    A network that has lost its plasticity reduces this loss less than it did at its start. Compare the probe with its
    own first readings, on the same inputs. It costs ``steps`` training steps. For `report`, add it to the readings:
    ``{"plasticity/probe": losses[-1]}``.

    Args:
        step: ``step(state, inputs, labels) -> (state, loss)``: one update of the optimiser, as in training.
        state: Parameters and state of the optimiser, any pytree of arrays; the caller's is not changed.
        inputs: A batch; the examples are the leading axis of its first array.
        key: Random key of the labels. The same key gives the same task.
        classes: Number of classes.
        steps: Number of steps.

    Returns:
        Shape ``[steps]``: the loss before every step. At first a network without knowledge of the labels has
        ``log(classes)`` in the cross-entropy.

    Raises:
        ValueError: If ``classes`` or ``steps`` is not a whole number >= 1, or there is no array of examples.

    Example:
        >>> def step(params, inputs, labels):
        ...     loss = lambda p: jaxloss.softmax_cross_entropy_with_integer_labels(inputs @ p, labels)
        ...     value, slope = jax.value_and_grad(loss)(params)
        ...     return params - slope, value
        >>> losses = diagnostics.plasticity.probe(step, jnp.zeros((4, 2)), jnp.eye(4), jax.random.key(0), classes=2)
        >>> bool(losses[-1] < losses[0])
        True

    Reference:
        Lyle, Zheng, Nikishin, Avila Pires, Pascanu and Dabney (2023), Understanding Plasticity in Neural Networks.
        https://arxiv.org/abs/2303.01486
    """
    classes, steps = checks.whole("classes", classes), checks.whole("steps", steps)
    leaves = [leaf for leaf in jax.tree.leaves(inputs) if jnp.ndim(leaf) > 0]
    if not leaves:
        raise ValueError("inputs must hold an array whose leading axis is that of the examples; found none.")
    labels = jax.random.randint(key, jnp.shape(leaves[0])[:1], 0, classes)
    _, losses = jax.lax.scan(lambda carry, _: step(carry, inputs, labels), state, None, length=steps)
    return losses
