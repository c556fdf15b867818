"""Contrast of views and of labelled examples: a softmax or a sigmoid over the other examples of the batch."""

from jaxloss.representation.contrast import matched_pairs, momentum_contrast, supervised_contrast
from jaxloss.representation.contrast.matched_pairs import *
from jaxloss.representation.contrast.momentum_contrast import *
from jaxloss.representation.contrast.supervised_contrast import *

__all__: list[str] = []
__all__ += matched_pairs.__all__
__all__ += momentum_contrast.__all__
__all__ += supervised_contrast.__all__
