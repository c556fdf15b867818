"""Contrast of views and of labelled examples: a softmax or a sigmoid over the other examples of the batch."""

from jaxloss.representation.contrast import (
    decoupled,
    hard_negatives,
    matched_pairs,
    momentum_contrast,
    ordered_pairs,
    retrieval,
    supervised_contrast,
)
from jaxloss.representation.contrast.decoupled import *
from jaxloss.representation.contrast.hard_negatives import *
from jaxloss.representation.contrast.matched_pairs import *
from jaxloss.representation.contrast.momentum_contrast import *
from jaxloss.representation.contrast.ordered_pairs import *
from jaxloss.representation.contrast.retrieval import *
from jaxloss.representation.contrast.supervised_contrast import *

__all__: list[str] = []
__all__ += decoupled.__all__
__all__ += hard_negatives.__all__
__all__ += matched_pairs.__all__
__all__ += momentum_contrast.__all__
__all__ += ordered_pairs.__all__
__all__ += retrieval.__all__
__all__ += supervised_contrast.__all__
