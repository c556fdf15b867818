"""Areas under the ROC curve beyond the pairwise loss: parts of them, and the saddle point without pairs."""

from jaxloss.classification.areas_under_curves import partial_areas, saddle_points
from jaxloss.classification.areas_under_curves.partial_areas import *
from jaxloss.classification.areas_under_curves.saddle_points import *

__all__: list[str] = []
__all__ += partial_areas.__all__
__all__ += saddle_points.__all__
