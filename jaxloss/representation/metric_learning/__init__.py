"""Metric learning: margins between distances or similarities of pairs and triplets, given or mined."""

from jaxloss.representation.metric_learning import (
    active_pairs,
    mined_triplets,
    neighborhoods,
    pairs,
    triplets,
    weighted_pairs,
)
from jaxloss.representation.metric_learning.active_pairs import *
from jaxloss.representation.metric_learning.mined_triplets import *
from jaxloss.representation.metric_learning.neighborhoods import *
from jaxloss.representation.metric_learning.pairs import *
from jaxloss.representation.metric_learning.triplets import *
from jaxloss.representation.metric_learning.weighted_pairs import *

__all__: list[str] = []
__all__ += active_pairs.__all__
__all__ += mined_triplets.__all__
__all__ += neighborhoods.__all__
__all__ += pairs.__all__
__all__ += triplets.__all__
__all__ += weighted_pairs.__all__
