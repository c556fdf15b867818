"""Loss functions for JAX under one contract: pure, masked, weighted, reduced and differentiated alike."""

import sys as _sys
import typing as _t

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

if not _t.TYPE_CHECKING:  # to a type checker a module with __getattr__ has every attribute

    def __getattr__(name: str) -> _t.NoReturn:
        """For names that do not exist: which of ours do what PyTorch, optax, Keras and TensorFlow call so."""
        message = f"module 'jaxloss' has no attribute {name!r}"
        if not name.startswith("_"):
            from jaxloss._names import explain

            public = [known for known, member in globals().items() if callable(member) and not known.startswith("_")]
            message += explain(name, public)
        # With ``obj`` and without ``name`` Python adds no guess of its own to the message.
        raise AttributeError(message, obj=_sys.modules[__name__])
