"""Losses of segmentation masks whose target is rare, with the arguments of `jaxloss.vision.segmentation`."""

from jaxloss.vision.imbalance import class_distances, correlations
from jaxloss.vision.imbalance.class_distances import *
from jaxloss.vision.imbalance.correlations import *

__all__: list[str] = []
__all__ += class_distances.__all__
__all__ += correlations.__all__
