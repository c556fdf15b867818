"""Loss functions for JAX under one contract: pure, masked, weighted, reduced and differentiated alike."""

import sys as _sys
import typing as _t

from jaxloss import combine, reductions
from jaxloss._reduce import reduce
from jaxloss._value_checks import checked
from jaxloss.audio.signal_distortion import *
from jaxloss.audio.spectrograms import *
from jaxloss.auxiliary.activations import *
from jaxloss.auxiliary.centers import *
from jaxloss.auxiliary.entropies import *
from jaxloss.auxiliary.jacobians import *
from jaxloss.auxiliary.mixing import *
from jaxloss.auxiliary.parameters import *
from jaxloss.auxiliary.structured_parameters import *
from jaxloss.classification.adaptive import *
from jaxloss.classification.bi_tempered import *
from jaxloss.classification.binary import *
from jaxloss.classification.calibration import *
from jaxloss.classification.focal import *
from jaxloss.classification.imbalance import *
from jaxloss.classification.label_noise import *
from jaxloss.classification.multilabel import *
from jaxloss.classification.ordinal import *
from jaxloss.classification.polynomial import *
from jaxloss.classification.positive_unlabeled import *
from jaxloss.classification.rates import *
from jaxloss.classification.sampled import *
from jaxloss.classification.softmax import *
from jaxloss.fused.linear_head import *
from jaxloss.generative.divergence import *
from jaxloss.generative.gaussian_divergence import *
from jaxloss.geometry.point_clouds import *
from jaxloss.language.tokens import *
from jaxloss.language.vocabulary_scores import *
from jaxloss.margin.angular import *
from jaxloss.margin.binary_margin import *
from jaxloss.margin.fenchel_young import *
from jaxloss.margin.hinge import *
from jaxloss.margin.multiclass_margin import *
from jaxloss.physics.boundary_conditions import *
from jaxloss.physics.constraint_penalties import *
from jaxloss.physics.differential_equations import *
from jaxloss.physics.field_derivatives import *
from jaxloss.physics.fuzzy_quantifiers import *
from jaxloss.physics.godel_logic import *
from jaxloss.physics.lukasiewicz_logic import *
from jaxloss.physics.multipliers import *
from jaxloss.physics.product_logic import *
from jaxloss.physics.semantic import *
from jaxloss.probabilistic.counts import *
from jaxloss.probabilistic.crps import *
from jaxloss.probabilistic.discretized import *
from jaxloss.probabilistic.evidential import *
from jaxloss.probabilistic.gaussian import *
from jaxloss.probabilistic.heavy_tailed import *
from jaxloss.probabilistic.positive import *
from jaxloss.probabilistic.scores import *
from jaxloss.probabilistic.transformed import *
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
from jaxloss.routing.expert_balance import *
from jaxloss.routing.expert_variation import *
from jaxloss.survival.proportional_hazards import *

__version__ = "0.1.0"

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
