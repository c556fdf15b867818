"""Losses of image restoration: edges, frequencies and scales."""

from jaxloss.vision.restoration import frequencies, image_edges, mixed_similarity, pyramids
from jaxloss.vision.restoration.frequencies import *
from jaxloss.vision.restoration.image_edges import *
from jaxloss.vision.restoration.mixed_similarity import *
from jaxloss.vision.restoration.pyramids import *

__all__: list[str] = []
__all__ += frequencies.__all__
__all__ += image_edges.__all__
__all__ += mixed_similarity.__all__
__all__ += pyramids.__all__
