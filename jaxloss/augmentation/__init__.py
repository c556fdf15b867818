"""Losses of augmented examples: mixup and CutMix."""

from jaxloss.augmentation import mixtures
from jaxloss.augmentation.mixtures import *

__all__: list[str] = []
__all__ += mixtures.__all__
