"""Penalties that are added to a main loss: on parameters, activations and representations.

Some penalties are these and other losses, called in a certain way:

* Elastic weight consolidation (Kirkpatrick et al., 2017): half of `l2_sp_penalty` with the Fisher information as
  ``importance``
* Sparse group lasso (Simon et al., 2013): the sum of `group_lasso_penalty` and `l1_penalty`, each with a factor
* Double backpropagation (Drucker and LeCun, 1992): twice `jaxloss.r1_penalty` of the loss of each example, as a
  function of its input
* Flooding (Ishida et al., 2020) at a level b, of the mean loss of a batch: ``absolute_error(loss, b) + b``
* Graph Laplacian smoothness, the trace of F^T L F: ``squared_error(features[senders], features[receivers])`` over the
  edges, with their weights and ``reduction="sum"``
* Equalised odds: the sum of `demographic_parity_penalty` over the classes, each with ``where=labels == k``; equal
  opportunity is that of the positive class alone
"""

from jaxloss.penalties import (
    activations,
    centers,
    decorrelation,
    dependence,
    entropies,
    fairness,
    jacobians,
    parameters,
    sparsity,
    structured_parameters,
)
from jaxloss.penalties.activations import *
from jaxloss.penalties.centers import *
from jaxloss.penalties.decorrelation import *
from jaxloss.penalties.dependence import *
from jaxloss.penalties.entropies import *
from jaxloss.penalties.fairness import *
from jaxloss.penalties.jacobians import *
from jaxloss.penalties.parameters import *
from jaxloss.penalties.sparsity import *
from jaxloss.penalties.structured_parameters import *

__all__: list[str] = []
__all__ += activations.__all__
__all__ += centers.__all__
__all__ += decorrelation.__all__
__all__ += dependence.__all__
__all__ += entropies.__all__
__all__ += fairness.__all__
__all__ += jacobians.__all__
__all__ += parameters.__all__
__all__ += sparsity.__all__
__all__ += structured_parameters.__all__
