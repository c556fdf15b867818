"""Preference optimisation of language models."""

from jaxloss.language.preferences import (
    anchored,
    discovered,
    divergence_links,
    hinges,
    pairs,
    quantile_alignment,
    reference_free,
    rewards,
    self_play,
    unpaired,
)
from jaxloss.language.preferences.anchored import *
from jaxloss.language.preferences.discovered import *
from jaxloss.language.preferences.divergence_links import *
from jaxloss.language.preferences.hinges import *
from jaxloss.language.preferences.pairs import *
from jaxloss.language.preferences.quantile_alignment import *
from jaxloss.language.preferences.reference_free import *
from jaxloss.language.preferences.rewards import *
from jaxloss.language.preferences.self_play import *
from jaxloss.language.preferences.unpaired import *

__all__: list[str] = []
__all__ += anchored.__all__
__all__ += discovered.__all__
__all__ += divergence_links.__all__
__all__ += hinges.__all__
__all__ += pairs.__all__
__all__ += quantile_alignment.__all__
__all__ += reference_free.__all__
__all__ += rewards.__all__
__all__ += self_play.__all__
__all__ += unpaired.__all__
