"""Loss functions for JAX under one contract: pure, masked, weighted, reduced and differentiated alike."""

from jaxloss import reductions
from jaxloss._checks import checked
from jaxloss._reduce import reduce
from jaxloss.classification.bi_tempered import *
from jaxloss.classification.binary import *
from jaxloss.classification.focal import *
from jaxloss.classification.imbalance import *
from jaxloss.classification.label_noise import *
from jaxloss.classification.multilabel import *
from jaxloss.classification.polynomial import *
from jaxloss.classification.softmax import *
from jaxloss.regression.squared import *
