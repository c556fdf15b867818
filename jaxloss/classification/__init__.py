"""Losses between class scores and classes: cross-entropies and their relatives."""

from jaxloss.classification import (
    adaptive,
    bi_tempered,
    binary,
    calibration,
    focal,
    imbalance,
    label_noise,
    metric_surrogates,
    multilabel,
    ordinal,
    polynomial,
    positive_unlabeled,
    sampled,
    softmax,
)
from jaxloss.classification.adaptive import *
from jaxloss.classification.bi_tempered import *
from jaxloss.classification.binary import *
from jaxloss.classification.calibration import *
from jaxloss.classification.focal import *
from jaxloss.classification.imbalance import *
from jaxloss.classification.label_noise import *
from jaxloss.classification.metric_surrogates import *
from jaxloss.classification.multilabel import *
from jaxloss.classification.ordinal import *
from jaxloss.classification.polynomial import *
from jaxloss.classification.positive_unlabeled import *
from jaxloss.classification.sampled import *
from jaxloss.classification.softmax import *

__all__: list[str] = []
__all__ += adaptive.__all__
__all__ += bi_tempered.__all__
__all__ += binary.__all__
__all__ += calibration.__all__
__all__ += focal.__all__
__all__ += imbalance.__all__
__all__ += label_noise.__all__
__all__ += metric_surrogates.__all__
__all__ += multilabel.__all__
__all__ += ordinal.__all__
__all__ += polynomial.__all__
__all__ += positive_unlabeled.__all__
__all__ += sampled.__all__
__all__ += softmax.__all__
