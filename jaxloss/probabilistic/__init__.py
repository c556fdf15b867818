"""Negative log-likelihoods of distributions and proper scoring rules for forecasts."""
