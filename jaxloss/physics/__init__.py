"""Physics-informed losses: differential equations, boundary conditions, constraints."""

from jaxloss.physics import boundaries, constraints, distance_fields, equations, initial_conditions, multipliers
from jaxloss.physics.boundaries import *
from jaxloss.physics.constraints import *
from jaxloss.physics.distance_fields import *
from jaxloss.physics.equations import *
from jaxloss.physics.initial_conditions import *
from jaxloss.physics.multipliers import *

__all__: list[str] = []
__all__ += boundaries.__all__
__all__ += constraints.__all__
__all__ += distance_fields.__all__
__all__ += equations.__all__
__all__ += initial_conditions.__all__
__all__ += multipliers.__all__
