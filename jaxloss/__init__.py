"""Loss functions for JAX under one contract: pure, masked, weighted, reduced and differentiated alike."""

from jaxloss import reductions
from jaxloss._checks import checked
from jaxloss._reduce import reduce
from jaxloss.auxiliary.parameters import *
from jaxloss.classification.binary import *
from jaxloss.classification.softmax import *
from jaxloss.generative.divergence import *
from jaxloss.generative.gaussian_divergence import *
from jaxloss.regression.absolute import *
from jaxloss.regression.directions import *
from jaxloss.regression.expectiles import *
from jaxloss.regression.general_robust import *
from jaxloss.regression.huber import *
from jaxloss.regression.hyperbolic import *
from jaxloss.regression.logarithmic import *
from jaxloss.regression.percentage import *
from jaxloss.regression.quantiles import *
from jaxloss.regression.redescending import *
from jaxloss.regression.scaled import *
from jaxloss.regression.squared import *
