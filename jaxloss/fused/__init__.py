"""Losses that never hold their largest array: the numbers of the plain form from a fraction of its memory."""
