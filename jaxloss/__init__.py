"""Loss functions for JAX under one contract: pure, masked, weighted, reduced and differentiated alike."""

import typing as _t

from jaxloss import (
    audio,
    augmentation,
    boxes,
    checks,
    classification,
    combine,
    diffusion,
    divergences,
    experts,
    fields,
    generative,
    language,
    logic,
    margin,
    penalties,
    physics,
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
from jaxloss._floor.own_losses import elementwise as elementwise
from jaxloss._floor.own_losses import per_example as per_example
from jaxloss._floor.reduction import blank as blank
from jaxloss._floor.reduction import reduce as reduce
from jaxloss._floor.value_checks import checked as checked
from jaxloss.audio import *
from jaxloss.augmentation import *
from jaxloss.classification import *
from jaxloss.divergences import *
from jaxloss.experts import *
from jaxloss.generative import *
from jaxloss.language import *
from jaxloss.logic import semantic as _semantic
from jaxloss.logic.semantic import *
from jaxloss.margin import *
from jaxloss.names import no_such_name as _no_such_name
from jaxloss.penalties import *
from jaxloss.physics import *
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
    "diffusion",
    "divergences",
    "elementwise",
    "experts",
    "fields",
    "generative",
    "language",
    "logic",
    "margin",
    "penalties",
    "per_example",
    "physics",
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
__all__ += divergences.__all__
__all__ += experts.__all__
__all__ += generative.__all__
__all__ += language.__all__
__all__ += _semantic.__all__
__all__ += margin.__all__
__all__ += penalties.__all__
__all__ += physics.__all__
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

if not _t.TYPE_CHECKING:  # to a type checker a module with __getattr__ has every attribute

    def __getattr__(name: str) -> _t.NoReturn:
        """For names that do not exist: what to write instead."""
        _no_such_name(__name__, name)
