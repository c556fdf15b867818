"""Losses of audio waveforms: signal-to-distortion ratio and spectrograms."""

from jaxloss.audio import signal_distortion, spectrograms
from jaxloss.audio.signal_distortion import *
from jaxloss.audio.spectrograms import *

__all__: list[str] = []
__all__ += signal_distortion.__all__
__all__ += spectrograms.__all__
