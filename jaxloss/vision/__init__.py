"""Losses of computer vision."""
