"""Check a loss of one's own: its property card, and the laws that every loss of the library keeps."""

from jaxloss.inspect.checking.check import check_loss
from jaxloss.inspect.checking.report import Report

__all__ = ["Report", "check_loss"]
