"""Losses between class scores and classes: cross-entropies and their relatives."""
