"""Losses of waveforms."""
