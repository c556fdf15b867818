"""Losses of points, shapes and poses."""
