"""Losses of poses and shapes: rotations, rigid frames, joints, points seen by a camera, rays and meshes."""

from jaxloss.pose import cameras, frames, joints, keypoints, meshes, rays, rotations
from jaxloss.pose.cameras import *
from jaxloss.pose.frames import *
from jaxloss.pose.joints import *
from jaxloss.pose.keypoints import *
from jaxloss.pose.meshes import *
from jaxloss.pose.rays import *
from jaxloss.pose.rotations import *

__all__: list[str] = []
__all__ += cameras.__all__
__all__ += frames.__all__
__all__ += joints.__all__
__all__ += keypoints.__all__
__all__ += meshes.__all__
__all__ += rays.__all__
__all__ += rotations.__all__
