"""Intervals of float64 numbers with outward rounding, and truth values of what is compared."""
