"""Loss functions for JAX under one contract: pure, masked, weighted, reduced and differentiated alike.

A loss is called by its flat name, ``jaxloss.squared_error(predictions, targets)``. The families are for looking:

* ``regression``: errors, robust losses, quantiles; ``probabilistic``: likelihoods and scoring rules
* ``classification``: cross-entropies and relatives; ``margin``: hinge, Fenchel-Young and angular losses
* ``divergences``: of distributions; ``transport``: optimal transport and distances of samples
* ``vision``: segmentation, boxes, image quality; ``pose``: rotations, joints, cameras
* ``audio``: waveforms; ``augmentation``: mixup
* ``generative``: GANs, VAEs, diffusion, flows; ``representation``: contrast, triplets; ``distillation``: teachers
* ``language``: preferences and policies; ``experts``: balance of mixtures; ``sequence``: CTC, CRF, time warping
* ``reinforcement``: values and policies; ``ranking``: lists and pairs; ``survival``: censored times
* ``consistency``: semi-supervised and robust training; ``penalties``: on parameters and activations
* ``physics``: differential equations; ``logic``: formulas

``combine`` makes one objective of named terms, and ``reductions`` is for the argument ``reduction`` of every loss.
Helpers are in ``boxes``, ``diffusion``, ``fields``, ``returns`` and ``tokens``. For a loss of your own there are
`elementwise`, `per_example`, ``checks`` and ``typing``. `diagnose` says why a loss is NaN, flat or wrong, and
``inspect`` what it does before you train with it. ``jaxloss.nn`` is imported by name.
A name of another library, ``jaxloss.mse_loss``, or a keyword of one, ``squared_error(input=x)``, raises an error that
says what to write.
"""

from jaxloss import (
    audio,
    augmentation,
    boxes,
    checks,
    classification,
    combine,
    consistency,
    diffusion,
    distillation,
    divergences,
    experts,
    fields,
    generative,
    inspect,
    language,
    logic,
    margin,
    penalties,
    physics,
    pose,
    probabilistic,
    ranking,
    reductions,
    regression,
    reinforcement,
    representation,
    returns,
    sequence,
    survival,
    tokens,
    transport,
    typing,
    vision,
)
from jaxloss._floor.means.own_losses import elementwise as elementwise
from jaxloss._floor.means.own_losses import per_example as per_example
from jaxloss._floor.reduction import blank as blank
from jaxloss._floor.reduction import reduce as reduce
from jaxloss._floor.value_checks import checked as checked
from jaxloss.audio import *
from jaxloss.augmentation import *
from jaxloss.classification import *
from jaxloss.consistency import *
from jaxloss.distillation import *
from jaxloss.divergences import *
from jaxloss.experts import *
from jaxloss.generative import *
from jaxloss.inspect.diagnosis import diagnose as diagnose
from jaxloss.language import *
from jaxloss.logic import semantic as _semantic
from jaxloss.logic.semantic import *
from jaxloss.margin import *
from jaxloss.names import explain_missing_names as _explain_missing_names
from jaxloss.names import explain_unknown_arguments as _explain_unknown_arguments
from jaxloss.penalties import *
from jaxloss.physics import *
from jaxloss.pose import *
from jaxloss.probabilistic import *
from jaxloss.ranking import *
from jaxloss.regression import *
from jaxloss.reinforcement import *
from jaxloss.representation import *
from jaxloss.sequence import *
from jaxloss.survival import *
from jaxloss.transport import *
from jaxloss.vision import *

__all__ = [
    "audio",
    "augmentation",
    "blank",
    "boxes",
    "checked",
    "checks",
    "classification",
    "combine",
    "consistency",
    "diagnose",
    "diffusion",
    "distillation",
    "divergences",
    "elementwise",
    "experts",
    "fields",
    "generative",
    "inspect",
    "language",
    "logic",
    "margin",
    "penalties",
    "per_example",
    "physics",
    "pose",
    "probabilistic",
    "ranking",
    "reduce",
    "reductions",
    "regression",
    "reinforcement",
    "representation",
    "returns",
    "sequence",
    "survival",
    "tokens",
    "transport",
    "typing",
    "vision",
]
__all__ += audio.__all__
__all__ += augmentation.__all__
__all__ += classification.__all__
__all__ += consistency.__all__
__all__ += distillation.__all__
__all__ += divergences.__all__
__all__ += experts.__all__
__all__ += generative.__all__
__all__ += language.__all__
__all__ += _semantic.__all__
__all__ += margin.__all__
__all__ += penalties.__all__
__all__ += physics.__all__
__all__ += pose.__all__
__all__ += probabilistic.__all__
__all__ += ranking.__all__
__all__ += regression.__all__
__all__ += reinforcement.__all__
__all__ += representation.__all__
__all__ += sequence.__all__
__all__ += survival.__all__
__all__ += transport.__all__
__all__ += vision.__all__

__version__ = "0.1.0"

_explain_missing_names()
_explain_unknown_arguments()
