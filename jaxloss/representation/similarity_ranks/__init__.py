"""The order of similarities in a labelled set, by histograms: average precision, and how far positives overlap."""

from jaxloss.representation.similarity_ranks import histograms
from jaxloss.representation.similarity_ranks.histograms import *

__all__: list[str] = []
__all__ += histograms.__all__
