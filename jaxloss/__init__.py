"""Loss functions for JAX under one contract: pure, masked, weighted, reduced and differentiated alike."""

from jaxloss import reductions
from jaxloss._checks import checked
from jaxloss._reduce import reduce
from jaxloss.classification.adaptive import *
from jaxloss.classification.binary import *
from jaxloss.classification.calibration import *
from jaxloss.classification.ordinal import *
from jaxloss.classification.positive_unlabeled import *
from jaxloss.classification.rates import *
from jaxloss.classification.sampled import *
from jaxloss.classification.softmax import *
from jaxloss.regression.squared import *
