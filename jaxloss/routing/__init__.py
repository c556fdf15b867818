"""Mixtures of experts: terms that keep the router balanced and its scores small."""
