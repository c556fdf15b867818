"""Losses of object detectors. Formats of boxes and tables of overlaps are in `jaxloss.boxes`."""

from jaxloss.vision.detection import assignment, dense, directions, matching, overlap
from jaxloss.vision.detection.assignment import *
from jaxloss.vision.detection.dense import *
from jaxloss.vision.detection.directions import *
from jaxloss.vision.detection.matching import *
from jaxloss.vision.detection.overlap import *

__all__: list[str] = []
__all__ += assignment.__all__
__all__ += dense.__all__
__all__ += directions.__all__
__all__ += matching.__all__
__all__ += overlap.__all__
