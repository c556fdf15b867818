"""Divergences and distances of distributions."""

from jaxloss.divergences import (
    circular,
    distances,
    factorised,
    gamma_family,
    gaussian,
    kullback_leibler,
    powers,
    unnormalised,
    variational_bounds,
)
from jaxloss.divergences.circular import *
from jaxloss.divergences.distances import *
from jaxloss.divergences.factorised import *
from jaxloss.divergences.gamma_family import *
from jaxloss.divergences.gaussian import *
from jaxloss.divergences.kullback_leibler import *
from jaxloss.divergences.powers import *
from jaxloss.divergences.unnormalised import *
from jaxloss.divergences.variational_bounds import *

__all__: list[str] = []
__all__ += circular.__all__
__all__ += distances.__all__
__all__ += factorised.__all__
__all__ += gamma_family.__all__
__all__ += gaussian.__all__
__all__ += kullback_leibler.__all__
__all__ += powers.__all__
__all__ += unnormalised.__all__
__all__ += variational_bounds.__all__
