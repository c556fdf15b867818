"""Losses of computer vision."""

from jaxloss.vision import boundaries, depth_and_motion, detection, image_quality, imbalance, restoration, segmentation
from jaxloss.vision.boundaries import *
from jaxloss.vision.depth_and_motion import *
from jaxloss.vision.detection import *
from jaxloss.vision.image_quality import *
from jaxloss.vision.imbalance import *
from jaxloss.vision.restoration import *
from jaxloss.vision.segmentation import *

__all__: list[str] = []
__all__ += boundaries.__all__
__all__ += depth_and_motion.__all__
__all__ += detection.__all__
__all__ += image_quality.__all__
__all__ += imbalance.__all__
__all__ += restoration.__all__
__all__ += segmentation.__all__
