"""Losses and indices of image quality."""

from jaxloss.vision.image_quality import (
    features,
    gradient_similarity,
    multi_scale_similarity,
    signal_to_noise,
    smoothness,
    structural_similarity,
)
from jaxloss.vision.image_quality.features import *
from jaxloss.vision.image_quality.gradient_similarity import *
from jaxloss.vision.image_quality.multi_scale_similarity import *
from jaxloss.vision.image_quality.signal_to_noise import *
from jaxloss.vision.image_quality.smoothness import *
from jaxloss.vision.image_quality.structural_similarity import *

__all__: list[str] = []
__all__ += features.__all__
__all__ += gradient_similarity.__all__
__all__ += multi_scale_similarity.__all__
__all__ += signal_to_noise.__all__
__all__ += smoothness.__all__
__all__ += structural_similarity.__all__
