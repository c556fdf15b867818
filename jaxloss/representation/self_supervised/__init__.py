"""Self-supervision without negatives: agreement of views, less redundancy, predictions and self-distillation."""

from jaxloss.representation.self_supervised import (
    gaussian_sketches,
    hypersphere,
    masked_patches,
    redundancy,
    self_distillation,
    siamese,
    swapped_codes,
)
from jaxloss.representation.self_supervised.gaussian_sketches import *
from jaxloss.representation.self_supervised.hypersphere import *
from jaxloss.representation.self_supervised.masked_patches import *
from jaxloss.representation.self_supervised.redundancy import *
from jaxloss.representation.self_supervised.self_distillation import *
from jaxloss.representation.self_supervised.siamese import *
from jaxloss.representation.self_supervised.swapped_codes import *

__all__: list[str] = []
__all__ += gaussian_sketches.__all__
__all__ += hypersphere.__all__
__all__ += masked_patches.__all__
__all__ += redundancy.__all__
__all__ += self_distillation.__all__
__all__ += siamese.__all__
__all__ += swapped_codes.__all__
