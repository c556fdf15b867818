"""Losses of representations: pairs, triplets, batches that contrast their examples, views of one example, teachers."""

from jaxloss.representation import (
    distillation,
    matched_pairs,
    mined_triplets,
    momentum_contrast,
    pairs,
    redundancy,
    self_distillation,
    siamese,
    supervised_contrast,
    triplets,
    weighted_pairs,
)
from jaxloss.representation.distillation import *
from jaxloss.representation.matched_pairs import *
from jaxloss.representation.mined_triplets import *
from jaxloss.representation.momentum_contrast import *
from jaxloss.representation.pairs import *
from jaxloss.representation.redundancy import *
from jaxloss.representation.self_distillation import *
from jaxloss.representation.siamese import *
from jaxloss.representation.supervised_contrast import *
from jaxloss.representation.triplets import *
from jaxloss.representation.weighted_pairs import *

__all__: list[str] = []
__all__ += distillation.__all__
__all__ += matched_pairs.__all__
__all__ += mined_triplets.__all__
__all__ += momentum_contrast.__all__
__all__ += pairs.__all__
__all__ += redundancy.__all__
__all__ += self_distillation.__all__
__all__ += siamese.__all__
__all__ += supervised_contrast.__all__
__all__ += triplets.__all__
__all__ += weighted_pairs.__all__
