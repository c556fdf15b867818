"""Distillation: a student network learns from the outputs and features of a teacher."""

from jaxloss.distillation import (
    class_groups,
    correlations,
    distributions,
    feature_maps,
    relations,
    scores,
    similarities,
    vocabularies,
)
from jaxloss.distillation.class_groups import *
from jaxloss.distillation.correlations import *
from jaxloss.distillation.distributions import *
from jaxloss.distillation.feature_maps import *
from jaxloss.distillation.relations import *
from jaxloss.distillation.scores import *
from jaxloss.distillation.similarities import *
from jaxloss.distillation.vocabularies import *

__all__: list[str] = []
__all__ += class_groups.__all__
__all__ += correlations.__all__
__all__ += distributions.__all__
__all__ += feature_maps.__all__
__all__ += relations.__all__
__all__ += scores.__all__
__all__ += similarities.__all__
__all__ += vocabularies.__all__
