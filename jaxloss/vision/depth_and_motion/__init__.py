"""Losses of depth maps, optical flow and registration."""

from jaxloss.vision.depth_and_motion import (
    aligned_depth,
    deformations,
    depth_gradients,
    local_correlation,
    log_depth,
    optical_flow,
    reprojection,
    shared_intensities,
)
from jaxloss.vision.depth_and_motion.aligned_depth import *
from jaxloss.vision.depth_and_motion.deformations import *
from jaxloss.vision.depth_and_motion.depth_gradients import *
from jaxloss.vision.depth_and_motion.local_correlation import *
from jaxloss.vision.depth_and_motion.log_depth import *
from jaxloss.vision.depth_and_motion.optical_flow import *
from jaxloss.vision.depth_and_motion.reprojection import *
from jaxloss.vision.depth_and_motion.shared_intensities import *

__all__: list[str] = []
__all__ += aligned_depth.__all__
__all__ += deformations.__all__
__all__ += depth_gradients.__all__
__all__ += local_correlation.__all__
__all__ += log_depth.__all__
__all__ += optical_flow.__all__
__all__ += reprojection.__all__
__all__ += shared_intensities.__all__
