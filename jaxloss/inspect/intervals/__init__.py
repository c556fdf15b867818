"""Proofs about losses of one number, by interval arithmetic with outward rounding."""

from jaxloss.inspect.intervals.certificate import ROWS, certify

__all__ = ["ROWS", "certify"]
