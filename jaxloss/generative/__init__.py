"""Losses of generative models: divergences and evidence bounds."""
