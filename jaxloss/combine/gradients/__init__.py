"""Aggregators, which make one gradient from the gradients of all terms, and surgery at shared representations."""

from jaxloss.combine.gradients import (
    aggregator,
    conflicts,
    forking,
    games,
    norms,
    plain,
    robust,
    sign_dropout,
    training_rates,
)
from jaxloss.combine.gradients.aggregator import *
from jaxloss.combine.gradients.conflicts import *
from jaxloss.combine.gradients.forking import *
from jaxloss.combine.gradients.games import *
from jaxloss.combine.gradients.norms import *
from jaxloss.combine.gradients.plain import *
from jaxloss.combine.gradients.robust import *
from jaxloss.combine.gradients.sign_dropout import *
from jaxloss.combine.gradients.training_rates import *

__all__: list[str] = []
__all__ += aggregator.__all__
__all__ += conflicts.__all__
__all__ += forking.__all__
__all__ += games.__all__
__all__ += norms.__all__
__all__ += plain.__all__
__all__ += robust.__all__
__all__ += sign_dropout.__all__
__all__ += training_rates.__all__
