"""Losses of object detectors."""

from jaxloss.vision.detection import dense, formats, matching, overlap, pairwise
from jaxloss.vision.detection.dense import *
from jaxloss.vision.detection.formats import *
from jaxloss.vision.detection.matching import *
from jaxloss.vision.detection.overlap import *
from jaxloss.vision.detection.pairwise import *

__all__: list[str] = []
__all__ += dense.__all__
__all__ += formats.__all__
__all__ += matching.__all__
__all__ += overlap.__all__
__all__ += pairwise.__all__
