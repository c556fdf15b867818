"""Self-supervision without negatives: agreement of views, less redundancy, predictions and self-distillation.

Some methods are losses of other families, called with the outputs of two networks; the teacher's is a constant, through
``jax.lax.stop_gradient``:

* data2vec (Baevski et al., 2022): ``smooth_l1_loss(predictions, targets, where=masked[..., None])``, where the targets
  are the mean of the teacher's last layers, each normalised
* I-JEPA (Assran et al., 2023): ``smooth_l1_loss(predictions, targets)``, of masked patches and the layer-normalised
  outputs of the teacher; V-JEPA (Bardes et al., 2024) has ``absolute_error``
* MSN (Assran et al., 2022): ``softmax_cross_entropy(logits, jax.nn.softmax(teacher_logits / 0.25)) +
  information_maximization_loss(logits) - entropy(logits)``, of cosines with prototypes over 0.1; the last two make the
  negative entropy of the mean prediction
* wav2vec 2.0 (Baevski et al., 2020): ``softmax_cross_entropy_with_integer_labels(cosines / 0.1, 0 * steps)``, of the
  cosines with the true quantised step, which is first, and with distractors; the diversity of the codes is again
  ``information_maximization_loss(code_logits) - entropy(code_logits)``
"""

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
