"""Losses of poses: rotations, joints of skeletons, and points seen by a camera."""

from jaxloss.pose import cameras, joints, keypoints, rotations
from jaxloss.pose.cameras import *
from jaxloss.pose.joints import *
from jaxloss.pose.keypoints import *
from jaxloss.pose.rotations import *

__all__: list[str] = []
__all__ += cameras.__all__
__all__ += joints.__all__
__all__ += keypoints.__all__
__all__ += rotations.__all__
