"""Losses of language models: the vocabulary head and its z-loss, preference optimisation, policy optimisation."""

from jaxloss.language import policies, preferences, vocabulary_head, z_loss
from jaxloss.language.policies import *
from jaxloss.language.preferences import *
from jaxloss.language.vocabulary_head import *
from jaxloss.language.z_loss import *

__all__: list[str] = []
__all__ += policies.__all__
__all__ += preferences.__all__
__all__ += vocabulary_head.__all__
__all__ += z_loss.__all__
