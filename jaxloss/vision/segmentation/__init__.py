"""Losses of segmentation masks."""

from jaxloss.vision.segmentation import compounds, dice, dice_variants, jaccard, lovasz, tversky
from jaxloss.vision.segmentation.compounds import *
from jaxloss.vision.segmentation.dice import *
from jaxloss.vision.segmentation.dice_variants import *
from jaxloss.vision.segmentation.jaccard import *
from jaxloss.vision.segmentation.lovasz import *
from jaxloss.vision.segmentation.tversky import *

__all__: list[str] = []
__all__ += compounds.__all__
__all__ += dice.__all__
__all__ += dice_variants.__all__
__all__ += jaccard.__all__
__all__ += lovasz.__all__
__all__ += tversky.__all__
