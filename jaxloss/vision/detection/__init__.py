"""Losses of object detectors. Formats of boxes and tables of overlaps are in `jaxloss.boxes`."""

from jaxloss.vision.detection import dense, matching, overlap
from jaxloss.vision.detection.dense import *
from jaxloss.vision.detection.matching import *
from jaxloss.vision.detection.overlap import *

__all__: list[str] = []
__all__ += dense.__all__
__all__ += matching.__all__
__all__ += overlap.__all__
