"""Preference optimisation of language models."""

from jaxloss.language.preferences import hinges, pairs, reference_free, rewards, unpaired
from jaxloss.language.preferences.hinges import *
from jaxloss.language.preferences.pairs import *
from jaxloss.language.preferences.reference_free import *
from jaxloss.language.preferences.rewards import *
from jaxloss.language.preferences.unpaired import *

__all__: list[str] = []
__all__ += hinges.__all__
__all__ += pairs.__all__
__all__ += reference_free.__all__
__all__ += rewards.__all__
__all__ += unpaired.__all__
