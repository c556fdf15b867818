"""Pairs of items of which one is the more relevant, from sums, products and maxima alone.

XLA on CPU fuses these into the sum over pairs. It would store a full array for a comparison or a selection in front of it.
"""
