"""Classification with wrong labels: losses that are robust to them, and corrections for a known noise."""

from jaxloss.classification.noisy_labels import bi_tempered, bounded, corrections
from jaxloss.classification.noisy_labels.bi_tempered import *
from jaxloss.classification.noisy_labels.bounded import *
from jaxloss.classification.noisy_labels.corrections import *

__all__: list[str] = []
__all__ += bi_tempered.__all__
__all__ += bounded.__all__
__all__ += corrections.__all__
