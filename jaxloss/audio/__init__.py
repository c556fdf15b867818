"""Losses of audio waveforms: ratios of signal and error, spectrograms, sources in an unknown order."""

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
