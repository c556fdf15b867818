"""Losses between real numbers: errors, robust losses, quantiles, forecasting errors, agreement of directions."""
