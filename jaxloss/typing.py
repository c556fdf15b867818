"""Types for the signature of a loss of your own.

`ArrayLike` is what losses take for data: JAX and NumPy arrays, numbers and lists. `Scalar` is a hyperparameter that may
be traced, `Reduction` what the argument ``reduction`` takes, `Reducer` a function ``(values, weights) -> result``, and
`Loss` what `jaxloss.elementwise` and `jaxloss.per_example` make.

>>> def error(x: jaxloss.typing.ArrayLike, *, reduction: jaxloss.typing.Reduction = "mean") -> jaxloss.typing.Array:
...     return jaxloss.squared_error(x, jnp.zeros_like(x), reduction=reduction)
>>> error(jnp.array([1.0, 3.0]))
Array(5., dtype=float32)
"""

from jaxloss._floor.typing import Array, ArrayLike, Loss, Reducer, Reduction, Scalar

__all__ = ["Array", "ArrayLike", "Loss", "Reducer", "Reduction", "Scalar"]
