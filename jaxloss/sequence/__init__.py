"""Losses of sequences: alignment-free (CTC, transducer), tagging (CRF), soft time warping, minimum risk."""

from jaxloss.sequence import minimum_risk, random_field, soft_alignment, temporal_classification, transducer
from jaxloss.sequence.minimum_risk import *
from jaxloss.sequence.random_field import *
from jaxloss.sequence.soft_alignment import *
from jaxloss.sequence.temporal_classification import *
from jaxloss.sequence.transducer import *

__all__: list[str] = []
__all__ += minimum_risk.__all__
__all__ += random_field.__all__
__all__ += soft_alignment.__all__
__all__ += temporal_classification.__all__
__all__ += transducer.__all__
