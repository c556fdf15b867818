"""Loss functions for JAX under one contract: pure, masked, weighted, reduced and differentiated alike."""

from jaxloss import reductions
from jaxloss._checks import checked
from jaxloss._reduce import reduce
from jaxloss.probabilistic.counts import *
from jaxloss.probabilistic.crps import *
from jaxloss.probabilistic.discretized import *
from jaxloss.probabilistic.evidential import *
from jaxloss.probabilistic.gaussian import *
from jaxloss.probabilistic.heavy_tailed import *
from jaxloss.probabilistic.positive import *
from jaxloss.probabilistic.scores import *
from jaxloss.probabilistic.transformed import *
from jaxloss.regression.squared import *
