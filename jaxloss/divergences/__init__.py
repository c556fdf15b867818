"""Divergences and distances of distributions."""

from jaxloss.divergences import discrete, distances, factorised, gaussian, relative_entropy, spectral
from jaxloss.divergences.discrete import *
from jaxloss.divergences.distances import *
from jaxloss.divergences.factorised import *
from jaxloss.divergences.gaussian import *
from jaxloss.divergences.relative_entropy import *
from jaxloss.divergences.spectral import *

__all__: list[str] = []
__all__ += discrete.__all__
__all__ += distances.__all__
__all__ += factorised.__all__
__all__ += gaussian.__all__
__all__ += relative_entropy.__all__
__all__ += spectral.__all__
