"""Learning to rank: losses of scores against relevance, over lists, pairs and comparisons."""

from jaxloss.ranking import comparisons, discounted_gain, listwise, pairwise
from jaxloss.ranking.comparisons import *
from jaxloss.ranking.discounted_gain import *
from jaxloss.ranking.listwise import *
from jaxloss.ranking.pairwise import *

__all__: list[str] = []
__all__ += comparisons.__all__
__all__ += discounted_gain.__all__
__all__ += listwise.__all__
__all__ += pairwise.__all__
