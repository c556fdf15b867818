"""Losses of a linear layer over a large vocabulary, whose scores are never stored together."""

from jaxloss.language.projected import vocabulary_head, vocabulary_head_parts
from jaxloss.language.projected.vocabulary_head import *
from jaxloss.language.projected.vocabulary_head_parts import *

__all__: list[str] = []
__all__ += vocabulary_head.__all__
__all__ += vocabulary_head_parts.__all__
