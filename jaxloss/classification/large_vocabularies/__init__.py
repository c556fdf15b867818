"""Classification over vocabularies so large that a full softmax is expensive."""

from jaxloss.classification.large_vocabularies import adaptive, sampled
from jaxloss.classification.large_vocabularies.adaptive import *
from jaxloss.classification.large_vocabularies.sampled import *

__all__: list[str] = []
__all__ += adaptive.__all__
__all__ += sampled.__all__
