"""Checks of shapes and dtypes for a loss of your own, with the messages that all losses here give.

They run while JAX traces and leave nothing in the compiled program. `values`, `scores_and_labels` and
`scores_and_targets` take arrays by name, so that a message can name them, and return them as JAX arrays; `scalar` takes
a hyperparameter. A loss calls these first, then `jaxloss.blank`, then its maths, then `jaxloss.reduce`.

>>> jaxloss.checks.values(predictions=jnp.ones(4), targets=jnp.ones((4, 1)))
Traceback (most recent call last):
    ...
ValueError: predictions and targets must have the same shape, nothing is broadcast; found predictions (4,) and
targets (4, 1). Did you mean jnp.squeeze(targets, -1)?
"""

from jaxloss._floor.checks import scalar, scores_and_labels, scores_and_targets, values

__all__ = ["scalar", "scores_and_labels", "scores_and_targets", "values"]
