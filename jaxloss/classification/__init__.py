"""Losses between class scores and classes: cross-entropies and their relatives."""

from jaxloss.classification import (
    areas_under_curves,
    binary,
    calibration,
    evidential,
    focal,
    imbalance,
    large_vocabularies,
    metric_surrogates,
    multilabel,
    noisy_labels,
    ordinal,
    polynomial,
    positive_unlabeled,
    softmax,
    softmax_parts,
)
from jaxloss.classification.areas_under_curves import *
from jaxloss.classification.binary import *
from jaxloss.classification.calibration import *
from jaxloss.classification.evidential import *
from jaxloss.classification.focal import *
from jaxloss.classification.imbalance import *
from jaxloss.classification.large_vocabularies import *
from jaxloss.classification.metric_surrogates import *
from jaxloss.classification.multilabel import *
from jaxloss.classification.noisy_labels import *
from jaxloss.classification.ordinal import *
from jaxloss.classification.polynomial import *
from jaxloss.classification.positive_unlabeled import *
from jaxloss.classification.softmax import *
from jaxloss.classification.softmax_parts import *

__all__: list[str] = []
__all__ += areas_under_curves.__all__
__all__ += binary.__all__
__all__ += calibration.__all__
__all__ += evidential.__all__
__all__ += focal.__all__
__all__ += imbalance.__all__
__all__ += large_vocabularies.__all__
__all__ += metric_surrogates.__all__
__all__ += multilabel.__all__
__all__ += noisy_labels.__all__
__all__ += ordinal.__all__
__all__ += polynomial.__all__
__all__ += positive_unlabeled.__all__
__all__ += softmax.__all__
__all__ += softmax_parts.__all__
