"""Learning to rank: losses of scores against relevance, over lists, pairs and comparisons.

Pointwise ranking takes every item for itself: `jaxloss.sigmoid_binary_cross_entropy` of scores and clicks, or
`jaxloss.squared_error` of scores and relevance, with ``where`` for the items that are there.
"""

from jaxloss.ranking import binary_relevance, comparisons, discounted_gain, lambdas, listwise, pairwise, relaxed_sorting
from jaxloss.ranking.binary_relevance import *
from jaxloss.ranking.comparisons import *
from jaxloss.ranking.discounted_gain import *
from jaxloss.ranking.lambdas import *
from jaxloss.ranking.listwise import *
from jaxloss.ranking.pairwise import *
from jaxloss.ranking.relaxed_sorting import *

__all__: list[str] = []
__all__ += binary_relevance.__all__
__all__ += comparisons.__all__
__all__ += discounted_gain.__all__
__all__ += lambdas.__all__
__all__ += listwise.__all__
__all__ += pairwise.__all__
__all__ += relaxed_sorting.__all__
