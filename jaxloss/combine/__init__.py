"""Compose named loss terms into one objective.

A training loss is rarely one number: a fit, a penalty, an auxiliary task. Here a function returns them as a dict of
named terms, and an `objective` turns that function into one differentiable number with a state that is carried from
step to step, like the state of an optimiser:

>>> import jax, jax.numpy as jnp, jaxloss
>>> from jaxloss import combine
>>> def losses(params, x, y):  # one forward pass; a loss is taken apart into its examples
...     return {"fit": jaxloss.squared_error(params["slope"] * x, y), "size": params["slope"] ** 2}
>>> objective = combine.objective(
...     losses,
...     combine.on("fit", combine.trimmed_mean(0.25)),  # per example: drop the largest losses
...     combine.weigh(size=lambda step: 0.1 / (1 + step)),  # per term: numbers or schedules of the step
... )
>>> params = {"slope": jnp.array(1.0)}
>>> x, y = jnp.array([1.0, 2.0, 3.0, 4.0]), jnp.array([2.0, 4.0, 6.0, 100.0])  # the last one is an outlier
>>> state = objective.init(params, x, y)
>>> for _ in range(100):
...     (loss, aux), gradient = jax.value_and_grad(objective, has_aux=True)(params, state, x, y)
...     params = jax.tree.map(lambda p, g: p - 0.05 * g, params, gradient)  # any optimiser
...     state = aux.state
>>> float(params["slope"].round(1))
2.0
>>> sorted(aux.metrics())  # for a logger: raw means, weights, weighted means and counts of every term
['count/fit', 'count/size', 'value/fit', 'value/size', 'weight/fit', 'weight/size', 'weighted/fit', 'weighted/size']

What goes between the losses and their sum has one of two forms, both pairs of pure functions as in optax:

* A transformation (`LossTransform`) changes the terms. Those of ``jaxloss.combine.weights`` weight whole terms, with
  fixed numbers, schedules, learned parameters, or weights that adapt to the losses: `weigh`, `uncertainty`, `dwa`,
  `constrain`. Those of ``jaxloss.combine.examples`` look at the loss of every example: `top_fraction`, `group_dro`,
  `self_paced`, `causal`. `chain` and `on` compose them.
* An aggregator (`Aggregator`), given as ``aggregate=``, makes one gradient from the gradients of the terms. Those of
  ``jaxloss.combine.gradients`` resolve conflicts between terms: `pcgrad`, `upgrad`, `mgda`, `nash`.

The suffixes tell the kind: ``*_weights`` is a pure function from gradients, or their inner products, to one weight per
term; ``*_weighting`` makes an aggregator; the name of a transformation has neither suffix.
"""

from jaxloss.combine import examples, gradients, objectives, structure, weights
from jaxloss.combine.examples import *
from jaxloss.combine.gradients import *
from jaxloss.combine.objectives import *
from jaxloss.combine.structure import *
from jaxloss.combine.weights import *

__all__: list[str] = []
__all__ += examples.__all__
__all__ += gradients.__all__
__all__ += objectives.__all__
__all__ += structure.__all__
__all__ += weights.__all__
