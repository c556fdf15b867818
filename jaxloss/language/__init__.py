"""Losses of language models: vocabularies, preferences, policies."""

from jaxloss.language import policies, preferences, tokens, vocabulary, vocabulary_head
from jaxloss.language.policies import *
from jaxloss.language.preferences import *
from jaxloss.language.tokens import *
from jaxloss.language.vocabulary import *
from jaxloss.language.vocabulary_head import *

__all__: list[str] = []
__all__ += policies.__all__
__all__ += preferences.__all__
__all__ += tokens.__all__
__all__ += vocabulary.__all__
__all__ += vocabulary_head.__all__
