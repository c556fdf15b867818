"""Penalties that are added to a main loss: on parameters, activations and representations."""

from jaxloss.penalties import activations, centers, dependence, entropies, jacobians, parameters, structured_parameters
from jaxloss.penalties.activations import *
from jaxloss.penalties.centers import *
from jaxloss.penalties.dependence import *
from jaxloss.penalties.entropies import *
from jaxloss.penalties.jacobians import *
from jaxloss.penalties.parameters import *
from jaxloss.penalties.structured_parameters import *

__all__: list[str] = []
__all__ += activations.__all__
__all__ += centers.__all__
__all__ += dependence.__all__
__all__ += entropies.__all__
__all__ += jacobians.__all__
__all__ += parameters.__all__
__all__ += structured_parameters.__all__
