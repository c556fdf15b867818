"""Fuzzy logic and the semantic loss: formulas as losses."""

from jaxloss.logic import godel, lukasiewicz, product, quantifiers, semantic
from jaxloss.logic.godel import *
from jaxloss.logic.lukasiewicz import *
from jaxloss.logic.product import *
from jaxloss.logic.quantifiers import *
from jaxloss.logic.semantic import *

__all__: list[str] = []
__all__ += godel.__all__
__all__ += lukasiewicz.__all__
__all__ += product.__all__
__all__ += quantifiers.__all__
__all__ += semantic.__all__
