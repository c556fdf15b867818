"""Mixture-of-experts losses: terms that balance the load of the experts and keep the scores of the router small."""

from jaxloss.experts import balance, variation
from jaxloss.experts.balance import *
from jaxloss.experts.variation import *

__all__: list[str] = []
__all__ += balance.__all__
__all__ += variation.__all__
