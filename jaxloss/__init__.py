"""Loss functions for JAX under one contract: pure, masked, weighted, reduced and differentiated alike."""

from jaxloss import reductions
from jaxloss._checks import checked
from jaxloss._reduce import reduce
from jaxloss.classification.binary import *
from jaxloss.classification.softmax import *
from jaxloss.margin.angular import *
from jaxloss.margin.binary_margin import *
from jaxloss.margin.fenchel_young import *
from jaxloss.margin.hinge import *
from jaxloss.margin.multiclass_margin import *
from jaxloss.regression.squared import *
