"""Aggregators that resolve conflicts between gradients: projections, cones, points of least norm, bargains."""

from jaxloss.combine.gradients.conflicts import (
    bargaining,
    closed_forms,
    dual_cone,
    min_norm,
    projections,
)
from jaxloss.combine.gradients.conflicts.bargaining import *
from jaxloss.combine.gradients.conflicts.closed_forms import *
from jaxloss.combine.gradients.conflicts.dual_cone import *
from jaxloss.combine.gradients.conflicts.min_norm import *
from jaxloss.combine.gradients.conflicts.projections import *

__all__: list[str] = []
__all__ += bargaining.__all__
__all__ += closed_forms.__all__
__all__ += dual_cone.__all__
__all__ += min_norm.__all__
__all__ += projections.__all__
