"""Losses of audio waveforms: ratios of signal and error, spectrograms, sources in an unknown order.

Some are losses of other families:

* Error-to-signal ratio (Wright et al., 2020): ``reduce(jnp.square(relative_l2_error(predictions, targets,
  reduction="none")))``, after a filter such as ``x[..., 1:] - 0.95 * x[..., :-1]``; the term for the offset is the
  squared error of the means over the mean square of the target
* Forward sum (Shih et al., 2021), which aligns frames of speech with a text in order: `ctc_loss` of attention logits
  ``[N, frames, letters]`` with a column of -1 in front for the blank, -inf behind the text, and the labels 1, 2, ... of
  its letters; ``weights=1 / letters`` and ``reduction=reductions.mean_over(N)``
"""

from jaxloss.audio import mel_spectrograms, signal_distortion, source_separation, spectrograms
from jaxloss.audio.mel_spectrograms import *
from jaxloss.audio.signal_distortion import *
from jaxloss.audio.source_separation import *
from jaxloss.audio.spectrograms import *

__all__: list[str] = []
__all__ += mel_spectrograms.__all__
__all__ += signal_distortion.__all__
__all__ += source_separation.__all__
__all__ += spectrograms.__all__
