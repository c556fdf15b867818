"""Losses of segmentation masks that measure how far wrong pixels are from a boundary, and the distances themselves.

Overlap losses, such as `jaxloss.dice_loss`, count wrong pixels wherever they are. The losses here weight them by a
distance, so that a small error far from the target costs more than a blurred edge. They complement an overlap loss or
a cross-entropy and are added to one, with a weight. ``pixel_ndim``, ``probs`` and ``targets`` are those of
`jaxloss.vision.segmentation`. Put the axis of several classes before the pixels, and leave out the background by a
slice.
"""

from jaxloss.vision.boundaries import distance_maps, distance_weighted, erosions
from jaxloss.vision.boundaries.distance_maps import *
from jaxloss.vision.boundaries.distance_weighted import *
from jaxloss.vision.boundaries.erosions import *

__all__: list[str] = []
__all__ += distance_maps.__all__
__all__ += distance_weighted.__all__
__all__ += erosions.__all__
