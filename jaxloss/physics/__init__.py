"""Physics-informed losses: differential equations, boundary conditions, energies, slopes, constraints."""

from jaxloss.physics import (
    boundaries,
    constraints,
    distance_fields,
    energies,
    equations,
    initial_conditions,
    multipliers,
    slopes,
    weak_forms,
)
from jaxloss.physics.boundaries import *
from jaxloss.physics.constraints import *
from jaxloss.physics.distance_fields import *
from jaxloss.physics.energies import *
from jaxloss.physics.equations import *
from jaxloss.physics.initial_conditions import *
from jaxloss.physics.multipliers import *
from jaxloss.physics.slopes import *
from jaxloss.physics.weak_forms import *

__all__: list[str] = []
__all__ += boundaries.__all__
__all__ += constraints.__all__
__all__ += distance_fields.__all__
__all__ += energies.__all__
__all__ += equations.__all__
__all__ += initial_conditions.__all__
__all__ += multipliers.__all__
__all__ += slopes.__all__
__all__ += weak_forms.__all__
