"""The frame of an objective: named terms, what is carried and reported, transformations and their composition."""

from jaxloss.combine.structure import collecting, results, terms, transforms
from jaxloss.combine.structure.collecting import *
from jaxloss.combine.structure.results import *
from jaxloss.combine.structure.terms import *
from jaxloss.combine.structure.transforms import *

__all__: list[str] = []
__all__ += collecting.__all__
__all__ += results.__all__
__all__ += terms.__all__
__all__ += transforms.__all__
