"""Self-supervision without negatives: agreement of views, less redundancy, predictions and self-distillation."""

from jaxloss.representation.self_supervised import redundancy, self_distillation, siamese
from jaxloss.representation.self_supervised.redundancy import *
from jaxloss.representation.self_supervised.self_distillation import *
from jaxloss.representation.self_supervised.siamese import *

__all__: list[str] = []
__all__ += redundancy.__all__
__all__ += self_distillation.__all__
__all__ += siamese.__all__
