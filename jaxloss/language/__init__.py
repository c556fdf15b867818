"""Losses of language models: tokens, the vocabulary head and its z-loss, preference and policy optimisation."""

from jaxloss.language import fine_tuning, negative_tokens, policies, preferences, projected, z_loss
from jaxloss.language.fine_tuning import *
from jaxloss.language.negative_tokens import *
from jaxloss.language.policies import *
from jaxloss.language.preferences import *
from jaxloss.language.projected import *
from jaxloss.language.z_loss import *

__all__: list[str] = []
__all__ += fine_tuning.__all__
__all__ += negative_tokens.__all__
__all__ += policies.__all__
__all__ += preferences.__all__
__all__ += projected.__all__
__all__ += z_loss.__all__
