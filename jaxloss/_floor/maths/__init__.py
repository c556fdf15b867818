"""Guarded functions and kernels that more than one family computes with. Private."""
